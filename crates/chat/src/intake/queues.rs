//! The line of rooms with postings that wait, and what is taken from it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{Batch, Posting};

/// Postings stored in one transaction.
pub(super) const MAX_BATCH: usize = 256;

/// Postings of one room that go into a batch before every other room that waits has had its
/// turn.
pub(super) const ROOM_TURN: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Queues {
    /// Rooms with postings that have not been answered.
    pub(super) rooms: HashMap<i64, RoomQueue>,
    /// Of these, the rooms with postings that wait: first the one whose turn is next.
    pub(super) line: VecDeque<i64>,
    /// Postings that wait, of all rooms.
    pub(super) waiting: usize,
    pub(super) closed: bool,
    /// Since when there have been postings without a batch being answered, on the
    /// monotonic clock.
    pub(super) unanswered_since: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct RoomQueue {
    waiting: VecDeque<Posting>,
    /// Postings taken by a committer and not answered yet.
    taken: usize,
    in_line: bool,
}

impl Queues {
    pub(super) fn push(&mut self, room: i64, posting: Posting) {
        let queue = self.rooms.entry(room).or_default();
        queue.waiting.push_back(posting);
        if queue.taken == 0 && !std::mem::replace(&mut queue.in_line, true) {
            self.line.push_back(room);
        }
        self.waiting += 1;
    }

    pub(super) fn take(&mut self) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut places = HashMap::new();
        let mut left = MAX_BATCH;
        while left > 0
            && let Some(room) = self.line.pop_front()
        {
            let Some(queue) = self.rooms.get_mut(&room) else { continue };
            let count = queue.waiting.len().min(ROOM_TURN).min(left);
            let postings = queue.waiting.drain(..count);
            let place = *places.entry(room).or_insert(batches.len());
            match batches.get_mut(place) {
                Some(batch) => batch.postings.extend(postings),
                None => batches.push(Batch { room, postings: postings.collect() }),
            }
            queue.taken += count;
            self.waiting -= count;
            left -= count;
            queue.in_line = !queue.waiting.is_empty();
            if queue.in_line {
                self.line.push_back(room);
            }
        }
        batches
    }

    pub(super) fn take_room(&mut self) -> Option<Batch> {
        let room = self.line.pop_front()?;
        let queue = self.rooms.get_mut(&room)?;
        let count = queue.waiting.len().min(MAX_BATCH);
        let postings = queue.waiting.drain(..count).collect();
        (queue.taken, queue.in_line) = (count, false);
        self.waiting -= count;
        Some(Batch { room, postings })
    }

    pub(super) fn answered(&mut self, room: i64, count: usize) {
        let Some(queue) = self.rooms.get_mut(&room) else { return };
        queue.taken = queue.taken.saturating_sub(count);
        if queue.taken > 0 {
            return;
        }
        if queue.waiting.is_empty() {
            self.rooms.remove(&room);
        } else if !std::mem::replace(&mut queue.in_line, true) {
            self.line.push_back(room);
        }
    }
}
