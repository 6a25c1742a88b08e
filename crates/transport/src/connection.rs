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
use crate::handler::{Handler, Message};
use crate::pongs::Pongs;
use crate::sweep::Heartbeat;
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

/// One connection's task.
pub(crate) struct Connection<H> {
    wire: Wire,
    heartbeat: Arc<Heartbeat>,
    /// Gone once the connection is closing: a peer that takes its time over the close
    /// hand-shake, or was cut off, is not there any more for other clients.
    handler: Option<H>,
    decoder: Decoder,
    /// Bytes of frames that are not complete, or wait for the handler.
    partial: Vec<u8>,
    read_state: ReadState,
    /// The stream holds back bytes that it has taken.
    flushing: bool,
    /// Something waited in the outbox, and the handler has not heard yet that it left.
    waited: bool,
}

/// Whether the peer is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadState {
    Open,
    /// It has sent its close frame: nothing more comes.
    Closed,
    /// It broke the protocol: what comes is read and thrown away, because closing a
    /// socket with unread bytes resets it, and the peer would never see why.
    Discarding,
    /// As before, and it has been told that nothing more comes from here.
    HalfClosed,
}

/// The connection is over.
struct Finished;

impl<H: Handler> Connection<H> {
    /// `first` is what the peer sent together with its hand-shake.
    pub(crate) fn new(
        wire: Wire,
        heartbeat: Arc<Heartbeat>,
        handler: H,
        max_message: usize,
        first: &Bytes,
    ) -> Self {
        if let Some(sink) = wire.sink() {
            heartbeat.outbox().attach(sink);
        }
        Self {
            wire,
            heartbeat,
            handler: Some(handler),
            decoder: Decoder::new(max_message),
            partial: first.to_vec(),
            read_state: ReadState::Open,
            flushing: false,
            waited: false,
        }
    }

    fn outbox(&self) -> &Outbox {
        self.heartbeat.outbox()
    }

    /// Whether the peer may be read from: not while its handler is busy, but always
    /// when there is only its close frame to wait for.
    fn ready(&self) -> bool {
        self.handler.as_ref().is_none_or(Handler::ready)
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Finished> {
        self.outbox().register(cx.waker());
        let mut reads = 0;
        loop {
            // Writing comes first in every round: answers to what was just read leave
            // before more is read, and a dead or finished connection ends here.
            self.write(cx)?;
            self.close(cx)?;
            if !self.partial.is_empty() && self.ready() {
                self.resume();
            }
            let ready = self.ready();
            self.heartbeat.pause(!ready);
            self.heartbeat.incomplete(ready && self.has_part());
            if !ready {
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

    /// Part of a message waits for the rest.
    fn has_part(&self) -> bool {
        !self.partial.is_empty() || self.decoder.is_open()
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Finished> {
        let Self { wire, flushing, waited, .. } = self;
        let drained = self.heartbeat.outbox().drain(|buffers| {
            *waited = true;
            match wire.poll_write(cx, buffers) {
                Poll::Ready(result) => {
                    *flushing = true;
                    result
                }
                Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            }
        });
        if drained == Drained::Dead {
            return Err(Finished);
        }
        if self.flushing {
            match self.wire.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flushing = false,
                Poll::Ready(Err(_)) => return Err(Finished),
                Poll::Pending => {}
            }
        }
        if self.waited && drained == Drained::Empty && !self.flushing {
            self.waited = false;
            if let Some(handler) = &mut self.handler {
                handler.drained(); // What it sends and has to wait wakes this task.
            }
        }
        Ok(())
    }

    /// Carries the close hand-shake on, as far as it has come.
    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Finished> {
        let status = self.outbox().status();
        if status.dead {
            return Err(Finished);
        }
        if !status.closing {
            return Ok(());
        }
        self.handler = None;
        if status.pending || self.flushing {
            return Ok(()); // Not everything has been said yet.
        }
        match self.read_state {
            ReadState::Closed => {
                let _ = self.wire.poll_shut(cx);
                return Err(Finished);
            }
            ReadState::Discarding if self.wire.poll_shut(cx).is_ready() => {
                self.read_state = ReadState::HalfClosed;
            }
            ReadState::Open | ReadState::Discarding | ReadState::HalfClosed => {}
        }
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Finished> {
        SCRATCH.with_borrow_mut(|scratch| match self.wire.poll_read(cx, scratch) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(0) | Err(_)) => Err(Finished),
            Poll::Ready(Ok(length)) => {
                self.heartbeat.heard();
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
        let mut pongs = Pongs::default();
        while self.read_state == ReadState::Open && self.ready() {
            match self.decoder.decode(&mut bytes[used..]) {
                Ok(Decoded::Incomplete) => break,
                Ok(Decoded::Frame(length, event)) => {
                    used += length;
                    let message = match event {
                        Event::Text(text) => Some(Message::Text(text)),
                        Event::Binary(data) => Some(Message::Binary(data)),
                        Event::Nothing => None,
                        Event::Ping(payload) => {
                            pongs.answer(payload);
                            None
                        }
                        Event::Close(code) => {
                            pongs.send(self.heartbeat.outbox());
                            let answer = code.map(|code| frame::raw_close(code, ""));
                            let answer = answer.unwrap_or_else(frame::empty_close);
                            self.heartbeat.outbox().finish(answer);
                            self.read_state = ReadState::Closed;
                            None
                        }
                    };
                    if let (Some(handler), Some(message)) = (&mut self.handler, message) {
                        pongs.send(self.heartbeat.outbox());
                        handler.on_message(message);
                    }
                    self.decoder.release();
                    if !self.decoder.is_open() {
                        self.heartbeat.incomplete(false); // What follows is another message.
                    }
                }
                Err(violation) => {
                    pongs.send(self.outbox());
                    self.outbox().finish(frame::close(violation.code, &violation.reason));
                    self.read_state = ReadState::Discarding;
                }
            }
        }
        pongs.send(self.outbox());
        if self.read_state == ReadState::Open { used } else { bytes.len() }
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
        self.heartbeat.outbox().abort();
    }
}

#[cfg(test)]
mod tests;
