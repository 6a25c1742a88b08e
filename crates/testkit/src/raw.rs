//! A TCP connection for bytes that no client library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::{Answer, PATIENCE};

/// A connection.
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Raw {
    /// Connects.
    ///
    /// # Panics
    /// If no server listens.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        Self { stream, unread: Vec::new() }
    }

    /// Connects with a receive buffer of `bytes`, so that the kernel holds little of
    /// what is not read.
    ///
    /// # Panics
    /// If no server listens.
    pub async fn connect_narrow(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a buffer size");
        let stream = socket.connect(address).await.expect("the server listens");
        Self { stream, unread: Vec::new() }
    }

    /// Opens a WebSocket on `/ws` by hand.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn open(address: SocketAddr, session: &str, protocol: Option<&str>) -> Self {
        let mut raw = Self::connect(address).await;
        raw.upgrade(address, session, protocol).await;
        raw
    }

    /// Turns the connection into a WebSocket on `/ws`.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn upgrade(&mut self, address: SocketAddr, session: &str, protocol: Option<&str>) {
        self.send(&Self::upgrade_request(address, session, protocol)).await;
        let answer = self.head().await;
        assert_eq!(answer.status, 101, "{answer:?}");
    }

    /// The request that turns a connection into a WebSocket on `/ws`.
    #[must_use]
    pub fn upgrade_request(address: SocketAddr, session: &str, protocol: Option<&str>) -> Vec<u8> {
        Self::upgrade_request_for(address, "/ws", session, protocol)
    }

    /// The same for another path or with a query.
    #[must_use]
    pub fn upgrade_request_for(
        address: SocketAddr,
        path: &str,
        session: &str,
        protocol: Option<&str>,
    ) -> Vec<u8> {
        let protocol =
            protocol.map_or(String::new(), |name| format!("sec-websocket-protocol: {name}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: session={session}\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{protocol}\r\n"
        );
        request.into_bytes()
    }

    /// Sends bytes. A server that has hung up is no failure: it may.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server reads");
    }

    /// A frame as a client must send it: masked, with a mask of zeros.
    #[must_use]
    pub fn client_frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first_byte];
        match payload.len() {
            length @ 0..=125 => frame.push(0x80 | length as u8),
            length @ 126..=0xFFFF => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        frame
    }

    /// Sends a frame as a client must.
    pub async fn frame(&mut self, first_byte: u8, payload: &[u8]) {
        self.send(&Self::client_frame(first_byte, payload)).await;
    }

    /// Reads up to the end of an answer's head.
    pub async fn head(&mut self) -> Answer {
        loop {
            if let Some(at) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.unread.split_off(at + 4);
                let head = std::mem::replace(&mut self.unread, rest);
                return Answer::parse(&head);
            }
            assert!(self.more().await, "closed before an answer");
        }
    }

    /// Reads the next frame: its first byte and payload. `None` if the server closed.
    pub async fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((first, start, length)) = parse(&self.unread)
                && self.unread.len() >= start + length
            {
                let payload = self.unread[start..start + length].to_vec();
                self.unread.drain(..start + length);
                return Some((first, payload));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads frames up to a close frame; its code. `None` if the server just hung up.
    pub async fn close_code(&mut self) -> Option<u16> {
        while let Some((first, payload)) = self.next_frame().await {
            if first == 0x88 {
                return Some(u16::from_be_bytes([*payload.first()?, *payload.get(1)?]));
            }
        }
        None
    }

    /// Reads everything until the server closes.
    pub async fn rest(mut self) -> Vec<u8> {
        while self.more().await {}
        self.unread
    }

    /// The stream itself, to stop reading, or to drop in the middle of something.
    #[must_use]
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
        let read = read.expect("bytes or an end in time").unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..read]);
        read > 0
    }
}

fn parse(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let first = *bytes.first()?;
    match *bytes.get(1)? {
        126 => {
            let length = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
            Some((first, 4, usize::from(length)))
        }
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            Some((first, 10, usize::try_from(length).ok()?))
        }
        length => Some((first, 2, usize::from(length))),
    }
}
