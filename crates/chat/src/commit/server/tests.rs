//! Servers on one database of a server: run for each kind by `TEST_DATABASE`. With SQLite there
//! is nothing to do here.

mod anew;
mod lost;

use std::sync::Arc;

use testdb::{Kind, TestDatabase};

use super::*;
use crate::room::Seat;
use crate::testing::{Client, Setup, post};

/// One server, with a client in its default room.
struct Server {
    setup: Setup,
    committer: ServerCommitter,
    client: Client,
    seat: Seat,
}

impl Server {
    async fn on(database: &Arc<TestDatabase>, account: i64) -> Self {
        let setup = Setup::on(database.clone()).await;
        let client = setup.client(u64::try_from(account).unwrap(), account);
        let room = setup.rooms.default_room().id();
        let seat = setup.rooms.join(room, &client.request).await.unwrap();
        Self { committer: setup.server_committer(), setup, client, seat }
    }

    fn room(&self) -> &Arc<Room> {
        self.setup.rooms.default_room()
    }

    fn post(&self, text: &str) {
        post(&self.seat, text);
    }

    /// Stores the next batch: the ids; `None` for a refusal.
    async fn store(&self) -> Vec<Option<i64>> {
        let batch = self.setup.services.intake.take_room().await.unwrap();
        ids(&self.committer.carry_out(batch).await)
    }

    /// The ids that the client heard, in order, also those of its own messages.
    async fn heard(&self) -> Vec<i64> {
        self.room().flushed().await;
        self.client.read();
        let heard = self.client.heard();
        let after = heard.split("\"id\":").skip(1);
        after.map(|rest| rest.split([',', '}']).next().unwrap().parse().unwrap()).collect()
    }

    async fn stored(&self) -> Vec<Arc<crate::Message>> {
        self.setup.stored(self.room().id()).await
    }
}

/// A database of the server that the run is for; `None` if the run is for SQLite.
fn database() -> Option<Arc<TestDatabase>> {
    Kind::chosen().is_server().then(|| Arc::new(TestDatabase::new()))
}

