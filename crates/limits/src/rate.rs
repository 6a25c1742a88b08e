//! So many units a second, for each key, where what has come cannot be refused: bytes.
//!
//! What is more than the rate allows is a debt, and the answer is how long a pause pays it.
//! A second's worth may come at once, so that small things never pause: a caller who keeps
//! the pauses has in any span no more than the span's worth, a second's, and what was
//! charged last.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;

use crate::gcra::{MAX_SPAN, nanos};
use crate::table::{MAX_KEYS, Table, Until};

/// What may come at once without a pause, in time.
const AT_ONCE: u64 = NANOS_A_SECOND;

const NANOS_A_SECOND: u64 = 1_000_000_000;

/// For each key, so many units a second. For one thing, the key is `()`.
#[derive(Debug)]
pub struct Rate<K> {
    /// 0 if there is no limit.
    per_second: u64,
    clock: Arc<dyn Clock>,
    /// When what was charged is worked off.
    keys: Mutex<Table<K, Until>>,
}

impl<K: Copy + Eq + Hash> Rate<K> {
    /// `per_second` units a second; 0 is no limit, and no pause is ever called for. No key
    /// owes anything. [`MAX_KEYS`] that do are remembered.
    #[must_use]
    pub fn new(per_second: u64, clock: Arc<dyn Clock>) -> Self {
        Self::with_capacity(per_second, clock, MAX_KEYS)
    }

    fn with_capacity(per_second: u64, clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self { per_second, clock, keys: Mutex::new(Table::new(capacity)) }
    }

    /// How long `key` must pause for what it was charged, zero if not at all.
    #[must_use]
    pub fn wait(&self, key: K) -> Duration {
        if self.per_second == 0 {
            return Duration::ZERO;
        }
        let now = nanos(self.clock.monotonic());
        let known = self.keys.lock().get(&key, now).copied();
        pause(known.unwrap_or_default(), now)
    }

    /// Charges `key` for `units` that have come, and says how long it must pause now.
    pub fn charge(&self, key: K, units: u64) -> Duration {
        if self.per_second == 0 {
            return Duration::ZERO;
        }
        let now = nanos(self.clock.monotonic());
        let span = u128::from(units) * u128::from(NANOS_A_SECOND) / u128::from(self.per_second);
        // Bounded: a time that stopped at the end of the clock would never be reached.
        let span = u64::try_from(span).unwrap_or(MAX_SPAN).min(MAX_SPAN);
        let mut keys = self.keys.lock();
        let Until(worked_off) = keys.get(&key, now).copied().unwrap_or_default();
        let after = Until(worked_off.max(now).saturating_add(span));
        keys.set(key, after, now);
        pause(after, now)
    }
}

fn pause(Until(worked_off): Until, now: u64) -> Duration {
    Duration::from_nanos(worked_off.saturating_sub(now).saturating_sub(AT_ONCE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(per_second: u64, capacity: usize) -> (Rate<u32>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Rate::with_capacity(per_second, clock.clone(), capacity), clock)
    }

    #[test]
    fn a_seconds_worth_at_once_and_then_a_pause_for_what_is_more() {
        let (rate, clock) = rate(1_000, 64);
        assert_eq!(rate.charge(1, 1_000), Duration::ZERO);
        assert_eq!(rate.charge(1, 3_000), 3 * SECOND, "a debt: what has come has come");
        assert_eq!(rate.charge(2, 500), Duration::ZERO, "another key is not touched");
        clock.advance(SECOND);
        assert_eq!(rate.wait(1), 2 * SECOND);
        clock.advance(2 * SECOND);
        assert_eq!(rate.wait(1), Duration::ZERO);
        assert_eq!(rate.charge(1, 100), SECOND / 10);
        clock.advance(60 * SECOND);
        assert_eq!(rate.charge(1, 1_000), Duration::ZERO, "more than a second is not saved up");
        assert_eq!(rate.charge(1, 1), SECOND / 1_000);
    }

    #[test]
    fn no_limit_is_no_pause() {
        let (rate, _clock) = rate(0, 64);
        assert_eq!(rate.charge(1, u64::MAX), Duration::ZERO);
        assert_eq!(rate.wait(1), Duration::ZERO);
        assert_eq!(rate.keys.lock().len(), 0);
    }

    #[test]
    fn a_debt_without_end_neither_wraps_nor_panics() {
        let (rate, clock) = rate(1, 64);
        for _ in 0..3 {
            assert!(rate.charge(1, u64::MAX) > Duration::from_secs(1 << 32));
        }
        clock.advance(Duration::from_secs(365 * 86_400));
        assert!(rate.wait(1) > Duration::from_secs(1 << 32));
    }

    #[test]
    fn memory_is_bounded_and_a_deep_debt_outlasts_a_flood() {
        let (rate, _clock) = rate(1_000, 64);
        rate.charge(0, 1_000_000);
        for key in 1..10_000 {
            rate.charge(key, 1_000);
            assert!(rate.keys.lock().len() <= 64);
        }
        assert!(rate.wait(0) > Duration::ZERO);
    }

    proptest! {
        /// A caller who keeps the pauses has, from any charge to any other, no more than
        /// the rate allows, a second's worth, and the last charge.
        #[test]
        fn pauses_keep_the_rate(steps in proptest::collection::vec((0_u64..3_000, 0_u64..2_000), 1..100)) {
            const PER_SECOND: u64 = 1_000;
            let (rate, clock) = rate(PER_SECOND, 64);
            let mut charges: Vec<(Duration, u64)> = Vec::new();
            for (units, idle) in steps {
                clock.advance(Duration::from_millis(idle) + rate.wait(1));
                prop_assert_eq!(rate.wait(1), Duration::ZERO);
                let pause = rate.charge(1, units);
                prop_assert_eq!(rate.wait(1), pause);
                let now = clock.monotonic();
                let mut sum = 0;
                for (at, before) in charges.iter().rev() {
                    sum += before;
                    let allowed = ((now - *at) + SECOND).as_millis() as u64 * PER_SECOND / 1_000;
                    prop_assert!(sum <= allowed, "{sum} in {:?}", now - *at);
                }
                charges.push((now, units));
            }
        }
    }
}
