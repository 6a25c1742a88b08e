//! Committing in a database of a server: several tasks, each with one room at a time.
//!
//! A task holds the room's [turn](crate::room::Turn) from before a batch is sent until its
//! outcome is told to the room. Whoever reads the room from the database holds it, too, so
//! that messages of this process are never read before their posters are answered.
//!
//! Invariants: messages come into the room in the order of their ids and without gaps,
//! whoever stored them: what others stored before a batch is read and told first. A posting
//! is refused only when it will not be stored later, with one exception: a database that
//! cannot be asked. When the outcome of an append is unknown, the room's fence is moved, which
//! waits for an append that is still running and keeps out one that comes later; what is read
//! then is final. If that fails for [`crate::store::ServerLedger`]'s limits, the batch is
//! refused all the same, for its clients should not wait without end, and the room is
//! *unsettled*: nothing is stored in it until the fence is moved, by the next batch or by the
//! [watch](watch), and what is found then is told to the room as found. Of that batch a client
//! that posts again under the same client id hears that it is known; one without client ids
//! sees its message appear.
//!
//! Deliberately absent: a memory of what was posted before. The database is asked, for it may
//! have forgotten, and others append to it.

mod settle;
mod watch;

use std::collections::HashSet;
use std::sync::Arc;

use base::Vital;
use storage::StorageError;

use super::draft::{Draft, KnownPostings};
use super::{count, refused};
use crate::intake::{Batch, Outcome, Posted};
use crate::room::{Room, Services, Turn};
use crate::rooms::Rooms;
use crate::store::{NotAppended, Place, ServerLedger};

/// How often a batch is tried that was found to be repeated, or to name another fence. Each
/// time what stood in the way is known by then, so it takes a new one each time.
const TRIES: u32 = 4;

/// See the module's documentation. Clones work side by side.
#[derive(Clone, Debug)]
pub(crate) struct ServerCommitter {
    rooms: Rooms,
    ledger: ServerLedger,
    services: Arc<Services>,
}

/// What one try came to.
enum Tried {
    /// These are the answers.
    Settled(Vec<Outcome>),
    /// Nothing is stored, and the next try may be.
    Again,
}

impl ServerCommitter {
    pub(crate) fn new(rooms: Rooms, ledger: ServerLedger, services: Arc<Services>) -> Self {
        Self { rooms, ledger, services }
    }

    /// Stores what comes in until the intake is closed and empty.
    pub(super) async fn run(self, _alive: Vital) {
        while let Some(batch) = self.services.intake.take_room().await {
            self.carry_out(batch).await;
        }
    }

    /// Stores a batch and tells its room; what became of the postings.
    pub(crate) async fn carry_out(&self, batch: Batch) -> Vec<Outcome> {
        // A room with postings is not closed before they are answered.
        let outcomes = match self.rooms.open_now(batch.room) {
            Some(room) => {
                room.ready().await; // Posting slows to the pace of delivery.
                let mut turn = room.turn().await;
                let outcomes = self.store(&room, &mut turn, &batch).await;
                count(&outcomes);
                room.publish(&batch.postings, &outcomes);
                outcomes
            }
            None => refused(&batch),
        };
        let Services { intake, clock, .. } = &*self.services;
        intake.answered(&[(batch.room, batch.postings.len())], clock.monotonic());
        outcomes
    }

    async fn store(&self, room: &Room, turn: &mut Turn, batch: &Batch) -> Vec<Outcome> {
        let (id, postings) = (batch.room, batch.postings.len());
        if batch.postings.iter().all(|posting| posting.text.is_err()) {
            return refused(batch);
        }
        if turn.is_unsettled
            && let Err(error) = self.settle(room, turn).await
        {
            tracing::error!(%error, room = id, postings, "it is not known what is stored");
            return refused(batch);
        }
        for _ in 0..TRIES {
            match self.try_to_store(room, turn, batch).await {
                Ok(Tried::Settled(outcomes)) => return outcomes,
                Ok(Tried::Again) => {}
                Err(error) => {
                    tracing::error!(%error, room = id, postings, "messages could not be stored");
                    return refused(batch);
                }
            }
        }
        tracing::error!(room = id, postings, "messages could not be stored: others were first");
        refused(batch)
    }

    async fn try_to_store(
        &self,
        room: &Room,
        turn: &mut Turn,
        batch: &Batch,
    ) -> Result<Tried, StorageError> {
        let draft = Draft::new(batch, &self.known(batch).await?);
        if draft.messages.is_empty() {
            let none = Posted { id: 0, at: base::Timestamp(0) };
            return Ok(Tried::Settled(draft.numbered(none).outcomes));
        }
        let epoch = room.epoch();
        let place = Place { room: batch.room, epoch: &epoch, fence: turn.fence };
        match self.ledger.append(place, &draft.messages).await {
            Ok(first) => Ok(Tried::Settled(self.stored(room, turn, draft, first).await)),
            Err(NotAppended::Repeated(error)) => {
                tracing::debug!(%error, room = batch.room, "posted a second time");
                Ok(Tried::Again)
            }
            Err(NotAppended::Moved) => {
                self.follow(room, turn).await?;
                Ok(Tried::Again)
            }
            Err(NotAppended::Refused(error)) => Err(error),
            Err(NotAppended::Unknown(error)) => {
                Ok(Tried::Settled(self.resolve(room, turn, batch, draft, error).await))
            }
        }
    }

    /// Which postings were stored before.
    async fn known<'a>(&self, batch: &'a Batch) -> Result<KnownPostings<'a>, StorageError> {
        let stored = batch.postings.iter().filter(|posting| posting.text.is_ok());
        let asked: HashSet<&str> =
            stored.filter_map(|posting| posting.client_id.as_deref()).collect();
        let mut known = KnownPostings::new();
        if asked.is_empty() {
            return Ok(known);
        }
        for found in self.ledger.posted_as(batch.room, asked.iter().copied().collect()).await? {
            if let Some(client_id) = asked.get(found.client_id.as_str()) {
                known.insert((found.room, found.author, *client_id), found.posted);
            }
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests;
