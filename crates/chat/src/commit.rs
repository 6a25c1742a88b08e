//! Group commit: what comes in while one transaction is being stored goes into the
//! next one, so that durability costs a disk sync a batch and not a message.
//!
//! Owns the task that stores postings of all rooms, the clock that says when a message was
//! accepted, and how far each room has come: it gives out the ids. A room is told what
//! became of its postings once a batch, and is asked for nothing but whether its delivery
//! keeps up.
//!
//! Invariants: answers come in the order of a room's postings; an id is used only by a
//! message that is stored; after a failure it is read what the database really holds,
//! before anything is answered if it can be read, and the ids go on from there. A failure
//! concerns the rooms of its batch and none beyond them. After a panic neither is known, so
//! the task is not started again: the server goes down in order, told by the [`Vital`] that
//! the task holds.

mod failure;
mod recent_postings;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, Timestamp, Vital};
use storage::StorageError;
use tokio::time::timeout;

use crate::dialect::Refusal;
use crate::intake::{Batch, Intake, Outcome, Posted, Posting};
use crate::rooms::Rooms;
use crate::store::{Append, Ledger};
use crate::{Message, Text};
use failure::Failed;
use recent_postings::RecentPostings;

/// How soon after a failed commit it is looked up again what became of it, if no client posts.
const CATCH_UP_INTERVAL: Duration = Duration::from_secs(1);

/// Rooms of which it is remembered how far they have come. Beyond it those that have
/// settled are forgotten, and read from the database when they are posted to again.
const MAX_HEADS: usize = 4_096;

/// See the module's documentation.
pub(crate) struct Committer {
    intake: Arc<Intake>,
    rooms: Rooms,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    /// How far rooms have come: their newest message, all zero if there is none.
    heads: HashMap<i64, Posted>,
    /// Rooms of which it is not known what a failed commit left. Their heads are kept: what
    /// the room has been told ends there.
    unsettled: HashSet<i64>,
    recent: RecentPostings,
}

/// What is to be stored of one batch, and what is to be answered if it is.
#[derive(Debug, Default)]
struct Draft {
    messages: Vec<Arc<Message>>,
    outcomes: Vec<Outcome>,
}

impl Committer {
    pub(crate) fn new(
        intake: Arc<Intake>,
        rooms: Rooms,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (heads, unsettled) = (HashMap::new(), HashSet::new());
        let recent = RecentPostings::default();
        Self { intake, rooms, ledger, clock, heads, unsettled, recent }
    }

    /// These are the newest messages of `room`, which was just read: so that clients that
    /// post again after a restart are answered from memory.
    pub(crate) fn remember(&mut self, room: i64, newest: &[Arc<Message>]) {
        newest.iter().for_each(|message| self.recent.remember(room, message));
    }

    /// Stores what comes in until the intake is closed and empty.
    pub(crate) async fn run(mut self, _alive: Vital) {
        while let Some(batches) = self.next().await {
            self.carry_out(batches).await;
        }
    }

    /// Stores batches and tells their rooms; what became of the postings.
    pub(crate) async fn carry_out(&mut self, batches: Vec<Batch>) -> Vec<Vec<Outcome>> {
        self.catch_up().await;
        let rooms: Vec<_> = batches.iter().map(|batch| self.rooms.open_now(batch.room)).collect();
        for room in rooms.iter().flatten() {
            room.ready().await; // Posting slows to the pace of delivery.
        }
        let outcomes = self.store(&batches).await;
        let taken: Vec<_> =
            batches.iter().map(|batch| (batch.room, batch.postings.len())).collect();
        for ((room, batch), outcomes) in rooms.into_iter().zip(&batches).zip(&outcomes) {
            count(outcomes);
            // A room with postings is not closed before they are answered.
            if let Some(room) = room {
                room.publish(&batch.postings, outcomes);
            }
        }
        if !taken.is_empty() {
            self.intake.answered(&taken, self.clock.monotonic());
        }
        outcomes
    }

    /// The next batches; none while no client posts and there is something to catch up on.
    async fn next(&self) -> Option<Vec<Batch>> {
        if self.unsettled.is_empty() {
            return self.intake.take().await;
        }
        timeout(CATCH_UP_INTERVAL, self.intake.take()).await.unwrap_or(Some(Vec::new()))
    }

    /// What became of each posting, once that is settled or cannot be found out.
    async fn store(&mut self, batches: &[Batch]) -> Vec<Vec<Outcome>> {
        match self.append(batches).await {
            Ok(outcomes) => outcomes,
            Err(failed) => self.resolve(batches, failed).await,
        }
    }

