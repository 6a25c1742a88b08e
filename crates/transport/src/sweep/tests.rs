use base::{ManualClock, Timestamp};
use bytes::Bytes;
use hub::{Budget, Policy};

use super::*;
use crate::frame;
use crate::stall::Watch;

/// A connection, swept while a clock is moved by hand.
struct Scene {
    heartbeat: Heartbeat,
    clock: Arc<ManualClock>,
    watch: Watch,
    limits: Limits,
}

impl Scene {
    fn new() -> Self {
        Self::of(false)
    }

    /// Of a peer that may stop reading on purpose.
    fn flow_controlled() -> Self {
        Self::of(true)
    }

    fn of(flow_controlled: bool) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let outbox = outbox(SPREAD, &clock);
        let heartbeat = Heartbeat::new(outbox, clock.clone(), flow_controlled);
        Self { heartbeat, clock, watch: Watch::default(), limits: Limits::default() }
    }

    /// What the sweep at `second` does, with the clock looked at every second until then.
    fn at(&mut self, second: u64) -> Swept {
        while self.clock.monotonic() < Duration::from_secs(second) {
            self.watch.look(self.clock.as_ref());
            self.clock.advance(Duration::from_secs(1));
        }
        self.late_at(second)
    }

    /// The same, if the server stands still until then.
    fn late_at(&mut self, second: u64) -> Swept {
        self.clock.advance(Duration::from_secs(second) - self.clock.monotonic());
        let (moment, _) = self.watch.look(self.clock.as_ref());
        self.heartbeat.sweep(moment, &self.limits)
    }
}

fn outbox(id: u64, clock: &Arc<ManualClock>) -> Arc<Outbox> {
    let policy = Policy {
        cap: 1_000,
        cut: CloseCode::TryAgainLater.because("too slow"),
        clock: clock.clone(),
        budget: Budget::new(usize::MAX).into(),
    };
    Arc::new(Outbox::new(id, None, &frame::WEBSOCKET, Arc::new(policy)))
}

/// What waits for the peer.
fn told(outbox: &Outbox) -> Vec<u8> {
    let mut told = Vec::new();
    outbox.drain(|buffers| {
        buffers.iter().for_each(|buffer| told.extend_from_slice(buffer));
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    });
    told
}

/// The peer takes a little of what waits for it.
fn take_one_byte(outbox: &Outbox) {
    let mut taken = false;
    outbox.drain(|_| match std::mem::replace(&mut taken, true) {
        false => Ok(1),
        true => Err(std::io::ErrorKind::WouldBlock.into()),
    });
}

#[test]
fn silence_is_pinged_and_then_taken_for_death() {
    let mut scene = Scene::new();
    scene.limits.blocked = Duration::MAX; // There is no peer to take the pings here.
    assert_eq!(scene.at(9), Swept::Fine);
    assert_eq!(scene.at(10), Swept::Pinged);
    assert_eq!(scene.at(11), Swept::Fine);
    assert_eq!(scene.at(20), Swept::Pinged);
    assert_eq!(scene.at(24), Swept::Fine);
    assert_eq!(scene.at(25), Swept::Silent);
    let status = scene.heartbeat.outbox().status();
    assert!(status.cut && !status.dead, "it is told why, should it only be asleep");
    let reason = "nothing was heard from you for 25 s: reconnect";
    let expected = frame::close(CloseCode::TryAgainLater, reason);
    assert_eq!(told(scene.heartbeat.outbox()), expected);
}

#[test]
fn silence_while_not_being_read_from_says_nothing() {
    let mut scene = Scene::new();
    scene.heartbeat.pause(true);
    assert_eq!(scene.at(60), Swept::Fine);
    scene.heartbeat.pause(false);
    assert_eq!(scene.at(69), Swept::Fine);
    assert_eq!(scene.at(70), Swept::Pinged);
}

#[test]
fn half_a_message_does_not_wait_for_ever() {
    let mut scene = Scene::new();
    scene.heartbeat.incomplete(true);
    for second in [9, 18, 27, 29] {
        assert_eq!(scene.at(second), Swept::Fine);
        scene.heartbeat.heard();
        scene.heartbeat.incomplete(true);
    }
    assert_eq!(scene.at(31), Swept::Unfinished);
    assert!(scene.heartbeat.outbox().status().closing);
}

#[test]
fn connections_opened_together_are_not_pinged_together() {
    let mut scene = Scene::new();
    let other = Heartbeat::new(outbox(SPREAD + 3, &scene.clock), scene.clock.clone(), false);
    assert_eq!(scene.at(10), Swept::Pinged);
    scene.heartbeat = other;
    assert_eq!(scene.at(12), Swept::Fine);
    assert_eq!(scene.at(13), Swept::Pinged);
}

#[test]
fn a_sign_of_life_starts_the_count_anew() {
    let mut scene = Scene::new();
    assert_eq!(scene.at(9), Swept::Fine);
    scene.heartbeat.heard();
    assert_eq!(scene.at(18), Swept::Fine);
    assert_eq!(scene.at(19), Swept::Pinged);
}

