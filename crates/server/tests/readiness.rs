//! `/ready` says what is so when nothing can be stored, nothing is acknowledged then, and
//! service resumes by itself.
//!
//! A full disk is a small tmpfs, in a mount namespace of the server's own (`unshare`):
//! of root, or of a user who may make one. What a read-only disk does is tested in
//! `health.rs` by a file that may only be read: a mounted file system does not turn
//! read-only while files on it are open for writing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Binary, Http, PATIENCE, Person, Socket};
use tokio::time::{Duration, Instant, sleep};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");

/// Asks until `/ready` answers this, as it must within a few seconds.
async fn ready_becomes(server: &Binary, status: u16, sentence: &str) {
    let patience = Instant::now() + PATIENCE;
    let http = Http::new(server.address());
    loop {
        let answer = http.get("/ready").await;
        let body = String::from_utf8(answer.body.clone()).expect("UTF-8");
        if answer.status == status && body.contains(sentence) {
            // Nothing of the inside: one sentence, no path.
            assert!(!body.contains(".db") && !body.contains("/tmp"), "{body}");
            return;
        }
        assert!(Instant::now() < patience, "{}: {body}", answer.status);
        sleep(Duration::from_millis(50)).await;
    }
}

/// Posts `text`; whether it was acknowledged.
async fn post(socket: &mut Socket, text: &str) -> bool {
    socket.send_json(&json!({"type": "post", "client_id": text, "text": text})).await;
    loop {
        let frame = socket.json().await;
        match frame["type"].as_str() {
            Some("ack") => return true,
            Some("nack") => return false,
            Some("error") => panic!("{frame}"),
            _ => {}
        }
    }
}

async fn enter(server: &Binary, person: &Person) -> Socket {
    let socket = Socket::packetboat(server.address(), &person.session, "").await;
    let mut socket = socket.expect("101");
    socket.of_type("welcome").await;
    socket
}

async fn register(server: &Binary, name: &str) -> u16 {
    let body = json!({ "username": name }).to_string();
    Http::new(server.address()).post("/api/register", body).await.status
}

struct Scene {
    _outer: TempDir,
    database: PathBuf,
    aside: PathBuf,
    server: Binary,
    ann: Person,
    socket: Socket,
}

impl Scene {
    async fn new() -> Self {
        let outer = TempDir::new().expect("a temporary folder");
        let data = outer.path().join("data");
        let server = Binary::start(EXECUTABLE, &data, &[]);
        let ann = server.person("ann").await;
        let mut socket = enter(&server, &ann).await;
        assert!(post(&mut socket, "before").await);
        ready_becomes(&server, 200, "ready").await;
        let (database, aside) = (data.join("packetboat.db"), data.join("aside.db"));
        Self { _outer: outer, database, aside, server, ann, socket }
    }

    /// While the file is not in its place nothing is acknowledged that would be lost.
    async fn nothing_is_taken(&mut self) {
        assert!(!post(&mut self.socket, "lost").await, "acknowledged into nowhere");
        assert_eq!(register(&self.server, "bob").await, 503);
    }

    /// The file is back: what was refused is not there, and all goes on.
    async fn all_is_well(mut self) {
        ready_becomes(&self.server, 200, "ready").await;
        assert!(post(&mut self.socket, "after").await);
        assert_eq!(register(&self.server, "bob").await, 201);
        self.socket.send_json(&json!({"type": "history", "before": 1_000})).await;
        let page = self.socket.of_type("history").await;
        let messages = page["messages"].as_array().expect("messages");
        let texts: Vec<_> =
            messages.iter().filter_map(|message| message["text"].as_str()).collect();
        assert_eq!(texts, ["before", "after"]);
        self.socket.close().await;
        drop(self.ann);
    }
}

#[tokio::test]
async fn a_database_deleted_under_the_server_takes_nothing_more() {
    let mut scene = Scene::new().await;
    // Moved, so that it can come back; to the server it is the same.
    fs::rename(&scene.database, &scene.aside).expect("moved");
    scene.nothing_is_taken().await;
    ready_becomes(&scene.server, 503, "The database is gone.").await;
    assert!(!scene.database.exists(), "nothing is made in its place");
    fs::rename(&scene.aside, &scene.database).expect("moved back");
    scene.all_is_well().await;
}

