//! The log is not read any more: its reader is gone, has stopped, or has no room. Nothing
//! but the log suffers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use storage::{Connection, Database};
use tempfile::TempDir;
use testkit::{Binary, Http, PATIENCE, Person, Socket, own_address};
use tokio::time::{Instant, timeout};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");

/// Debug lines for every request: the log has a lot to say.
const TALKATIVE: &[(&str, &str)] = &[("PACKETBOAT_LOG__LEVEL", "debug")];

/// Where a log goes that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nowhere {
    /// A pipe whose reader was killed.
    Gone,
    /// A pipe whose reader has stopped, and that is full.
    Stopped,
    /// A file on a full disk.
    Full,
}

impl Nowhere {
    /// The server's end, and the reader's, if there is one.
    fn open(self) -> (OwnedFd, Option<PipeReader>) {
        if self == Self::Full {
            return (full().into(), None);
        }
        let (reader, writer) = io::pipe().unwrap();
        match self {
            Self::Stopped => {
                fill(&writer);
                (writer.into(), Some(reader))
            }
            _ => (writer.into(), None),
        }
    }
}

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// Writes to a pipe until it takes nothing more.
fn fill(mut pipe: &PipeWriter) {
    let flags = fcntl_getfl(pipe).unwrap();
    fcntl_setfl(pipe, flags | OFlags::NONBLOCK).unwrap();
    for size in [4_096, 1] {
        while pipe.write(&vec![b'x'; size]).is_ok() {}
    }
    fcntl_setfl(pipe, flags).unwrap();
}

fn signal(process: u32, signal: Signal) {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw).unwrap();
    kill_process(id, signal).unwrap();
}

/// Ends it by SIGTERM; how it ended.
async fn ended(mut server: Binary) -> ExitStatus {
    signal(server.pid(), Signal::TERM);
    let waiting = tokio::task::spawn_blocking(move || server.wait());
    timeout(PATIENCE, waiting).await.expect("an end in time").unwrap()
}

/// People sign in, post and read, as if there were a log.
async fn is_of_use(address: SocketAddr) {
    let http = Http::new(address);
    for n in 0..5 {
        let person = Person::new(&http, &format!("crew{n}")).await;
        let refused = http.post("/api/login", json!({"key": "wrong"}).to_string()).await;
        assert!((400..500).contains(&refused.status), "{refused:?}");
        let mut socket = Socket::packetboat(address, &person.session, "").await.unwrap();
        for client_id in ["1", "2", "3"] {
            assert_eq!(posted(&mut socket, client_id).await["type"], "ack");
        }
        socket.close().await;
    }
    assert_eq!(http.get("/ready").await.status, 200);
}

/// Posts; the answer.
async fn posted(socket: &mut Socket, client_id: &str) -> Value {
    let posting = json!({"type": "post", "client_id": client_id, "text": "ahoy"});
    socket.send_json(&posting).await;
    let answer = async {
        loop {
            let frame = socket.json().await;
            if frame["client_id"] == client_id {
                return frame;
            }
        }
    };
    // Pings would keep a server without answers going.
    timeout(PATIENCE, answer).await.expect("an answer in time")
}

async fn serves_and_drains_without_a_reader(nowhere: Nowhere) {
    let data = TempDir::new().unwrap();
    let (log, reader) = nowhere.open();
    let server = Binary::start_logging(EXECUTABLE, &data.path().join("data"), TALKATIVE, log);
    is_of_use(server.address()).await;
    let ann = server.person("ann").await;
    let mut socket = Socket::packetboat(server.address(), &ann.session, "").await.unwrap();
    let closing = tokio::spawn(async move { socket.closed().await });
    assert_eq!(ended(server).await.code(), Some(0), "{nowhere:?}");
    assert_eq!(closing.await.unwrap(), Some(1001), "{nowhere:?}");
    drop(reader);
}

#[tokio::test]
async fn a_reader_that_was_killed_costs_nobody_anything() {
    serves_and_drains_without_a_reader(Nowhere::Gone).await;
}

#[tokio::test]
async fn a_reader_that_stopped_holds_nobody_up() {
    serves_and_drains_without_a_reader(Nowhere::Stopped).await;
}

