//! A WebSocket that is waited for: one thread, one connection.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::{frame, upgrade};

/// A peer that is silent for longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Some whole frames of chunks.
const READ_BUFFER: usize = 512 * 1024;

pub(crate) struct Socket {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame starts, and where what was read ends.
    unread: std::ops::Range<usize>,
    writing: Vec<u8>,
}

impl Socket {
    /// Connects and shakes hands, without an `Origin`.
    pub(crate) fn open(target: SocketAddrV4, path: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(target).context("could not connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(upgrade::request(target, path, "").as_bytes())?;
        let buffer = vec![0; READ_BUFFER];
        let mut socket = Self { stream, buffer, unread: 0..0, writing: Vec::new() };
        loop {
            socket.more()?;
            let bytes = &socket.buffer[socket.unread.clone()];
            if let Some(head) = upgrade::accepted(bytes).map_err(anyhow::Error::msg)? {
                socket.unread.start += head;
                return Ok(socket);
            }
        }
    }

    /// Sends a text.
    pub(crate) fn send(&mut self, text: &[u8]) -> anyhow::Result<()> {
        self.write(frame::TEXT, text)
    }

    /// Waits for the next text. Pings are answered meanwhile.
    pub(crate) fn message(&mut self) -> anyhow::Result<&[u8]> {
        loop {
            let start = self.unread.start;
            let bytes = &self.buffer[self.unread.clone()];
            let Some(frame) = frame::first(bytes).map_err(anyhow::Error::msg)? else {
                self.more()?;
                continue;
            };
            let (opcode, last, length) = (frame.opcode, frame.last, frame.length);
            let payload = start + length - frame.payload.len()..start + length;
            self.unread.start += length;
            match opcode {
                frame::TEXT if last => return Ok(&self.buffer[payload]),
                frame::PING => {
                    let told = self.buffer[payload].to_vec();
                    self.write(frame::PONG, &told)?;
                }
                frame::PONG => {}
                frame::CLOSE => {
                    bail!("closed with {}", frame::close_code(&self.buffer[payload]));
                }
                other => bail!("frame with opcode {other}"),
            }
        }
    }

    fn write(&mut self, opcode: u8, payload: &[u8]) -> anyhow::Result<()> {
        self.writing.clear();
        frame::append(opcode, payload, &mut self.writing);
        self.stream.write_all(&self.writing).context("could not write")
    }

    /// Reads on, with a started frame moved to the front.
    fn more(&mut self) -> anyhow::Result<()> {
        let kept = self.unread.len();
        self.buffer.copy_within(self.unread.clone(), 0);
        ensure!(kept < self.buffer.len(), "frame larger than the read buffer");
        let read = self.stream.read(&mut self.buffer[kept..]).context("could not read")?;
        ensure!(read > 0, "the server hung up");
        self.unread = 0..kept + read;
        Ok(())
    }
}
