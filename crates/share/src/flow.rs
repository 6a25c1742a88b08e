//! The chunks of one transfer: which the server asks the sender for, which it holds, and which
//! the receiver has confirmed.
//!
//! Invariants: at most `window` chunks are asked for, held or unconfirmed at a time, and less
//! when all transfers together hold much ([`Held`]), but never less than one, so every
//! transfer gets on; chunks leave in the order of their numbers, each once; the end is the
//! lowest number that was given as the last one, and nothing else.
//!
//! Deliberately absent: sockets, sessions, and the meaning of a chunk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

/// Chunks that all transfers together ask ahead for: 256 MiB, if each is as long as it may
/// be. Beyond it, a transfer has one chunk under way.
pub(crate) const MAX_HELD: usize = 256 * 1024 * 1024 / (70 * 1024);

/// Chunks that all transfers have asked for, or hold.
#[derive(Debug, Default)]
pub(crate) struct Held(AtomicUsize);

impl Held {
    pub(crate) fn chunks(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The numbers of a chunk's journey, from 1.
#[derive(Debug)]
pub(crate) struct Flow {
    window: u32,
    /// The last number that was asked for.
    asked: u32,
    /// Asked for and not given.
    awaited: BTreeSet<u32>,
    /// Given and not passed on: one before it is missing, or the receiver has no room.
    given: BTreeMap<u32, Chunk>,
    /// Passed on and not confirmed, in order.
    passed: VecDeque<Passed>,
    /// The last number that was passed on.
    passed_up_to: u32,
    /// All up to this one are confirmed.
    confirmed: u32,
    last: Option<u32>,
    held: Arc<Held>,
    /// What this transfer counts for in `held`.
    counted: usize,
}

/// A chunk as its receiver gets it.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// The frame or event.
    pub(crate) frame: Bytes,
    /// Bytes that it carries.
    pub(crate) payload: u64,
}

#[derive(Debug)]
struct Passed {
    chunk: Chunk,
    confirmed: bool,
    /// It was passed to a socket that is gone, and is to be passed on once more.
    again: bool,
}

/// What became of a chunk that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Kept,
    /// It is beyond the end.
    Dropped,
}

/// A number that this step does not have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unexpected;

impl Flow {
    /// `window` is at least 1.
    pub(crate) fn new(window: u32, held: Arc<Held>) -> Self {
        Self {
            window,
            asked: 0,
            awaited: BTreeSet::new(),
            given: BTreeMap::new(),
            passed: VecDeque::new(),
            passed_up_to: 0,
            confirmed: 0,
            last: None,
            held,
            counted: 0,
        }
    }

    /// From now on with this window: the receiver is on another connection.
    pub(crate) fn set_window(&mut self, window: u32) {
        self.window = window;
    }

    /// The number to ask the sender for now, if there is room for its chunk.
    pub(crate) fn ask(&mut self) -> Option<u32> {
        let under_way = self.asked - self.confirmed;
        let has_room = under_way < self.window && (under_way == 0 || self.held.chunks() < MAX_HELD);
        if self.last.is_some() || !has_room {
            return None;
        }
        self.asked = self.asked.checked_add(1)?;
        self.awaited.insert(self.asked);
        self.recount();
        Some(self.asked)
    }

    /// Takes chunk `number`; `make` is only called for one that is kept.
    ///
    /// # Errors
    /// It was not asked for, or was given before.
    pub(crate) fn give(
        &mut self,
        number: u32,
        is_last: bool,
        make: impl FnOnce() -> Chunk,
    ) -> Result<Given, Unexpected> {
        if self.last.is_some_and(|last| number > last) {
            self.awaited.remove(&number);
            return Ok(Given::Dropped);
        }
        if !self.awaited.remove(&number) {
            return Err(Unexpected);
        }
        self.given.insert(number, make());
        if is_last {
            self.last = Some(number);
            self.given.split_off(&(number + 1));
        }
        Ok(Given::Kept)
    }

    /// The next chunk for the receiver, if it is there.
    pub(crate) fn next(&self) -> Option<&Chunk> {
        let again = self.passed.iter().find(|passed| passed.again).map(|passed| &passed.chunk);
        again.or_else(|| self.given.get(&(self.passed_up_to + 1)))
    }