#[tokio::test]
async fn a_full_disk_under_the_log_costs_nobody_anything() {
    serves_and_drains_without_a_reader(Nowhere::Full).await;
}

#[tokio::test]
async fn lines_that_are_lost_are_counted() {
    let data = TempDir::new().unwrap();
    let (log, _) = Nowhere::Full.open();
    let server = Binary::start_logging(EXECUTABLE, &data.path().join("data"), TALKATIVE, log);
    let http = Http::new(server.address());
    let lost = async || {
        let text = String::from_utf8(http.get("/metrics").await.body).unwrap();
        let line =
            text.lines().find_map(|line| line.strip_prefix("packetboat_log_lines_lost_total "));
        line.map(|count| count.parse::<u64>().unwrap())
    };
    let until = Instant::now() + PATIENCE;
    while lost().await < Some(10) {
        assert!(Instant::now() < until, "{:?}", lost().await);
    }
}

#[tokio::test]
async fn a_reader_that_goes_on_is_told_how_many_lines_were_lost() {
    let data = TempDir::new().unwrap();
    let (log, reader) = Nowhere::Stopped.open();
    let server = Binary::start_logging(EXECUTABLE, &data.path().join("data"), TALKATIVE, log);
    let http = Http::new(server.address());
    let counts = async || String::from_utf8(http.get("/metrics").await.body).unwrap();
    // Each request is a line of debug, and its path makes the line long.
    let path = format!("/{}", "x".repeat(8_000));
    let until = Instant::now() + 6 * PATIENCE;
    while !counts().await.contains("packetboat_log_lines_lost_total") {
        assert!(Instant::now() < until, "the queue has an end");
        tokio::join!(http.get(&path), http.get(&path), http.get(&path), http.get(&path));
    }
    let reading = tokio::task::spawn_blocking(move || {
        let mut log = String::new();
        reader.unwrap().read_to_string(&mut log).unwrap();
        log
    });
    assert_eq!(ended(server).await.code(), Some(0));
    let log = timeout(PATIENCE, reading).await.expect("the log ends").unwrap();
    assert!(log.contains("log lines were lost"), "{} bytes", log.len());
    assert!(log.trim_end().ends_with("stopped"), "what came last is there");
}

