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
//! Deliberately absent: the shape of a frame ([`Policy::frame_end`] tells where one
//! ends) and the socket.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use base::Clock;
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use parking_lot::Mutex;

use crate::Budget;

/// Segments given to one system call at most (the kernel takes up to 1,024; beyond
/// this the call costs more to prepare than it saves).
const MAX_SLICES: usize = 64;

/// A segment shorter than this is copied behind the one before it while both wait:
/// the entry in the queue and the allocation would take more memory than its bytes,
/// and the cap counts bytes. (A pong is two.)
const COPIED_BELOW: usize = 128;

/// Bytes that are joined in this way into one segment.
const JOINED: usize = 4 * 1024;

/// Past the [`Budget`], connections holding more than this are cut off.
const BUDGET_SHARE: usize = 64 * 1024;

/// A peer that can be written to without waiting.
pub trait Sink: Send + Sync + Debug {
    /// Writes what the peer takes at once.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when it takes nothing now; any other error
    /// means that the peer is gone.
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// What all connections of one transport share.
#[derive(Debug)]
pub struct Policy {
    /// Bytes that may wait for one peer; more, and it is cut off.
    pub cap: usize,
    /// The whole frame that tells a peer it was cut off and may come back.
    pub cut: Bytes,
    /// Given a segment that starts at a frame boundary and an offset into it: where
    /// the frame that holds the byte before the offset ends.
    pub frame_end: fn(&[u8], usize) -> usize,
    /// When a peer began to block is read from here (monotonic).
    pub clock: Arc<dyn Clock>,
    /// Shared by every outbox.
    pub budget: Arc<Budget>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Takes frames.
    Open,
    /// Its last frame is queued or written; takes no more.
    Closing,
    /// The peer is gone, or was given up.
    Dead,
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

#[derive(Debug)]
struct State {
    sink: Option<Arc<dyn Sink>>,
    /// Whole frames, except that the first `offset` bytes of the front are gone.
    queue: VecDeque<Bytes>,
    offset: usize,
    queued: usize,
    phase: Phase,
    was_cut: bool,
    /// When the peer last took something, while something waits.
    blocked_since: Option<Duration>,
}

/// The way out to one connection. Shared by its task and every topic it is in.
#[derive(Debug)]
pub struct Outbox {
    id: u64,
    owner: i64,
    policy: Arc<Policy>,
    state: Mutex<State>,
    task: AtomicWaker,
}

impl Outbox {
    /// An outbox for connection `id` (unique in the process) of account `owner`.
    /// Until a sink is attached or the task drains it, it queues.
    #[must_use]
    pub fn new(id: u64, owner: i64, policy: Arc<Policy>) -> Self {
        let state = State {
            sink: None,
            queue: VecDeque::new(),
            offset: 0,
            queued: 0,
            phase: Phase::Open,
            was_cut: false,
            blocked_since: None,
        };
        Self { id, owner, policy, state: Mutex::new(state), task: AtomicWaker::new() }
    }

    /// The connection's number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What all outboxes share: for bytes to be reserved before they are sent.
    #[must_use]
    pub fn budget(&self) -> &Arc<Budget> {
        &self.policy.budget
    }

    /// The account that opened the connection.
    #[must_use]
    pub fn owner(&self) -> i64 {
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
        let sent = state.push(segments, &self.policy);
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
        let sent = state.push(segments, &self.policy);
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
        state.push(&[last], &self.policy);
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(state);
        self.task.wake();
    }

    /// Cuts a slow peer off: drops what waits, but for the rest of the frame it is in
    /// the middle of, and ends with [`Policy::cut`].
    pub fn cut(&self) {
        self.cut_with(&self.policy.cut);
    }

    /// The same for another reason, which the whole frame `last` says.
    pub fn cut_with(&self, last: &Bytes) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open {
            state.cut(last, &self.policy);
        }
        drop(state);
        self.task.wake();
    }

    /// Gives the peer up at once.
    pub fn abort(&self) {
        self.state.lock().die(&self.policy);
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
                Ok(written) => state.advance(written, &self.policy),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Drained::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => state.die(&self.policy),
            }
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let queued = self.state.get_mut().queued;
        self.policy.budget.shrink(queued);
    }
}

