//! Whose turn it is to write: SQLite has one writer at a time, and waiting here is fair,
//! costs no connection and no polling; waiting inside SQLite is and does neither.
//!
//! Two classes. An urgent writer waits for the writer at work, for urgent ones that came
//! before it, and for **at most one** ordinary writer; ordinary writers go on, one after
//! each urgent one at the least. Both hold by construction: ordinary writers first settle
//! among themselves who is next, so that the line in which all wait for their turn never
//! holds more than one of them, and that line is first come, first served.
//!
//! Deliberately absent: a queue of our own. Tokio's semaphore is fair, and a waiter that
//! goes away while it is being handed its permit passes it on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StorageError;

/// How long [`begin_write`](crate::Database::begin_write) waits for other writers of this
/// process before it fails with [`StorageError::Busy`].
pub const WRITE_TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// How soon a writer's turn comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Before ordinary writers that wait, but for the next one of them.
    Urgent,
    /// In turn.
    Ordinary,
}

/// Gives out turns, one at a time.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    /// One permit: to write.
    line: Arc<Semaphore>,
    /// One permit: to be the ordinary writer that stands in the line, or writes.
    next_ordinary: Arc<Semaphore>,
}

/// The turn to write; dropping it passes it on.
#[derive(Debug)]
#[must_use]
pub(crate) struct Turn {
    // Fields drop in this order: a writer that stands in the line comes before the next
    // ordinary writer that joins it.
    _writing: OwnedSemaphorePermit,
    _ordinary: Option<OwnedSemaphorePermit>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { line: Arc::new(Semaphore::new(1)), next_ordinary: Arc::new(Semaphore::new(1)) }
    }

    /// Waits for a turn. Dropping the future loses none.
    ///
    /// # Errors
    /// [`StorageError::Busy`] after [`WRITE_TURN_TIMEOUT`].
    pub(crate) async fn take(&self, class: Class) -> Result<Turn, StorageError> {
        let both = async {
            let ordinary = match class {
                Class::Urgent => None,
                Class::Ordinary => Some(Arc::clone(&self.next_ordinary).acquire_owned().await?),
            };
            let writing = Arc::clone(&self.line).acquire_owned().await?;
            Ok(Turn { _writing: writing, _ordinary: ordinary })
        };
        let turn = timeout(WRITE_TURN_TIMEOUT, both).await.map_err(|_| StorageError::Busy)?;
        // The semaphores are never closed; if they were, no turn would come.
        turn.map_err(|_: tokio::sync::AcquireError| StorageError::Busy)
    }
}

#[cfg(test)]
mod tests;
