//! What waits for one peer, and what is written, queued or cut off.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Policy, Sent, Sink};
use crate::{Close, Framing};

/// Segments given to one system call at most (the kernel takes up to 1,024; beyond
/// this the call costs more to prepare than it saves).
const MAX_SLICES: usize = 64;

/// A segment shorter than this is copied behind the one before it while both wait:
/// the entry in the queue and the allocation would take more memory than its bytes,
/// and the cap counts bytes. (A pong is two.)
pub(super) const COPIED_BELOW: usize = 128;

/// Bytes that are joined in this way into one segment.
const JOINED: usize = 4 * 1024;

/// Past the [`Budget`](crate::Budget), connections holding more than this are cut off.
const BUDGET_SHARE: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Takes frames.
    Open,
    /// Its last frame is queued or written; takes no more.
    Closing,
    /// The peer is gone, or was given up.
    Dead,
}

/// What an outbox goes by, and others too.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) framing: &'static Framing,
    pub(super) policy: Arc<Policy>,
}

impl Shared {
    pub(super) fn close(&self, why: Close<'_>) -> Bytes {
        (self.framing.close)(why.code, why.reason)
    }
}

/// Under the outbox's lock.
#[derive(Debug)]
pub(super) struct State {
    pub(super) sink: Option<Arc<dyn Sink>>,
    /// Whole frames, except that the first `offset` bytes of the front are gone.
    pub(super) queue: VecDeque<Bytes>,
    pub(super) offset: usize,
    pub(super) queued: usize,
    pub(super) phase: Phase,
    pub(super) was_cut: bool,
    /// When the peer last took something, while something waits.
    pub(super) blocked_since: Option<Duration>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            sink: None,
            queue: VecDeque::new(),
            offset: 0,
            queued: 0,
            phase: Phase::Open,
            was_cut: false,
            blocked_since: None,
        }
    }

    /// Writes or queues `segments`; cuts the peer off when that is too much.
    pub(super) fn push(&mut self, segments: &[Bytes], shared: &Shared) -> Sent {
        let policy = &*shared.policy;
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
            self.cut(policy.cut, shared);
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

    pub(super) fn write_some(
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

    pub(super) fn advance(&mut self, mut written: usize, policy: &Policy) {
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

    pub(super) fn cut(&mut self, why: Close<'_>, shared: &Shared) {
        let policy = &*shared.policy;
        let unfinished = (self.offset > 0).then(|| self.queue.pop_front()).flatten();
        self.shrink(self.queued, policy);
        self.queue = VecDeque::new();
        if let Some(front) = unfinished {
            let end = (shared.framing.frame_end)(&front, self.offset).min(front.len());
            self.grow(end - self.offset, policy);
            // At a frame boundary nothing of the front is left to send.
            if end > self.offset {
                self.queue.push_back(front.slice(..end));
            } else {
                self.offset = 0;
            }
        }
        let last = shared.close(why);
        self.grow(last.len(), policy);
        self.queue.push_back(last);
        self.phase = Phase::Closing;
        self.was_cut = true;
    }

    pub(super) fn die(&mut self, policy: &Policy) {
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
