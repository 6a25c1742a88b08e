//! A connection that began by polling: the polls that wait, and the attempts to upgrade
//! it to a WebSocket.
//!
//! Invariants: an attempt changes nothing for the polls until it has succeeded; one
//! attempt at a time is under way, and one succeeds.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// When the polls are released first. The client hears of the probe's answer meanwhile,
/// so that the released poll is its last.
const FIRST_RELEASE: Duration = Duration::from_millis(100);

/// How often they are released after that, as long as the client has not upgraded: it
/// may have begun a poll just before it heard, and waits for that. A client that never
/// hears polls so often.
const RELEASE_INTERVAL: Duration = Duration::from_millis(500);

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Polling {
    /// Ends the polls, and the byte stream that the connection was upgraded to.
    pub(super) cut: CancellationToken,
    upgrade: Mutex<Upgrade>,
    released: Notify,
}

#[derive(Debug)]
enum Upgrade {
    /// Nothing has come of it so far. Cancelled by the next attempt.
    Tried(CancellationToken),
    Done,
}

/// An attempt to upgrade. It is over when another begins.
#[derive(Clone, Debug)]
pub(super) struct Attempt(CancellationToken);

impl Attempt {
    /// What comes of `future`; `None` if another attempt or the connection's end comes
    /// first.
    pub(super) async fn unless_over<F: Future>(&self, future: F) -> Option<F::Output> {
        self.0.run_until_cancelled(future).await
    }
}

impl Polling {
    /// A connection that polls until `cut`.
    pub(super) fn new(cut: CancellationToken) -> Self {
        let upgrade = Mutex::new(Upgrade::Tried(cut.child_token()));
        Self { cut, upgrade, released: Notify::new() }
    }

    /// Begins an attempt in the place of one that may be under way: of that one the
    /// client has heard nothing, or it would not try again. `None` when the connection
    /// is upgraded already.
    pub(super) fn attempt(&self) -> Option<Attempt> {
        let mut upgrade = self.upgrade.lock();
        let Upgrade::Tried(before) = &*upgrade else { return None };
        before.cancel();
        let attempt = self.cut.child_token();
        *upgrade = Upgrade::Tried(attempt.clone());
        Some(Attempt(attempt))
    }

    /// Whether `attempt` has succeeded: not if it is over.
    pub(super) fn succeed(&self, attempt: &Attempt) -> bool {
        let mut upgrade = self.upgrade.lock();
        let current = !attempt.0.is_cancelled();
        if current {
            *upgrade = Upgrade::Done;
        }
        current
    }

    /// Releases the polls that wait, time and again: a client upgrades when the answer
    /// to its last poll is there.
    pub(super) async fn release(&self) {
        sleep(FIRST_RELEASE).await;
        loop {
            self.released.notify_waiters();
            sleep(RELEASE_INTERVAL).await;
        }
    }

    /// Waits until the polls that wait now are released.
    pub(super) async fn until_released(&self) {
        self.released.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_attempt_counts_and_one_succeeds() {
        let cut = CancellationToken::new();
        let polling = Polling::new(cut.clone());
        let first = polling.attempt().expect("not upgraded");
        let second = polling.attempt().expect("not upgraded");
        assert!(!polling.succeed(&first), "the second took its place");
        assert!(polling.succeed(&second));
        assert!(polling.attempt().is_none());
    }

    #[tokio::test]
    async fn an_attempt_ends_with_the_connection() {
        let cut = CancellationToken::new();
        let polling = Polling::new(cut.clone());
        let attempt = polling.attempt().expect("not upgraded");
        assert_eq!(attempt.unless_over(async { 1 }).await, Some(1));
        cut.cancel();
        assert_eq!(attempt.unless_over(std::future::pending::<()>()).await, None);
        assert!(!polling.succeed(&attempt));
    }
}
