use base::{ManualClock, Timestamp};
use bytes::Bytes;
use hub::{Budget, Policy};

use super::*;

fn line() -> (Line, Arc<ManualClock>, Limits) {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let policy = Policy {
        cap: 1_000,
        cut: frame::close(frame::CloseCode::TryAgainLater, ""),
        frame_end: frame::end_of_frame,
        clock: clock.clone(),
        budget: Budget::new(usize::MAX),
    };
    let outbox = Arc::new(Outbox::new(1, 1, Arc::new(policy)));
    (Line::new(outbox, clock.clone()), clock, Limits::default())
}

fn at(seconds: u64, line: &Line, clock: &ManualClock, limits: &Limits) -> Swept {
    clock.advance(Duration::from_secs(seconds) - clock.monotonic());
    line.sweep(clock.monotonic(), limits)
}

#[test]
fn silence_is_pinged_and_then_taken_for_death() {
    let (line, clock, mut limits) = line();
    limits.blocked = Duration::MAX; // There is no peer to take the pings here.
    assert_eq!(at(9, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(10, &line, &clock, &limits), Swept::Pinged);
    assert_eq!(at(11, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(20, &line, &clock, &limits), Swept::Pinged);
    assert_eq!(at(24, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(25, &line, &clock, &limits), Swept::Silent);
    assert!(line.outbox().status().dead);
}

#[test]
fn a_sign_of_life_starts_the_count_anew() {
    let (line, clock, limits) = line();
    assert_eq!(at(9, &line, &clock, &limits), Swept::Fine);
    line.heard();
    assert_eq!(at(18, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(19, &line, &clock, &limits), Swept::Pinged);
}

#[test]
fn a_peer_that_takes_nothing_is_cut_and_may_linger() {
    let (line, clock, limits) = line();
    line.outbox().send(&[Bytes::from_static(b"\x81\x00")]);
    assert_eq!(at(9, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(10, &line, &clock, &limits), Swept::Slow);
    assert!(line.outbox().status().cut);
    assert_eq!(at(11, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(15, &line, &clock, &limits), Swept::Fine);
    assert_eq!(at(16, &line, &clock, &limits), Swept::Lingering);
    assert!(line.outbox().status().dead);
}
