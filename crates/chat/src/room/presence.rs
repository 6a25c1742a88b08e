//! Telling a large room who came and who went.
//!
//! One frame a change is quadratic: when 5,000 of 10,000 vanish, 25 million frames go out,
//! and messages wait behind them. Above [`LARGE_ROOM`] people, changes are collected and told
//! every [`INTERVAL`]: to clients that take the newest state as that, to clients that are
//! promised each departure as such frames, some at a time. What waits here is behind every
//! message that was published before it is told.
//!
//! Invariants: after the last change was told, every client knows who is here, as far as
//! its dialect has words for it. A person who left and came back before it was told never
//! left for clients that are told each departure. Arrivals are told to these at once, before
//! anything that the person says.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Vital};
use hub::{Op, Presence};
use tokio::time::sleep;

use super::{MAX_NAMES, Room, State, to_all};
use crate::dialect::{self, Frames, PresenceState};

/// Up to so many people in the room, each change is told at once.
const LARGE_ROOM: usize = 200;

/// How often changes are told in a larger room.
const INTERVAL: Duration = Duration::from_millis(400);

/// Names of changes in one frame. After more of them the names are owed as a whole list.
const MAX_CHANGES: usize = 64;

/// How often the whole list of names is told at most: it is long.
const LIST_INTERVAL: Duration = Duration::from_secs(5);

/// Departures told at once to clients that are told each: some 20 KB for each of them, so
/// that messages wait for one such frame at most.
const DEPARTURES_AT_ONCE: usize = 512;

/// The changes that have not been told yet.
#[derive(Debug, Default)]
pub(super) struct PendingPresence {
    /// For those who are told the newest state: who changed since it was last told, and
    /// whether they are here.
    changed: HashMap<AccountId, Change>,
    /// For those who are told each departure: who left, the longest gone first. Who came back
    /// is not in `left`.
    order: VecDeque<AccountId>,
    left: HashMap<AccountId, Arc<str>>,
    /// The names were not told although they changed.
    owed: bool,
    listed: Option<Duration>,
}

#[derive(Debug)]
struct Change {
    name: Arc<str>,
    is_here: bool,
}

impl PendingPresence {
    /// `account` has come; what is to be told at once.
    pub(super) fn arrived(
        &mut self,
        account: AccountId,
        name: &Arc<str>,
        presence: &Presence,
    ) -> Option<Op> {
        let count = presence.count();
        if self.tells_at_once(count) {
            return Some(to_all(dialect::join(name, count)));
        }
        self.changed.insert(account, Change { name: name.clone(), is_here: true });
        let unheard = self.left.remove(&account).is_none();
        unheard.then(|| to_all(dialect::arrival(name, count)))
    }

    /// `account` has gone; what is to be told at once.
    pub(super) fn departed(
        &mut self,
        account: AccountId,
        name: &Arc<str>,
        presence: &Presence,
    ) -> Option<Op> {
        let count = presence.count();
        if self.tells_at_once(count) {
            return Some(to_all(dialect::leave(name, count)));
        }
        self.changed.insert(account, Change { name: name.clone(), is_here: false });
        if self.left.insert(account, name.clone()).is_none() {
            self.order.push_back(account);
        }
        None
    }

    /// Whether there is something to tell.
    pub(super) fn is_waiting(&self) -> bool {
        !self.changed.is_empty() || !self.left.is_empty() || self.owed
    }

    /// Also a room that has become small tells what waits first: changes keep their order.
    fn tells_at_once(&self, count: usize) -> bool {
        count <= LARGE_ROOM && !self.is_waiting()
    }

    /// What is to be told `now`, every [`INTERVAL`].
    pub(super) fn tell(&mut self, presence: &Presence, now: Duration) -> Option<Op> {
        let departures = dialect::departures(&self.some_departures(), presence.count());
        let frames = dialect::joined(departures, self.newest(presence, now));
        frames.iter().any(|frame| !frame.is_empty()).then(|| to_all(frames))
    }

    fn some_departures(&mut self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for _ in 0..DEPARTURES_AT_ONCE {
            let Some(account) = self.order.pop_front() else { break };
            names.extend(self.left.remove(&account));
        }
        names
    }

    fn newest(&mut self, presence: &Presence, now: Duration) -> Frames {
        if self.changed.is_empty() && !self.owed {
            return Frames::default();
        }
        let changed = std::mem::take(&mut self.changed);
        let mut state =
            PresenceState { online_count: presence.count(), ..PresenceState::default() };
        if !self.owed && changed.len() <= MAX_CHANGES {
            for Change { name, is_here } in changed.values() {
                let names = if *is_here { &mut state.joined } else { &mut state.left };
                names.push(name);
            }
            return dialect::presence(&state);
        }
        let is_due = self.listed.is_none_or(|listed| now.saturating_sub(listed) >= LIST_INTERVAL);
        if is_due {
            (self.owed, self.listed) = (false, Some(now));
            state.online = Some(presence.names().take(MAX_NAMES).collect());
            return dialect::presence(&state);
        }
        self.owed = true;
        // Nothing but the names is owed: the number was told last time.
        if changed.is_empty() { Frames::default() } else { dialect::presence(&state) }
    }
}

impl Room {
    /// Tells the room `op` now, and what waits in time.
    pub(super) fn tell_presence(self: &Arc<Self>, state: &mut State, op: Option<Op>) {
        if let Some(op) = op {
            self.topic.submit(&[op]);
        }
        if state.pending.is_waiting() && !std::mem::replace(&mut state.telling, true) {
            let vital = self.services.vitals.watch("presence");
            self.services.runtime.spawn(tell_changes(self.clone(), vital));
        }
    }

    /// Tells the room the changes of presence that wait; whether there were any. If not, the
    /// task that does it is over.
    fn tell_pending(&self) -> bool {
        let mut state = self.state.lock();
        let State { presence, pending, draining, telling, .. } = &mut *state;
        if *draining || !pending.is_waiting() {
            *telling = false;
            return false;
        }
        if let Some(op) = pending.tell(presence, self.services.clock.monotonic()) {
            self.topic.submit(&[op]);
        }
        true
    }
}

/// Tells a large room of changes, for as long as there are some to tell. Some may be half
/// told when it panics, so it is not started again: the server goes down in order, told by
/// `_alive`.
async fn tell_changes(room: Arc<Room>, _alive: Vital) {
    while room.tell_pending() {
        sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests;
