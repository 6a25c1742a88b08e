//! The loop of one connection: reads, writes and waits in one place.
//!
//! Invariants: nothing is allocated while the peer is silent and reads along; bytes
//! are read into a buffer shared by all connections of a thread, and only an
//! incomplete frame is kept. A handler that is not [`Handler::ready`] is not read
//! for, so a peer that sends faster than it is served is held back by TCP.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hub::{Drained, Outbox};

use crate::codec::{Decoded, Decoder, Event};
use crate::frame;
use crate::sweep::Line;
use crate::wire::Wire;

/// Bytes read at once, into the thread's buffer.
const READ_SIZE: usize = 16 * 1024;

/// Reads before other connections get a turn.
const READS_A_TURN: usize = 8;

thread_local! {
    /// Used only between a read and the handling of what was read, never across a
    /// wait, so one buffer serves every connection of the thread.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_SIZE].into());
}

/// A whole message from the peer.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Text, checked to be UTF-8.
    Text(&'a str),
    /// Anything.
    Binary(&'a [u8]),
}

/// What a capability does with a connection. Dropped as soon as the connection is
/// over or closing, however that came; that is how a capability learns of it. Bytes
/// already queued, and the close frame, may still be on their way then.
pub trait Handler: Send + 'static {
    /// Takes a message. Must not wait: work that waits goes elsewhere, and answers go
    /// to the connection's outbox.
    fn on_message(&mut self, message: Message<'_>);

    /// Whether another message may come now. After `false` nothing is read until the
    /// outbox is woken ([`Outbox::wake`]).
    fn ready(&self) -> bool;
}

/// One connection's task.
pub(crate) struct Connection<H> {
    wire: Wire,
    line: Arc<Line>,
    /// Gone once the connection is closing: a peer that takes its time over the close
    /// hand-shake, or was cut off, is not there any more for anybody else.
    handler: Option<H>,
    decoder: Decoder,
    /// Bytes of frames that are not complete, or wait for the handler.
    partial: Vec<u8>,
    hearing: Hearing,
    /// The stream holds back bytes that it has taken.
    flushing: bool,
}

/// Whether the peer is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    Open,
    /// It has sent its close frame: nothing more comes.
    Closed,
    /// It broke the protocol: what comes is read and thrown away, because closing a
    /// socket with unread bytes resets it, and the peer would never see why.
    Deaf,
    /// As before, and it has been told that nothing more comes from here.
    Shut,
}

/// The connection is over.
struct Over;

impl<H: Handler> Connection<H> {
    /// `first` is what the peer sent together with its hand-shake.
    pub(crate) fn new(wire: Wire, line: Arc<Line>, handler: H, first: &Bytes) -> Self {
        if let Some(sink) = wire.sink() {
            line.outbox().attach(sink);
        }
        let decoder = Decoder::default();
        let partial = first.to_vec();
        let handler = Some(handler);
        Self { wire, line, handler, decoder, partial, hearing: Hearing::Open, flushing: false }
    }

    fn outbox(&self) -> &Outbox {
        self.line.outbox()
    }

    /// Whether the peer may be read from: not while its handler is busy, but always
    /// when there is only its close frame to wait for.
    fn ready(&self) -> bool {
        self.handler.as_ref().is_none_or(Handler::ready)
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Over> {
        self.outbox().register(cx.waker());
        if !self.partial.is_empty() {
            self.resume();
        }
        let mut reads = 0;
        loop {
            // Writing comes first in every round: answers to what was just read leave
            // before more is read, and a dead or finished connection ends here.
            self.write(cx)?;
            let status = self.outbox().status();
            if status.closing {
                self.handler = None;
            }
            let said = status.closing && !status.pending && !self.flushing;
            if status.dead || (said && self.hearing == Hearing::Closed) {
                return Err(Over);
            }
            if said && self.hearing == Hearing::Deaf {
                self.wire.shut();
                self.hearing = Hearing::Shut;
            }
            if !self.ready() {
                return Ok(Poll::Pending);
            }
            if reads == READS_A_TURN {
                cx.waker().wake_by_ref();
                return Ok(Poll::Pending);
            }
            reads += 1;
            if self.read(cx)?.is_pending() {
                return Ok(Poll::Pending);
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Over> {
        let wire = &mut self.wire;
        let flushing = &mut self.flushing;
        let drained = self.line.outbox().drain(|buffers| match wire.poll_write(cx, buffers) {
            Poll::Ready(result) => {
                *flushing = true;
                result
            }
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        });
        if drained == Drained::Dead {
            return Err(Over);
        }
        if self.flushing {
            match self.wire.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushing = false,
                Poll::Ready(Err(_)) => return Err(Over),
                Poll::Pending => {}
            }
        }
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Over> {
        SCRATCH.with_borrow_mut(|scratch| match self.wire.poll_read(cx, scratch) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(0) | Err(_)) => Err(Over),
            Poll::Ready(Ok(length)) => {
                self.line.heard();
                self.take(&mut scratch[..length]);
                Ok(Poll::Ready(()))
            }
        })
    }

    /// Handles what has just been read, and keeps what is left of it.
    fn take(&mut self, bytes: &mut [u8]) {
        if self.partial.is_empty() {
            let used = self.handle(bytes);
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            self.partial.extend_from_slice(bytes);
            self.resume();
        }
    }

    /// Handles what was kept.
    fn resume(&mut self) {
        let mut kept = std::mem::take(&mut self.partial);
        let used = self.handle(&mut kept);
        if used < kept.len() {
            kept.drain(..used);
            self.partial = kept;
        }
    }

    /// Handles the whole frames at the start of `bytes`; returns how many bytes.
    fn handle(&mut self, bytes: &mut [u8]) -> usize {
        let mut used = 0;
        while self.hearing == Hearing::Open {
            if !self.ready() {
                return used;
            }
            match self.decoder.decode(&mut bytes[used..]) {
                Ok(Decoded::Incomplete) => return used,
                Ok(Decoded::Frame(length, event)) => {
                    used += length;
                    let outbox = self.line.outbox();
                    let message = match event {
                        Event::Text(text) => Some(Message::Text(text)),
                        Event::Binary(data) => Some(Message::Binary(data)),
                        Event::Ping(payload) => {
                            outbox.send(&[frame::pong(payload)]);
                            None
                        }
                        Event::Close(code) => {
                            outbox.finish(match code {
                                Some(code) => frame::raw_close(code, ""),
                                None => frame::empty_close(),
                            });
                            self.hearing = Hearing::Closed;
                            None
                        }
                        Event::Nothing => None,
                    };
                    if let (Some(handler), Some(message)) = (&mut self.handler, message) {
                        handler.on_message(message);
                    }
                    self.decoder.release();
                }
                Err(violation) => {
                    let last = frame::close(violation.code, violation.reason);
                    self.outbox().finish(last);
                    self.hearing = Hearing::Deaf;
                }
            }
        }
        bytes.len()
    }
}

impl<H: Handler + Unpin> Future for Connection<H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.turn(cx).unwrap_or(Poll::Ready(()))
    }
}

impl<H> Drop for Connection<H> {
    /// The socket closes with the last reference to it: the outbox's goes here, before
    /// topics have heard that the member is gone.
    fn drop(&mut self) {
        self.line.outbox().abort();
    }
}
