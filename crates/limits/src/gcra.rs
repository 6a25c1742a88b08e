//! The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"): a token bucket
//! in one number, the time at which the bucket will be full again.
//!
//! Times are nanoseconds of the monotonic clock, which 64 bits hold for 584 years.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much is allowed: `burst` at once, then one in each `refill`.
///
/// In any span, at most `burst` and one for each `refill` of it; so never more than
/// `burst` in a span as long as `refill`.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// What a full bucket holds; at least 1.
    pub burst: u32,
    /// How long until there is one more. A whole burst takes 292 years at most: from there
    /// on, longer is the same.
    pub refill: Duration,
}

/// The longest that a bucket takes to be full again, which leaves room for the time since
/// the clock began.
pub(crate) const MAX_SPAN: u64 = u64::MAX / 2;

impl Quota {
    /// When the bucket that is full at `full_at` will be full after one is taken `now`.
    ///
    /// # Errors
    /// How long to wait, when it is empty.
    pub(crate) fn take(self, full_at: u64, now: u64) -> Result<u64, Duration> {
        let refill = self.refill_nanos();
        let after = full_at.max(now).saturating_add(refill);
        let latest = now.saturating_add(refill.saturating_mul(u64::from(self.burst)));
        match after.saturating_sub(latest) {
            0 => Ok(after),
            wait => Err(Duration::from_nanos(wait)),
        }
    }

    /// When it will be full after one is given back.
    pub(crate) fn give_back(self, full_at: u64) -> u64 {
        full_at.saturating_sub(self.refill_nanos())
    }

    /// Bounded: a sum that stopped at the end of the clock would be the same for every one
    /// taken, and so refuse none.
    fn refill_nanos(self) -> u64 {
        nanos(self.refill).min(MAX_SPAN / u64::from(self.burst.max(1)))
    }
}

/// One bucket in one atomic, for paths too hot for a lock and a table. It starts full.
/// Its owner keeps the quota and reads the clock.
#[derive(Debug, Default)]
pub struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// How long to wait, when it is empty; nothing is taken then.
    pub fn consume(&self, quota: Quota, now: Duration) -> Result<(), Duration> {
        let now = nanos(now);
        self.full_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |at| quota.take(at, now).ok())
            .map(drop)
            .map_err(|at| quota.take(at, now).err().unwrap_or_default())
    }

    /// Whether it is as if nothing had ever been taken.
    #[must_use]
    pub fn is_full(&self, now: Duration) -> bool {
        self.full_at.load(Ordering::Relaxed) <= nanos(now)
    }
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_steady_rate() {
        let quota = Quota { burst: 3, refill: Duration::from_millis(100) };
        let bucket = Bucket::default();
        let at = Duration::from_secs(5);
        let allows = |now| bucket.consume(quota, now).is_ok();
        assert_eq!((0..5).filter(|_| allows(at)).count(), 3);
        let almost = at + Duration::from_millis(99);
        assert_eq!(bucket.consume(quota, almost), Err(Duration::from_millis(1)));
        assert!(allows(at + Duration::from_millis(100)));
        assert!(!allows(at + Duration::from_millis(100)));
        assert!(!bucket.is_full(at + Duration::from_millis(399)));
        assert!(bucket.is_full(at + Duration::from_millis(400)));
        assert_eq!((0..5).filter(|_| allows(at * 2)).count(), 3);
    }

    #[test]
    fn threads_at_once_get_no_more_than_the_burst() {
        let quota = Quota { burst: 500, refill: Duration::from_secs(1) };
        let (bucket, now) = (Bucket::default(), Duration::from_secs(1));
        let count = || (0..400).filter(|_| bucket.consume(quota, now).is_ok()).count();
        let taken: usize = std::thread::scope(|scope| {
            let threads = [(); 4].map(|()| scope.spawn(count));
            threads.map(|thread| thread.join().unwrap()).into_iter().sum()
        });
        assert_eq!(taken, 500);
    }

    #[test]
    fn extremes_neither_wrap_nor_panic() {
        let never = Quota { burst: 2, refill: Duration::MAX };
        let bucket = Bucket::default();
        let taken = (0..100).filter(|_| bucket.consume(never, Duration::from_secs(1)).is_ok());
        assert_eq!(taken.count(), 2, "what is never refilled is empty for good");
        let year = Duration::from_secs(365 * 86_400);
        assert!(bucket.consume(never, year).is_err());
        let unlimited = Quota { burst: 1, refill: Duration::ZERO };
        let bucket = Bucket::default();
        assert!((0..100).all(|_| bucket.consume(unlimited, Duration::from_secs(1)).is_ok()));
    }
}
