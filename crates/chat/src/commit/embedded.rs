//! Committing in SQLite: one task, which stores postings of all rooms in one transaction.
//!
//! Owns the clock that says when a message was accepted, and how far each room has come: it
//! gives out the ids. Nothing else writes messages, so it needs no room's
//! [turn](crate::room::Turn) and reads no room's head but once.
//!
//! Invariants: an id is used only by a message that is stored; after a failure it is read
//! what the database really holds, before anything is answered if it can be read, and the
//! ids go on from there. A failure concerns the rooms of its batch and none beyond them.

mod failure;
mod recent_postings;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Vital};
use storage::StorageError;
use tokio::time::timeout;

use super::draft::{Draft, KnownPostings, Numbered};
use super::{count, refused};
use crate::Message;
use crate::intake::{Batch, Intake, Outcome, Posted};
use crate::message::accepted_at;
use crate::rooms::Rooms;
use crate::store::{Append, EmbeddedLedger};
use failure::Failed;
use recent_postings::RecentPostings;

/// How soon after a failed commit it is looked up again what became of it, if no client posts.
const CATCH_UP_INTERVAL: Duration = Duration::from_secs(1);

/// Rooms of which it is remembered how far they have come. Beyond it those that have
/// settled are forgotten, and read from the database when they are posted to again.
const MAX_HEADS: usize = 4_096;

/// See the module's documentation.
pub(crate) struct EmbeddedCommitter {
    intake: Arc<Intake>,
    rooms: Rooms,
    ledger: EmbeddedLedger,
    clock: Arc<dyn Clock>,
    /// How far rooms have come: their newest message, all zero if there is none.
    heads: HashMap<i64, Posted>,
    /// Rooms of which it is not known what a failed commit left. Their heads are kept: what
    /// the room has been told ends there.
    unsettled: HashSet<i64>,
    recent: RecentPostings,
}

impl EmbeddedCommitter {
    pub(crate) fn new(
        intake: Arc<Intake>,
        rooms: Rooms,
        ledger: EmbeddedLedger,
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
        let known = self.known(&append, batches).await?;
        self.find_heads(&append, batches).await?;
        let now = self.clock.now();
        let mut drafts = Vec::with_capacity(batches.len());
        for batch in batches {
            drafts.push(match self.heads.get(&batch.room) {
                Some(head) if self.stores(batch.room) => {
                    let first = Posted { id: head.id + 1, at: accepted_at(now, head.at) };
                    Draft::new(batch, &known).numbered(first)
                }
                _ => Numbered { messages: Vec::new(), outcomes: refused(batch) },
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
                self.heads.insert(*room, append.newest(*room).await?);
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
        let mut known = KnownPostings::default();
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

#[cfg(test)]
mod tests;
