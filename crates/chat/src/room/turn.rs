//! The room's turn, and its epoch.
//!
//! In a database of a server others append to a room, too, and what was sent there may be
//! stored although no answer came. So one at a time deals with a room's messages in the
//! database: it stores, or reads what others stored, and tells the room before the next one
//! begins. With SQLite the one committer is the only one that stores.

use std::sync::Arc;

use hub::{Close, Op};
use tokio::sync::MutexGuard;
use transport::CloseCode;

use super::{MAX_REMOVED, Room};
use crate::recent::Recent;

/// Who holds it may store messages of the room or read those that it has not been told.
#[derive(Debug)]
pub(crate) struct Turn {
    /// What appends name; see [`ServerLedger`](crate::store::ServerLedger).
    pub(crate) fence: i64,
    /// It is not known what the database holds of messages that were sent there.
    pub(crate) is_unsettled: bool,
}

/// What clients are told whose history is not the room's any more: they come back at once and
/// start afresh, whatever their dialect.
const ANEW: Close<'static> =
    Close { code: CloseCode::TryAgainLater as u16, reason: "the room begins anew" };

impl Room {
    /// Waits for the room's turn. Whoever holds it has limits in time.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().await
    }

    /// The room's turn, if it is free.
    pub(crate) fn turn_now(&self) -> Option<MutexGuard<'_, Turn>> {
        self.turn.try_lock().ok()
    }

    /// Which history its ids belong to.
    pub(crate) fn epoch(&self) -> Arc<str> {
        self.state.lock().epoch.clone()
    }

    /// The room has another history, `epoch`, whose newest messages are `recent`: clients that
    /// are in it are closed, after what they were told, and start afresh when they come back.
    /// Those that wait to be welcomed are told of this history alone.
    pub(crate) fn begin_anew(&self, epoch: &str, recent: Recent) {
        let mut state = self.state.lock();
        state.epoch = epoch.into();
        state.removed = recent.removed(MAX_REMOVED).into();
        state.recent = recent;
        // History that is being read may be the other one's.
        state.removals += 1;
        state.welcomes.forget();
        self.topic.submit(&[Op::CloseAll(ANEW)]);
    }
}