    /// The same, as passed on now. One that is passed on once more carries nothing new.
    pub(crate) fn pass(&mut self) -> Option<Chunk> {
        if let Some(passed) = self.passed.iter_mut().find(|passed| passed.again) {
            passed.again = false;
            return Some(Chunk { payload: 0, ..passed.chunk.clone() });
        }
        let chunk = self.given.remove(&(self.passed_up_to + 1))?;
        self.passed_up_to += 1;
        let passed = Passed { chunk: chunk.clone(), confirmed: false, again: false };
        self.passed.push_back(passed);
        Some(chunk)
    }

    /// The receiver is on another socket: what it has not confirmed is passed on once more.
    pub(crate) fn pass_again(&mut self) {
        self.passed.iter_mut().for_each(|passed| passed.again = !passed.confirmed);
    }

    /// The receiver has `number`. One that it has confirmed before changes nothing.
    ///
    /// # Errors
    /// It was not passed on yet.
    pub(crate) fn confirm(&mut self, number: u32) -> Result<(), Unexpected> {
        if number == 0 || number > self.passed_up_to {
            return Err(Unexpected);
        }
        let position = number.checked_sub(self.confirmed + 1);
        if let Some(passed) = position.and_then(|at| self.passed.get_mut(at as usize)) {
            passed.confirmed = true;
            passed.again = false;
        }
        while self.passed.front().is_some_and(|passed| passed.confirmed) {
            self.passed.pop_front();
            self.confirmed += 1;
        }
        self.recount();
        Ok(())
    }

    /// The receiver has all that was passed on.
    pub(crate) fn confirm_all(&mut self) {
        self.confirmed = self.passed_up_to;
        self.passed.clear();
        self.recount();
    }

