//! A room: who is in it, what was said last, and the one order of everything.
//!
//! Owns the lock under which arrivals, departures and messages get their order. It is
//! held for memory work only: nothing is stored, sent or awaited under it.
//!
//! Invariants: what [`State`] says and what the topic has been told never differ, for
//! both change under the lock.

mod crowd;
mod joining;
mod seat;
pub(crate) mod usher;
mod welcome;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base::{AccountId, Clock, Owner, SessionRef, Timestamp};
use bytes::Bytes;
use hub::{Except, MAX_FORMATS, Op, Outbox, Presence, Publication, Topic};
use limits::{Bucket, Quota};
use parking_lot::Mutex;
use storage::StorageError;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;
use transport::CloseCode;

use crate::commit::{Intake, Outcome, Posting};
use crate::dialect::{self, PACKETBOAT, PIRATCHAT};
use crate::recent::Recent;
use crate::store::{RoomRecord, Store};

pub(crate) use joining::{JoinError, Newcomer, Resume};
pub(crate) use seat::{InFlight, Seat};

use crowd::Crowd;
use usher::Queue;
use welcome::Parts;

/// Connections one person may hold in the room at once (`packetboat.v1`, Socket.IO).
pub const MAX_CONNECTIONS: usize = 16;

/// Names a newcomer is told; of a larger crowd it learns the number.
const MAX_NAMES: usize = 500;

/// Removed messages that somebody who comes back is told of. Who was away for more
/// removals sees what they still show until they read it again.
const MAX_REMOVED: usize = 100;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Room {
    record: RoomRecord,
    state: Mutex<State>,
    topic: Topic,
    pub(crate) intake: Intake,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    rate: Quota,
    /// History being read for someone.
    reads: TaskTracker,
    /// Says that a client waits to be let in; see [`usher`].
    arriving: Notify,
    /// Says that changes of presence wait to be told; see [`crowd`].
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    recent: Recent,
    /// The ids of messages removed lately, for those who come back and know them.
    removed: VecDeque<i64>,
    /// How many were removed since the start; see [`Room::reply_unless_removed`].
    removals: u64,
    presence: Presence,
    /// Changes of presence that the room has not been told.
    crowd: Crowd,
    people: HashMap<AccountId, Person>,
    /// Welcomes, encoded for many.
    parts: Parts,
    /// Clients that wait for their welcome.
    waiting: Queue,
    /// How fast each person went lately, kept for a while after they left: leaving and
    /// coming back must not be a way to go faster. [`Room::forget_the_calm`] bounds it
    /// to those who were here within the time that a pace takes to recover.
    paces: HashMap<AccountId, Arc<Paces>>,
    /// The server is going: departures are not worth a word any more.
    closing: bool,
}

/// One person's paces, over all of their connections.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    posting: Bucket,
    joining: Bucket,
}

/// What the room keeps of a person while they are in it.
#[derive(Debug, Default)]
struct Person {
    piratchat: bool,
    sockets: Vec<(SessionRef, Arc<Outbox>)>,
}

