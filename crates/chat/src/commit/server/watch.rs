//! Watching a database of a server: whether it holds more than the rooms were told, or less,
//! or took another turn altogether.
//!
//! Commits find that out for their own rooms; the watch does for those in which no client
//! posts. It asks once in [`INTERVAL`], for all open rooms in few questions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Vital;
use storage::StorageError;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::ServerCommitter;
use crate::room::Room;

/// How often it is looked, after the answer to the look before.
const INTERVAL: Duration = Duration::from_secs(1);

/// The most time that the question for the timeline takes.
const TIMELINE_TIMEOUT: Duration = Duration::from_secs(2);

/// Rooms in one question.
const MAX_ASKED: usize = 1_000;

impl ServerCommitter {
    /// Watches until it is `stopped`.
    pub(in crate::commit) async fn watch(self, stopped: CancellationToken, _alive: Vital) {
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = stopped.cancelled() => return,
                () = sleep(INTERVAL) => {}
            }
            let looked = self.look().await;
            if let Err(error) = &looked
                && !is_failing
            {
                tracing::error!(%error, "cannot look what the database holds");
            }
            is_failing = looked.is_err();
        }
    }

    /// One look. A room whose turn is taken is left out: its commit looks, too.
    pub(crate) async fn look(&self) -> Result<(), StorageError> {
        let timeline = self.services.store.follow_timeline(self.services.random.as_ref());
        if timeout(TIMELINE_TIMEOUT, timeline).await.unwrap_or(Err(StorageError::Busy))? {
            tracing::warn!("the database's history took another turn: all rooms begin anew");
        }
        for rooms in self.rooms.all().chunks(MAX_ASKED) {
            self.look_at(rooms).await?;
        }
        Ok(())
    }

    async fn look_at(&self, rooms: &[Arc<Room>]) -> Result<(), StorageError> {
        // Before the question: what is told to a room meanwhile is not in the answer.
        let told: Vec<_> = rooms.iter().map(|room| (room.id(), room.head())).collect();
        let ids: Vec<_> = told.iter().map(|(id, _)| *id).collect();
        let standings = self.ledger.standings(&ids).await?;
        let standings: HashMap<_, _> =
            standings.into_iter().map(|standing| (standing.room, standing)).collect();
        for (room, (id, head)) in rooms.iter().zip(told) {
            let Some(standing) = standings.get(&id) else { continue };
            let is_ahead = standing.head > room.head();
            let is_other = standing.head < head || *standing.epoch != *room.epoch();
            let Some(mut turn) = room.turn_now() else { continue };
            if is_ahead || is_other || turn.is_unsettled {
                self.settle(room, &mut turn).await?;
            }
        }
        Ok(())
    }
}
