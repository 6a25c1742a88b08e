//! What a failed commit leaves: looked up before anything is answered, if it can be.
//!
//! An error does not say what is stored: with a database on another machine, the commit may
//! have been carried out and only its answer was lost. So what is there is looked up, and a
//! batch that is there is stored. A room of which that cannot be found out is *unsettled*:
//! nothing is stored in it until it can.

use std::sync::Arc;
use std::time::Duration;

use storage::StorageError;
use tokio::time::timeout;

use super::super::draft::Numbered;
use super::{EmbeddedCommitter, refused};
use crate::Message;
use crate::intake::{Batch, Outcome, Posted};

/// The most time that it is tried to look up what became of a failed commit.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// A commit that failed, with what it was to store for each batch.
pub(super) struct Failed {
    pub(super) error: StorageError,
    pub(super) drafts: Vec<Numbered>,
}

impl From<StorageError> for Failed {
    /// It failed before anything was to be stored.
    fn from(error: StorageError) -> Self {
        Self { error, drafts: Vec::new() }
    }
}

impl EmbeddedCommitter {
    /// Answers for batches whose commit failed.
    pub(super) async fn resolve(&mut self, batches: &[Batch], failed: Failed) -> Vec<Vec<Outcome>> {
        let Failed { error, drafts } = failed;
        let mut outcomes = Vec::with_capacity(batches.len());
        let mut drafts = drafts.into_iter();
        let mut answers = true;
        for batch in batches {
            let (room, postings) = (batch.room, batch.postings.len());
            let stored = match drafts.next() {
                Some(draft) if draft.messages.is_empty() => {
                    outcomes.push(draft.outcomes); // It does not hang on the commit.
                    continue;
                }
                Some(draft) => {
                    let found = if answers { self.found(room).await.ok() } else { None };
                    // A database that does not answer for one room does not for the others:
                    // each would wait as long. It is looked up again before the next batch.
                    answers = found.is_some();
                    self.settle(room, draft, found)
                }
                None => None,
            };
            if stored.is_some() {
                tracing::warn!(%error, room, postings, "messages were stored although the commit failed");
            } else {
                tracing::error!(%error, room, postings, "messages could not be stored");
            }
            outcomes.push(stored.unwrap_or_else(|| refused(batch)));
        }
        outcomes
    }

    /// The answers to what was to be stored in `room`, if it is there: after the failed
    /// commit this was `found`.
    fn settle(
        &mut self,
        room: i64,
        draft: Numbered,
        found: Option<Vec<Arc<Message>>>,
    ) -> Option<Vec<Outcome>> {
        let Some(found) = found else {
            self.unsettled.insert(room);
            return None;
        };
        if found == draft.messages {
            self.set_head(room, &found);
            return Some(draft.outcomes);
        }
        self.publish_found(room, found);
        None
    }

    /// Tells the rooms what was stored by commits of which that could not be found out.
    pub(super) async fn catch_up(&mut self) {
        for room in self.unsettled.clone() {
            match self.found(room).await {
                Ok(found) => {
                    self.publish_found(room, found);
                    self.unsettled.remove(&room);
                }
                Err(error) => {
                    tracing::error!(%error, room, "cannot look up what is stored");
                    return; // Nor for the others.
                }
            }
        }
    }

    /// What the database holds of `room` beyond what the room has been told.
    async fn found(&self, room: i64) -> Result<Vec<Arc<Message>>, StorageError> {
        let head = self.heads.get(&room).map_or(0, |head| head.id);
        let read = self.ledger.after(room, head);
        timeout(CATCH_UP_TIMEOUT, read).await.unwrap_or(Err(StorageError::Busy))
    }

    /// Goes on from what was found. A room that was closed meanwhile reads it from the
    /// database when it is opened again.
    fn publish_found(&mut self, room: i64, found: Vec<Arc<Message>>) {
        self.set_head(room, &found);
        if let Some(room) = self.rooms.open_now(room) {
            room.publish_found(&found);
        }
    }

    fn set_head(&mut self, room: i64, found: &[Arc<Message>]) {
        if let Some(newest) = found.last() {
            self.heads.insert(room, Posted { id: newest.id, at: newest.at });
        }
    }
}