    /// Whether the receiver has not confirmed all that was passed on.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        !self.passed.is_empty()
    }

    /// Numbers that were asked for and not given, in order; none beyond the end.
    pub(crate) fn awaited(&self) -> impl Iterator<Item = u32> {
        let end = self.last.unwrap_or(u32::MAX);
        self.awaited.iter().copied().take_while(move |number| *number <= end)
    }

    /// Chunks that are asked for, held or unconfirmed.
    pub(crate) fn under_way(&self) -> usize {
        (self.asked - self.confirmed) as usize
    }

    /// All chunks up to the last one are here: nothing more is asked of the sender.
    pub(crate) fn is_given(&self) -> bool {
        self.last.is_some() && self.awaited().next().is_none()
    }

    /// The receiver has confirmed the last chunk.
    pub(crate) fn is_done(&self) -> bool {
        self.last == Some(self.confirmed)
    }

    fn recount(&mut self) {
        let now = self.under_way();
        if now > self.counted {
            self.held.0.fetch_add(now - self.counted, Ordering::Relaxed);
        } else {
            self.held.0.fetch_sub(self.counted - now, Ordering::Relaxed);
        }
        self.counted = now;
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.counted, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flow(window: u32) -> (Flow, Arc<Held>) {
        let held = Arc::new(Held::default());
        (Flow::new(window, held.clone()), held)
    }

    fn chunk(number: u32) -> Chunk {
        Chunk { frame: Bytes::from(number.to_string()), payload: 1 }
    }

    fn asked(flow: &mut Flow) -> Vec<u32> {
        std::iter::from_fn(|| flow.ask()).collect()
    }

    fn passed(flow: &mut Flow) -> Vec<Bytes> {
        std::iter::from_fn(|| flow.pass()).map(|chunk| chunk.frame).collect()
    }

    #[test]
    fn no_more_than_the_window_is_under_way_and_the_order_is_kept() {
        let (mut flow, held) = flow(3);
        assert_eq!(asked(&mut flow), [1, 2, 3]);
        assert_eq!(flow.give(2, false, || chunk(2)), Ok(Given::Kept));
        assert_eq!(flow.give(2, false, || chunk(2)), Err(Unexpected), "given before");
        assert_eq!(flow.give(4, false, || chunk(4)), Err(Unexpected), "not asked for");
        assert!(passed(&mut flow).is_empty());
        assert_eq!(flow.give(1, false, || chunk(1)), Ok(Given::Kept));
        assert_eq!(passed(&mut flow), ["1", "2"]);
        assert!(asked(&mut flow).is_empty());
        assert_eq!(flow.confirm(3), Err(Unexpected), "not passed on");
        flow.confirm(2).unwrap();
        assert!(asked(&mut flow).is_empty(), "1 is not confirmed");
        flow.confirm(1).unwrap();
        flow.confirm(1).unwrap();
        assert_eq!(asked(&mut flow), [4, 5]);
        assert_eq!(held.chunks(), 3);
        drop(flow);
        assert_eq!(held.chunks(), 0);
    }

    #[test]
    fn what_is_not_confirmed_is_passed_on_once_more_and_counts_once() {
        let (mut flow, _) = flow(4);
        for number in asked(&mut flow) {
            flow.give(number, false, || chunk(number)).unwrap();
        }
        flow.pass();
        flow.pass();
        flow.pass();
        flow.confirm(2).unwrap();
        flow.pass_again();
        let again = [flow.pass(), flow.pass(), flow.pass()].map(Option::unwrap);
        let payloads = again.clone().map(|chunk| chunk.payload);
        assert_eq!(again.map(|chunk| chunk.frame), ["1", "3", "4"]);
        assert_eq!(payloads, [0, 0, 1]);
        assert!(flow.is_unconfirmed() && flow.pass().is_none());
    }

    #[test]
    fn the_lowest_last_chunk_is_the_end_and_what_is_beyond_is_dropped() {
        let (mut flow, _) = flow(4);
        asked(&mut flow);
        assert_eq!(flow.give(4, true, || chunk(4)), Ok(Given::Kept));
        assert_eq!(flow.give(2, true, || chunk(2)), Ok(Given::Kept));
        assert_eq!(flow.give(3, true, || unreachable!()), Ok(Given::Dropped));
        assert_eq!(flow.give(99, true, || unreachable!()), Ok(Given::Dropped));
        assert_eq!(flow.awaited().collect::<Vec<_>>(), [1]);
        assert!(!flow.is_given());
        flow.give(1, false, || chunk(1)).unwrap();
        assert!(flow.is_given());
        assert_eq!(passed(&mut flow), ["1", "2"]);
        flow.confirm(1).unwrap();
        assert!(!flow.is_done());
        flow.confirm(2).unwrap();
        assert!(flow.is_done() && flow.ask().is_none());
    }

    #[test]
    fn when_much_is_held_each_transfer_has_one_chunk_under_way() {
        let (mut flow, held) = flow(8);
        held.0.store(MAX_HELD, Ordering::Relaxed);
        assert_eq!(asked(&mut flow), [1]);
        flow.give(1, false, || chunk(1)).unwrap();
        flow.pass();
        flow.confirm(1).unwrap();
        assert_eq!(asked(&mut flow), [2]);
    }

    proptest! {
        /// Whatever the order of events: every chunk up to the end is passed on once and in
        /// order, and the window holds.
        #[test]
        fn every_chunk_is_passed_on_once_and_in_order(
            window in 1_u32..10,
            end in 1_u32..40,
            steps in proptest::collection::vec((0_u8..4, 0_usize..10), 0..400),
        ) {
            let (mut flow, held) = flow(window);
            let (mut got, mut confirmed) = (Vec::new(), 0);
            let mut turn = |flow: &mut Flow, kind: u8, pick: usize| {
                match kind {
                    0 => { flow.ask(); }
                    1 => {
                        let awaited: Vec<_> = flow.awaited().collect();
                        if let Some(number) = awaited.get(pick % awaited.len().max(1)) {
                            flow.give(*number, *number >= end, || chunk(*number)).unwrap();
                        }
                    }
                    2 => got.extend(flow.pass().map(|chunk| chunk.frame)),
                    _ => if confirmed < got.len() as u32 {
                        confirmed += 1;
                        flow.confirm(confirmed).unwrap();
                    },
                }
                got.len()
            };
            for (kind, pick) in steps {
                turn(&mut flow, kind, pick);
                prop_assert!(held.chunks() <= window as usize);
            }
            for round in 0..1_000 {
                turn(&mut flow, (round % 4) as u8, round);
            }
            prop_assert!(flow.is_done());
            let expected: Vec<_> = (1..=end).map(|number| Bytes::from(number.to_string())).collect();
            prop_assert_eq!(got, expected);
        }
    }
}