#[tokio::test]
async fn a_database_replaced_under_the_server_takes_nothing_more() {
    let mut scene = Scene::new().await;
    fs::rename(&scene.database, &scene.aside).expect("moved");
    fs::copy(&scene.aside, &scene.database).expect("copied");
    scene.nothing_is_taken().await;
    ready_becomes(&scene.server, 503, "The database was replaced by another one.").await;
    fs::rename(&scene.aside, &scene.database).expect("moved back");
    scene.all_is_well().await;
}

/// How many mails in `outbox` are for resetting a password.
fn resets(outbox: &Path) -> usize {
    let files = fs::read_dir(outbox).into_iter().flatten().flatten();
    let texts = files.filter_map(|file| fs::read_to_string(file.path()).ok());
    texts.filter(|text| text.contains("/password/reset/")).count()
}

#[tokio::test]
async fn a_reset_that_was_answered_is_mailed_when_the_database_is_back() {
    let scene = Scene::new().await;
    let http = Http::new(scene.server.address());
    let bob = json!({"email": "bob@example.org", "password": "tide-lamp-9"}).to_string();
    assert_eq!(http.post("/api/users/", bob).await.status, 201);
    fs::rename(&scene.database, &scene.aside).expect("moved");
    let reset = json!({"email": "bob@example.org"}).to_string();
    assert_eq!(http.post("/api/users/reset-password/", reset).await.status, 200);
    ready_becomes(&scene.server, 503, "The database is gone.").await;
    fs::rename(&scene.aside, &scene.database).expect("moved back");
    let outbox = scene.database.with_file_name("outbox");
    let patience = Instant::now() + PATIENCE;
    while resets(&outbox) == 0 {
        assert!(Instant::now() < patience, "the mail comes");
        sleep(Duration::from_millis(50)).await;
    }
}

/// The newest commits are in the log. Deleting it takes them from the next start after a
/// crash; a server that ends in order still has them.
#[tokio::test]
async fn a_log_deleted_under_the_server_takes_nothing_more_and_an_end_in_order_saves_all() {
    let mut scene = Scene::new().await;
    fs::remove_file(scene.database.with_extension("db-wal")).expect("it was there");
    scene.nothing_is_taken().await;
    ready_becomes(&scene.server, 503, "The database is gone.").await;
    let pid = Pid::from_raw(scene.server.pid().try_into().expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("it runs");
    scene.server.wait();
    let data = scene.database.parent().expect("a folder");
    scene.server = Binary::start(EXECUTABLE, data, &[]);
    scene.ann.session = scene.server.log_in(&scene.ann.key).await;
    scene.socket = enter(&scene.server, &scene.ann).await;
    scene.all_is_well().await;
}

/// A server whose data folder is a disk of 16 MiB, and the way there from outside.
fn on_a_small_disk(outer: &Path) -> (Binary, PathBuf) {
    let data = outer.join("data");
    fs::create_dir(&data).expect("a folder");
    let script = outer.join("on-a-small-disk");
    let text = format!(
        "#!/bin/sh\n\
         unshare -m true 2>/dev/null || user=-r\n\
         exec unshare $user -m sh -c 'mount -t tmpfs -o size=16m,mode=700 none {data} && \
         exec {EXECUTABLE} \"$@\"' sh \"$@\"\n",
        data = data.display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let server = Binary::start(script.to_str().expect("a path"), &data, &[]);
    let inside = PathBuf::from(format!("/proc/{}/root{}", server.pid(), data.display()));
    (server, inside)
}

#[tokio::test]
async fn a_full_disk_is_told_and_service_resumes_with_it() {
    let outer = TempDir::new().expect("a temporary folder");
    let (server, inside) = on_a_small_disk(outer.path());
    ready_becomes(&server, 200, "ready").await;
    let ann = server.person("ann").await;
    // As much as there is room for.
    let filler = inside.join("filler");
    let mut file = fs::File::create(&filler).expect("a file on the small disk");
    while std::io::Write::write_all(&mut file, &[1; 64 * 1024]).is_ok() {}
    drop(file);
    ready_becomes(&server, 503, "The disk is full.").await;
    fs::remove_file(&filler).expect("removed");
    ready_becomes(&server, 200, "ready").await;
    let mut socket = enter(&server, &ann).await;
    assert!(post(&mut socket, "after").await);
    socket.close().await;
}
