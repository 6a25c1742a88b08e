//! A room: who is in it, what was said last, and the one order of everything.
//!
//! Owns the lock under which arrivals, departures and messages get their order. It is
//! held for memory work only: nothing is stored, sent or awaited under it. What differs
//! between clients is asked of their [`Dialect`](crate::dialect::Dialect); none is named here.
//!
//! Invariants: what [`State`] says and what the topic has been told never differ, for
//! both change under the lock. Messages come in by [`publish`] alone, in the order of
//! their ids. Nothing joins a room that is closed.
//!
//! Deliberately absent: storing (`crate::commit`), and which rooms there are
//! (`crate::rooms`). While a room is open it has one delivering task if it is small; other
//! tasks run only while a client waits to be admitted or changes of presence wait to be told.

mod admission;
mod joining;
mod presence;
mod publish;
mod seat;
mod turn;
mod welcome;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, Random, Timestamp, Vitals};
use bytes::Bytes;
use hub::{Except, MAX_FORMATS, Op, Presence, Publication, Topic};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

use crate::dialect::Frames;
use crate::intake::Intake;
use crate::people::People;
use crate::recent::Recent;
use crate::store::{RoomRecord, Store};

pub(crate) use joining::{JoinError, JoinRequest, Resume};
pub(crate) use seat::Seat;
pub(crate) use turn::Turn;

use admission::AdmissionQueue;
use presence::PendingPresence;
use welcome::WelcomeCache;

/// Names a client is told when it joins; of more people it learns the number.
const MAX_NAMES: usize = 500;

/// Removed messages that a client is told of that comes back. One that was away for more
/// removals shows what it still has until it reads it again.
const MAX_REMOVED: usize = 100;

/// What all rooms of the process share.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) people: People,
    /// Hears of it if a task of a room panics.
    pub(crate) vitals: Vitals,
    /// History being read for clients.
    pub(crate) reads: TaskTracker,
    /// Where the tasks of rooms run, also those started by what is dropped elsewhere.
    pub(crate) runtime: Handle,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Room {
    id: i64,
    state: Mutex<State>,
    turn: tokio::sync::Mutex<Turn>,
    topic: Topic,
    services: Arc<Services>,
}

#[derive(Debug, Default)]
struct State {
    /// Which history the messages belong to.
    epoch: Arc<str>,
    recent: Recent,
    /// The ids of messages removed lately, for those who come back and know them.
    removed: VecDeque<i64>,
    /// How many were removed since the room was opened; see [`Room::reply_unless_removed`].
    removals: u64,
    presence: Presence,
    /// Changes of presence that the room has not been told.
    pending: PendingPresence,
    /// A task tells them.
    telling: bool,
    /// People with a connection of a dialect that allows only one.
    exclusive: HashSet<AccountId>,
    /// Welcomes, encoded for many.
    welcomes: WelcomeCache,
    /// Clients that wait for their welcome.
    waiting: AdmissionQueue,
    /// A task admits them.
    admitting: bool,
    /// The server is going: departures are not worth a frame any more.
    draining: bool,
    /// Since when the room has been empty, on the monotonic clock.
    empty_since: Option<Duration>,
    /// Nothing joins it any more; see [`JoinError::Closed`].
    closed: bool,
}

impl Room {
    /// The room on `record`, with its newest messages, heard through `topic`.
    pub(crate) fn new(
        record: RoomRecord,
        recent: Recent,
        topic: Topic,
        services: Arc<Services>,
    ) -> Self {
        let removed = recent.removed(MAX_REMOVED).into();
        let empty_since = Some(services.clock.monotonic());
        let RoomRecord { id, epoch, fence } = record;
        let epoch = epoch.into();
        let state = State { epoch, recent, removed, empty_since, ..State::default() };
        let turn = tokio::sync::Mutex::new(Turn { fence, is_unsettled: false });
        Self { id, state: Mutex::new(state), turn, topic, services }
    }

    pub(crate) fn id(&self) -> i64 {
        self.id
    }

    /// The names of those present, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state.lock().presence.names().map(str::to_owned).collect()
    }

    /// How many people are present.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().presence.count()
    }

    pub(crate) fn is_present(&self, account: AccountId) -> bool {
        self.state.lock().presence.connections(account.0) > 0
    }

    /// Whether this person has a connection of a dialect that allows only one.
    pub(crate) fn has_exclusive(&self, account: AccountId) -> bool {
        self.state.lock().exclusive.contains(&account)
    }

    /// Waits until delivery has room for more.
    pub(crate) async fn ready(&self) {
        self.topic.ready().await;
    }

    /// Sends a frame to one connection, after all that the room has told it so far.
    /// The room's lock is not needed for that: only one partition hears it.
    fn reply(&self, connection: u64, frame: Bytes) {
        self.topic.submit(&[Op::Reply { to: connection, frame }]);
    }

    /// The same, for what was read from the database after [`Room::removals`] was
    /// asked: not if a message was removed since. It may be among them, and a client that is
    /// told of the removal must not be told its text afterwards.
    fn reply_unless_removed(&self, connection: u64, frame: Bytes, removals: u64) -> bool {
        let state = self.state.lock();
        if state.removals == removals {
            self.reply(connection, frame);
        }
        state.removals == removals
    }

    /// How many messages were removed since the room was opened.
    fn removals(&self) -> u64 {
        self.state.lock().removals
    }

    /// The newest id.
    pub(crate) fn head(&self) -> i64 {
        self.state.lock().recent.head()
    }

    /// Bytes that messages in memory take up.
    pub(crate) fn memory(&self) -> usize {
        self.state.lock().recent.bytes()
    }

    /// When the newest message in memory was accepted.
    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.state.lock().recent.last_at()
    }

    /// Forgets all but the newest `count` messages: what came before is read from the
    /// database.
    pub(crate) fn shrink(&self, count: usize) {
        self.state.lock().recent.shrink(count);
    }

    /// Forgets what was encoded for clients that are caught up, unless one waits for it.
    pub(crate) fn forget_welcomes(&self) {
        let mut state = self.state.lock();
        if state.waiting.is_empty() {
            state.welcomes.forget();
        }
    }

    /// Messages in memory.
    #[cfg(test)]
    pub(crate) fn in_memory(&self) -> usize {
        self.state.lock().recent.len()
    }

    /// Closes the room if it has been empty for as long as `grace`, and every posting is
    /// answered. Whether it is closed.
    pub(crate) fn close_unused(&self, grace: Duration) -> bool {
        let now = self.services.clock.monotonic();
        let mut state = self.state.lock();
        let is_unused = state.empty_since.is_some_and(|since| now.saturating_sub(since) >= grace);
        if is_unused && self.services.intake.is_idle(self.id()) {
            state.closed = true;
        }
        state.closed
    }

    /// From now on clients are not told that others leave: everyone does.
    pub(crate) fn begin_draining(&self) {
        self.state.lock().draining = true;
    }

    /// Waits until all that was published has been handed to the connections.
    pub(crate) async fn flushed(&self) {
        self.topic.flushed().await;
    }

    /// Frames handed to connections since the room was opened.
    pub(crate) fn delivered(&self) -> usize {
        self.topic.delivered()
    }
}

/// A publication that every member hears.
fn to_all(frames: Frames) -> Op {
    Op::Publish(Publication { frames, except: [Except::None; MAX_FORMATS], volatile: false })
}
