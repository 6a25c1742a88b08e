//! How writing fares: whether the last attempt failed, whether something has to be
//! written over first, and which connections are too old to be trusted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Shared by all that write and by the pool.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failing: AtomicBool,
    owed: AtomicBool,
    standby: AtomicBool,
    last_failure: Mutex<Option<Instant>>,
    last_success: Mutex<Option<Instant>>,
}

impl Health {
    /// The database could not begin or end a write. Connections opened before are closed
    /// instead of being used again: one of them may have been opened while the disk was
    /// read-only, and such a connection stays so when the disk no longer is.
    pub(crate) fn failed(&self) {
        self.failing.store(true, Ordering::Release);
        // The pool tells the age of its connections by this clock.
        *self.last_failure.lock() = Some(Instant::now());
    }

    /// No turn came, or no answer in time: nothing is wrong with connections.
    pub(crate) fn stalled(&self) {
        self.failing.store(true, Ordering::Release);
    }

    /// Sets what [`is_standby`](Self::is_standby) says.
    pub(crate) fn set_standby(&self, standby: bool) {
        self.standby.store(standby, Ordering::Release);
    }

    /// Whether the database server, the last time that it was connected to, was one that is
    /// not to be written to.
    pub(crate) fn is_standby(&self) -> bool {
        self.standby.load(Ordering::Acquire)
    }

    /// A write is stored.
    pub(crate) fn succeeded(&self) {
        *self.last_success.lock() = Some(Instant::now());
        self.failing.store(false, Ordering::Release);
    }

    /// Whether the last write is stored, and that for less than `span`.
    pub(crate) fn wrote_within(&self, span: Duration) -> bool {
        let success = self.last_success.lock().is_some_and(|at| at.elapsed() < span);
        success && !self.is_failing()
    }

    /// Whether the last write failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Whether a failed commit has left something that is not written over yet.
    pub(crate) fn is_owed(&self) -> bool {
        self.owed.load(Ordering::Acquire)
    }

    /// Sets what [`is_owed`](Self::is_owed) says.
    pub(crate) fn set_owed(&self, owed: bool) {
        self.owed.store(owed, Ordering::Release);
    }

    /// Whether a connection of this age was opened before the last failure.
    pub(crate) fn distrusts(&self, age: Duration) -> bool {
        self.last_failure.lock().is_some_and(|failure| failure.elapsed() <= age)
    }
}
