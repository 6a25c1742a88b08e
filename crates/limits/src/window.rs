//! So many in any span of time, for each key: a sliding log, which is exact.
//!
//! When a place was taken is remembered for each place, so a whole span after the last one
//! all are free again; of a bucket with the same promise ([`Quota`](crate::Quota) with the
//! span as its refill), only one would be. That is why the places should be few.

use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;

use crate::gcra::nanos;
use crate::table::{Fades, MAX_KEYS, Table};

/// For each key, so many places in any span.
#[derive(Debug)]
pub struct Window<K> {
    limit: usize,
    span: u64,
    clock: Arc<dyn Clock>,
    logs: Mutex<Table<K, Log>>,
}

/// When each place that was taken is free again, the first one first. No more than there
/// are places.
#[derive(Debug, Default)]
struct Log(VecDeque<u64>);

impl Fades for Log {
    fn gone_at(&self) -> u64 {
        self.0.back().copied().unwrap_or(0)
    }
}

impl<K: Copy + Eq + Hash> Window<K> {
    /// `limit` places in each `span`, all free: none at all if it is 0. [`MAX_KEYS`] keys
    /// of which one is taken are remembered; beyond that, those whose places would be free
    /// first have them at once.
    #[must_use]
    pub fn new(limit: u32, span: Duration, clock: Arc<dyn Clock>) -> Self {
        Self::with_capacity(limit, span, clock, MAX_KEYS)
    }

    fn with_capacity(limit: u32, span: Duration, clock: Arc<dyn Clock>, capacity: usize) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, span: nanos(span), clock, logs: Mutex::new(Table::new(capacity)) }
    }

    /// How long `key` must wait until it may take a place, `None` if not at all. Takes
    /// nothing.
    #[must_use]
    pub fn wait(&self, key: K) -> Option<Duration> {
        let now = nanos(self.clock.monotonic());
        self.wait_by(self.logs.lock().get(&key, now), now)
    }

    /// Takes a place of `key`.
    ///
    /// # Errors
    /// How long to wait, when none is free; none is taken then.
    pub fn consume(&self, key: K) -> Result<(), Duration> {
        let now = nanos(self.clock.monotonic());
        let mut logs = self.logs.lock();
        if let Some(wait) = self.wait_by(logs.get(&key, now), now) {
            return Err(wait);
        }
        let Log(mut log) = logs.take(&key, now).unwrap_or_default();
        log.retain(|&free_at| free_at > now);
        log.push_back(now.saturating_add(self.span));
        logs.set(key, Log(log), now);
        Ok(())
    }

    fn wait_by(&self, log: Option<&Log>, now: u64) -> Option<Duration> {
        if self.limit == 0 {
            return Some(Duration::from_nanos(self.span));
        }
        let Log(log) = log?;
        // The first of those that must be free for less than `limit` to be taken.
        let free_at = log.iter().rev().nth(self.limit - 1)?;
        free_at.checked_sub(now).filter(|wait| *wait > 0).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};
    use proptest::prelude::*;

    const SPAN: Duration = Duration::from_secs(10);

    fn window(limit: u32, capacity: usize) -> (Window<u32>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Window::with_capacity(limit, SPAN, clock.clone(), capacity), clock)
    }

    #[test]
    fn a_span_after_the_last_one_all_are_free_again() {
        let (window, clock) = window(3, 64);
        for _ in 0..2 {
            for _ in 0..3 {
                assert_eq!(window.wait(1), None);
                assert_eq!(window.consume(1), Ok(()));
            }
            assert_eq!(window.wait(1), Some(SPAN));
            assert_eq!(window.consume(1), Err(SPAN));
            assert_eq!(window.wait(2), None, "another key is not touched");
            clock.advance(SPAN - Duration::from_millis(1));
            assert_eq!(window.consume(1), Err(Duration::from_millis(1)));
            clock.advance(Duration::from_millis(1));
        }
    }

    #[test]
    fn none_of_no_places_is_ever_free() {
        let (window, clock) = window(0, 64);
        assert_eq!(window.consume(1), Err(SPAN));
        clock.advance(SPAN);
        assert_eq!(window.wait(1), Some(SPAN));
    }

    #[test]
    fn memory_is_bounded_and_the_latest_is_never_lost() {
        let (window, _clock) = window(1, 64);
        for key in 0..10_000 {
            assert_eq!(window.consume(key), Ok(()));
            assert!(window.consume(key).is_err());
            assert!(window.logs.lock().len() <= 64);
        }
    }

    proptest! {
        /// Whatever the pace, it is as if everything that was let through were remembered
        /// and counted each time.
        #[test]
        fn as_if_all_were_remembered(
            limit in 1_u32..8,
            steps in proptest::collection::vec((0_u64..5_000, 0_u32..3), 1..300),
        ) {
            let (window, clock) = window(limit, 64);
            let mut taken: Vec<(u32, Duration)> = Vec::new();
            for (step, key) in steps {
                clock.advance(Duration::from_millis(step));
                let now = clock.monotonic();
                let lie_in_span = taken.iter().filter(|(of, at)| *of == key && *at + SPAN > now);
                let waits: Vec<Duration> = lie_in_span.map(|(_, at)| *at + SPAN - now).collect();
                let expected = (waits.len() >= limit as usize).then(|| waits[0]);
                prop_assert_eq!(window.wait(key), expected);
                prop_assert_eq!(window.consume(key).err(), expected);
                if expected.is_none() {
                    taken.push((key, now));
                }
            }
        }
    }
}
