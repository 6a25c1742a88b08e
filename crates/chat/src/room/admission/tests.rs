use hub::{Budget, Policy, Topic};
use transport::CloseCode;

use super::*;
use crate::recent::Recent;
use crate::room::Seat;
use crate::store::RoomRecord;
use crate::testing::{Client, Setup, message};

struct Scene {
    setup: Setup,
    room: Arc<Room>,
    policy: Arc<Policy>,
}

impl Scene {
    /// A room of 1,000 messages in which one recovery fits the budget's half.
    async fn new() -> Self {
        let setup = Setup::new().await;
        let recent: Recent = (1..=1_000).map(|id| message(id, &"x".repeat(100))).collect();
        let record = RoomRecord { id: 1, epoch: "e".into(), fence: 0 };
        let topic = Topic::start(1, &setup.services.vitals);
        let room = Arc::new(Room::new(record, recent, topic, setup.services.clone()));
        let policy = Policy {
            cap: 1024 * 1024,
            cut: CloseCode::TryAgainLater.because("cut"),
            clock: setup.clock.clone(),
            budget: Arc::new(Budget::new(500_000)),
        };
        Self { setup, room, policy: Arc::new(policy) }
    }

    fn come_back(&self, number: u64, last_id: i64) -> (Seat, Client) {
        let account = i64::try_from(number).unwrap();
        let client = Client::new(number, account, &self.policy).resuming(last_id, "e");
        (self.room.join(&client.request).expect("a seat"), client)
    }
}

#[tokio::test]
async fn clients_for_which_there_is_no_memory_wait_their_turn_and_none_is_cut() {
    let scene = Scene::new().await;
    let clients: Vec<_> = (1..=20).map(|number| scene.come_back(number, 1)).collect();
    let welcomed = || clients.iter().filter(|(seat, _)| seat.poster().ready()).count();
    assert_eq!(welcomed(), 1, "the budget has room for one at a time");
    for (at, (seat, client)) in clients.iter().enumerate() {
        let outbox = &client.request.outbox;
        while !seat.poster().ready() || outbox.queued() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(welcomed(), at + 1, "in the order in which they came");
        assert!(scene.policy.budget.queued() <= 250_000);
        client.read();
        assert!(client.heard().contains("\"recovered\":true"));
        assert!(!outbox.status().cut);
    }
}

#[tokio::test]
async fn a_client_that_leaves_while_waiting_gives_its_place_to_the_next() {
    let scene = Scene::new().await;
    let (_first, client) = scene.come_back(1, 1);
    let second = scene.come_back(2, 1);
    let (third, _client) = scene.come_back(3, 1);
    drop(second);
    while client.request.outbox.queued() == 0 {
        tokio::task::yield_now().await;
    }
    client.read();
    while !third.poster().ready() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_client_that_has_waited_too_long_is_admitted_with_the_newest_page() {
    let scene = Scene::new().await;
    let _first = scene.come_back(1, 1);
    let (second, client) = scene.come_back(2, 1);
    scene.setup.clock.advance(PATIENCE);
    while !second.poster().ready() || client.request.outbox.queued() == 0 {
        tokio::task::yield_now().await;
    }
    client.read();
    assert!(client.heard().contains("\"recovered\":false"));
}

#[tokio::test]
async fn a_client_that_missed_little_does_not_wait_while_none_do() {
    let scene = Scene::new().await;
    let _first = scene.come_back(1, 1);
    assert!(scene.come_back(2, 999).0.poster().ready());
}

#[tokio::test]
async fn the_task_that_admits_is_there_while_a_client_waits_and_comes_again() {
    let scene = Scene::new().await;
    for round in 0..2 {
        let (_first, client) = scene.come_back(10 * round + 1, 1);
        let (second, waiting) = scene.come_back(10 * round + 2, 1);
        while client.request.outbox.queued() == 0 {
            tokio::task::yield_now().await;
        }
        client.read();
        while !second.poster().ready() || waiting.request.outbox.queued() == 0 {
            tokio::task::yield_now().await;
        }
        waiting.read();
        while scene.room.state.lock().admitting {
            tokio::task::yield_now().await;
        }
    }
}
