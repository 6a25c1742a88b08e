//! Postings on their way from connections to the committer, of all rooms of the process.
//!
//! Owns what a connection posts by ([`Poster`]), what it has in flight, and the queue that
//! committers take batches from. Rooms stand in line: each gives [`ROOM_TURN`] postings
//! and goes to the end, so a busy room cannot starve the others.
//!
//! Invariants: postings of one room are taken in the order in which they came, and by one
//! committer at a time: while some are taken and not answered the room stands in no line.
//! Each that is taken is [answered](Intake::answered) once.
//!
//! Deliberately absent: rooms. One is known here by its id.

mod queues;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base::{AccountId, Clock, Principal, Timestamp};
use hub::Outbox;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::dialect::{Dialect, Refusal};
use crate::people::Person;
use crate::{Message, Text};
use queues::Queues;

/// Postings that may wait for storage, from all connections together. Beyond this the
/// server is overloaded and refuses; the refusals wait in line too, no more of them
/// than a connection may have in flight.
const MAX_WAITING: usize = 65_536;

/// Postings of one connection that may wait for storage; more are not read. Deep
/// enough that a group commit never leaves a fast sender idle.
const MAX_IN_FLIGHT: usize = 64;

/// Something a connection posted, or was refused to.
#[derive(Debug)]
pub(crate) struct Posting {
    pub(crate) author: AccountId,
    pub(crate) author_name: Arc<str>,
    /// What Socket.IO clients are shown instead. Never stored, so that an address
    /// neither outlives its account nor turns up in another dialect.
    pub(crate) display_name: Arc<str>,
    pub(crate) in_flight: Arc<InFlight>,
    /// What it is answered in.
    pub(crate) dialect: Dialect,
    pub(crate) client_id: Option<Box<str>>,
    /// A refusal waits in line too, so that answers keep the order of the postings.
    pub(crate) text: Result<Text, Refusal>,
}

/// A message that is stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
}

/// What became of a posting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is stored.
    Stored(Arc<Message>),
    /// It had been stored before, under the same client id.
    Known(Posted),
    /// It is not stored.
    Refused(Refusal),
}

/// Postings of one room, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) room: i64,
    pub(crate) postings: Vec<Posting>,
}

/// The postings of one connection that have not been answered yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    outbox: Arc<Outbox>,
    waiting: AtomicUsize,
    /// The connection is in the topic: what is told to it arrives.
    joined: AtomicBool,
}

impl InFlight {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, waiting: AtomicUsize::new(0), joined: AtomicBool::new(false) }
    }

    /// The connection hears the room from now on, so it may be read from.
    pub(crate) fn joined(&self) {
        self.joined.store(true, Ordering::SeqCst);
        self.outbox.wake();
    }

    /// The connection's number.
    pub(crate) fn connection(&self) -> u64 {
        self.outbox.id()
    }

    /// A posting has been answered: there may be room to read the next.
    pub(crate) fn answered(&self) {
        if self.waiting.fetch_sub(1, Ordering::SeqCst) >= MAX_IN_FLIGHT {
            self.outbox.wake();
        }
    }
}

/// What one connection posts to one room by.
#[derive(Debug)]
pub(crate) struct Poster {
    pub(crate) room: i64,
    pub(crate) principal: Principal,
    pub(crate) dialect: Dialect,
    /// Whose pace counts; `None` where rate limits do not apply.
    pub(crate) paced: Option<Arc<Person>>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Poster {
    /// Counts as activity of the session.
    pub(crate) fn touch(&self) {
        self.principal.activity.touch(self.clock.now());
    }

    /// Postings that have not been answered yet.
    pub(crate) fn waiting(&self) -> usize {
        self.in_flight.waiting.load(Ordering::SeqCst)
    }

    /// Whether another message may be read.
    pub(crate) fn ready(&self) -> bool {
        self.waiting() < MAX_IN_FLIGHT && self.in_flight.joined.load(Ordering::SeqCst)
    }

    /// Posts `text`, or has its refusal answered in order with everything posted
    /// before it. The answer comes to the connection's outbox.
    pub(crate) fn post(&self, text: Result<Text, Refusal>, client_id: Option<Box<str>>) {
        self.touch();
        let now = self.clock.monotonic();
        let keeps_pace = || self.paced.as_ref().is_none_or(|person| person.may_post(now));
        let text = text.and_then(|text| keeps_pace().then_some(text).ok_or(Refusal::RateLimited));
        self.in_flight.waiting.fetch_add(1, Ordering::SeqCst);
        let posting = Posting {
            author: self.principal.account,
            author_name: self.principal.username.clone(),
            display_name: self.principal.display_name.clone(),
            in_flight: self.in_flight.clone(),
            dialect: self.dialect,
            client_id,
            text,
        };
        self.intake.push(self.room, posting, now);
    }
}

/// The queue between connections and the committer.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    queues: Mutex<Queues>,
    arrived: Notify,
}

impl Intake {
    /// Appends a posting. After closing it is dropped without an answer: the close
    /// frame that is on its way to every client says what became of it.
    pub(crate) fn push(&self, room: i64, mut posting: Posting, now: Duration) {
        let mut queues = self.queues.lock();
        if queues.closed {
            return;
        }
        if queues.waiting >= MAX_WAITING && posting.text.is_ok() {
            posting.text = Err(Refusal::Unavailable);
        }
        queues.push(room, posting);
        queues.unanswered_since.get_or_insert(now);
        drop(queues);
        self.arrived.notify_one();
    }

    /// Takes nothing more; what waits is still carried out.
    pub(crate) fn close(&self) {
        self.queues.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Postings that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queues.lock().waiting
    }

    /// Whether every posting of `room` has been answered.
    pub(crate) fn is_idle(&self, room: i64) -> bool {
        !self.queues.lock().rooms.contains_key(&room)
    }

    /// For how long postings have waited without a batch being answered.
    pub(crate) fn unanswered_for(&self, now: Duration) -> Duration {
        let since = self.queues.lock().unanswered_since;
        since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// What is to be stored next, one batch a room; `None` once closed and empty.
    pub(crate) async fn take(&self) -> Option<Vec<Batch>> {
        loop {
            {
                let mut queues = self.queues.lock();
                let batches = queues.take();
                if !batches.is_empty() {
                    return Some(batches);
                }
                if queues.closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// What is to be stored next, of one room of which nothing is being stored; `None` once
    /// closed and no room stands in line. For several committers beside each other.
    pub(crate) async fn take_room(&self) -> Option<Batch> {
        loop {
            {
                let mut queues = self.queues.lock();
                let batch = queues.take_room();
                if !queues.line.is_empty() || queues.closed {
                    self.arrived.notify_one(); // It concerns the next committer, too.
                }
                if batch.is_some() || queues.closed {
                    return batch;
                }
            }
            self.arrived.notified().await;
        }
    }

    /// What was taken last has been answered: this many postings of each of these rooms.
    pub(crate) fn answered(&self, rooms: &[(i64, usize)], now: Duration) {
        let mut queues = self.queues.lock();
        for (room, count) in rooms {
            queues.answered(*room, *count);
        }
        queues.unanswered_since = (queues.waiting > 0).then_some(now);
        if !queues.line.is_empty() {
            self.arrived.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
