//! Time as a parameter.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC. The form in which times are stored
/// and sent; every supported database keeps it exactly as a BIGINT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This time plus `span`; saturates instead of wrapping.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This time minus `span`; saturates instead of wrapping.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }
}

impl Timestamp {
    /// Whether this time is so far ahead of `now` ([`MAX_AHEAD`]) that it was noted while
    /// the clock was wrong.
    #[must_use]
    pub fn is_ahead_of(self, now: Self) -> bool {
        self > now.plus(MAX_AHEAD)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Where the time comes from.
pub trait Clock: Send + Sync + Debug {
    /// The wall clock: for what is stored or shown. May jump.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary start, never going back: for idle and dead-line
    /// rules, so that a corrected wall clock does not cut every connection.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::monotonic`] starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A wall clock before 1970 is a broken machine; zero is as good as any.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(millis(since))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// How far ahead of now a time that was noted may be and still be believed: clocks of
/// several servers differ, and a clock that is set right goes back a little. What is
/// further ahead was noted while the clock was wrong.
pub const MAX_AHEAD: Duration = Duration::from_secs(60);

/// A step of the wall clock that is no longer setting it right.
const LEAST_JUMP: i64 = 5_000;

/// Tells jumps of the wall clock by comparing it with the monotonic one.
#[derive(Debug)]
pub struct ClockWatch {
    wall: Timestamp,
    monotonic: Duration,
}

/// How far the wall clock jumped: back if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump(i64);

impl Jump {
    /// In milliseconds.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }
}

impl ClockWatch {
    /// Watches `clock` from now on.
    #[must_use]
    pub fn new(clock: &dyn Clock) -> Self {
        Self { wall: clock.now(), monotonic: clock.monotonic() }
    }

    /// Whether `clock` jumped by 5 s or more since it was asked last. To be asked every
    /// few seconds: a clock that only goes at another pace adds up otherwise.
    pub fn jump(&mut self, clock: &dyn Clock) -> Option<Jump> {
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        let expected = self.wall.plus(monotonic.saturating_sub(self.monotonic));
        *self = Self { wall, monotonic };
        let jump = wall.0.saturating_sub(expected.0);
        (jump.saturating_abs() >= LEAST_JUMP).then_some(Jump(jump))
    }
}

/// A clock that a test moves by hand. Both readings advance together, unless the wall
/// clock is made to jump.
#[derive(Debug)]
pub struct ManualClock {
    start: AtomicI64,
    elapsed: AtomicI64,
}

impl ManualClock {
    /// A clock standing at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { start: AtomicI64::new(start.0), elapsed: AtomicI64::new(0) }
    }

    /// Moves the wall clock alone by `millis`, back if negative, as when it is set.
    pub fn jump(&self, millis: i64) {
        self.start.fetch_add(millis, Ordering::SeqCst);
    }

    /// Moves both readings forward by `span`.
    pub fn advance(&self, span: Duration) {
        self.elapsed.fetch_add(millis(span), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let (start, elapsed) = (&self.start, &self.elapsed);
        Timestamp(start.load(Ordering::SeqCst).saturating_add(elapsed.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.elapsed.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new(Timestamp(1_000));
        assert_eq!(clock.now(), Timestamp(1_000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3_000));
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
    }

    #[test]
    fn a_jump_is_the_wall_clocks_alone_and_told_once() {
        let clock = ManualClock::new(Timestamp(1_000_000));
        let mut watch = ClockWatch::new(&clock);
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(watch.jump(&clock), None, "that is time passing");
        clock.jump(86_400_000);
        clock.advance(Duration::from_secs(1));
        assert_eq!(watch.jump(&clock), Some(Jump(86_400_000)));
        assert_eq!(watch.jump(&clock), None);
        clock.jump(-86_400_000);
        assert_eq!(watch.jump(&clock), Some(Jump(-86_400_000)));
        clock.jump(4_999);
        assert_eq!(watch.jump(&clock), None, "it was set right");
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp(i64::MAX).plus(Duration::MAX), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5).minus(Duration::from_millis(7)), Timestamp(-2));
    }
}
