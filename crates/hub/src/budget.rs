//! The sum of what all outboxes hold, and the right to add much to it at once.
//!
//! A server with many slow peers must not run out of memory although each is within its
//! own cap. What is large and can wait (catching a client up) is therefore reserved here
//! before it is queued, and may take up half of the budget; the other half is left to what
//! is said meanwhile.
//!
//! Invariants: bytes are counted from before they are queued until they are written or
//! dropped. Frames that several outboxes share are counted for each of them, so the sum
//! is never below the memory they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// See the module's documentation.
#[derive(Debug)]
pub struct Budget {
    queued: AtomicUsize,
    reserved: AtomicUsize,
    limit: usize,
    /// Tasks in [`Budget::freed`].
    waiting: AtomicUsize,
    freed: Notify,
}

/// Bytes set aside for what is about to be queued. Dropping it gives them back: by then
/// they are counted where they are queued.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            queued: AtomicUsize::new(0),
            reserved: AtomicUsize::new(0),
            limit,
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Bytes queued in all outboxes now.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Whether [`Budget::reserve`] would set `bytes` aside now.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let taken = self.queued().saturating_add(self.reserved.load(Ordering::SeqCst));
        taken.saturating_add(bytes) <= self.limit / 2
    }

    /// Sets `bytes` aside if at most half of the budget is then taken.
    #[must_use]
    pub fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let reserved = self.reserved.fetch_add(bytes, Ordering::SeqCst) + bytes;
        let reservation = Reservation { budget: Arc::clone(self), bytes };
        (self.queued().saturating_add(reserved) <= self.limit / 2).then_some(reservation)
    }

    /// Waits until something has been given back. A [`Budget::reserve`] that failed before
    /// this is first polled may have been overtaken: bound the wait by a time.
    pub async fn freed(&self) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let waiting = Waiting(self);
        self.freed.notified().await;
        drop(waiting);
    }

    pub(crate) fn grow(&self, bytes: usize) {
        self.queued.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn shrink(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
        self.tell();
    }

    pub(crate) fn is_exceeded(&self) -> bool {
        self.queued() > self.limit
    }

    /// Costs one load while no task waits, which is nearly always.
    fn tell(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.freed.notify_waiters();
        }
    }
}

/// Counts a task in [`Budget::freed`], also when it is cancelled.
struct Waiting<'a>(&'a Budget);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.reserved.fetch_sub(self.bytes, Ordering::SeqCst);
        self.budget.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_budget_can_be_reserved_and_a_refusal_takes_nothing() {
        let budget = Arc::new(Budget::new(100));
        let first = budget.reserve(30).expect("room");
        assert!(budget.reserve(21).is_none());
        let second = budget.reserve(20).expect("a refusal took nothing");
        drop((first, second));
        budget.grow(45);
        assert!(budget.reserve(6).is_none(), "what is queued counts too");
        budget.shrink(45);
        assert!(budget.reserve(50).is_some());
    }

    #[tokio::test]
    async fn giving_back_wakes_a_task_that_waits() {
        let budget = Arc::new(Budget::new(100));
        let held = budget.reserve(50);
        let waits = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.freed().await }
        });
        while budget.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // Counted as waiting just before it listens: give back until it has heard.
        drop(held);
        while !waits.is_finished() {
            budget.tell();
            tokio::task::yield_now().await;
        }
        assert_eq!(budget.waiting.load(Ordering::SeqCst), 0);
    }
}
