//! A disk that fails under a server in use: full, read-only, EIO on writing, EIO on
//! syncing; once, three times, twelve times, until it is mended. Afterwards a sudden end or
//! an orderly one, and a start on the same data: what was acknowledged is there, what was
//! refused is not, and meanwhile service resumed by itself.

mod disk;
mod traffic;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Binary, Http, PATIENCE, Person, Socket};
use tokio::time::sleep;

use disk::{Disk, Fault, Times};
use traffic::Books;

/// How long until the condition is asked about again.
const LOOK: Duration = Duration::from_millis(5);

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// `kill -9` after service has resumed, in the middle of traffic.
    Killed,
    /// SIGTERM then.
    Terminated,
    /// `kill -9` while the disk still fails.
    KilledWhileFailing,
}

const ROUNDS: [(Times, End); 6] = [
    (Times::Exactly(1), End::Killed),
    (Times::Exactly(3), End::Killed),
    (Times::Exactly(12), End::Killed),
    (Times::Exactly(3), End::Terminated),
    (Times::UntilHealed, End::Killed),
    (Times::UntilHealed, End::KilledWhileFailing),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_service_resumes_with_it() {
    withstands(Fault::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_disk_loses_nothing_and_service_resumes_with_it() {
    withstands(Fault::ReadOnly).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_write_loses_nothing_and_service_resumes_with_it() {
    withstands(Fault::Write).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_sync_loses_nothing_and_service_resumes_with_it() {
    withstands(Fault::Sync).await;
}

/// The last thing that fails is what a log read from its start would bring back: here
/// nothing comes after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_stands_after_a_sudden_end_with_nothing_in_between() {
    let folder = TempDir::new().expect("a folder");
    let disk = Disk::new(folder.path());
    let server = start(&folder, &disk.environment());
    let ann = server.person("ann").await;
    server.kill();
    for fault in [Fault::Sync, Fault::Write, Fault::Full, Fault::ReadOnly] {
        for round in 0..4 {
            let name = format!("{fault:?}{round}");
            let server = start(&folder, &disk.environment());
            let session = server.log_in(&ann.key).await;
            let mut socket = Socket::packetboat(server.address(), &session, "").await.expect("101");
            disk.fail(fault, Times::UntilHealed);
            if round % 2 == 0 {
                let post = json!({"type": "post", "client_id": name, "text": name});
                socket.send_json(&post).await;
                assert_eq!(socket.of_type("nack").await["code"], "unavailable", "{name}");
            } else {
                let body = json!({ "username": name }).to_string();
                let answer = Http::new(server.address()).post("/api/register", body).await;
                assert!(answer.status >= 500, "{name}: {answer:?}");
            }
            server.kill();
            disk.heal();

            let server = start(&folder, &[]);
            let session = server.log_in(&ann.key).await;
            let mut socket = Socket::packetboat(server.address(), &session, "").await.expect("101");
            let history = socket.history().await;
            assert!(history.is_empty(), "{name}: was refused and is there: {history:?}");
            let body = json!({ "username": name }).to_string();
            let answer = Http::new(server.address()).post("/api/register", body).await;
            assert_eq!(answer.status, 201, "{name}: was refused and is there");
        }
    }
}

fn start(folder: &TempDir, environment: &[(&'static str, String)]) -> Binary {
    let mut all = vec![("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8")];
    all.extend(environment.iter().map(|(name, value)| (*name, value.as_str())));
    Binary::start(env!("CARGO_BIN_EXE_packetboat"), &folder.path().join("data"), &all)
}

async fn withstands(fault: Fault) {
    let folder = TempDir::new().expect("a folder");
    let disk = Disk::new(folder.path());
    let server = start(&folder, &disk.environment());
    let people =
        [server.person("ann").await, server.person("bob").await, server.person("cat").await];
    server.kill();
    let books = Books::default();
    for (n, (times, end)) in ROUNDS.into_iter().enumerate() {
        let round = format!("{fault:?}{n}");
        let failed = disk.failed();
        let server = start(&folder, &disk.environment());
        let people = [
            signed_in(&server, &people[0]).await,
            signed_in(&server, &people[1]).await,
            signed_in(&server, &people[2]).await,
        ];
        let tasks = traffic::start(server.address(), &people, &round, &books).await;
        everybody(&books, "is served", &round, |before, now| now.0 >= before.0 + 3).await;
        disk.fail(fault, times);
        match times {
            Times::Exactly(_) => until(&round, "the disk to be used", || disk.is_healed()).await,
            Times::UntilHealed => {
                everybody(&books, "is refused", &round, |before, now| now.1 >= before.1 + 2).await;
            }
        }
        if end != End::KilledWhileFailing {
            let healed = Instant::now();
            disk.heal();
            everybody(&books, "is served again", &round, |before, now| now.0 >= before.0 + 3).await;
            println!("{round}: served again after {:?}", healed.elapsed());
        }
        assert!(disk.failed() > failed, "{round}: nothing failed");
        finish(server, end);
        for task in tasks {
            task.await.expect("a client");
        }
        disk.heal();
        check(&folder, &books, &people[0], &round).await;
    }
}

async fn signed_in(server: &Binary, person: &Person) -> Person {
    Person { session: server.log_in(&person.key).await, ..person.clone() }
}

fn finish(mut server: Binary, end: End) {
    if end != End::Terminated {
        return server.kill();
    }
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::TERM).expect("a signal");
    assert_eq!(server.wait().code(), Some(0));
}

/// Waits until `enough` is true of everybody's counts (acknowledged, refused) as they were
/// and as they are.
async fn everybody(
    books: &Books,
    what: &str,
    round: &str,
    enough: impl Fn((usize, usize), (usize, usize)) -> bool,
) {
    let before: Vec<_> = books.all().map(|book| book.counts()).collect();
    let all = || books.all().zip(&before).all(|(book, before)| enough(*before, book.counts()));
    let patience = Instant::now() + PATIENCE;
    while !all() {
        let now: Vec<_> = books.all().map(|book| book.counts()).collect();
        assert!(Instant::now() < patience, "{round}: everybody {what}: {before:?} to {now:?}");
        sleep(LOOK).await;
    }
}

async fn until(round: &str, what: &str, condition: impl Fn() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < patience, "{round}: waited for {what}");
        sleep(LOOK).await;
    }
}

/// Starts on the same data, on a disk that works, and looks at what is there.
async fn check(folder: &TempDir, books: &Books, reader: &Person, round: &str) {
    let server = start(folder, &[]);
    let session = server.log_in(&reader.key).await;
    let mut socket = Socket::packetboat(server.address(), &session, "").await.expect("101");
    let history = socket.history().await;
    socket.close().await;
    let ids: Vec<i64> = history.iter().map(|(id, _)| *id).collect();
    let without_gaps: Vec<i64> = (1..=ids.len()).map(|id| id as i64).collect();
    assert_eq!(ids, without_gaps, "{round}: ids");
    let there: HashSet<&str> = history.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(there.len(), history.len(), "{round}: something is there twice");
    for book in &books.postings {
        let missing = take(&book.acknowledged, |text| !there.contains(text));
        assert!(missing.is_empty(), "{round}: acknowledged and lost: {missing:?}");
        let returned = take(&book.refused, |text| there.contains(text));
        assert!(returned.is_empty(), "{round}: refused and there: {returned:?}");
    }

    // The sessions say who registered: they belong to no other account.
    let http = Http::new(server.address());
    let sessions: Vec<String> =
        std::mem::take(&mut *books.sign_ins.acknowledged.lock().expect("a list"));
    for session in &sessions {
        let answer = http.with("cookie", &format!("session={session}")).get("/api/user/@me").await;
        assert_eq!(answer.status, 200, "{round}: a session is lost");
    }
    let any = sessions.last().expect("a session").clone();
    let usernames = std::mem::take(&mut *books.registrations.acknowledged.lock().expect("a list"));
    for username in usernames {
        let path = format!("/api/user/{username}");
        let answer = http.with("cookie", &format!("session={any}")).get(&path).await;
        assert_eq!(answer.status, 200, "{round}: {username} was registered and is lost");
    }
    let refused = std::mem::take(&mut *books.registrations.refused.lock().expect("a list"));
    for username in refused {
        let body = json!({ "username": username }).to_string();
        let answer = http.post("/api/register", body).await;
        assert_eq!(answer.status, 201, "{round}: {username} was refused and is there");
    }
    server.kill();
}

/// Those of `list` that are `wrong`; the list stays, for the rounds to come.
fn take(list: &std::sync::Mutex<Vec<String>>, wrong: impl Fn(&str) -> bool) -> Vec<String> {
    list.lock().expect("a list").iter().filter(|text| wrong(text)).cloned().collect()
}
