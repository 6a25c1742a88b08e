//! Group commit: what comes in while one transaction is being stored goes into the
//! next one, so that durability costs a disk sync a batch and not a message.
//!
//! Owns the queue of postings and the task that stores them; gives out the ids.
//!
//! Invariants: answers come in the order of the postings; an id is used only by a
//! message that is stored; after a failure it is read what the database really holds,
//! before anything is answered if it can be read, and the ids go on from there. After a
//! panic neither is known, so the task is not started again: the server goes down in order,
//! told by the [`Vital`] that the task holds.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Timestamp, Vital};
use hub::Format;
use parking_lot::Mutex;
use storage::StorageError;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::dialect::Refusal;
use crate::room::{InFlight, Room};
use crate::store::{Append, Posted};
use crate::{Message, Text};

/// Postings stored in one transaction.
const MAX_BATCH: usize = 256;

/// Postings that may wait for storage, from all connections together. Beyond this the
/// server is overloaded and refuses; the refusals wait in line too, no more of them
/// than a connection may have in flight.
const MAX_WAITING: usize = 65_536;

/// How soon after a failed commit it is looked up again what became of it, if no client posts.
const CATCH_UP_INTERVAL: Duration = Duration::from_secs(1);

/// The most time that it is tried to look up what became of a failed commit.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// Something a connection posted, or was refused to.
#[derive(Debug)]
pub(crate) struct Posting {
    pub(crate) author: AccountId,
    pub(crate) author_name: Arc<str>,
    /// What Socket.IO clients are shown instead. Never stored, so that an address
    /// neither outlives its account nor turns up in another dialect.
    pub(crate) display_name: Arc<str>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) format: Format,
    pub(crate) client_id: Option<Box<str>>,
    /// A refusal waits in line too, so that answers keep the order of the postings.
    pub(crate) text: Result<Text, Refusal>,
}

/// What became of a posting.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is stored.
    Stored(Arc<Message>),
    /// It had been stored before, under the same client id.
    Known(Posted),
    /// It is not stored.
    Refused(Refusal),
}

/// The queue between connections and the committer.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    postings: VecDeque<Posting>,
    closed: bool,
    /// Since when there have been postings without a batch being answered, on the
    /// monotonic clock.
    unanswered_since: Option<Duration>,
}

impl Intake {
    /// Appends a posting. After closing it is dropped without an answer: the close
    /// frame that is on its way to everybody says what became of it.
    pub(crate) fn push(&self, mut posting: Posting, now: Duration) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return;
        }
        if queue.postings.len() >= MAX_WAITING {
            posting.text = Err(Refusal::RateLimited);
        }
        queue.postings.push_back(posting);
        queue.unanswered_since.get_or_insert(now);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Takes nothing more; what waits is still carried out.
    pub(crate) fn close(&self) {
        self.queue.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Postings that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.lock().postings.len()
    }

    /// A batch has been answered, one way or the other.
    fn answered(&self, now: Duration) {
        let mut queue = self.queue.lock();
        queue.unanswered_since = (!queue.postings.is_empty()).then_some(now);
    }

    /// For how long postings have waited without a batch being answered.
    pub(crate) fn unanswered_for(&self, now: Duration) -> Duration {
        let since = self.queue.lock().unanswered_since;
        since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }

    /// The next batch; `None` once closed and empty.
    async fn take(&self) -> Option<Vec<Posting>> {
        loop {
            {
                let mut queue = self.queue.lock();
                let count = queue.postings.len().min(MAX_BATCH);
                if count > 0 {
                    return Some(queue.postings.drain(..count).collect());
                }
                if queue.closed {
                    return None;
                }
            }
            self.arrived.notified().await;
        }
    }
}

/// Stores what comes in until the intake is closed and empty.
pub(crate) async fn run(room: Arc<Room>, _alive: Vital) {
    let mut last_at = room.last_at();
    let mut in_step = true;
    loop {
        let batch = match timeout(CATCH_UP_INTERVAL, room.intake.take()).await {
            Ok(Some(batch)) => batch,
            Ok(None) => return,
            Err(_) => Vec::new(), // Nobody posts; there may be something to catch up on.
        };
        if !in_step {
            in_step = catch_up(&room).await.is_ok();
        }
        if batch.is_empty() {
            continue;
        }
        room.delivery_ready().await;
        let outcomes = if in_step {
            match store(&room, &batch, &mut last_at).await {
                Ok(outcomes) => outcomes,
                Err(failed) => {
                    let (outcomes, known) = resolve(&room, &batch, failed).await;
                    in_step = known;
                    outcomes
                }
            }
        } else {
            batch.iter().map(refused).collect()
        };
        count(&outcomes);
        let batch: Vec<_> = batch.into_iter().zip(outcomes).collect();
        room.publish(&batch);
        room.intake.answered(room.clock.monotonic());
    }
}

/// A batch that could not be stored, as far as is known.
struct Failed {
    error: StorageError,
    /// What was to be stored, and what would have been answered.
    messages: Vec<Arc<Message>>,
    outcomes: Vec<Outcome>,
}

impl Failed {
    /// It failed before anything was to be stored.
    fn before(error: StorageError) -> Self {
        Self { error, messages: Vec::new(), outcomes: Vec::new() }
    }
}

