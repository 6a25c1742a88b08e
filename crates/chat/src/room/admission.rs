//! Admission of clients that are caught up: who waits for it, and the task that admits them.
//!
//! Catching a client up may take most of a megabyte. When thousands come back at once,
//! that is more memory than there is for it; so each is admitted when the budget of all
//! outboxes has room, in the order in which they came. Meanwhile their sockets are open
//! and are not read from. What they missed until their turn is part of their welcome, so
//! waiting loses nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::Vital;
use bytes::Bytes;
use hub::{Format, Member, Op, Outbox};
use tokio::time::timeout;

use super::welcome::Recovery;
use super::{MAX_NAMES, Resume, Room, State};
use crate::dialect::welcome::{Greeting, opening};
use crate::intake::InFlight;

/// How long a client waits at most for its turn to be caught up; then it is admitted with
/// the newest page instead, which always fits, and pages back from there.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether there is room, if nothing tells.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A client that is to be welcomed.
#[derive(Debug)]
pub(super) struct PendingWelcome {
    pub(super) you: Arc<str>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) format: Format,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) resume: Option<Resume>,
    pub(super) since: Duration,
    /// Bytes of its welcome when last looked at.
    pub(super) bytes: usize,
}

/// Those who wait, in order.
#[derive(Debug, Default)]
pub(super) struct AdmissionQueue {
    order: VecDeque<u64>,
    clients: HashMap<u64, PendingWelcome>,
}

/// What came of a look at the queue.
enum Admitted {
    /// The first one was admitted.
    One,
    /// There is no room for the first one now.
    NoRoom(Arc<Outbox>),
    /// No client waits.
    NoClient,
}

impl AdmissionQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    fn push(&mut self, client: PendingWelcome) {
        self.order.push_back(client.outbox.id());
        self.clients.insert(client.outbox.id(), client);
    }

    /// The client of this connection does not wait any more.
    pub(super) fn remove(&mut self, connection: u64) {
        self.clients.remove(&connection);
    }

    /// Takes the first one out.
    fn pop(&mut self) -> Option<PendingWelcome> {
        loop {
            let connection = self.order.pop_front()?;
            if let Some(client) = self.clients.remove(&connection) {
                return Some(client);
            }
        }
    }

    /// Puts back the one that was taken out.
    fn push_first(&mut self, client: PendingWelcome) {
        self.order.push_front(client.outbox.id());
        self.clients.insert(client.outbox.id(), client);
    }
}

impl Room {
    /// Welcomes a client, now or when it is its turn. A first visit takes little and does not
    /// queue behind those who have much to catch up on.
    pub(super) fn welcome(self: &Arc<Self>, state: &mut State, pending: PendingWelcome) {
        let may_pass = state.waiting.is_empty() || pending.resume.is_none();
        let waits = if may_pass { self.admit(state, pending) } else { Some(pending) };
        let Some(pending) = waits else { return };
        state.waiting.push(pending);
        if !std::mem::replace(&mut state.admitting, true) {
            let vital = self.services.vitals.watch("admission");
            self.services.runtime.spawn(run(self.clone(), vital));
        }
    }

    /// Admits a client if there is memory for its welcome; gives it back if not.
    fn admit(&self, state: &mut State, mut pending: PendingWelcome) -> Option<PendingWelcome> {
        let budget = pending.outbox.budget();
        let waited = self.services.clock.monotonic().saturating_sub(pending.since);
        if waited >= PATIENCE {
            pending.resume = None;
        } else if !budget.has_room(pending.bytes) {
            return Some(pending);
        }
        let first = self.first_message(state, &pending);
        let bytes = first.iter().map(Bytes::len).sum();
        let reserved = budget.reserve(bytes).map(Arc::new);
        if reserved.is_none() && waited < PATIENCE {
            return Some(PendingWelcome { bytes, ..pending });
        }
        let member = Member { outbox: pending.outbox, format: pending.format };
        self.topic.submit(&[Op::Join { member, first, reserved }]);
        pending.in_flight.joined();
        None
    }

    /// Admits the first of those who wait, if there is memory for it. If none waits, the task
    /// that does it is over.
    fn admit_next(&self) -> Admitted {
        let mut state = self.state.lock();
        let Some(pending) = state.waiting.pop() else {
            state.admitting = false;
            return Admitted::NoClient;
        };
        match self.admit(&mut state, pending) {
            None => Admitted::One,
            Some(pending) => {
                let outbox = pending.outbox.clone();
                state.waiting.push_first(pending);
                Admitted::NoRoom(outbox)
            }
        }
    }

    /// The first message of a client that is caught up, in fragments: what it missed, if
    /// that can be told whole and fits, else the newest page.
    fn first_message(&self, state: &mut State, pending: &PendingWelcome) -> Vec<Bytes> {
        let State { epoch, recent, welcomes, presence, removed, .. } = state;
        let resume = pending.resume.as_ref();
        let resume = resume.filter(|resume| *resume.epoch == **epoch);
        let recovery = welcomes.recovery(recent, resume.map(|resume| resume.last_id));
        let Recovery { recovered, more, mut fragments } = recovery;
        let removed: Vec<i64> = removed.iter().copied().collect();
        let greeting = Greeting {
            you: &pending.you,
            epoch,
            recovered,
            more,
            online: presence.names().take(MAX_NAMES).collect(),
            online_count: presence.count(),
            removed: &removed,
        };
        fragments.insert(0, opening(&greeting, fragments.is_empty()));
        fragments
    }
}

/// Admits those who wait, for as long as there are some. A client that was taken out of the
/// queue when it panics is lost, so it is not started again: the server goes down in order,
/// told by `_alive`.
async fn run(room: Arc<Room>, _alive: Vital) {
    loop {
        match room.admit_next() {
            Admitted::One => tokio::task::yield_now().await,
            Admitted::NoRoom(outbox) => {
                let _ = timeout(LOOK_AGAIN, outbox.budget().freed()).await;
            }
            Admitted::NoClient => return,
        }
    }
}

#[cfg(test)]
mod tests;
