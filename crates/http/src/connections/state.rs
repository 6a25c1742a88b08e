//! What one connection is doing: idle since when, busy, or closing. All of it is atomic:
//! requests change it without the lock of all connections.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// What [`State::activity`] is of a busy connection.
const BUSY: u64 = u64::MAX;
/// And of one that was asked to close.
const CLOSING: u64 = u64::MAX - 1;
/// The last time there is.
pub(super) const LATEST: u64 = u64::MAX - 2;

/// The state of one connection. Times are milliseconds from a start that all share.
#[derive(Debug)]
pub(super) struct State {
    /// Since when it is idle; or [`BUSY`], [`CLOSING`].
    activity: AtomicU64,
    /// Whether it has sent a request.
    served: AtomicBool,
    close: Notify,
    /// Where it stands among the open ones of its network; changes under their lock only.
    index: AtomicUsize,
}

impl State {
    pub(super) fn idle(now: u64) -> Self {
        Self {
            activity: AtomicU64::new(now),
            served: AtomicBool::new(false),
            close: Notify::new(),
            index: AtomicUsize::new(0),
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index.load(Ordering::Relaxed)
    }

    pub(super) fn set_index(&self, index: usize) {
        self.index.store(index, Ordering::Relaxed);
    }

    pub(super) fn has_served(&self) -> bool {
        self.served.load(Ordering::SeqCst)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.activity.load(Ordering::SeqCst) == CLOSING
    }

    /// Since when it has been idle, if it is.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let since = self.activity.load(Ordering::SeqCst);
        (since <= LATEST).then_some(since)
    }

    pub(super) fn begin_request(&self) {
        self.served.store(true, Ordering::SeqCst);
        self.set(BUSY);
    }

    pub(super) fn end_request(&self, now: u64) {
        self.set(now.min(LATEST));
    }

    fn set(&self, to: u64) {
        let unless_closing = |now| (now != CLOSING).then_some(to);
        // An error says that it is closing, which it goes on doing.
        let _ = self.activity.fetch_update(Ordering::SeqCst, Ordering::SeqCst, unless_closing);
    }

    /// Asks the connection to close unless it has become busy.
    pub(super) fn ask_to_close(&self) {
        let order = Ordering::SeqCst;
        if let Some(since) = self.idle_since()
            && self.activity.compare_exchange(since, CLOSING, order, order).is_ok()
        {
            self.close.notify_one();
        }
    }

    /// Comes back when the connection shall close.
    pub(super) async fn asked_to_close(&self) {
        self.close.notified().await;
    }
}
