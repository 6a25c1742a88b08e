//! A rate limit for each key, such as an account.
//!
//! Ours, not a library's: see `docs/decisions/0006-own-throttle-and-settings.md`.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;

use crate::Quota;
use crate::gcra::nanos;
use crate::table::{MAX_KEYS, Table, Until};

/// A bucket for each key.
#[derive(Debug)]
pub struct Buckets<K> {
    quota: Quota,
    clock: Arc<dyn Clock>,
    /// When each will be full again.
    buckets: Mutex<Table<K, Until>>,
}

/// What was taken out of a bucket. Dropped, it is spent; it can be given back once.
#[derive(Debug)]
pub struct Charge<'a, K> {
    /// `None`: nothing was taken, for the caller is exempt.
    taken: Option<(&'a Buckets<K>, K)>,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// All buckets are full. [`MAX_KEYS`] that are not are remembered.
    #[must_use]
    pub fn new(quota: Quota, clock: Arc<dyn Clock>) -> Self {
        Self::with_capacity(quota, clock, MAX_KEYS)
    }

    fn with_capacity(quota: Quota, clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self { quota, clock, buckets: Mutex::new(Table::new(capacity)) }
    }

    /// How long `key` must wait before it may take one, `None` if not at all. Takes
    /// nothing.
    #[must_use]
    pub fn wait(&self, key: K) -> Option<Duration> {
        let now = nanos(self.clock.monotonic());
        let Until(full_at) = self.buckets.lock().get(&key, now).copied().unwrap_or_default();
        self.quota.take(full_at, now).err()
    }

    /// Takes one of `key`.
    ///
    /// # Errors
    /// How long to wait, when it has none left; nothing is taken then.
    pub fn consume(&self, key: K) -> Result<Charge<'_, K>, Duration> {
        let now = nanos(self.clock.monotonic());
        let mut buckets = self.buckets.lock();
        let Until(full_at) = buckets.get(&key, now).copied().unwrap_or_default();
        let after = self.quota.take(full_at, now)?;
        buckets.set(key, Until(after), now);
        Ok(Charge { taken: Some((self, key)) })
    }

    fn refund(&self, key: K) {
        let now = nanos(self.clock.monotonic());
        let mut buckets = self.buckets.lock();
        if let Some(&Until(full_at)) = buckets.get(&key, now) {
            buckets.set(key, Until(self.quota.give_back(full_at)), now);
        }
    }
}

impl<K: Copy + Eq + Hash> Charge<'_, K> {
    pub(crate) const NOTHING: Self = Self { taken: None };

    /// Gives it back. To be done well within the quota's `refill`: what was refilled
    /// meanwhile would count twice. No bucket ever holds more than its burst.
    pub fn refund(self) {
        if let Some((buckets, key)) = self.taken {
            buckets.refund(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};
    use proptest::prelude::*;

    const QUOTA: Quota = Quota { burst: 3, refill: Duration::from_secs(10) };

    fn buckets(capacity: usize) -> (Buckets<u32>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Buckets::with_capacity(QUOTA, clock.clone(), capacity), clock)
    }

    fn refusal(buckets: &Buckets<u32>, key: u32) -> Option<Duration> {
        buckets.consume(key).err()
    }

    #[test]
    fn a_burst_then_one_a_refill() {
        let (buckets, clock) = buckets(64);
        for _ in 0..3 {
            assert_eq!(buckets.wait(1), None);
            assert!(buckets.consume(1).is_ok());
        }
        assert_eq!(buckets.wait(1), Some(Duration::from_secs(10)));
        assert_eq!(refusal(&buckets, 1), Some(Duration::from_secs(10)));
        clock.advance(Duration::from_millis(9_999));
        assert_eq!(buckets.wait(1), Some(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert!(buckets.consume(1).is_ok());
        assert!(buckets.consume(1).is_err());
        assert!(buckets.consume(2).is_ok(), "another key is not touched");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let (buckets, clock) = buckets(64);
        let charges = [(); 3].map(|()| buckets.consume(1).unwrap());
        let [first, second, late] = charges;
        first.refund();
        assert!(buckets.consume(1).is_ok());
        assert_eq!(refusal(&buckets, 1), Some(Duration::from_secs(10)));
        clock.advance(Duration::from_secs(25));
        second.refund();
        assert_eq!(buckets.buckets.lock().len(), 0, "nothing is owed, nothing is kept");
        late.refund();
        for _ in 0..3 {
            assert!(buckets.consume(1).is_ok());
        }
        assert!(buckets.consume(1).is_err(), "no more than the burst");
    }

    #[test]
    fn memory_is_bounded_and_a_deep_debt_outlasts_a_flood() {
        let (buckets, _clock) = buckets(64);
        while buckets.consume(0).is_ok() {}
        for key in 1..10_000 {
            assert!(buckets.consume(key).is_ok());
            assert!(buckets.buckets.lock().len() <= 64);
        }
        assert!(buckets.wait(0).is_some());
    }

    proptest! {
        /// Whatever the pace: within any span, no more than the burst and what was
        /// refilled gets through, and looking agrees with taking.
        #[test]
        fn never_more_than_burst_and_refill(steps in proptest::collection::vec(0_u64..30_000, 1..200)) {
            let (buckets, clock) = buckets(64);
            let (mut elapsed, mut taken) = (0, 0);
            for step in steps {
                clock.advance(Duration::from_millis(step));
                elapsed += step;
                let wait = buckets.wait(1);
                let refusal = refusal(&buckets, 1);
                prop_assert_eq!(wait, refusal);
                taken += u64::from(refusal.is_none());
                prop_assert!(taken <= 3 + elapsed / 10_000);
            }
        }
    }
}
