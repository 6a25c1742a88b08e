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

use base::Vital;
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
    /// No client waits.
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

/// Lets in those who wait, for ever. Who was taken out of the queue when it panics is lost,
/// so it is not started again: the server goes down in order, told by `_alive`.
pub(crate) async fn run(room: Arc<Room>, _alive: Vital) {
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
pub(crate) async fn tell_changes(room: Arc<Room>, _alive: Vital) {
    loop {
        room.changed.notified().await;
        while room.tell_changes() {
            tokio::time::sleep(super::crowd::INTERVAL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};

    use base::{AccountId, Activity, ManualClock, Principal, SessionRef, Timestamp, Vitals};
    use hub::{Budget, Policy, Sink, Topic};
    use limits::Quota;
    use parking_lot::Mutex;
    use storage::Database;
    use transport::CloseCode;

    use super::*;
    use crate::Message;
    use crate::dialect::PACKETBOAT;
    use crate::recent::Recent;
    use crate::room::{Newcomer, Seat};
    use crate::store::{RoomRecord, Store};

    /// A peer that takes nothing until it is let, and then everything.
    #[derive(Debug, Default)]
    struct Peer {
        reads: Mutex<bool>,
        bytes: Mutex<Vec<u8>>,
    }

    impl Sink for Peer {
        fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
            if !*self.reads.lock() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let mut bytes = self.bytes.lock();
            let before = bytes.len();
            buffers.iter().for_each(|buffer| bytes.extend_from_slice(buffer));
            Ok(bytes.len() - before)
        }
    }

    struct Scene {
        room: Arc<Room>,
        clock: Arc<ManualClock>,
        policy: Arc<Policy>,
    }

    impl Scene {
        /// A room of 1,000 messages in which one recovery fits the budget's half.
        async fn new() -> Self {
            let mut recent = Recent::default();
            for id in 1..=1_000 {
                recent.push(Arc::new(Message {
                    id,
                    at: Timestamp(id),
                    author: AccountId(7),
                    author_name: "ann".into(),
                    text: "x".repeat(100).into(),
                    client_id: None,
                }));
            }
            let clock = Arc::new(ManualClock::new(Timestamp(0)));
            let store = Store::new(Database::connect("sqlite::memory:").await.unwrap());
            let record = RoomRecord { id: 1, epoch: "e".into() };
            let rate = Quota { burst: 1, refill: Duration::from_secs(1) };
            let vitals = Vitals::default();
            let topic = Topic::start(1, &vitals);
            let room = Arc::new(Room::new(record, recent, store, clock.clone(), rate, topic));
            let policy = Policy {
                cap: 1024 * 1024,
                cut: CloseCode::TryAgainLater.because("cut"),
                clock: clock.clone(),
                budget: Arc::new(Budget::new(500_000)),
            };
            tokio::spawn(run(room.clone(), vitals.watch("usher")));
            Self { room, clock, policy: Arc::new(policy) }
        }

        fn come_back(&self, number: u64, last_id: i64) -> (Seat, Arc<Peer>, Arc<Outbox>) {
            let account = i64::try_from(number).unwrap();
            let outbox =
                Arc::new(Outbox::new(number, None, &transport::WEBSOCKET, self.policy.clone()));
            let peer = Arc::new(Peer::default());
            outbox.attach(peer.clone());
            let principal = Principal {
                account: AccountId(account),
                username: format!("p{number}").into(),
                display_name: format!("p{number}").into(),
                session: SessionRef(account),
                activity: Arc::new(Activity::new(Timestamp(0))),
            };
            let resume = Some(Resume { last_id, epoch: "e".into() });
            let newcomer = Newcomer {
                principal,
                outbox: outbox.clone(),
                format: PACKETBOAT,
                resume,
                exempt: true,
            };
            (self.room.join(newcomer).expect("a seat"), peer, outbox)
        }
    }

    /// Lets `peer` read; the connection's task would do the writing.
    fn read(peer: &Peer, outbox: &Outbox) {
        *peer.reads.lock() = true;
        outbox.drain(|buffers| peer.try_write(buffers));
    }

    #[tokio::test]
    async fn those_for_whom_there_is_no_memory_wait_their_turn_and_nobody_is_cut() {
        let scene = Scene::new().await;
        let clients: Vec<_> = (1..=20).map(|number| scene.come_back(number, 1)).collect();
        let welcomed = || clients.iter().filter(|(seat, _, _)| seat.ready()).count();
        assert_eq!(welcomed(), 1, "the budget has room for one at a time");
        for (at, (seat, peer, outbox)) in clients.iter().enumerate() {
            while !seat.ready() || outbox.queued() == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(welcomed(), at + 1, "in the order in which they came");
            assert!(scene.policy.budget.queued() <= 250_000);
            read(peer, outbox);
            let bytes = peer.bytes.lock();
            assert!(String::from_utf8_lossy(&bytes).contains("\"recovered\":true"));
            assert!(!outbox.status().cut);
        }
    }

    #[tokio::test]
    async fn who_leaves_while_waiting_gives_the_place_to_the_next() {
        let scene = Scene::new().await;
        let first = scene.come_back(1, 1);
        let second = scene.come_back(2, 1);
        let third = scene.come_back(3, 1);
        drop(second);
        while first.2.queued() == 0 {
            tokio::task::yield_now().await;
        }
        read(&first.1, &first.2);
        while !third.0.ready() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_has_waited_too_long_is_let_in_with_the_newest_page() {
        let scene = Scene::new().await;
        let _first = scene.come_back(1, 1);
        let second = scene.come_back(2, 1);
        scene.clock.advance(PATIENCE);
        while !second.0.ready() || second.2.queued() == 0 {
            tokio::task::yield_now().await;
        }
        read(&second.1, &second.2);
        assert!(String::from_utf8_lossy(&second.1.bytes.lock()).contains("\"recovered\":false"));
    }

    #[tokio::test]
    async fn a_client_that_missed_little_does_not_wait_while_none_do() {
        let scene = Scene::new().await;
        let _first = scene.come_back(1, 1);
        assert!(scene.come_back(2, 999).0.ready());
    }
}
