//! How fast one person may post, over all of their connections.
//!
//! GCRA (ITU-T I.371, the "virtual scheduling" form of the leaky bucket): one number,
//! the time at which the next message would be due if messages came evenly.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A steady rate and how far ahead of it one may get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Messages at once.
    pub(crate) burst: u32,
    /// Then one in this time.
    pub(crate) interval: Duration,
}

/// One person's pace, shared by their connections.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When the next message is due, in microseconds of the monotonic clock.
    due: AtomicU64,
}

impl Pace {
    /// Whether another message may be posted now; counts it if so.
    pub(crate) fn allows(&self, now: Duration, rate: Rate) -> bool {
        let now = micros(now);
        let interval = micros(rate.interval);
        let ahead = interval.saturating_mul(u64::from(rate.burst));
        self.due
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |due| {
                let next = due.max(now).saturating_add(interval);
                (next - now <= ahead).then_some(next)
            })
            .is_ok()
    }

    /// Whether nothing of the past counts any more.
    pub(crate) fn is_calm(&self, now: Duration) -> bool {
        self.due.load(Ordering::Relaxed) <= micros(now)
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let rate = Rate { burst: 3, interval: Duration::from_millis(100) };
        let pace = Pace::default();
        let at = Duration::from_secs(5);
        assert_eq!((0..5).filter(|_| pace.allows(at, rate)).count(), 3);
        assert!(!pace.allows(at + Duration::from_millis(99), rate));
        assert!(pace.allows(at + Duration::from_millis(100), rate));
        assert!(!pace.allows(at + Duration::from_millis(100), rate));
        assert_eq!((0..5).filter(|_| pace.allows(at * 2, rate)).count(), 3);
    }
}
