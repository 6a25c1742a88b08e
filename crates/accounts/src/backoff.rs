//! How long a name must wait after wrong passwords, whoever tried them.
//!
//! A name is what was typed: an email address or a username, folded, whether an
//! account has it or not. So an attempt costs the same and answers the same for
//! nobody's name, and failing with a person's username says nothing about which
//! address might be theirs. The price is that one account, having two names, can be
//! tried under each.
//!
//! An attempt is charged when it begins and forgiven when it succeeds: any number of
//! attempts at once are no more than the same number one after the other. Waits are
//! never for ever, and only those who try wait: sessions are not looked at here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;

use crate::secret::SecretHash;

/// Failures before a name has to wait.
pub(crate) const FREE_FAILURES: u32 = 5;

/// The waits after the fifth failure, the sixth, and every further one.
pub(crate) const WAITS: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(5 * 60), Duration::from_secs(60 * 60)];

/// Failures are forgotten this long after the last one, or after its wait.
pub(crate) const MEMORY: Duration = Duration::from_secs(30 * 60);

/// The most names that are remembered, some 100 bytes each; beyond it, the eighth
/// that would be forgotten first is forgotten now.
pub(crate) const MAX_NAMES: usize = 65_536;

/// The failures of every name.
#[derive(Debug)]
pub(crate) struct Backoff {
    clock: Arc<dyn Clock>,
    capacity: usize,
    names: Mutex<HashMap<SecretHash, Failures>>,
}

/// On the monotonic clock.
#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    blocked_until: Duration,
    forgotten_at: Duration,
}

impl Backoff {
    /// Nobody has failed.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, capacity: MAX_NAMES, names: Mutex::default() }
    }

    /// Begins an attempt under `name`, charged as a failure until
    /// [`forgive`](Self::forgive) or [`take_back`](Self::take_back).
    ///
    /// # Errors
    /// How long to wait; nothing is charged then.
    pub(crate) fn begin(&self, name: SecretHash) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let mut names = self.names.lock();
        let known = names.get(&name).filter(|failures| failures.forgotten_at > now);
        let count = known.map_or(0, |failures| failures.count);
        if let Some(wait) = known.and_then(|failures| failures.blocked_until.checked_sub(now))
            && !wait.is_zero()
        {
            return Err(wait);
        }
        if names.len() >= self.capacity && !names.contains_key(&name) {
            make_room(&mut names, now);
        }
        names.insert(name, Failures::new(count.saturating_add(1), now));
        Ok(())
    }

    /// The attempt succeeded: nothing is held against `name` any more.
    pub(crate) fn forgive(&self, name: SecretHash) {
        self.names.lock().remove(&name);
    }

    /// The attempt came to no end, through no fault of who tried.
    pub(crate) fn take_back(&self, name: SecretHash) {
        let now = self.clock.monotonic();
        let mut names = self.names.lock();
        if let Some(failures) = names.get_mut(&name) {
            match failures.count.checked_sub(1) {
                Some(left @ 1..) => {
                    *failures = Failures { blocked_until: now, ..Failures::new(left, now) };
                }
                _ => drop(names.remove(&name)),
            }
        }
    }
}

impl Failures {
    fn new(count: u32, now: Duration) -> Self {
        let step = count.checked_sub(FREE_FAILURES).map(|beyond| beyond as usize);
        let wait = step.map_or(Duration::ZERO, |step| WAITS[step.min(WAITS.len() - 1)]);
        let blocked_until = now + wait;
        Self { count, blocked_until, forgotten_at: blocked_until + MEMORY }
    }
}

/// Drops what is forgotten anyway, and if nothing was, the eighth nearest to it.
fn make_room(names: &mut HashMap<SecretHash, Failures>, now: Duration) {
    let full = names.len();
    names.retain(|_, failures| failures.forgotten_at > now);
    if names.len() < full {
        return;
    }
    let mut times: Vec<Duration> = names.values().map(|failures| failures.forgotten_at).collect();
    let (_, &mut bound, _) = times.select_nth_unstable(full / 8);
    let mut surplus = full / 8 + 1;
    names.retain(|_, failures| {
        let forget = failures.forgotten_at <= bound && surplus > 0;
        surplus -= usize::from(forget);
        !forget
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};

    const MINUTE: Duration = Duration::from_secs(60);

    fn world() -> (Backoff, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Backoff::new(clock.clone()), clock)
    }

    fn name(text: &str) -> SecretHash {
        SecretHash::of(text)
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_grows_to_an_hour() {
        let (backoff, clock) = world();
        let ann = name("ann");
        for _ in 0..FREE_FAILURES {
            assert_eq!(backoff.begin(ann), Ok(()));
        }
        for wait in [MINUTE, 5 * MINUTE, 60 * MINUTE, 60 * MINUTE, 60 * MINUTE] {
            assert_eq!(backoff.begin(ann), Err(wait));
            clock.advance(wait - Duration::from_millis(1));
            assert_eq!(backoff.begin(ann), Err(Duration::from_millis(1)), "trying does not add");
            clock.advance(Duration::from_millis(1));
            assert_eq!(backoff.begin(ann), Ok(()));
        }
        assert_eq!(backoff.begin(name("bob")), Ok(()), "others are not touched");
    }

    #[test]
    fn success_forgives_and_a_fault_of_ours_costs_nothing() {
        let (backoff, _clock) = world();
        let ann = name("ann");
        for _ in 0..FREE_FAILURES {
            backoff.begin(ann).unwrap();
        }
        backoff.take_back(ann);
        assert_eq!(backoff.begin(ann), Ok(()), "the fifth again");
        assert!(backoff.begin(ann).is_err());
        backoff.forgive(ann);
        for _ in 0..FREE_FAILURES {
            assert_eq!(backoff.begin(ann), Ok(()));
            backoff.take_back(ann);
        }
        assert!(backoff.names.lock().is_empty());
    }

    #[test]
    fn failures_are_forgotten_after_half_an_hour() {
        let (backoff, clock) = world();
        let ann = name("ann");
        for _ in 0..3 {
            for _ in 1..FREE_FAILURES {
                assert_eq!(backoff.begin(ann), Ok(()));
            }
            clock.advance(MEMORY);
        }
        for _ in 0..FREE_FAILURES {
            assert_eq!(backoff.begin(ann), Ok(()));
        }
        assert!(backoff.begin(ann).is_err());
    }

    #[test]
    fn memory_is_bounded_and_those_who_wait_outlast_a_flood() {
        let (mut backoff, _clock) = world();
        backoff.capacity = 64;
        let ann = name("ann");
        while backoff.begin(ann).is_ok() {}
        for n in 0..5_000 {
            backoff.begin(name(&n.to_string())).unwrap();
            assert!(backoff.names.lock().len() <= 64);
        }
        assert!(backoff.begin(ann).is_err());
    }
}
