use std::sync::atomic::{AtomicUsize, Ordering};

use base::{ManualClock, Timestamp};

use super::state::COPIED_BELOW;
use super::*;

/// A peer that takes so many bytes and then blocks, or is gone.
#[derive(Debug, Default)]
struct Peer {
    got: Mutex<Vec<u8>>,
    room: AtomicUsize,
    gone: std::sync::atomic::AtomicBool,
    calls: AtomicUsize,
}

impl Peer {
    fn with_room(room: usize) -> Arc<Self> {
        Arc::new(Self { room: AtomicUsize::new(room), ..Self::default() })
    }

    fn got(&self) -> String {
        String::from_utf8(self.got.lock().clone()).unwrap()
    }
}

impl Sink for Peer {
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.gone.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut written = 0;
        for buffer in buffers {
            let take = buffer.len().min(self.room.load(Ordering::SeqCst));
            self.room.fetch_sub(take, Ordering::SeqCst);
            self.got.lock().extend_from_slice(&buffer[..take]);
            written += take;
        }
        if written == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(written) }
    }
}

/// Frames of these tests are three bytes long.
fn three(segment: &[u8], offset: usize) -> usize {
    offset.div_ceil(3).saturating_mul(3).min(segment.len())
}

static THREES: Framing = Framing {
    frame_end: three,
    close: |_, reason| Bytes::copy_from_slice(reason.as_bytes()),
    keep_alive: b"...",
};

fn policy(cap: usize, budget: usize) -> (Arc<Policy>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let policy = Policy {
        cap,
        cut: Close { code: 0, reason: "CUT" },
        clock: clock.clone(),
        budget: Budget::new(budget).into(),
    };
    (Arc::new(policy), clock)
}

fn outbox(cap: usize, peer: &Arc<Peer>) -> (Outbox, Arc<Policy>, Arc<ManualClock>) {
    let (policy, clock) = policy(cap, usize::MAX);
    let outbox = Outbox::new(1, None, &THREES, policy.clone());
    outbox.attach(peer.clone());
    (outbox, policy, clock)
}

fn drain(outbox: &Outbox, peer: &Peer) -> Drained {
    outbox.drain(|buffers| peer.try_write(buffers))
}

const A: Bytes = Bytes::from_static(b"aaa");
const B: Bytes = Bytes::from_static(b"bbb");
const C: Bytes = Bytes::from_static(b"ccc");

#[test]
fn what_fits_is_written_at_once_in_one_call() {
    let peer = Peer::with_room(100);
    let (outbox, policy, _) = outbox(100, &peer);
    assert_eq!(outbox.send(&[A, B]), Sent::Written);
    assert_eq!(peer.got(), "aaabbb");
    assert_eq!(peer.calls.load(Ordering::SeqCst), 1);
    assert_eq!((outbox.queued(), policy.budget.queued()), (0, 0));
}

