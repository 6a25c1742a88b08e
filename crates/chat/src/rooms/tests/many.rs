//! 10,000 rooms in the database, of which 200 are open, beside none: what that costs.
//!
//! Memory is that of a process, so each of the two is measured in one of its own: this test's
//! executable, called again for one ignored test.

use std::io::IoSlice;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use base::{AccountId, ManualClock, OsRandom, Owner, Timestamp};
use hub::Sink;
use storage::Database;
use tempfile::TempDir;
use tokio::runtime::Handle;
use transport::{Limits, Sockets};

use crate::rooms::{AT_FIRST, GRACE};
use crate::store::{EmbeddedLedger, Store};
use crate::testing::{message, post, request};
use crate::{Chat, Settings};

const STORED: usize = 10_000;
const OPEN: usize = 200;
const MEMBERS: usize = 5;
/// Messages stored in each of the rooms that are opened, and posted to it then.
const HISTORY: i64 = 100;
const POSTED: usize = 10;

/// The variable that tells the process of its own which database is measured.
const DATABASE: &str = "PACKETBOAT_TEST_ROOMS";

/// A peer that takes everything and keeps nothing.
#[derive(Debug)]
struct Swallows;

impl Sink for Swallows {
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> std::io::Result<usize> {
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }
}

async fn database(path: &Path) -> Database {
    let db = Database::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    db.migrate(&crate::migrations(), &ManualClock::new(Timestamp(5))).await.unwrap();
    db
}

/// Memory that is this process's own, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Makes the rooms; the ids of those that will be open.
async fn make_rooms(path: &Path) {
    let db = database(path).await;
    let store = Store::new(db.clone());
    store.open_room("lobby", Timestamp(5), &OsRandom).await.unwrap();
    store.make_rooms(STORED).await.unwrap();
    let messages: Vec<_> = (1..=HISTORY).map(|id| message(id, &"x".repeat(100))).collect();
    for rooms in (1..=i64::try_from(OPEN).unwrap()).collect::<Vec<_>>().chunks(20) {
        let of_room = |room| messages.iter().map(move |message| (room, message.clone()));
        let all: Vec<_> = rooms.iter().copied().flat_map(of_room).collect();
        EmbeddedLedger::new(db.clone()).begin().await.unwrap().commit(&all).await.unwrap();
    }
    db.close().await.unwrap();
}

/// Starts on the database at `path`, and opens the rooms if it has them: what it costs.
async fn measure(path: &Path, open: usize) {
    let db = database(path).await;
    let clock = Arc::new(ManualClock::new(Timestamp(5)));
    let sockets = Sockets::new(clock.clone(), Limits::default());
    let begun = Instant::now();
    let chat =
        Chat::open(db, sockets.clone(), clock.clone(), Arc::new(OsRandom), Settings::default());
    let chat = chat.await.unwrap();
    let start = begun.elapsed();
    let (rooms, tasks) = (chat.rooms(), || Handle::current().metrics().num_alive_tasks());
    let before = tasks();
    assert_eq!(rooms.count(), 1, "whatever is stored");

    let mut seats = Vec::new();
    for room in 1..=i64::try_from(open).unwrap() {
        for _ in 0..MEMBERS {
            let number = seats.len();
            // Ten connections a person.
            let account = i64::try_from(number / 10).unwrap();
            let outbox = sockets
                .outbox(&transport::WEBSOCKET, Some(Owner::Account(AccountId(account))))
                .unwrap();
            outbox.attach(Arc::new(Swallows));
            let request = request(account, outbox);
            seats.push((room, rooms.join(room, &request).await.unwrap()));
        }
    }
    for round in 0..POSTED {
        for (_, seat) in seats.iter().step_by(MEMBERS) {
            post(seat, &format!("{round} {}", "x".repeat(100)));
        }
        while seats.iter().any(|(_, seat)| seat.poster().waiting() > 0) {
            tokio::task::yield_now().await;
        }
    }
    let kib = resident();

    assert_eq!(rooms.count(), open + 1);
    let in_memory = |room| rooms.open_now(room).unwrap().in_memory();
    let ids = seats.iter().step_by(MEMBERS).map(|(room, _)| *room);
    assert!(ids.clone().all(|room| in_memory(room) == AT_FIRST + POSTED));
    let last = HISTORY + i64::try_from(POSTED).unwrap();
    assert!(ids.clone().all(|room| rooms.open_now(room).unwrap().head() == last), "no gaps");
    // Those that opened the database's connections may have ended meanwhile.
    assert!(tasks() <= before + open, "one delivering task for each that is open");
    println!("figures {kib} {}", start.as_micros());

    drop(seats);
    clock.advance(GRACE);
    chat.upkeep();
    while tasks() > before {
        tokio::task::yield_now().await;
    }
    assert_eq!(rooms.count(), 1);
    chat.drain().await;
}

#[tokio::test]
#[ignore = "2026-11-27: the other test runs it, in a process of its own whose memory it measures"]
async fn in_a_process_of_its_own() {
    let path = std::env::var(DATABASE).expect("called by the other test");
    let path = Path::new(&path);
    let open = if path.ends_with("rooms.db") { OPEN } else { 0 };
    measure(path, open).await;
}

/// Memory in KiB and time to start in microseconds.
fn figures(database: &Path) -> (usize, usize) {
    let test = "rooms::tests::many::in_a_process_of_its_own";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(DATABASE, database)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let line = text.lines().find_map(|line| line.split_once("figures ")).expect("figures").1;
    let (kib, micros) = line.split_once(' ').unwrap();
    (kib.parse().unwrap(), micros.parse().unwrap())
}

#[tokio::test]
async fn ten_thousand_rooms_of_which_200_are_open_cost_what_200_do() {
    let folder = TempDir::new().unwrap();
    let (none, many) = (folder.path().join("none.db"), folder.path().join("rooms.db"));
    database(&none).await.close().await.unwrap();
    make_rooms(&many).await;
    let (of_none, of_many) = (figures(&none), figures(&many));
    println!("no rooms: {} KiB, started in {} µs", of_none.0, of_none.1);
    println!("{STORED} rooms, {OPEN} open: {} KiB, started in {} µs", of_many.0, of_many.1);
    // Generous, for a test is built without optimisation: 20 MB are the bar.
    let above = of_many.0.saturating_sub(of_none.0);
    assert!(above < 20_000, "{above} KiB above a server without rooms");
}
