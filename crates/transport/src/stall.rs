//! Notices that the server itself stood still: stopped, suspended, or on a host that
//! gave it no time.
//!
//! While it stands still no peer is read from or written to, so nothing that passed
//! meanwhile says anything about a peer: what peers sent waits in the sockets, or is
//! still being sent again. Whatever is counted in time starts afresh afterwards.
//!
//! Deliberately absent: telling a stall from a wall clock that was set. On Linux the
//! monotonic clock stops while the machine is suspended, and only the wall clock shows
//! it; a clock that was set forward gives silent peers a little longer, once.

use std::time::Duration;

use base::{Clock, Timestamp};

/// Two sweeps, which are a second apart by rights, that are further apart than this mean
/// a stall. Less does no harm: a peer is pinged by 14 s, so with the ping late and the
/// pong read late, each by this much, it has been heard from before 25 s.
const LATE: Duration = Duration::from_secs(4);

/// When the last sweep was.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    last: Option<(Duration, Timestamp)>,
    running_since: u64,
}

/// A moment, for rules that end what has lasted too long. In milliseconds of the
/// monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) now: u64,
    /// The end of the last stall.
    running_since: u64,
}

impl Watch {
    /// Looks at the clock for a sweep. Also returns for how long the server stood still
    /// before it, if it did.
    pub(crate) fn look(&mut self, clock: &dyn Clock) -> (Moment, Option<Duration>) {
        let (monotonic, wall) = (clock.monotonic(), clock.now());
        let now = millis(monotonic);
        let gap = self.last.replace((monotonic, wall)).map(|(then, then_wall)| {
            let by_wall = u64::try_from(wall.0.saturating_sub(then_wall.0)).unwrap_or(0);
            monotonic.saturating_sub(then).max(Duration::from_millis(by_wall))
        });
        let stalled = gap.filter(|gap| *gap > LATE);
        if stalled.is_some() {
            self.running_since = now;
        }
        (Moment { now, running_since: self.running_since }, stalled)
    }
}

impl Moment {
    /// The time that has passed since `then`, as far as the server was running all the
    /// while.
    pub(crate) fn since(self, then: u64) -> u64 {
        self.now.saturating_sub(then.max(self.running_since))
    }

    /// The time for which the server has been running since its last stall, if any.
    pub(crate) fn running(self) -> Duration {
        Duration::from_millis(self.now.saturating_sub(self.running_since))
    }
}

pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Both readings, in milliseconds, set apart from each other.
    #[derive(Debug, Default)]
    struct TwoClocks {
        monotonic: AtomicU64,
        wall: AtomicU64,
    }

    impl TwoClocks {
        fn pass(&self, monotonic: u64, wall: i64) {
            self.monotonic.fetch_add(monotonic, Ordering::Relaxed);
            self.wall.fetch_add(wall.cast_unsigned(), Ordering::Relaxed);
        }
    }

    impl Clock for TwoClocks {
        fn now(&self) -> Timestamp {
            Timestamp(self.wall.load(Ordering::Relaxed).cast_signed())
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.monotonic.load(Ordering::Relaxed))
        }
    }

    /// For how long a stall is seen, and how much of 60 s before it still counts.
    fn after(monotonic: u64, wall: i64) -> (Option<u64>, u64) {
        let (clock, mut watch) = (TwoClocks::default(), Watch::default());
        for _ in 0..60 {
            assert_eq!(watch.look(&clock).1, None);
            clock.pass(1_000, 1_000);
        }
        watch.look(&clock);
        clock.pass(monotonic, wall);
        let (moment, stalled) = watch.look(&clock);
        (stalled.map(millis), moment.since(0))
    }

    #[test]
    fn a_sweep_in_time_or_a_little_late_counts_everything() {
        assert_eq!(after(1_000, 1_000), (None, 61_000));
        assert_eq!(after(4_000, 4_000), (None, 64_000));
    }

    #[test]
    fn a_stopped_process_starts_afresh() {
        assert_eq!(after(40_000, 40_000), (Some(40_000), 0));
    }

    #[test]
    fn a_suspended_machine_shows_by_the_wall_clock_alone() {
        assert_eq!(after(1_000, 3_600_000), (Some(3_600_000), 0));
    }

    #[test]
    fn a_wall_clock_set_back_is_no_stall() {
        assert_eq!(after(1_000, -3_600_000), (None, 61_000));
    }
}