#[test]
fn a_peer_that_takes_nothing_is_cut_and_may_linger() {
    let mut scene = Scene::new();
    scene.heartbeat.outbox().send(&[Bytes::from_static(b"\x81\x00")]);
    assert_eq!(scene.at(9), Swept::Fine);
    assert_eq!(scene.at(10), Swept::Slow);
    assert!(scene.heartbeat.outbox().status().cut);
    assert_eq!(scene.at(11), Swept::Fine);
    assert_eq!(scene.at(39), Swept::Fine);
    assert_eq!(scene.at(40), Swept::Lingering);
    assert!(scene.heartbeat.outbox().status().dead);
}

#[test]
fn a_flow_controlled_peer_may_take_nothing_for_a_minute_and_is_not_silent_meanwhile() {
    let mut scene = Scene::flow_controlled();
    scene.heartbeat.outbox().send(&[Bytes::from_static(b"\x81\x00")]);
    for second in 1..=30 {
        assert_eq!(scene.at(second), Swept::Fine);
    }
    take_one_byte(scene.heartbeat.outbox());
    for second in 31..=89 {
        assert_eq!(scene.at(second), Swept::Fine);
    }
    assert_eq!(scene.at(90), Swept::Slow, "a minute after the last byte that it took");
    assert!(scene.heartbeat.outbox().status().cut);
}

#[test]
fn a_flow_controlled_peer_that_has_taken_everything_is_held_to_the_usual_silence() {
    let mut scene = Scene::flow_controlled();
    scene.limits.flow_blocked = Duration::MAX; // There is no peer to take the pings here.
    scene.heartbeat.outbox().send(&[Bytes::from_static(b"\x81\x00")]);
    assert_eq!(scene.at(40), Swept::Fine);
    told(scene.heartbeat.outbox());
    assert_eq!(scene.at(49), Swept::Fine);
    assert_eq!(scene.at(50), Swept::Pinged);
    told(scene.heartbeat.outbox());
    assert_eq!(scene.at(60), Swept::Pinged);
    told(scene.heartbeat.outbox());
    assert_eq!(scene.at(64), Swept::Fine);
    assert_eq!(scene.at(65), Swept::Silent);
}

// A server that stood still has heard nothing of what its peers did meanwhile: each
// dead-line starts afresh when it goes on, and is kept from then.

#[test]
fn after_a_stall_silence_starts_afresh() {
    let mut scene = Scene::new();
    scene.limits.blocked = Duration::MAX;
    assert_eq!(scene.at(9), Swept::Fine);
    assert_eq!(scene.late_at(60), Swept::Fine);
    assert_eq!(scene.at(69), Swept::Fine);
    assert_eq!(scene.at(70), Swept::Pinged);
    assert_eq!(scene.at(80), Swept::Pinged);
    assert_eq!(scene.at(84), Swept::Fine);
    assert_eq!(scene.at(85), Swept::Silent);
}

#[test]
fn after_a_stall_a_peer_that_takes_nothing_has_its_time_again() {
    let mut scene = Scene::new();
    assert_eq!(scene.at(1), Swept::Fine);
    scene.heartbeat.outbox().send(&[Bytes::from_static(b"\x81\x00")]);
    assert_eq!(scene.late_at(60), Swept::Fine);
    assert_eq!(scene.at(69), Swept::Fine);
    assert_eq!(scene.at(70), Swept::Slow);
}

#[test]
fn after_a_stall_the_rest_of_a_message_has_its_time_again() {
    let mut scene = Scene::new();
    assert_eq!(scene.at(1), Swept::Fine);
    scene.heartbeat.incomplete(true);
    assert_eq!(scene.late_at(60), Swept::Fine);
    for second in [69, 78, 87, 89] {
        assert_eq!(scene.at(second), Swept::Fine);
        scene.heartbeat.heard();
    }
    assert_eq!(scene.at(90), Swept::Unfinished);
}

#[test]
fn after_a_stall_a_closing_connection_has_its_time_again() {
    let mut scene = Scene::new();
    scene.heartbeat.outbox().finish(frame::close(CloseCode::GoingAway, ""));
    assert_eq!(scene.at(1), Swept::Fine);
    assert_eq!(scene.late_at(60), Swept::Fine);
    assert_eq!(scene.at(64), Swept::Fine);
    assert_eq!(scene.at(65), Swept::Lingering);
}

#[test]
fn a_stream_of_events_that_says_nothing_is_kept_alive() {
    let mut scene = Scene::new();
    let clock = scene.clock.clone();
    let policy = Policy {
        cap: 1_000,
        cut: CloseCode::TryAgainLater.because("too slow"),
        clock: clock.clone(),
        budget: Budget::new(usize::MAX).into(),
    };
    let outbox = Outbox::new(SPREAD + 3, None, &crate::EVENTS, Arc::new(policy));
    scene.heartbeat = Heartbeat::one_way(Arc::new(outbox), clock, false);
    scene.limits.blocked = Duration::from_secs(60);
    assert_eq!(scene.at(14), Swept::Fine);
    assert_eq!(scene.at(15), Swept::Pinged);
    assert_eq!(told(scene.heartbeat.outbox()), b":\n\n");
    scene.heartbeat.heard();
    assert_eq!(scene.at(29), Swept::Fine);
    assert_eq!(scene.at(30), Swept::Pinged);
    assert_eq!(scene.at(89), Swept::Pinged, "nor is its silence its death");
    assert_eq!(scene.at(90), Swept::Slow, "that it takes nothing is");
    assert!(told(scene.heartbeat.outbox()).ends_with(b": too slow\n\n"));
}