#[test]
fn what_does_not_fit_waits_in_order() {
    let peer = Peer::with_room(4);
    let (outbox, policy, _) = outbox(100, &peer);
    assert_eq!(outbox.send(&[A, B]), Sent::Queued);
    assert_eq!(outbox.send(&[C]), Sent::Queued);
    assert_eq!((outbox.queued(), policy.budget.queued()), (5, 5));
    assert_eq!(drain(&outbox, &peer), Drained::Blocked);
    peer.room.store(100, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaabbbccc");
    assert_eq!((outbox.queued(), policy.budget.queued()), (0, 0));
    assert!(!outbox.status().pending);
}

#[test]
fn a_short_write_is_not_followed_by_another() {
    let peer = Peer::with_room(4);
    let (outbox, ..) = outbox(100, &peer);
    outbox.send(&[A, B]);
    assert_eq!(peer.calls.load(Ordering::SeqCst), 1);
}

#[test]
fn a_slow_peer_gets_whole_frames_and_then_the_cut() {
    let peer = Peer::with_room(4);
    let (outbox, policy, _) = outbox(8, &peer);
    assert_eq!(outbox.send(&[Bytes::from_static(b"aaabbbccc")]), Sent::Queued);
    assert_eq!(outbox.send(&[A, B]), Sent::Cut);
    assert_eq!(outbox.send(&[C]), Sent::Closed);
    assert_eq!(policy.budget.queued(), 5, "the rest of one frame and the cut");
    peer.room.store(100, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaabbbCUT");
    let status = outbox.status();
    assert!(status.closing && status.cut && !status.pending);
}

#[test]
fn a_cut_at_a_frame_boundary_repeats_nothing() {
    let peer = Peer::with_room(3);
    let (outbox, ..) = outbox(5, &peer);
    assert_eq!(outbox.send(&[Bytes::from_static(b"aaabbbcccddd")]), Sent::Cut);
    peer.room.store(100, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaaCUT");
}

#[test]
fn past_the_budget_the_larger_ones_are_cut() {
    let peer = Peer::with_room(0);
    let (policy, _) = policy(1 << 20, 100 * 1024);
    let large = Outbox::new(1, None, &THREES, policy.clone());
    let small = Outbox::new(2, None, &THREES, policy.clone());
    large.attach(peer.clone());
    small.attach(peer.clone());
    assert_eq!(large.send(&[vec![b'x'; 90 * 1024].into()]), Sent::Queued);
    assert_eq!(small.send(&[vec![b'x'; 20 * 1024].into()]), Sent::Queued);
    assert_eq!(large.send(&[A]), Sent::Cut);
    drop((large, small));
    assert_eq!(policy.budget.queued(), 0, "a dropped outbox gives its share back");
}

#[test]
fn the_last_frame_comes_after_everything_and_ends_it() {
    let peer = Peer::with_room(2);
    let (outbox, ..) = outbox(100, &peer);
    outbox.send(&[A]);
    outbox.finish(B);
    assert_eq!(outbox.send(&[C]), Sent::Closed);
    outbox.finish(C);
    peer.room.store(100, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaabbb");
    assert!(outbox.status().closing && !outbox.status().cut);
}

#[test]
fn volatile_frames_are_dropped_behind_anything() {
    let peer = Peer::with_room(4);
    let (outbox, ..) = outbox(100, &peer);
    assert!(outbox.send_volatile(&[A]));
    outbox.send(&[B]);
    assert!(!outbox.send_volatile(&[C]));
    peer.room.store(100, Ordering::SeqCst);
    drain(&outbox, &peer);
    assert_eq!(peer.got(), "aaabbb");
}

#[test]
fn time_blocked_counts_from_the_last_progress() {
    let peer = Peer::with_room(1);
    let (outbox, _, clock) = outbox(100, &peer);
    assert_eq!(outbox.blocked_for(clock.monotonic()), None);
    outbox.send(&[A]);
    clock.advance(Duration::from_secs(7));
    assert_eq!(outbox.blocked_for(clock.monotonic()), Some(Duration::from_secs(7)));
    peer.room.store(1, Ordering::SeqCst);
    drain(&outbox, &peer);
    assert_eq!(outbox.blocked_for(clock.monotonic()), Some(Duration::ZERO));
    peer.room.store(1, Ordering::SeqCst);
    drain(&outbox, &peer);
    assert_eq!(outbox.blocked_for(clock.monotonic()), None);
}

#[test]
fn a_peer_that_is_gone_takes_its_queue_along() {
    let peer = Peer::with_room(1);
    let (outbox, policy, _) = outbox(100, &peer);
    outbox.send(&[A]);
    peer.gone.store(true, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Dead);
    assert_eq!(outbox.send(&[A]), Sent::Closed);
    assert!(outbox.status().dead);
    assert_eq!(policy.budget.queued(), 0);
}

#[test]
fn without_a_sink_everything_waits_for_the_task() {
    let peer = Peer::with_room(100);
    let (policy, _) = policy(100, usize::MAX);
    let outbox = Outbox::new(1, None, &THREES, policy);
    assert_eq!(outbox.send(&[A]), Sent::Queued);
    assert!(!outbox.send_volatile(&[B]));
    outbox.attach(peer.clone());
    assert_eq!(outbox.send(&[C]), Sent::Queued, "never overtakes what waits");
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaaccc");
}

#[test]
fn volatile_frames_reach_a_peer_that_only_its_task_writes_to() {
    let peer = Peer::with_room(100);
    let (policy, _) = policy(100, usize::MAX);
    let outbox = Outbox::new(1, None, &THREES, policy);
    assert!(outbox.send_volatile(&[A]));
    assert!(!outbox.send_volatile(&[B]));
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaa");
}

#[test]
fn nothing_to_send_blocks_nobody() {
    let (policy, clock) = policy(100, usize::MAX);
    let outbox = Outbox::new(1, None, &THREES, policy);
    assert_eq!(outbox.send(&[]), Sent::Written);
    assert_eq!(outbox.send(&[Bytes::new()]), Sent::Written);
    clock.advance(Duration::from_secs(10));
    assert_eq!(outbox.blocked_for(clock.monotonic()), None);
}

#[test]
fn small_frames_that_wait_take_no_entry_each() {
    let peer = Peer::with_room(4);
    let (outbox, policy, _) = outbox(100_000, &peer);
    let mut expected = String::new();
    for number in 100..1_000 {
        let frame = number.to_string();
        outbox.send(&[Bytes::copy_from_slice(frame.as_bytes())]);
        expected.push_str(&frame);
    }
    assert_eq!(outbox.queued(), 2_700 - 4);
    assert!(outbox.state.lock().queue.len() < 3);
    peer.room.store(100_000, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!((peer.got(), policy.budget.queued()), (expected, 0));
}

#[test]
fn a_cut_finds_the_end_of_a_frame_among_joined_ones() {
    let peer = Peer::with_room(4);
    let (outbox, ..) = outbox(100, &peer);
    for frame in ["aaa", "bbb", "ccc", "ddd"] {
        outbox.send(&[Bytes::copy_from_slice(frame.as_bytes())]);
    }
    outbox.cut();
    peer.room.store(100, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaabbbCUT");
}

#[test]
fn more_segments_than_one_call_takes() {
    let peer = Peer::with_room(100_000);
    let (outbox, ..) = outbox(100_000, &peer);
    let segments: Vec<Bytes> = (0..200).map(|_| A).collect();
    assert_eq!(outbox.send(&segments), Sent::Written);
    assert_eq!(peer.got().len(), 600);
    assert_eq!(peer.calls.load(Ordering::SeqCst), 4);
}

#[test]
fn a_cut_for_another_reason_says_that_one() {
    let peer = Peer::with_room(4);
    let (outbox, ..) = outbox(100, &peer);
    outbox.send(&[A, B]);
    outbox.cut_with(Close { code: 0, reason: "GONE" });
    peer.room.store(100, Ordering::SeqCst);
    assert_eq!(drain(&outbox, &peer), Drained::Empty);
    assert_eq!(peer.got(), "aaabbbGONE");
    assert!(outbox.status().cut);
}

#[test]
fn a_peer_that_asks_takes_one_segment_at_a_time_in_order() {
    let (policy, clock) = policy(1_000, usize::MAX);
    let outbox = Outbox::new(1, None, &THREES, policy.clone());
    assert_eq!(outbox.take(), None);
    let long = Bytes::from(vec![b'x'; COPIED_BELOW]);
    outbox.send(&[long.clone(), A]);
    clock.advance(Duration::from_secs(7));
    assert_eq!(outbox.take(), Some(long));
    assert_eq!(outbox.blocked_for(clock.monotonic()), Some(Duration::ZERO));
    outbox.keep_alive();
    outbox.close(Close { code: 0, reason: "END" });
    let rest = [outbox.take(), outbox.take(), outbox.take()];
    let rest: Vec<u8> = rest.into_iter().flatten().flatten().collect();
    assert_eq!(rest, b"aaa...END");
    assert!(outbox.status().closing && !outbox.status().pending);
    assert_eq!(policy.budget.queued(), 0);
}

#[test]
fn each_peer_is_cut_off_in_its_own_framing() {
    static FIVES: Framing = Framing {
        frame_end: |segment, offset| offset.div_ceil(5).saturating_mul(5).min(segment.len()),
        close: |_, _| Bytes::from_static(b"!"),
        keep_alive: b".....",
    };
    let (policy, _) = policy(100, usize::MAX);
    let peers = [Peer::with_room(4), Peer::with_room(4)];
    let outboxes = [&THREES, &FIVES].map(|framing| Outbox::new(1, None, framing, policy.clone()));
    for (outbox, peer) in outboxes.iter().zip(&peers) {
        outbox.attach(peer.clone());
        outbox.send(&[Bytes::from_static(b"aaabbbcccdddeee")]);
        outbox.cut();
        peer.room.store(100, Ordering::SeqCst);
        assert_eq!(drain(outbox, peer), Drained::Empty);
    }
    assert_eq!([peers[0].got(), peers[1].got()], ["aaabbbCUT", "aaabb!"]);
}