/// Answers for a batch whose commit failed, and whether it is known what was stored. An
/// error does not say: with a database on another machine, the commit may have been
/// carried out and only its answer was lost. So what is there is looked up, and if that is
/// the batch, it is stored.
async fn resolve(room: &Room, batch: &[Posting], failed: Failed) -> (Vec<Outcome>, bool) {
    let Failed { error, messages, outcomes } = failed;
    let found = found(room).await;
    let known = found.is_ok();
    match found {
        Ok(found) if !messages.is_empty() && found == messages => {
            tracing::warn!(%error, postings = batch.len(), "messages were stored although the commit failed");
            return (outcomes, known);
        }
        Ok(found) => room.publish_found(found),
        Err(_) => {} // Looked up again before the next batch.
    }
    tracing::error!(%error, postings = batch.len(), "messages could not be stored");
    (batch.iter().map(refused).collect(), known)
}

/// After a commit about which nothing could be found out: tells the room what was stored.
async fn catch_up(room: &Room) -> Result<(), StorageError> {
    let found = found(room).await;
    let found = found.inspect_err(|error| tracing::error!(%error, "cannot look up what is stored"));
    room.publish_found(found?);
    Ok(())
}

/// What the database holds beyond what the room knows.
///
/// Not from a file that is not in its place any more: what it holds the next start will
/// not have, whether it was committed or not.
async fn found(room: &Room) -> Result<Vec<Arc<Message>>, StorageError> {
    room.store.check_place()?;
    let read = room.store.after(room.id(), room.head());
    timeout(CATCH_UP_TIMEOUT, read).await.unwrap_or(Err(StorageError::Busy))
}

fn refused(posting: &Posting) -> Outcome {
    Outcome::Refused(posting.text.as_ref().err().copied().unwrap_or(Refusal::Unavailable))
}

async fn store(
    room: &Room,
    batch: &[Posting],
    last_at: &mut Timestamp,
) -> Result<Vec<Outcome>, Failed> {
    if batch.iter().all(|posting| posting.text.is_err()) {
        return Ok(batch.iter().map(refused).collect());
    }
    // Looked up and stored in one transaction, on the connection that writes: in the line
    // for the others may be thousands who come back.
    let begun = begin(room, batch).await;
    let (append, mut known) = begun.map_err(Failed::before)?;
    let at = accepted_at(room.clock.now(), *last_at);
    *last_at = at;
    let mut next = room.head() + 1;
    let mut messages = Vec::with_capacity(batch.len());
    let mut outcomes = Vec::with_capacity(batch.len());
    for posting in batch {
        let text = match &posting.text {
            Ok(text) => text.clone(),
            Err(refusal) => {
                outcomes.push(Outcome::Refused(*refusal));
                continue;
            }
        };
        let key = posting.client_id.as_deref().map(|id| (posting.author, id));
        if let Some(posted) = key.and_then(|key| known.get(&key)) {
            outcomes.push(Outcome::Known(*posted));
            continue;
        }
        let message = Arc::new(Message {
            id: next,
            at,
            author: posting.author,
            author_name: posting.author_name.clone(),
            text: text.into_inner(),
            client_id: posting.client_id.clone(),
        });
        next += 1;
        if let Some(key) = key {
            known.insert(key, Posted { id: message.id, at });
        }
        messages.push(message.clone());
        outcomes.push(Outcome::Stored(message));
    }
    if !messages.is_empty()
        && let Err(error) = append.commit(&messages).await
    {
        return Err(Failed { error, messages, outcomes });
    }
    Ok(outcomes)
}

/// The time of messages that are accepted `now`, after others at `newest`: a clock that is
/// set right by a little must not make a message older than the one before it. But one
/// that was ahead by more was wrong, and what it said is no measure for all that follows:
/// then times go back, and the order of messages is their ids' alone, as always.
fn accepted_at(now: Timestamp, newest: Timestamp) -> Timestamp {
    if newest.is_ahead_of(now) { now } else { now.max(newest) }
}

/// Which messages were posted under which client ids.
type Known<'a> = HashMap<(AccountId, &'a str), Posted>;

/// The transaction to store the batch in, and which of the batch were posted before: looked
/// up in memory, then in the database.
async fn begin<'a>(room: &Room, batch: &'a [Posting]) -> Result<(Append, Known<'a>), StorageError> {
    let mut known = HashMap::new();
    let mut unknown = HashSet::new();
    room.look_back(|recent| {
        for posting in batch {
            let Some(client_id) = posting.client_id.as_deref() else { continue };
            match recent.posted_as(posting.author, client_id) {
                Some(message) => {
                    let posted = Posted { id: message.id, at: message.at };
                    known.insert((posting.author, client_id), posted);
                }
                None => {
                    unknown.insert(client_id);
                }
            }
        }
    });
    let append = room.store.begin_append(room.id()).await?;
    let client_ids: Vec<&str> = unknown.iter().copied().collect();
    for (author, client_id, posted) in append.posted_as(&client_ids).await? {
        if let Some(client_id) = unknown.get(client_id.as_str()) {
            known.insert((author, *client_id), posted);
        }
    }
    Ok((append, known))
}

fn count(outcomes: &[Outcome]) {
    for outcome in outcomes {
        match outcome {
            Outcome::Stored(_) => metrics::counter!("packetboat_messages_stored_total"),
            Outcome::Known(_) => metrics::counter!("packetboat_messages_repeated_total"),
            Outcome::Refused(refusal) => {
                metrics::counter!("packetboat_messages_refused_total", "code" => refusal.code())
            }
        }
        .increment(1);
    }
}

#[cfg(test)]
mod tests;