impl Room {
    pub(crate) fn new(
        record: RoomRecord,
        recent: Recent,
        store: Store,
        clock: Arc<dyn Clock>,
        rate: Quota,
        topic: Topic,
    ) -> Self {
        let removed = recent.removed(MAX_REMOVED).into();
        Self {
            record,
            state: Mutex::new(State { recent, removed, ..State::default() }),
            topic,
            intake: Intake::default(),
            store,
            clock,
            rate,
            reads: TaskTracker::new(),
            arriving: Notify::new(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> i64 {
        self.record.id
    }

    /// The names of those present, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.state.lock().presence.names().map(str::to_owned).collect()
    }

    /// How many people are present.
    pub(crate) fn count(&self) -> usize {
        self.state.lock().presence.count()
    }

    /// Forgets the paces of those who could go at full speed again. Called every second.
    pub(crate) fn forget_the_calm(&self) {
        let now = self.clock.monotonic();
        let calm = |paces: &Arc<Paces>| {
            let unused = Arc::strong_count(paces) == 1;
            unused && paces.posting.is_full(now) && paces.joining.is_full(now)
        };
        self.state.lock().paces.retain(|_, paces| !calm(paces));
    }

    pub(crate) fn is_present(&self, account: AccountId) -> bool {
        self.state.lock().presence.connections(account.0) > 0
    }

    pub(crate) fn has_piratchat(&self, account: AccountId) -> bool {
        self.state.lock().people.get(&account).is_some_and(|person| person.piratchat)
    }

    /// Closes what `session` opened.
    pub(crate) fn session_ended(&self, account: AccountId, session: SessionRef) {
        let mut ended = Vec::new();
        if let Some(person) = self.state.lock().people.get(&account) {
            let of_session = person.sockets.iter().filter(|(opened_by, _)| *opened_by == session);
            ended.extend(of_session.map(|(_, outbox)| outbox.clone()));
        }
        for outbox in ended {
            outbox.close(CloseCode::Policy.because("the session ended"));
        }
    }

    /// Tells the room, and whoever posted, what became of a batch of postings.
    pub(crate) fn publish(&self, batch: &[(Posting, Outcome)]) {
        // Encoded before the lock is taken: only the committer publishes messages, so
        // their order is settled already.
        let mut ops = Vec::with_capacity(batch.len() * 2);
        let mut stored = Vec::with_capacity(batch.len());
        for (posting, outcome) in batch {
            let client_id = posting.client_id.as_deref();
            let to = posting.in_flight.connection();
            let answer = match outcome {
                Outcome::Stored(message) => {
                    let publication = message_publication(message, &posting.display_name, to);
                    ops.push(Op::Publish(publication));
                    stored.push(message.clone());
                    dialect::ack(posting.format, client_id, message.id, message.at)
                }
                Outcome::Known(posted) => {
                    dialect::ack(posting.format, client_id, posted.id, posted.at)
                }
                Outcome::Refused(refusal) => dialect::nack(posting.format, client_id, *refusal),
            };
            ops.push(Op::Reply { to, frame: answer });
        }
        self.append(stored, &ops);
        batch.iter().for_each(|(posting, _)| posting.in_flight.landed());
    }

    /// Tells the room of messages that were stored although storing seemed to fail.
    pub(crate) fn publish_found(&self, found: Vec<Arc<crate::Message>>) {
        // Display names are not stored; whoever posted is called by their username here.
        let publish = |message: &Arc<crate::Message>| {
            Op::Publish(message_publication(message, &message.author_name, 0))
        };
        let ops: Vec<Op> = found.iter().map(publish).collect();
        self.append(found, &ops);
    }

    /// The one place where messages enter the recent history and the topic: together.
    fn append(&self, messages: Vec<Arc<crate::Message>>, ops: &[Op]) {
        let mut state = self.state.lock();
        messages.into_iter().for_each(|message| state.recent.push(message));
        self.topic.submit(ops);
    }

    /// Sends a frame to one connection, after all that the room has told it so far.
    /// The room's lock is not needed for that: only one partition hears it.
    fn reply(&self, connection: &InFlight, frame: Bytes) {
        self.topic.submit(&[Op::Reply { to: connection.connection(), frame }]);
    }

    /// The same, for what was read from the database after [`Room::removals`] was
    /// asked: not if a message was removed since. It may be among them, and whoever is
    /// told of the removal must not be told its text afterwards.
    fn reply_unless_removed(&self, connection: &InFlight, frame: Bytes, removals: u64) -> bool {
        let state = self.state.lock();
        if state.removals == removals {
            self.reply(connection, frame);
        }
        state.removals == removals
    }

    /// How many messages were removed since the start.
    fn removals(&self) -> u64 {
        self.state.lock().removals
    }

    /// Takes the text of message `id` away for good: from the database, from memory and
    /// from the clients that have a word for it. Whether there was one to take.
    pub(crate) async fn remove(&self, id: i64) -> Result<bool, StorageError> {
        // One that is stored and not yet published would come into memory afterwards.
        if id > self.head() || !self.store.remove(self.id(), id, self.clock.now()).await? {
            return Ok(false);
        }
        let mut state = self.state.lock();
        state.recent.remove(id);
        state.parts.forget();
        state.removals += 1;
        if state.removed.len() == MAX_REMOVED {
            state.removed.pop_front();
        }
        state.removed.push_back(id);
        self.topic.submit(&[publish(dialect::removed(id), Except::Nobody)]);
        Ok(true)
    }

    /// Looks at the recent history. Memory work only: the room waits.
    pub(crate) fn look_back<T>(&self, look: impl FnOnce(&Recent) -> T) -> T {
        look(&self.state.lock().recent)
    }

    /// The newest id.
    pub(crate) fn head(&self) -> i64 {
        self.look_back(Recent::head)
    }

    /// When the newest message was accepted; long ago if there is none.
    pub(crate) fn last_at(&self) -> Timestamp {
        self.look_back(Recent::last_at).unwrap_or(Timestamp(i64::MIN))
    }

    /// Waits until delivery has room for more.
    pub(crate) async fn delivery_ready(&self) {
        self.topic.ready().await;
    }

    /// Waits until all that was published has been handed to the connections. From now
    /// on nobody is told that others leave: everybody does.
    pub(crate) async fn close(&self) {
        self.state.lock().closing = true;
        self.reads.close();
        self.reads.wait().await;
        self.topic.flushed().await;
    }

    /// Frames handed to connections since the start.
    pub(crate) fn delivered(&self) -> usize {
        self.topic.delivered()
    }
}

/// The posting connection gets its acknowledgement instead; a Piratchat socket of the
/// author hears nothing of what its own person said elsewhere. Socket.IO clients hear
/// everything, their own messages too.
fn message_publication(
    message: &crate::Message,
    display_name: &str,
    posted_by: u64,
) -> Publication {
    let mut except = [Except::Nobody; MAX_FORMATS];
    except[PIRATCHAT.0] = Except::Owner(Owner::Account(message.author));
    except[PACKETBOAT.0] = Except::Connection(posted_by);
    Publication { frames: dialect::message(message, display_name), except, volatile: false }
}

fn publish(frames: [Bytes; MAX_FORMATS], except: Except) -> Op {
    Op::Publish(Publication { frames, except: [except; MAX_FORMATS], volatile: false })
}
