//! All connections of a run, on one epoll set and one read buffer.
//!
//! Owns the sockets from `connect` to close: hand-shake, control frames and the replies a
//! dialect asks for happen in here; scenarios hear only [`Incoming`]. A frame cut off by
//! the end of a read waits in its connection's `carry` (a few dozen bytes) and is put in
//! front of the next read, so that every frame is met whole.
//!
//! Sockets are closed with a linger time of zero (RST): nothing lingers in TIME_WAIT, and
//! a server sees what it sees when a machine is switched off and on.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::event::Timespec;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::dialect::{Dialect, Meaning};
use crate::{frame, upgrade};

/// Shared by all connections; a frame larger than this is an error.
const READ_BUFFER: usize = 1024 * 1024;

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;

/// Hand-shakes under way at once; below the accept queue of every peer (Node: 511).
const HAND_SHAKES: usize = 128;

/// Longest time until all connections of a run must be usable.
const CONNECT_LIMIT: Duration = Duration::from_secs(180);

/// A connection, by the order in which it was opened.
pub(crate) type Id = usize;

/// What a scenario hears of a connection.
#[derive(Debug)]
pub(crate) enum Incoming<'b> {
    /// It may be used. With what told so, if anything did.
    Ready(&'b [u8]),
    /// A message, with the whole payload.
    Message(&'b [u8]),
    /// One of its own messages was accepted.
    Accepted,
    /// One of its own messages was not.
    Refused(&'b [u8]),
    /// Another person left.
    Left,
    /// A frame of no interest, which still shows that the room is not quiet.
    Other,
    /// It ended.
    Ended(Ending),
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// A close frame with this code; 1005 stands for none.
    Code(u16),
    /// End of stream without a close frame.
    Silent,
    /// Reset, or another error of the socket.
    Broken(ErrorKind),
    /// The hand-shake was refused, or a frame made no sense.
    Wrong(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Upgrading,
    /// The hand-shake is done, the dialect's own greeting is not.
    Greeting,
    Open,
}

struct Connection {
    /// `None` once it has ended or was taken.
    stream: Option<TcpStream>,
    phase: Phase,
    /// Until connected the hand-shake request, then the start of a frame cut off by a read.
    carry: Vec<u8>,
}

/// The connections of a run.
pub(crate) struct Fleet {
    dialect: &'static dyn Dialect,
    target: SocketAddrV4,
    path: String,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
}

impl Fleet {
    /// No connections yet.
    pub(crate) fn new(dialect: &'static dyn Dialect, target: SocketAddrV4) -> anyhow::Result<Self> {
        Ok(Self {
            dialect,
            target,
            path: dialect.path().to_owned(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?,
            connections: Vec::new(),
            buffer: vec![0; READ_BUFFER].into(),
        })
    }

    /// Has further connections ask for `path` instead of the dialect's own.
    pub(crate) fn set_path(&mut self, path: String) {
        self.path = path;
    }

    /// How many were opened: the id of the next.
    pub(crate) fn opened(&self) -> Id {
        self.connections.len()
    }

    /// Begins a connection; [`Incoming::Ready`] or [`Incoming::Ended`] follows.
    /// `receive_buffer` bytes, if given, is set before the window is announced.
    pub(crate) fn open(
        &mut self,
        identity: &str,
        receive_buffer: Option<usize>,
    ) -> anyhow::Result<Id> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
            .context("socket")?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
        if let Some(bytes) = receive_buffer {
            sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
        }
        match rustix::net::connect(&socket, &self.target) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(error).context("connect"),
        }
        let id = self.connections.len();
        let interest = EventFlags::IN | EventFlags::OUT;
        epoll::add(&self.epoll, &socket, EventData::new_u64(id as u64), interest)?;
        self.connections.push(Connection {
            stream: Some(TcpStream::from(socket)),
            phase: Phase::Connecting,
            carry: upgrade::request(self.target, &self.path, identity).into_bytes(),
        });
        Ok(id)
    }

    /// Opens one connection for each identity and waits until all may be used; returns
    /// with what the last of them was greeted.
    ///
    /// # Errors
    /// When one of them is refused or ends, or it takes over [`CONNECT_LIMIT`].
    pub(crate) fn open_all(&mut self, identities: &[String]) -> anyhow::Result<Vec<u8>> {
        let mut greeting = Vec::new();
        let deadline = Instant::now() + CONNECT_LIMIT;
        let (mut opened, mut ready) = (0, 0);
        while ready < identities.len() {
            while opened < identities.len() && opened - ready < HAND_SHAKES {
                self.open(&identities[opened], None)?;
                opened += 1;
            }
            let mut ended = None;
            self.poll(Duration::from_millis(100), |id, incoming| match incoming {
                Incoming::Ready(told) => {
                    ready += 1;
                    greeting = told.to_vec();
                }
                Incoming::Ended(ending) => ended = Some((id, ending)),
                _ => {}
            })?;
            if let Some((id, ending)) = ended {
                bail!("connection {id} of {} ended at once: {ending:?}", identities.len());
            }
            ensure!(Instant::now() < deadline, "{ready} of {} connected in time", identities.len());
        }
        Ok(greeting)
    }

    /// Polls until nothing was heard for `quiet`, at most until `limit` has passed.
    pub(crate) fn settle(&mut self, quiet: Duration, limit: Duration) -> anyhow::Result<()> {
        let (start, mut last) = (Instant::now(), Instant::now());
        while last.elapsed() < quiet {
            ensure!(start.elapsed() < limit, "the room did not become quiet in {limit:?}");
            let mut ended = None;
            self.poll(Duration::from_millis(50), |id, incoming| {
                last = Instant::now();
                if let Incoming::Ended(ending) = incoming {
                    ended = Some((id, ending));
                }
            })?;
            if let Some((id, ending)) = ended {
                bail!("connection {id} ended while nothing happened: {ending:?}");
            }
        }
        Ok(())
    }

    /// Writes `frames` whole.
    ///
    /// # Errors
    /// When the socket does not take them: senders keep so little in flight that it must.
    pub(crate) fn send(&mut self, id: Id, frames: &[u8]) -> anyhow::Result<()> {
        let stream = self.connections[id].stream.as_mut().context("a sender's connection ended")?;
        let written = stream.write(frames).context("a sender could not write")?;
        ensure!(written == frames.len(), "a sender's socket is full");
        Ok(())
    }

    /// Closes one connection; no [`Incoming::Ended`] follows.
    pub(crate) fn close(&mut self, id: Id) {
        self.connections[id].stream = None;
    }

    /// Hands out the sockets of the first `count` connections, which this fleet then has lost.
    pub(crate) fn take_first(&mut self, count: usize) -> Vec<TcpStream> {
        self.connections[..count].iter_mut().filter_map(|it| it.stream.take()).collect()
    }

    /// Stops reading a connection, or starts again. One whose socket breaks is read anyway:
    /// the kernel reports that unasked.
    pub(crate) fn pause(&mut self, id: Id, paused: bool) -> anyhow::Result<()> {
        let Some(stream) = &self.connections[id].stream else { return Ok(()) };
        let interest = if paused { EventFlags::empty() } else { EventFlags::IN };
        epoll::modify(&self.epoll, stream, EventData::new_u64(id as u64), interest)?;
        Ok(())
    }

    /// Waits up to `timeout` for something to read, and reads it: at most one buffer a
    /// connection, so that none is favoured.
    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        mut heard: impl FnMut(Id, Incoming<'_>),
    ) -> anyhow::Result<()> {
        let timeout = Timespec::try_from(timeout)?;
        // Not kept: events hold pointers, and fleets go from thread to thread.
        let mut events: Vec<epoll::Event> = Vec::with_capacity(EVENTS);
        let spare = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, spare, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("epoll"),
        }
        for event in &events {
            // Ids are indexes of a vector: they fit.
            let id = event.data.u64() as Id;
            let connection = &mut self.connections[id];
            if connection.phase == Phase::Connecting {
                connection.greet(&self.epoll, id);
            }
            let flags = event.flags;
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                let heard = &mut |incoming: Incoming<'_>| heard(id, incoming);
                if let Err(ending) = connection.read(self.dialect, &mut self.buffer, heard) {
                    connection.stream = None;
                    heard(Incoming::Ended(ending));
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Connected: sends the request that waits in `carry`. Errors show in the read after it.
    fn greet(&mut self, epoll: &OwnedFd, id: Id) {
        let Some(stream) = &mut self.stream else { return };
        let request = std::mem::take(&mut self.carry);
        let sent = stream.write(&request).is_ok_and(|written| written == request.len());
        let data = EventData::new_u64(id as u64);
        if sent && epoll::modify(epoll, &stream, data, EventFlags::IN).is_ok() {
            self.phase = Phase::Upgrading;
        }
    }

    /// One read, and every whole frame in it.
    fn read(
        &mut self,
        dialect: &dyn Dialect,
        buffer: &mut [u8],
        heard: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Ending> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let kept = self.carry.len();
        let Some(room) = buffer.get_mut(kept..).filter(|room| !room.is_empty()) else {
            return Err(Ending::Wrong("frame larger than the read buffer".to_owned()));
        };
        let read = match stream.read(room) {
            Ok(0) => return Err(Ending::Silent),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(Ending::Broken(error.kind())),
        };
        buffer[..kept].copy_from_slice(&self.carry);
        self.carry.clear();
        let bytes = &buffer[..kept + read];
        let mut at = 0;
        if self.phase == Phase::Upgrading {
            match upgrade::accepted(bytes).map_err(Ending::Wrong)? {
                Some(head) => at = head,
                None => {
                    self.carry.extend_from_slice(bytes);
                    return Ok(());
                }
            }
            self.phase = if dialect.announces_ready() { Phase::Greeting } else { Phase::Open };
            if self.phase == Phase::Open {
                heard(Incoming::Ready(&[]));
            }
        }
        while let Some(frame) =
            frame::first(&bytes[at..]).map_err(|e| Ending::Wrong(e.to_owned()))?
        {
            at += frame.length;
            self.take_in(dialect, &frame, heard)?;
        }
        self.carry.extend_from_slice(&bytes[at..]);
        Ok(())
    }

    fn take_in(
        &mut self,
        dialect: &dyn Dialect,
        frame: &frame::Frame<'_>,
        heard: &mut impl FnMut(Incoming<'_>),
    ) -> Result<(), Ending> {
        match frame.opcode {
            // The only messages in fragments are welcomes: ready when whole.
            frame::TEXT | frame::CONTINUATION if !frame.last => {
                heard(Incoming::Other);
                return Ok(());
            }
            frame::CONTINUATION => {
                self.phase = Phase::Open;
                heard(Incoming::Ready(frame.payload));
                return Ok(());
            }
            frame::TEXT => {}
            frame::PING => return self.reply(frame::PONG, frame.payload),
            frame::PONG => return Ok(()),
            frame::CLOSE => return Err(Ending::Code(frame::close_code(frame.payload))),
            other => return Err(Ending::Wrong(format!("frame with opcode {other}"))),
        }
        match dialect.meaning(frame.payload) {
            Meaning::Message => heard(Incoming::Message(frame.payload)),
            Meaning::Accepted => heard(Incoming::Accepted),
            Meaning::Refused => heard(Incoming::Refused(frame.payload)),
            Meaning::Left => heard(Incoming::Left),
            Meaning::Other => heard(Incoming::Other),
            Meaning::Reply(text) => return self.reply(frame::TEXT, text.as_bytes()),
            Meaning::Ready => {
                self.phase = Phase::Open;
                heard(Incoming::Ready(frame.payload));
            }
        }
        Ok(())
    }

    fn reply(&mut self, opcode: u8, payload: &[u8]) -> Result<(), Ending> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        frame::append(opcode, payload, &mut bytes);
        stream.write_all(&bytes).map_err(|error| Ending::Broken(error.kind()))
    }
}
