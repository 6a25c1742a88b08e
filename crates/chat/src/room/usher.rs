//! Who waits to be let in, and the task that lets them in.
//!
//! Catching a client up may take most of a megabyte. When thousands come back at once,
//! that is more memory than there is for it; so each is let in when the budget of all
//! outboxes has room, in the order in which they came. Meanwhile their sockets are open
//! and are not read from. What they missed until their turn is part of their welcome, so
//! waiting loses nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hub::Outbox;
use tokio::time::timeout;

use super::{InFlight, Resume, Room};

/// How long a client waits at most for its turn to be caught up; then it is let in with
/// the newest page instead, which always fits, and pages back from there.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is looked whether there is room, if nothing tells.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A client that is about to be welcomed.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) you: Arc<str>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) in_flight: Arc<InFlight>,
    pub(super) resume: Option<Resume>,
    pub(super) since: Duration,
    /// Bytes of its welcome when last looked at.
    pub(super) bytes: usize,
}

/// Those who wait, in order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<u64>,
    clients: HashMap<u64, Arriving>,
}

/// What came of a look at the queue.
pub(super) enum Look {
    /// One was let in, or had gone.
    Moved,
    /// There is no room for the first one now.
    Full(Arc<Outbox>),
    /// Nobody waits.
    Empty,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    pub(super) fn push(&mut self, client: Arriving) {
        self.order.push_back(client.outbox.id());
        self.clients.insert(client.outbox.id(), client);
    }

    /// The client of this connection does not wait any more.
    pub(super) fn remove(&mut self, connection: u64) {
        self.clients.remove(&connection);
    }

    /// Takes the first one out.
    pub(super) fn pop(&mut self) -> Option<Arriving> {
        loop {
            let connection = self.order.pop_front()?;
            if let Some(client) = self.clients.remove(&connection) {
                return Some(client);
            }
        }
    }

    /// Puts back the one that was taken out.
    pub(super) fn unpop(&mut self, client: Arriving) {
        self.order.push_front(client.outbox.id());
        self.clients.insert(client.outbox.id(), client);
    }
}

/// Lets in those who wait, for ever.
pub(crate) async fn run(room: Arc<Room>) {
    loop {
        room.arriving.notified().await;
        loop {
            match room.admit_next() {
                Look::Moved => tokio::task::yield_now().await,
                Look::Full(outbox) => {
                    let _ = timeout(LOOK_AGAIN, outbox.budget().freed()).await;
                }
                Look::Empty => break,
            }
        }
    }
}

/// Tells a large room of changes, for as long as there are some to tell.
pub(crate) async fn tell_changes(room: Arc<Room>) {
    loop {
        room.changed.notified().await;
        while room.tell_changes() {
            tokio::time::sleep(super::crowd::INTERVAL).await;
        }
    }
}
