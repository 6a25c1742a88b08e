//! Dead-lines of all connections, kept by one timer.
//!
//! A timer for each connection would cost more than the connection does while idle.
//! Instead one sweep a second looks at every connection: who is silent is pinged, who
//! stays silent is dropped, who takes nothing is cut off, who does not finish closing
//! is dropped. Dead-lines are therefore kept to within one sweep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base::Clock;
use hub::Outbox;

use crate::Limits;
use crate::frame;

/// What the sweep knows of a connection, in milliseconds of the monotonic clock.
#[derive(Debug)]
pub(crate) struct Line {
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    heard: AtomicU64,
    pinged: AtomicU64,
    /// When the sweep first saw it closing; zero before.
    closing: AtomicU64,
}

/// What the sweep did to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    Fine,
    Pinged,
    Silent,
    Slow,
    Lingering,
}

impl Line {
    pub(crate) fn new(outbox: Arc<Outbox>, clock: Arc<dyn Clock>) -> Self {
        let now = millis(clock.monotonic());
        Self {
            outbox,
            clock,
            heard: AtomicU64::new(now),
            pinged: AtomicU64::new(now),
            closing: AtomicU64::new(0),
        }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The peer has sent something.
    pub(crate) fn heard(&self) {
        self.heard.store(millis(self.clock.monotonic()), Ordering::Relaxed);
    }

    pub(crate) fn sweep(&self, now: Duration, limits: &Limits) -> Swept {
        let at = millis(now);
        if self.outbox.status().closing {
            let since = self.closing.load(Ordering::Relaxed);
            if since == 0 {
                self.closing.store(at.max(1), Ordering::Relaxed);
            } else if at.saturating_sub(since) >= millis(limits.linger) {
                self.outbox.abort();
                return Swept::Lingering;
            }
            return Swept::Fine;
        }
        let silence = at.saturating_sub(self.heard.load(Ordering::Relaxed));
        if silence >= millis(limits.dead_after) {
            self.outbox.abort();
            return Swept::Silent;
        }
        if self.outbox.blocked_for(now).is_some_and(|blocked| blocked >= limits.blocked) {
            self.outbox.cut();
            return Swept::Slow;
        }
        let since_ping = at.saturating_sub(self.pinged.load(Ordering::Relaxed));
        if silence >= millis(limits.ping_after) && since_ping >= millis(limits.ping_after) {
            self.pinged.store(at, Ordering::Relaxed);
            self.outbox.send(&[frame::ping()]);
            return Swept::Pinged;
        }
        Swept::Fine
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
