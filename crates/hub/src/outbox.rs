//! What one connection has still to be sent.
//!
//! Owns the order of bytes to one peer and the rule for a peer that does not take
//! them. While nothing is queued, [`Outbox::send`] writes straight to the peer's
//! [`Sink`]; what does not fit is queued by reference and the connection's task is
//! woken to write the rest when it can. An idle outbox holds no buffer.
//!
//! Invariants: bytes leave in the order in which they were sent; whatever is cut
//! off, the peer sees whole frames and a close frame at the end; after that nothing
//! more is accepted.
//!
//! Deliberately absent: the shape of a frame (each outbox has a [`Framing`], so members of
//! one topic may have different ones) and the socket.

mod state;

use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use base::{Clock, Owner};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::{Budget, Close, Framing};
use state::{Phase, Shared, State};

/// A peer that can be written to without waiting.
pub trait Sink: Send + Sync + Debug {
    /// Writes what the peer takes at once.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it takes nothing now; any other error
    /// means that the peer is gone.
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// What all connections share.
#[derive(Debug)]
pub struct Policy {
    /// Bytes that may wait for one peer; more, and it is cut off.
    pub cap: usize,
    /// What tells a peer that it was cut off and may come back.
    pub cut: Close<'static>,
    /// When a peer began to block is read from here (monotonic).
    pub clock: Arc<dyn Clock>,
    /// Shared by every outbox.
    pub budget: Arc<Budget>,
}

/// What became of a [`Outbox::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Handed to the peer's socket in full.
    Written,
    /// Some of it waits.
    Queued,
    /// It was too much: the peer is being cut off.
    Cut,
    /// The outbox takes nothing any more.
    Closed,
}

/// How a [`Outbox::drain`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Nothing is left.
    Empty,
    /// The peer takes no more now.
    Blocked,
    /// The peer is gone.
    Dead,
}

/// What the connection's task needs to know after it was woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Bytes wait for the peer.
    pub pending: bool,
    /// The last frame was given; close when nothing is pending.
    pub closing: bool,
    /// Drop the connection now.
    pub dead: bool,
    /// It was cut off, for being slow or silent.
    pub cut: bool,
}

/// The way out to one connection. Shared by its task and every topic it is in.
#[derive(Debug)]
pub struct Outbox {
    id: u64,
    owner: Option<Owner>,
    shared: Shared,
    state: Mutex<State>,
    task: AtomicWaker,
}

impl Outbox {
    /// An outbox for connection `id` (unique in the process) of the person `owner`, if it is
    /// a person's. Until a sink is attached or the task drains it, it queues.
    #[must_use]
    pub fn new(
        id: u64,
        owner: Option<Owner>,
        framing: &'static Framing,
        policy: Arc<Policy>,
    ) -> Self {
        let shared = Shared { framing, policy };
        Self { id, owner, shared, state: Mutex::new(State::new()), task: AtomicWaker::new() }
    }

    /// The connection's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What all outboxes share: for bytes to be reserved before they are sent.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.shared.policy.budget
    }

    /// The person whose connection it is, if it is a person's.
    #[must_use]
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// From now on, sends go straight to `sink` while nothing is queued. What is
    /// already queued is the task's to write: it is woken.
    pub fn attach(&self, sink: Arc<dyn Sink>) {
        let mut state = self.state.lock();
        if state.phase != Phase::Dead {
            state.sink = Some(sink);
        }
        drop(state);
        self.task.wake();
    }

    /// Sends `segments`, each of whole frames, in order.
    pub fn send(&self, segments: &[Bytes]) -> Sent {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Sent::Closed;
        }
        let sent = state.push(segments, &self.shared);
        drop(state);
        if sent != Sent::Written {
            self.task.wake();
        }
        sent
    }

    /// Sends `segments` only if nothing waits: for what is worthless when late.
    /// Returns whether it was sent.
    pub fn send_volatile(&self, segments: &[Bytes]) -> bool {
        let mut state = self.state.lock();
        if state.phase != Phase::Open || !state.queue.is_empty() {
            return false;
        }
        let sent = state.push(segments, &self.shared);
        drop(state);
        if sent != Sent::Written {
            self.task.wake();
        }
        true
    }

    /// Sends `last` after everything queued and takes nothing from then on.
    pub fn finish(&self, last: Bytes) {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return;
        }
        state.push(&[last], &self.shared);
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.task.wake();
    }

    /// Says why the connection is closed, after everything queued, and takes nothing from
    /// then on.
    pub fn close(&self, why: Close<'_>) {
        self.finish(self.shared.close(why));
    }

    /// Sends what keeps an idle connection alive.
    pub fn keep_alive(&self) {
        self.send(&[Bytes::from_static(self.shared.framing.keep_alive)]);
    }

    /// Cuts a slow peer off: drops what waits, but for the rest of the frame it is in
    /// the middle of, and ends with [`Policy::cut`].
    pub fn cut(&self) {
        self.cut_with(self.shared.policy.cut);
    }

    /// The same for another reason.
    pub fn cut_with(&self, why: Close<'_>) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.cut(why, &self.shared);
        }
        drop(state);
        self.task.wake();
    }

    /// Gives the peer up at once.
    pub fn abort(&self) {
        self.state.lock().die(&self.shared.policy);
        self.task.wake();
    }

    /// How long the peer has taken nothing although something waits.
    #[must_use]
    pub fn blocked_for(&self, now: Duration) -> Option<Duration> {
        self.state.lock().blocked_since.map(|since| now.saturating_sub(since))
    }

    /// Bytes that wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.state.lock().queued
    }

    /// The state the connection's task acts on.
    #[must_use]
    pub fn status(&self) -> Status {
        let state = self.state.lock();
        Status {
            pending: !state.queue.is_empty(),
            closing: state.phase == Phase::Closing,
            dead: state.phase == Phase::Dead,
            cut: state.was_cut,
        }
    }

    /// Asks to be woken when the outbox's state changes. Register first, then look
    /// at [`Outbox::status`]: a change in between is not missed then.
    pub fn register(&self, task: &Waker) {
        self.task.register(task);
    }

    /// Wakes the connection's task: something it waits for besides the outbox changed.
    pub fn wake(&self) {
        self.task.wake();
    }

    /// Takes the first of what is queued, for a peer that is not written to but asks. What
    /// it has taken is not cut off any more.
    pub fn take(&self) -> Option<Bytes> {
        let mut state = self.state.lock();
        let offset = state.offset;
        let front = state.queue.front().map(|front| front.slice(offset..))?;
        state.advance(front.len(), &self.shared.policy);
        Some(front)
    }

    /// Writes what is queued by `write`, until nothing is left or it takes no more.
    pub fn drain(&self, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> Drained {
        let mut state = self.state.lock();
        loop {
            if state.phase == Phase::Dead {
                return Drained::Dead;
            }
            if state.queue.is_empty() {
                return Drained::Empty;
            }
            match state.write_some(&mut write) {
                Ok(written) => state.advance(written, &self.shared.policy),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => state.die(&self.shared.policy),
            }
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let queued = self.state.get_mut().queued;
        self.shared.policy.budget.shrink(queued);
    }
}

#[cfg(test)]
mod tests;