fn ids(outcomes: &[Outcome]) -> Vec<Option<i64>> {
    let id = |outcome: &Outcome| match outcome {
        Outcome::Stored(message) => Some(message.id),
        Outcome::Known(posted) => Some(posted.id),
        Outcome::Refused(_) => None,
    };
    outcomes.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_append_to_one_room_in_one_order_without_gaps() {
    const EACH: i64 = 200;
    let Some(database) = database() else { return };
    let servers = [Server::on(&database, 1).await, Server::on(&database, 2).await];
    let run = |server: &Server| {
        let vital = server.setup.services.vitals.watch("committer");
        tokio::spawn(server.committer.clone().run(vital))
    };
    let running: Vec<_> = servers.iter().flat_map(|server| [run(server), run(server)]).collect();
    for number in 0..EACH {
        for (server, name) in servers.iter().zip(["a", "b"]) {
            while !server.seat.poster().ready() {
                tokio::task::yield_now().await;
            }
            server.post(&format!("{name}-{number}"));
        }
    }
    servers.iter().for_each(|server| server.setup.services.intake.close());
    for task in running {
        task.await.unwrap();
    }
    let stored = servers[0].stored().await;
    let all: Vec<i64> = (1..=2 * EACH).collect();
    assert_eq!(stored.iter().map(|message| message.id).collect::<Vec<_>>(), all);
    assert!(stored.windows(2).all(|pair| pair[0].at <= pair[1].at));
    for (name, author) in [("a", 1), ("b", 2)] {
        let own = stored.iter().filter(|message| message.author.0 == author);
        let texts = (0..EACH).map(|number| format!("{name}-{number}"));
        assert!(own.map(|message| message.text.to_string()).eq(texts), "the poster's own order");
    }
    for server in &servers {
        server.committer.look().await.unwrap();
        assert_eq!(server.heard().await, all, "each once, in order, whoever posted it");
    }
    let select = "SELECT COUNT(*) FROM rooms WHERE head = \
                  (SELECT MAX(id) FROM messages WHERE room_id = rooms.id) AND last_at = \
                  (SELECT MAX(sent_at) FROM messages WHERE room_id = rooms.id)";
    assert_eq!(database.number(select), 1);
}

#[tokio::test]
async fn client_ids_that_differ_in_case_are_two_postings_and_hold_no_one_up() {
    let Some(database) = database() else { return };
    let (server, other) = (Server::on(&database, 1).await, Server::on(&database, 2).await);
    server.post("a");
    assert_eq!(server.store().await, [Some(1)]);
    server.post("A");
    server.post("a");
    server.post("A");
    server.post("b");
    assert_eq!(server.store().await, [Some(2), Some(1), Some(2), Some(3)]);
    // Another person's, under the same client ids.
    other.post("a");
    other.post("A");
    assert_eq!(other.store().await, [Some(4), Some(5)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_posting_that_is_repeated_at_another_server_at_once_is_stored_once() {
    const ROUNDS: usize = 40;
    let Some(database) = database() else { return };
    let (one, other) = (Server::on(&database, 1).await, Server::on(&database, 1).await);
    let mut last = 0;
    for round in 0..ROUNDS {
        for server in [&one, &other] {
            server.post(&format!("text-{round}"));
            server.post(&format!("{}-{round}", server.committer.ledger.origin()));
        }
        let (ours, theirs) = tokio::join!(one.store(), other.store());
        assert!(ours[0].is_some() && ours[0] == theirs[0], "{ours:?} {theirs:?}");
        let newest = ours.iter().chain(&theirs).flatten().max().unwrap();
        assert_eq!(*newest, last + 3, "nothing else was held up, and no number is left out");
        last = *newest;
    }
}

#[tokio::test]
async fn a_room_that_waits_does_not_hold_another_up() {
    let Some(database) = database() else { return };
    let server = Server::on(&database, 1).await;
    let room = server.setup.room("two").await;
    let client = server.setup.client(2, 2);
    let in_two = server.setup.rooms.join(room, &client.request).await.unwrap();
    // The first room's row is held, as by a shell of the operator's.
    let holds = server.setup.services.store.hold_room(server.room().id()).await;
    server.post("waits");
    let waiting = {
        let (committer, intake) = (server.committer.clone(), server.setup.services.intake.clone());
        tokio::spawn(async move { committer.carry_out(intake.take_room().await.unwrap()).await })
    };
    while server.setup.services.intake.waiting() > 0 {
        tokio::task::yield_now().await;
    }
    post(&in_two, "goes on");
    assert_eq!(server.store().await, [Some(1)]);
    assert!(!waiting.is_finished());
    drop(holds);
    assert_eq!(ids(&waiting.await.unwrap()), [Some(1)]);
}

#[tokio::test]
async fn times_are_the_databases_and_a_clock_that_was_wrong_does_not_stick() {
    let Some(database) = database() else { return };
    let server = Server::on(&database, 1).await;
    let mut last_at = Vec::new();
    for (number, ahead) in [0, 30_000, 3_600_000].into_iter().enumerate() {
        let now = database.number(match database.kind() {
            Kind::Postgres => "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint",
            _ => "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
        });
        database.execute(&format!("UPDATE rooms SET last_at = {}", now + ahead));
        server.post(&number.to_string());
        server.store().await;
        let stored = server.stored().await;
        last_at.push(stored.last().unwrap().at.0 - now);
    }
    assert!((0..20_000).contains(&last_at[0]), "{last_at:?}");
    assert_eq!(last_at[1], 30_000, "it does not go back");
    assert!((0..20_000).contains(&last_at[2]), "{last_at:?}");
}

#[tokio::test]
async fn a_room_is_made_once_by_all_who_open_it_at_once() {
    let Some(database) = database() else { return };
    let (one, other) = (Server::on(&database, 1).await, Server::on(&database, 2).await);
    for number in 0..20 {
        let name = format!("room-{number}");
        let (ours, theirs) = tokio::join!(one.setup.room(&name), other.setup.room(&name));
        assert_eq!(ours, theirs);
    }
}

#[tokio::test]
async fn a_message_that_was_removed_stays_removed() {
    let Some(database) = database() else { return };
    let (one, other) = (Server::on(&database, 1).await, Server::on(&database, 2).await);
    let room = one.room().id();
    one.post("secret");
    one.store().await;
    assert!(!other.setup.rooms.remove(room, 1).await.unwrap(), "the room is not told of it yet");
    other.committer.look().await.unwrap();
    assert!(other.setup.rooms.remove(room, 1).await.unwrap());
    // The one that stored it has it in memory, until it reads the room again.
    database.execute("UPDATE rooms SET epoch = 'another'");
    for server in [&one, &other] {
        server.committer.look().await.unwrap();
        let late = server.setup.client(9, 9);
        let _seat = server.setup.rooms.join(room, &late.request).await.unwrap();
        server.room().flushed().await;
        late.read();
        assert!(!late.heard().contains("secret") && late.heard().contains("\"removed\""));
    }
}
