//! How long a key must wait after failures, from wherever they came.
//!
//! An attempt is charged as a failure when it begins, and what it was settles that: any
//! number of attempts at once get no further than the same number one after the other,
//! and a caller who hangs up before the end has paid. Waiting costs nothing more:
//! an attempt that is refused here is not counted.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;

use crate::gcra::nanos;
use crate::table::{Fades, MAX_KEYS, Table};

/// A wait that does not end: what is guarded has had all the tries it gets. It is held
/// in memory, as everything here: what must stay shut over a restart, or whatever
/// happens to [`MAX_KEYS`], is written down where it is kept.
pub const NEVER: Duration = Duration::MAX;

/// How the waits grow.
#[derive(Clone, Copy, Debug)]
pub struct Escalation {
    /// Failures until the first wait.
    pub free: u32,
    /// Failures more until the next one; at least 1.
    pub step: u32,
    /// The first wait, and those that follow; from the last one on it stays the same.
    pub waits: &'static [Duration],
    /// How long after the last failure, or after its wait, all are forgotten.
    pub memory: Duration,
}

impl Escalation {
    fn wait(&self, failures: u32) -> Duration {
        let Some(beyond) = failures.checked_sub(self.free) else { return Duration::ZERO };
        let step = usize::try_from(beyond / self.step.max(1)).unwrap_or(usize::MAX);
        self.waits.get(step).or(self.waits.last()).copied().unwrap_or_default()
    }
}

/// The failures of each key.
#[derive(Debug)]
pub struct Backoff<K> {
    escalation: Escalation,
    clock: Arc<dyn Clock>,
    keys: Mutex<Table<K, Failures>>,
}

/// In nanoseconds of the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    blocked_until: u64,
    forgotten_at: u64,
}

impl Fades for Failures {
    fn gone_at(&self) -> u64 {
        self.forgotten_at
    }
}

/// An attempt that has begun; charged as a failure unless it is settled otherwise.
#[derive(Debug)]
#[must_use = "dropped, it counts as a failure"]
pub struct Attempt<'a, K> {
    backoff: &'a Backoff<K>,
    key: K,
}

impl<K: Copy + Eq + Hash> Backoff<K> {
    /// No key has failed. [`MAX_KEYS`] that have are remembered.
    #[must_use]
    pub fn new(escalation: Escalation, clock: Arc<dyn Clock>) -> Self {
        Self::with_capacity(escalation, clock, MAX_KEYS)
    }

    fn with_capacity(escalation: Escalation, clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self { escalation, clock, keys: Mutex::new(Table::new(capacity)) }
    }

    /// Begins an attempt under `key`.
    ///
    /// # Errors
    /// How long to wait; nothing is charged then.
    pub fn begin(&self, key: K) -> Result<Attempt<'_, K>, Duration> {
        let now = self.now();
        let mut keys = self.keys.lock();
        let known = keys.get(&key, now).copied();
        if let Some(failures) = known
            && failures.blocked_until > now
        {
            return Err(Duration::from_nanos(failures.blocked_until - now));
        }
        let count = known.map_or(0, |failures| failures.count).saturating_add(1);
        keys.set(key, self.failures(count, now), now);
        drop(keys);
        Ok(Attempt { backoff: self, key })
    }

    /// Nothing is held against `key` any more.
    pub fn forgive(&self, key: K) {
        self.keys.lock().remove(&key);
    }

    fn failures(&self, count: u32, now: u64) -> Failures {
        let blocked_until = now.saturating_add(nanos(self.escalation.wait(count)));
        let forgotten_at = blocked_until.saturating_add(nanos(self.escalation.memory));
        Failures { count, blocked_until, forgotten_at }
    }

    fn now(&self) -> u64 {
        nanos(self.clock.monotonic())
    }
}