    async fn append(&mut self, batches: &[Batch]) -> Result<Vec<Vec<Outcome>>, Failed> {
        let stores = |batch: &&Batch| self.stores(batch.room);
        let mut to_store = batches.iter().filter(stores).flat_map(|batch| &batch.postings);
        if to_store.all(|posting| posting.text.is_err()) {
            return Ok(batches.iter().map(refused).collect());
        }
        // Looked up and stored in one transaction, on the connection that writes: in the line
        // for the others may be thousands who come back.
        let append = self.ledger.begin().await?;
        let mut known = self.known(&append, batches).await?;
        self.find_heads(&append, batches).await?;
        let now = self.clock.now();
        let mut drafts = Vec::with_capacity(batches.len());
        for batch in batches {
            drafts.push(match self.heads.get(&batch.room) {
                Some(head) if self.stores(batch.room) => draft(batch, *head, now, &mut known),
                _ => Draft { messages: Vec::new(), outcomes: refused(batch) },
            });
        }
        let mut messages = Vec::new();
        for (Batch { room, .. }, draft) in batches.iter().zip(&drafts) {
            messages.extend(draft.messages.iter().map(|message| (*room, message.clone())));
        }
        if !messages.is_empty()
            && let Err(error) = append.commit(&messages).await
        {
            return Err(Failed { error, drafts });
        }
        for (room, message) in messages {
            self.heads.insert(room, Posted { id: message.id, at: message.at });
            self.recent.remember(room, &message);
        }
        Ok(drafts.into_iter().map(|draft| draft.outcomes).collect())
    }

    /// Whether postings to `room` are stored now: not while it is not known where its ids go
    /// on.
    fn stores(&self, room: i64) -> bool {
        !self.unsettled.contains(&room)
    }

    /// Reads how far the batches' rooms have come, where that is not known.
    async fn find_heads(&mut self, append: &Append, batches: &[Batch]) -> Result<(), StorageError> {
        if self.heads.len() + batches.len() > MAX_HEADS {
            self.heads.retain(|room, _| self.unsettled.contains(room));
        }
        for Batch { room, .. } in batches {
            if !self.heads.contains_key(room) {
                let none = Posted { id: 0, at: Timestamp(i64::MIN) };
                self.heads.insert(*room, append.newest(*room).await?.unwrap_or(none));
            }
        }
        Ok(())
    }

    /// Which of the batches' postings were stored before: looked up in memory, then in the
    /// database.
    async fn known<'a>(
        &self,
        append: &Append,
        batches: &'a [Batch],
    ) -> Result<KnownPostings<'a>, StorageError> {
        let mut known = KnownPostings::new();
        let mut unknown: HashMap<&'a str, Vec<(i64, &'a str)>> = HashMap::new();
        let mut asked = Vec::with_capacity(batches.len());
        for Batch { room, postings } in batches {
            let mut of_room = Vec::new();
            for posting in postings {
                let Some(client_id) = posting.client_id.as_deref() else { continue };
                if let Some(posted) = self.recent.get(*room, posting.author, client_id) {
                    known.insert((*room, posting.author, client_id), posted);
                } else {
                    unknown.entry(client_id).or_default().push((*room, client_id));
                    of_room.push(client_id);
                }
            }
            asked.push((*room, of_room));
        }
        for found in append.posted_as(&asked).await? {
            let asked = unknown.get(&found.client_id as &str);
            let asked = asked.into_iter().flatten().find(|(room, _)| *room == found.room);
            if let Some((room, client_id)) = asked {
                known.insert((*room, found.author, *client_id), found.posted);
            }
        }
        Ok(known)
    }
}

/// Which messages were posted before, by room, author and client id.
type KnownPostings<'a> = HashMap<(i64, AccountId, &'a str), Posted>;

/// What is to be stored of `batch` in a room whose newest message is `head`.
fn draft<'a>(
    batch: &'a Batch,
    head: Posted,
    now: Timestamp,
    known: &mut KnownPostings<'a>,
) -> Draft {
    let at = accepted_at(now, head.at);
    let mut next = head.id + 1;
    let mut draft = Draft::default();
    for posting in &batch.postings {
        let text = match &posting.text {
            Ok(text) => text.clone(),
            Err(refusal) => {
                draft.outcomes.push(Outcome::Refused(*refusal));
                continue;
            }
        };
        let key = posting.client_id.as_deref().map(|id| (batch.room, posting.author, id));
        if let Some(posted) = key.and_then(|key| known.get(&key)) {
            draft.outcomes.push(Outcome::Known(*posted));
            continue;
        }
        let message = Arc::new(message(posting, next, at, text));
        next += 1;
        if let Some(key) = key {
            known.insert(key, Posted { id: message.id, at });
        }
        draft.messages.push(message.clone());
        draft.outcomes.push(Outcome::Stored(message));
    }
    draft
}

fn message(posting: &Posting, id: i64, at: Timestamp, text: Text) -> Message {
    Message {
        id,
        at,
        author: posting.author,
        author_name: posting.author_name.clone(),
        text: text.into_inner(),
        client_id: posting.client_id.clone(),
    }
}

/// The time of messages that are accepted `now`, after others at `newest`: a clock that is
/// set right by a little must not make a message older than the one before it. But one
/// that was ahead by more was wrong, and what it said is no measure for all that follows:
/// then times go back, and the order of messages is their ids' alone, as always.
fn accepted_at(now: Timestamp, newest: Timestamp) -> Timestamp {
    if newest.is_ahead_of(now) { now } else { now.max(newest) }
}

/// The answers to a batch of which nothing is stored.
fn refused(batch: &Batch) -> Vec<Outcome> {
    let refusal = |posting: &Posting| posting.text.as_ref().err().copied();
    let outcome = |posting| Outcome::Refused(refusal(posting).unwrap_or(Refusal::Unavailable));
    batch.postings.iter().map(outcome).collect()
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