#[tokio::test]
async fn storing_goes_on_after_a_failure_that_could_not_be_logged() {
    let data = TempDir::new().unwrap();
    let (reader, log) = io::pipe().unwrap();
    let server = Binary::start_logging(EXECUTABLE, &data.path().join("data"), &[], log);
    let ann = server.person("ann").await;
    let mut socket = Socket::packetboat(server.address(), &ann.session, "").await.unwrap();
    drop(reader);
    let path = data.path().join("data").join("packetboat.db");
    let database = Database::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let run = async |statement: &str| {
        let transaction = database.begin_write().await.unwrap();
        transaction.connection().execute_unprepared(statement).await.unwrap();
        transaction.commit().await.unwrap();
    };
    run("CREATE TRIGGER broken BEFORE INSERT ON messages
         BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END")
    .await;
    assert_eq!(posted(&mut socket, "1").await["type"], "nack");
    run("DROP TRIGGER broken").await;
    database.close().await.unwrap();
    let until = Instant::now() + PATIENCE;
    while posted(&mut socket, "1").await["type"] != "ack" {
        assert!(Instant::now() < until, "storing goes on");
    }
    assert_eq!(ended(server).await.code(), Some(0));
}

/// A server whose standard output is not read either, at an address of its own.
struct Mute {
    child: Child,
    address: SocketAddr,
}

impl Mute {
    fn start(mut command: Command, data: &Path, port: u16) -> Self {
        let address = own_address(port);
        command.args(["serve", "--listen", &address.to_string(), "--data"]).arg(data);
        command.env_clear().stdin(Stdio::null());
        Self { child: command.spawn().unwrap(), address }
    }

    async fn ready(&self) {
        let until = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            assert!(Instant::now() < until, "it starts");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn code(mut self) -> Option<i32> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "an end in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        // Gone already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn starts_serves_and_drains(command: Command, port: u16) {
    let data = TempDir::new().unwrap();
    let server = Mute::start(command, &data.path().join("data"), port);
    server.ready().await;
    is_of_use(server.address).await;
    signal(server.child.id(), Signal::TERM);
    assert_eq!(server.code().await, Some(0));
}

#[tokio::test]
async fn it_starts_with_full_disks_under_its_output_and_its_log() {
    let mut command = Command::new(EXECUTABLE);
    command.stdout(full()).stderr(full());
    starts_serves_and_drains(command, 20_100).await;
}

#[tokio::test]
async fn it_starts_without_an_output_and_a_log() {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"exec "$0" "$@" >&- 2>&-"#, EXECUTABLE]);
    starts_serves_and_drains(command, 20_200).await;
}

#[tokio::test]
async fn it_starts_with_readers_that_stopped() {
    let (reader, writer) = io::pipe().unwrap();
    fill(&writer);
    let mut command = Command::new(EXECUTABLE);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    starts_serves_and_drains(command, 20_300).await;
    drop(reader);
}

#[tokio::test]
async fn a_start_that_fails_says_so_by_its_exit_code_whoever_reads() {
    let data = TempDir::new().unwrap();
    for nowhere in [Nowhere::Gone, Nowhere::Stopped, Nowhere::Full] {
        let (log, reader) = nowhere.open();
        let mut command = Command::new(EXECUTABLE);
        command.stderr(log).stdout(Stdio::null());
        // A folder that cannot be.
        let server = Mute::start(command, Path::new("/dev/null/data"), 20_400);
        assert_eq!(server.code().await, Some(1), "{nowhere:?}");
        drop(reader);
    }
    drop(data);
}

#[tokio::test]
async fn a_second_signal_ends_a_start_that_is_held_up() {
    let data = TempDir::new().unwrap();
    let folder = data.path().join("data");
    let first = Binary::start(EXECUTABLE, &folder, &[]);
    assert_eq!(ended(first).await.code(), Some(0));
    let path = folder.join("packetboat.db");
    let database = Database::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let held = database.begin_write().await.unwrap();
    let mut command = Command::new(EXECUTABLE);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut server = Mute::start(command, &folder, 20_500);
    server.ready().await;
    signal(server.child.id(), Signal::TERM);
    // The second is another one only once the first was taken.
    let mut log = server.child.stderr.take().unwrap();
    let first_taken = tokio::task::spawn_blocking(move || {
        let (mut said, mut byte) = (String::new(), [0]);
        while !said.contains("stopping once") && log.read(&mut byte).unwrap() == 1 {
            said.push(char::from(byte[0]));
        }
        (said, log)
    });
    let (said, _log) = timeout(PATIENCE, first_taken).await.expect("it is taken").unwrap();
    assert!(said.contains("stopping"), "{said}");
    signal(server.child.id(), Signal::TERM);
    assert_eq!(server.code().await, Some(130));
    drop(held);
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_closed_terminal_is_an_end_in_order_and_with_nohup_none_at_all() {
    let data = TempDir::new().unwrap();
    // These tests may themselves run under nohup, which their children inherit.
    let mut command = Command::new("/usr/bin/env");
    command.args(["--default-signal=HUP", EXECUTABLE]);
    let server = Mute::start(command, &data.path().join("data"), 20_700);
    server.ready().await;
    let ann = Person::new(&Http::new(server.address), "ann").await;
    let mut socket = Socket::packetboat(server.address, &ann.session, "").await.unwrap();
    signal(server.child.id(), Signal::HUP);
    assert_eq!(socket.closed().await, Some(1001));
    assert_eq!(server.code().await, Some(0));

    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"trap "" HUP; exec "$0" "$@" >/dev/null 2>&1"#, EXECUTABLE]);
    let server = Mute::start(command, &data.path().join("data"), 20_600);
    server.ready().await;
    signal(server.child.id(), Signal::HUP);
    is_of_use(server.address).await;
    signal(server.child.id(), Signal::TERM);
    assert_eq!(server.code().await, Some(0));
}