impl<K: Copy + Eq + Hash> Attempt<'_, K> {
    /// It succeeded: nothing is held against the key any more.
    pub fn succeeded(self) {
        self.backoff.forgive(self.key);
    }

    /// It failed. Returns how many failures of the key that makes.
    pub fn failed(self) -> u32 {
        let keys = self.backoff.keys.lock();
        keys.get(&self.key, self.backoff.now()).map_or(0, |failures| failures.count)
    }

    /// It was no failure, and says nothing about those before: it came to no end
    /// through no fault of the caller, say. As if it had not begun.
    pub fn withdraw(self) {
        let now = self.backoff.now();
        let mut keys = self.backoff.keys.lock();
        let Some(failures) = keys.get(&self.key, now).copied() else { return };
        match failures.count.saturating_sub(1) {
            0 => keys.remove(&self.key),
            left => {
                let blocked_until = now;
                keys.set(
                    self.key,
                    Failures { blocked_until, ..self.backoff.failures(left, now) },
                    now,
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};

    const MINUTE: Duration = Duration::from_secs(60);

    const ESCALATION: Escalation = Escalation {
        free: 5,
        step: 1,
        waits: &[MINUTE, Duration::from_secs(5 * 60), Duration::from_secs(60 * 60)],
        memory: Duration::from_secs(30 * 60),
    };

    fn backoff(capacity: usize) -> (Backoff<u32>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Backoff::with_capacity(ESCALATION, clock.clone(), capacity), clock)
    }

    /// An attempt that is never settled.
    fn hang_up(backoff: &Backoff<u32>, key: u32) -> Result<(), Duration> {
        backoff.begin(key).map(drop)
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_grows_to_an_hour() {
        let (backoff, clock) = backoff(64);
        for count in 1..=5 {
            assert_eq!(backoff.begin(1).unwrap().failed(), count);
        }
        for wait in [MINUTE, 5 * MINUTE, 60 * MINUTE, 60 * MINUTE, 60 * MINUTE] {
            assert_eq!(hang_up(&backoff, 1), Err(wait));
            clock.advance(wait - Duration::from_millis(1));
            let left = Duration::from_millis(1);
            assert_eq!(hang_up(&backoff, 1), Err(left), "trying does not add");
            clock.advance(left);
            assert_eq!(hang_up(&backoff, 1), Ok(()), "hanging up costs what failing does");
        }
        assert_eq!(hang_up(&backoff, 2), Ok(()), "others are not touched");
    }

    #[test]
    fn success_forgives_and_what_is_withdrawn_costs_nothing() {
        let (backoff, _clock) = backoff(64);
        for _ in 1..5 {
            hang_up(&backoff, 1).unwrap();
        }
        backoff.begin(1).unwrap().withdraw();
        assert_eq!(hang_up(&backoff, 1), Ok(()), "the fifth again");
        assert!(hang_up(&backoff, 1).is_err());
        backoff.forgive(1);
        for _ in 0..5 {
            backoff.begin(1).unwrap().withdraw();
        }
        for _ in 0..50 {
            backoff.begin(1).unwrap().succeeded();
        }
        assert_eq!(backoff.keys.lock().len(), 0);
    }

    #[test]
    fn failures_are_forgotten_after_half_an_hour() {
        let (backoff, clock) = backoff(64);
        for _ in 0..3 {
            for _ in 0..4 {
                assert_eq!(hang_up(&backoff, 1), Ok(()));
            }
            clock.advance(ESCALATION.memory);
        }
        for _ in 0..5 {
            assert_eq!(hang_up(&backoff, 1), Ok(()));
        }
        assert!(hang_up(&backoff, 1).is_err());
    }

    #[test]
    fn memory_is_bounded_and_those_who_wait_outlast_a_flood() {
        let (backoff, _clock) = backoff(64);
        while hang_up(&backoff, 0).is_ok() {}
        for key in 1..5_000 {
            hang_up(&backoff, key).unwrap();
            assert!(backoff.keys.lock().len() <= 64);
        }
        assert!(hang_up(&backoff, 0).is_err());
    }
}