impl State {
    /// Writes or queues `segments`; cuts the peer off when that is too much.
    fn push(&mut self, segments: &[Bytes], policy: &Policy) -> Sent {
        if segments.iter().all(Bytes::is_empty) {
            return Sent::Written; // Or a peer would seem blocked by nothing.
        }
        let mut rest = segments;
        let mut offset = 0;
        if self.queue.is_empty()
            && let Some(sink) = &self.sink
        {
            match write_now(sink.as_ref(), segments) {
                Ok((whole, part)) => (rest, offset) = (&segments[whole..], part),
                Err(_) => {
                    self.die(policy);
                    return Sent::Closed;
                }
            }
            if rest.is_empty() {
                return Sent::Written;
            }
            self.blocked_since = Some(policy.clock.monotonic());
            self.offset = offset;
        } else if self.queue.is_empty() {
            self.blocked_since = Some(policy.clock.monotonic());
        }
        let mut added = 0;
        for segment in rest.iter().filter(|segment| !segment.is_empty()) {
            added += segment.len();
            self.enqueue(segment);
        }
        self.grow(added.saturating_sub(offset), policy);
        let over_budget = policy.budget.is_exceeded();
        if self.queued > policy.cap || (over_budget && self.queued > BUDGET_SHARE) {
            self.cut(&policy.cut, policy);
            return Sent::Cut;
        }
        if self.queue.is_empty() { Sent::Written } else { Sent::Queued }
    }

    fn enqueue(&mut self, segment: &Bytes) {
        if segment.len() < COPIED_BELOW
            && self.queue.back().is_some_and(|last| last.len() < JOINED)
            && let Some(last) = self.queue.pop_back()
        {
            match last.try_into_mut() {
                Ok(mut joined) => {
                    joined.extend_from_slice(segment);
                    return self.queue.push_back(joined.freeze());
                }
                // Others hold it too, so it costs nothing of its own.
                Err(shared) => self.queue.push_back(shared),
            }
        }
        self.queue.push_back(segment.clone());
    }

    fn write_some(
        &self,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, segment) in slices.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(if count == 0 { &segment[self.offset..] } else { segment });
            count += 1;
        }
        match write(&slices[..count])? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    fn advance(&mut self, mut written: usize, policy: &Policy) {
        self.shrink(written, policy);
        while let Some(front) = self.queue.front() {
            let left = front.len() - self.offset;
            if written < left {
                self.offset += written;
                self.blocked_since = Some(policy.clock.monotonic());
                return;
            }
            written -= left;
            self.offset = 0;
            self.queue.pop_front();
        }
        self.blocked_since = None;
        self.queue = VecDeque::new(); // An idle outbox holds no buffer.
    }

    fn cut(&mut self, last: &Bytes, policy: &Policy) {
        let unfinished = (self.offset > 0).then(|| self.queue.pop_front()).flatten();
        self.shrink(self.queued, policy);
        self.queue = VecDeque::new();
        if let Some(front) = unfinished {
            let end = (policy.frame_end)(&front, self.offset).min(front.len());
            self.grow(end - self.offset, policy);
            // At a frame boundary nothing of the front is left to send.
            if end > self.offset {
                self.queue.push_back(front.slice(..end));
            } else {
                self.offset = 0;
            }
        }
        self.grow(last.len(), policy);
        self.queue.push_back(last.clone());
        self.phase = Phase::Closing;
        self.was_cut = true;
    }

    fn die(&mut self, policy: &Policy) {
        self.shrink(self.queued, policy);
        self.queue = VecDeque::new();
        self.offset = 0;
        self.phase = Phase::Dead;
        self.sink = None;
        self.blocked_since = None;
    }

    fn grow(&mut self, bytes: usize, policy: &Policy) {
        self.queued += bytes;
        policy.budget.grow(bytes);
    }

    fn shrink(&mut self, bytes: usize, policy: &Policy) {
        self.queued -= bytes;
        policy.budget.shrink(bytes);
    }
}

/// Writes `segments` until done or blocked: how many went whole, and how much of the
/// next one.
fn write_now(sink: &dyn Sink, segments: &[Bytes]) -> io::Result<(usize, usize)> {
    // What nearly every delivery is, without preparing a list of slices.
    if let [segment] = segments {
        return match sink.try_write(&[IoSlice::new(segment)]) {
            Ok(written) if written == segment.len() => Ok((1, 0)),
            Ok(written) => Ok((0, written)),
            Err(error) if is_transient(&error) => Ok((0, 0)),
            Err(error) => Err(error),
        };
    }
    let (mut whole, mut part) = (0, 0);
    while whole < segments.len() {
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for (slice, segment) in slices.iter_mut().zip(&segments[whole..]) {
            *slice = IoSlice::new(if count == 0 { &segment[part..] } else { segment });
            count += 1;
        }
        let mut written = match sink.try_write(&slices[..count]) {
            Ok(written) => written,
            Err(error) if is_transient(&error) => return Ok((whole, part)),
            Err(error) => return Err(error),
        };
        let asked: usize = slices[..count].iter().map(|slice| slice.len()).sum();
        let short = written < asked;
        while whole < segments.len() && written >= segments[whole].len() - part {
            written -= segments[whole].len() - part;
            part = 0;
            whole += 1;
            if written == 0 {
                break;
            }
        }
        part += written;
        // A short write means that the socket is full: asking again would only cost
        // a system call to be told so.
        if short {
            return Ok((whole, part));
        }
    }
    Ok((whole, part))
}

/// Not now, but later: the rest is the task's to write.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests;
