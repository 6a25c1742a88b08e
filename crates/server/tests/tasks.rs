//! A panic in a task that lives as long as the server, and storing that stands still: who
//! hears of it, and that nothing acknowledged is lost by it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::backtrace::Backtrace;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use base::{Clock, OsRandom, SystemClock, Timestamp};
use serde_json::json;
use server::{Environment, Running, Settings};
use storage::{Connection as _, Database};
use testkit::{Data, Http, PATIENCE, Person, Socket, TestServer};
use tokio::time::{Instant, timeout};

/// A clock that panics when a certain part of the server asks it.
#[derive(Debug)]
struct Bomb {
    clock: SystemClock,
    armed: Mutex<Option<&'static str>>,
}

impl Bomb {
    fn new() -> Arc<Self> {
        Arc::new(Self { clock: SystemClock::new(), armed: Mutex::new(None) })
    }

    /// From now on it panics for callers in a source file, by the end of its path.
    fn arm(&self, file: &'static str) {
        *self.armed.lock().unwrap() = Some(file);
    }

    fn defuse(&self) {
        *self.armed.lock().unwrap() = None;
    }
}

impl Clock for Bomb {
    fn now(&self) -> Timestamp {
        let armed = *self.armed.lock().unwrap();
        if let Some(file) = armed
            && Backtrace::force_capture().to_string().contains(file)
        {
            panic!("on purpose");
        }
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

async fn start(data: &Data, clock: Arc<Bomb>) -> Running {
    let mut settings = Settings::in_folder(data.folder());
    settings.database_url = data.database_url().map(str::to_owned);
    settings.listen = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
    server::start(settings, Environment { clock, random: Arc::new(OsRandom) }).await.unwrap()
}

/// Waits until `/ready` answers `status`; the body.
async fn ready_is(http: &Http, status: u16) -> serde_json::Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = http.get("/ready").await;
        if answer.status == status {
            return answer.json();
        }
        assert!(Instant::now() < until, "not {status} but {answer:?}");
    }
}

async fn post(socket: &mut Socket, client_id: &str) {
    let posting = json!({"type": "post", "client_id": client_id, "text": client_id});
    socket.send_json(&posting).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committer_that_panics_takes_the_server_down_in_order_and_nothing_is_lost() {
    let (data, clock) = (Data::new(), Bomb::new());
    let running = start(&data, clock.clone()).await;
    let address = running.addresses()[0];
    let http = Http::new(address);
    let (ann, bob) = (Person::new(&http, "ann").await, Person::new(&http, "bob").await);
    let mut poster = Socket::packetboat(address, &ann.session, "").await.unwrap();
    let mut pirate = Socket::piratchat(address, &bob.session).await.unwrap();
    let welcome = poster.of_type("welcome").await;
    post(&mut poster, "kept").await;
    let kept = poster.of_type("ack").await["id"].clone();

    clock.arm("chat/src/commit/");
    post(&mut poster, "lost").await;
    timeout(PATIENCE, running.failed()).await.expect("the server hears of it");
    let body = ready_is(&http, 503).await;
    assert_eq!(body, json!({"error": "A part of the server has failed."}));
    assert_eq!(http.get("/health").await.status, 200);
    let drained = timeout(server::DRAIN_LIMIT, running.drain()).await.expect("in order");
    assert!(drained.complete && drained.failed, "{drained:?}");
    assert_eq!(poster.closed().await, Some(1001), "reconnect");
    assert_eq!(pirate.closed().await, Some(1001), "reconnect");

    clock.defuse();
    let running = start(&data, clock).await;
    let address = running.addresses()[0];
    let query = format!("?last_id={kept}&epoch={}", welcome["epoch"].as_str().unwrap());
    let mut poster = Socket::packetboat(address, &ann.session, &query).await.unwrap();
    let welcome = poster.of_type("welcome").await;
    assert_eq!(welcome["recovered"], true, "{welcome}");
    post(&mut poster, "kept").await;
    assert_eq!(poster.of_type("ack").await["id"], kept, "it was stored");
    post(&mut poster, "lost").await;
    assert_eq!(poster.of_type("ack").await["id"], kept.as_i64().unwrap() + 1, "it was not");
    drop((poster, pirate));
    running.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_panics_is_told_and_the_next_one_comes() {
    let (data, clock) = (Data::new(), Bomb::new());
    let running = start(&data, clock.clone()).await;
    let http = Http::new(running.addresses()[0]);
    ready_is(&http, 200).await;
    clock.arm("accounts/src/upkeep.rs");
    ready_is(&http, 503).await;
    clock.defuse();
    ready_is(&http, 200).await;
    assert!(timeout(Duration::ZERO, running.failed()).await.is_err(), "it goes on");
    assert!(running.drain().await.complete);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storing_that_stands_still_is_not_ready_and_what_waits_is_stored_afterwards() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut other = server.packetboat(&bob, "").await.unwrap();
    let mut socket = server.packetboat(&ann, "").await.unwrap();
    socket.of_type("welcome").await;
    post(&mut socket, "before").await;
    socket.of_type("ack").await;
    server.advance(2 * chat::STANDSTILL);
    ready_is(&server.http(), 200).await;

    let stranger = Database::connect(server.database().url()).await.unwrap();
    let held = stranger.begin_write().await.unwrap();
    if stranger.kind().is_server() {
        // SQLite has one writer at a time; a server has one for each room.
        held.connection().execute_unprepared("SELECT id FROM rooms FOR UPDATE").await.unwrap();
    }
    post(&mut socket, "held-up").await;
    // Once the others hear of this, the server has read what came before it.
    socket.send_json(&json!({"type": "typing"})).await;
    other.of_type("typing").await;
    server.advance(2 * chat::STANDSTILL);
    let body = ready_is(&server.http(), 503).await;
    assert_eq!(body, json!({"error": "The server stores nothing at the moment."}));
    drop(held);
    socket.of_type("ack").await;
    ready_is(&server.http(), 200).await;
    stranger.close().await.unwrap();
    socket.close().await;
    other.close().await;
}
