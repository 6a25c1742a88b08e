//! Tries of a session's access code, from anywhere. A code of six digits withstands a few
//! guesses; after 20 wrong ones it is replaced, and the session takes tries slowly.
//!
//! Ours and not [`limits::Backoff`]: here a right try takes its turn too, and the hour runs
//! from the last time that it got worse, whatever comes after.

use std::time::Duration;

/// Wrong tries after which the code is replaced, and after which tries are taken more slowly.
const STEP: u32 = 20;

/// Between two tries after [`STEP`] wrong ones; twice as long after each further [`STEP`].
const FIRST_WAIT: Duration = Duration::from_secs(3);

/// The longest time between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long tries are taken slowly, and for how long wrong ones are remembered before that.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// The tries of one session. Times are those of the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Guessing {
    wrong: u32,
    /// When all is forgotten.
    until: Duration,
    /// Before, no try is taken.
    next: Duration,
}

/// What a wrong try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Counted,
    /// The code must be replaced.
    ReplaceCode,
}

impl Guessing {
    /// Whether a try is taken now.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn check(&self, now: Duration) -> Result<(), Duration> {
        let is_slow = self.wrong >= STEP && now < self.until;
        match self.next.checked_sub(now) {
            Some(wait) if is_slow && !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// A right try was taken.
    pub(crate) fn right(&mut self, now: Duration) {
        self.next = now + self.wait();
    }

    /// A wrong try was taken.
    pub(crate) fn wrong(&mut self, now: Duration) -> Wrong {
        if now >= self.until {
            *self = Self::default();
        }
        self.wrong = self.wrong.saturating_add(1);
        if self.wrong < STEP || self.wrong.is_multiple_of(STEP) {
            self.until = now + MEMORY;
        }
        self.next = now + self.wait();
        if self.wrong == STEP { Wrong::ReplaceCode } else { Wrong::Counted }
    }

    fn wait(&self) -> Duration {
        match (self.wrong / STEP).checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => (FIRST_WAIT * (1 << doublings.min(5))).min(LONGEST_WAIT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The first second at which a try is taken, from `now` on.
    fn taken(guessing: &Guessing, now: Duration) -> Duration {
        now + guessing.check(now).err().unwrap_or_default()
    }

    #[test]
    fn twenty_wrong_tries_replace_the_code_and_the_waits_double_to_a_minute() {
        let (mut guessing, mut now) = (Guessing::default(), SECOND);
        for _ in 1..20 {
            assert_eq!(guessing.wrong(now), Wrong::Counted);
            assert_eq!(guessing.check(now), Ok(()));
        }
        assert_eq!(guessing.wrong(now), Wrong::ReplaceCode);
        for wait in [3, 6, 12, 24, 48, 60, 60] {
            for _ in 0..20 {
                assert_eq!(taken(&guessing, now), now + wait * SECOND);
                now += wait * SECOND;
                assert_eq!(guessing.wrong(now), Wrong::Counted);
            }
        }
    }

    #[test]
    fn a_right_try_takes_its_turn_and_does_not_make_the_hour_longer() {
        let mut guessing = Guessing::default();
        for _ in 0..20 {
            guessing.wrong(Duration::ZERO);
        }
        let late = 3_590 * SECOND;
        assert_eq!(guessing.check(late), Ok(()));
        guessing.right(late);
        assert_eq!(guessing.check(late + SECOND), Err(2 * SECOND));
        guessing.right(3_599 * SECOND);
        assert_eq!(guessing.check(3_600 * SECOND), Ok(()), "the hour is over");
        for _ in 1..20 {
            assert_eq!(guessing.wrong(3_600 * SECOND), Wrong::Counted);
        }
        assert_eq!(guessing.wrong(3_600 * SECOND), Wrong::ReplaceCode);
    }

    #[test]
    fn a_few_wrong_tries_are_forgotten_after_an_hour() {
        let mut guessing = Guessing::default();
        for hour in 0..10 {
            for _ in 0..19 {
                assert_eq!(guessing.wrong(hour * 3_600 * SECOND), Wrong::Counted);
            }
        }
    }
}
