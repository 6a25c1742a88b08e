//! A client that sends what it is told to.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// How bytes are cut into writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Chop {
    /// Everything at once.
    Whole,
    /// A frame at a time.
    Frames,
    /// So many octets at a time.
    Octets(usize),
}

/// A frame of a client. `first` is the first octet: FIN, reserved bits and opcode.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
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
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

pub(crate) fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | TEXT, payload.as_ref())
}

pub(crate) fn ping(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | PING, payload.as_ref())
}

pub(crate) fn close(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | CLOSE, &[&code.to_be_bytes(), reason.as_ref()].concat())
}

/// A message in fragments of these payloads.
pub(crate) fn fragments(opcode: u8, payloads: &[impl AsRef<[u8]>]) -> Vec<Vec<u8>> {
    let last = payloads.len() - 1;
    let first = |at| if at == 0 { opcode } else { CONTINUATION } | if at == last { FIN } else { 0 };
    let numbered = payloads.iter().enumerate();
    numbered.map(|(at, payload)| frame(first(at), payload.as_ref())).collect()
}

pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
    /// The head of the server's answer.
    pub(crate) head: String,
}

impl Peer {
    /// Opens a WebSocket. `headers` are further lines of the request, each with its end.
    pub(crate) async fn open(address: SocketAddr, headers: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("an open socket");
        let mut peer = Self { stream, unread: Vec::new(), head: String::new() };
        let request = format!(
            "GET / HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             {headers}\r\n"
        );
        peer.send(&[request.into_bytes()], Chop::Whole).await;
        let end = loop {
            if let Some(at) = peer.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(peer.more().await, "no answer to the hand-shake");
        };
        let head = peer.unread.drain(..end).collect();
        peer.head = String::from_utf8(head).expect("a head in ASCII").to_ascii_lowercase();
        assert!(peer.head.starts_with("http/1.1 101 "), "{}", peer.head);
        peer
    }

    /// Sends frames. A server that has hung up meanwhile is no failure: it may.
    pub(crate) async fn send(&mut self, frames: &[Vec<u8>], chop: Chop) {
        let joined = frames.concat();
        let pieces: Vec<&[u8]> = match chop {
            Chop::Whole => vec![&joined],
            Chop::Frames => frames.iter().map(Vec::as_slice).collect(),
            Chop::Octets(size) => joined.chunks(size).collect(),
        };
        for piece in pieces {
            let _ = self.stream.write_all(piece).await;
            tokio::task::yield_now().await; // The server may look at it alone.
        }
    }

    /// The next frame: its first octet and payload. `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((header, length)) = lengths(&self.unread)
                && self.unread.len() >= header + length
            {
                let first = self.unread[0];
                let frame: Vec<u8> = self.unread.drain(..header + length).collect();
                return Some((first, frame[header..].to_vec()));
            }
            if !self.more().await {
                assert_eq!(self.unread, b"", "half a frame at the end");
                return None;
            }
        }
    }

    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let read = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..read]);
        read > 0
    }
}

/// The lengths of header and payload of the server's frame at the start of `bytes`.
fn lengths(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes.get(1)? {
        126 => Some((4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            Some((10, usize::try_from(length).ok()?))
        }
        length => Some((2, usize::from(length))),
    }
}
