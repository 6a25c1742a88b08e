use base::{ManualClock, Timestamp};
use bytes::Bytes;
use hub::{Budget, Policy};

use super::*;

fn heartbeat() -> (Heartbeat, Arc<ManualClock>, Limits) {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let policy = Policy {
        cap: 1_000,
        cut: frame::close(frame::CloseCode::TryAgainLater, ""),
        frame_end: frame::end_of_frame,
        clock: clock.clone(),
        budget: Budget::new(usize::MAX).into(),
    };
    let outbox = Arc::new(Outbox::new(SPREAD, 1, Arc::new(policy)));
    (Heartbeat::new(outbox, clock.clone()), clock, Limits::default())
}

fn at(seconds: u64, heartbeat: &Heartbeat, clock: &ManualClock, limits: &Limits) -> Swept {
    clock.advance(Duration::from_secs(seconds) - clock.monotonic());
    heartbeat.sweep(clock.monotonic(), limits)
}

#[test]
fn silence_is_pinged_and_then_taken_for_death() {
    let (heartbeat, clock, mut limits) = heartbeat();
    limits.blocked = Duration::MAX; // There is no peer to take the pings here.
    assert_eq!(at(9, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(10, &heartbeat, &clock, &limits), Swept::Pinged);
    assert_eq!(at(11, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(20, &heartbeat, &clock, &limits), Swept::Pinged);
    assert_eq!(at(24, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(25, &heartbeat, &clock, &limits), Swept::Silent);
    let status = heartbeat.outbox().status();
    assert!(status.cut && !status.dead, "it is told why, should it only be asleep");
}

#[test]
fn silence_while_not_being_read_from_says_nothing() {
    let (heartbeat, clock, limits) = heartbeat();
    heartbeat.pause(true);
    assert_eq!(at(60, &heartbeat, &clock, &limits), Swept::Fine);
    heartbeat.pause(false);
    assert_eq!(at(69, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(70, &heartbeat, &clock, &limits), Swept::Pinged);
}

#[test]
fn half_a_message_does_not_wait_for_ever() {
    let (heartbeat, clock, limits) = heartbeat();
    heartbeat.incomplete(true);
    for second in [9, 18, 27, 29] {
        assert_eq!(at(second, &heartbeat, &clock, &limits), Swept::Fine);
        heartbeat.heard();
        heartbeat.incomplete(true);
    }
    assert_eq!(at(31, &heartbeat, &clock, &limits), Swept::Unfinished);
    assert!(heartbeat.outbox().status().closing);
}

#[test]
fn connections_opened_together_are_not_pinged_together() {
    let (first, clock, limits) = heartbeat();
    let policy = Arc::new(Policy {
        cap: 1_000,
        cut: Bytes::new(),
        frame_end: frame::end_of_frame,
        clock: clock.clone(),
        budget: Budget::new(usize::MAX).into(),
    });
    let other = Heartbeat::new(Arc::new(Outbox::new(SPREAD + 3, 1, policy)), clock.clone());
    assert_eq!(at(10, &first, &clock, &limits), Swept::Pinged);
    assert_eq!(at(12, &other, &clock, &limits), Swept::Fine);
    assert_eq!(at(13, &other, &clock, &limits), Swept::Pinged);
}

#[test]
fn a_sign_of_life_starts_the_count_anew() {
    let (heartbeat, clock, limits) = heartbeat();
    assert_eq!(at(9, &heartbeat, &clock, &limits), Swept::Fine);
    heartbeat.heard();
    assert_eq!(at(18, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(19, &heartbeat, &clock, &limits), Swept::Pinged);
}

#[test]
fn a_peer_that_takes_nothing_is_cut_and_may_linger() {
    let (heartbeat, clock, limits) = heartbeat();
    heartbeat.outbox().send(&[Bytes::from_static(b"\x81\x00")]);
    assert_eq!(at(9, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(10, &heartbeat, &clock, &limits), Swept::Slow);
    assert!(heartbeat.outbox().status().cut);
    assert_eq!(at(11, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(39, &heartbeat, &clock, &limits), Swept::Fine);
    assert_eq!(at(40, &heartbeat, &clock, &limits), Swept::Lingering);
    assert!(heartbeat.outbox().status().dead);
}
