//! What the database holds of a room beyond what the room has been told: messages of others,
//! messages of ours of which no answer came, or another history.
//!
//! All of it is done in the room's turn.

use std::sync::Arc;

use storage::StorageError;

use super::super::draft::Draft;
use super::super::refused;
use super::ServerCommitter;
use crate::Message;
use crate::intake::{Batch, Outcome, Posted};
use crate::room::{Room, Turn};
use crate::rooms::AT_FIRST;
use crate::store::{Found, RoomRecord, Standing};

/// Where a room stands after it was compared with the database.
pub(super) enum Compared {
    /// This is there and has not been told to the room.
    Ahead(Vec<Found>),
    /// The room has begun anew; it has been told everything.
    Anew,
}

impl ServerCommitter {
    /// The batch is stored from `first` on: what is answered, once the room has been told what
    /// others stored before.
    pub(super) async fn stored(
        &self,
        room: &Room,
        turn: &mut Turn,
        draft: Draft,
        first: Posted,
    ) -> Vec<Outcome> {
        let head = room.head();
        let numbered = draft.numbered(first);
        if first.id == head + 1 {
            return numbered.outcomes;
        }
        let told = if first.id <= head {
            self.begin_anew(room, turn).await.map(|()| false)
        } else {
            self.tell_others(room, turn, first.id).await
        };
        match told {
            Ok(true) => numbered.outcomes,
            Ok(false) => numbered.acknowledged(),
            Err(error) => {
                tracing::error!(%error, room = room.id(), "cannot read what others stored");
                // They are stored; the room hears of them with all else that is found.
                turn.is_unsettled = true;
                numbered.acknowledged()
            }
        }
    }

    /// Tells the room what others stored below `first`. Whether that was all of it; if not,
    /// the room has begun anew.
    async fn tell_others(
        &self,
        room: &Room,
        turn: &mut Turn,
        first: i64,
    ) -> Result<bool, StorageError> {
        while room.head() + 1 < first {
            let mut found = self.ledger.after(room.id(), room.head()).await?;
            found.retain(|found| found.message.id < first);
            if !self.tell(room, turn, &found).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Tells the room what was `found`. If that does not follow what it has, something is gone
    /// that was committed: then the room begins anew, and this is false.
    async fn tell(
        &self,
        room: &Room,
        turn: &mut Turn,
        found: &[Found],
    ) -> Result<bool, StorageError> {
        let head = room.head();
        room.publish_found(&messages(found));
        let is_told = room.head() > head;
        if !is_told {
            self.begin_anew(room, turn).await?;
        }
        Ok(is_told)
    }

    /// Answers for a batch of which it is not known whether it is stored.
    pub(super) async fn resolve(
        &self,
        room: &Room,
        turn: &mut Turn,
        batch: &Batch,
        draft: Draft,
        error: StorageError,
    ) -> Vec<Outcome> {
        let postings = batch.postings.len();
        let found = match self.compare(room, turn, true).await {
            Ok(Compared::Ahead(found)) => found,
            Ok(Compared::Anew) => Vec::new(),
            Err(unanswered) => {
                tracing::error!(%error, %unanswered, room = room.id(), postings, "it is not known whether messages are stored");
                turn.is_unsettled = true;
                return refused(batch);
            }
        };
        // Of ours there is one batch under way at most, and it is stored whole or not at all.
        let Some(own) = found.iter().position(|found| found.is_own) else {
            tracing::error!(%error, room = room.id(), postings, "messages could not be stored");
            room.publish_found(&messages(&found));
            return refused(batch);
        };
        tracing::warn!(%error, room = room.id(), postings, "messages were stored although no answer came");
        room.publish_found(&messages(&found[..own]));
        let first = &found[own].message;
        // What others stored behind it is found later.
        draft.numbered(Posted { id: first.id, at: first.at }).outcomes
    }

    /// Tells the room what the database holds beyond, and makes sure that there is no more of
    /// what this process sent.
    pub(super) async fn settle(&self, room: &Room, turn: &mut Turn) -> Result<(), StorageError> {
        let is_unsettled = turn.is_unsettled;
        while let Compared::Ahead(found) = self.compare(room, turn, is_unsettled).await? {
            if found.is_empty() || !self.tell(room, turn, &found).await? {
                break;
            }
        }
        turn.is_unsettled = false;
        Ok(())
    }

    /// Looks at what the database holds; with `moves_fence`, what it will ever hold of what
    /// this process sent.
    async fn compare(
        &self,
        room: &Room,
        turn: &mut Turn,
        moves_fence: bool,
    ) -> Result<Compared, StorageError> {
        let standing = if moves_fence {
            Some(self.ledger.move_fence(room.id()).await?)
        } else {
            self.ledger.standings(&[room.id()]).await?.pop()
        };
        if let Some(Standing { epoch, head, fence, .. }) = standing {
            turn.fence = fence;
            if *epoch != *room.epoch() {
                self.reload(room, turn).await?;
                return Ok(Compared::Anew);
            }
            if head < room.head() {
                self.begin_anew(room, turn).await?;
                return Ok(Compared::Anew);
            }
        }
        Ok(Compared::Ahead(self.ledger.after(room.id(), room.head()).await?))
    }

    /// The room is not as it was known to be: goes on as it is.
    pub(super) async fn follow(&self, room: &Room, turn: &mut Turn) -> Result<(), StorageError> {
        self.compare(room, turn, false).await.map(drop)
    }

    /// The database has forgotten what the room was told: gives it another epoch.
    pub(super) async fn begin_anew(
        &self,
        room: &Room,
        turn: &mut Turn,
    ) -> Result<(), StorageError> {
        let (id, epoch, fence) = (room.id(), room.epoch().to_string(), turn.fence);
        let mut record = RoomRecord { id, epoch, fence };
        self.services.store.begin_anew(&mut record, self.services.random.as_ref()).await?;
        self.reload(room, turn).await
    }

    /// The room has another epoch: its messages are read again and its clients start afresh.
    async fn reload(&self, room: &Room, turn: &mut Turn) -> Result<(), StorageError> {
        let Some(record) = self.services.store.room(room.id()).await? else { return Ok(()) };
        let newest = self.services.store.before(room.id(), i64::MAX, AT_FIRST).await?;
        let (head, now) = (room.head(), newest.last().map_or(0, |newest| newest.id));
        tracing::warn!(
            room = room.id(),
            head,
            now,
            "the room's history was cut: clients start afresh"
        );
        turn.fence = record.fence;
        room.begin_anew(&record.epoch, newest.into_iter().collect());
        Ok(())
    }
}

fn messages(found: &[Found]) -> Vec<Arc<Message>> {
    found.iter().map(|found| found.message.clone()).collect()
}
