//! A server knows its database again: one that is gone, another one, one that another
//! server has, one that lost its end.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Binary, Http, PATIENCE, Socket};
use tokio::time::{Instant, sleep};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");

fn start(data: &Path) -> Binary {
    Binary::start(EXECUTABLE, data, &[])
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// Ends it in order.
fn stop(mut server: Binary) {
    let pid = Pid::from_raw(server.pid().try_into().expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("it runs");
    assert!(server.wait().success());
}

fn packetboat(arguments: &[&str], data: &Path, environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(EXECUTABLE);
    command.args(arguments).arg("--data").arg(data).env_clear();
    command.envs(environment.iter().copied()).stdin(Stdio::null()).output().expect("it runs")
}

/// The one line of a server that does not start.
fn refusal(data: &Path, environment: &[(&str, &str)]) -> String {
    // A server that starts although it should not must not be waited for.
    let mut limited = Command::new("timeout");
    limited.args(["20", EXECUTABLE, "serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let path = std::env::var("PATH").unwrap_or_default();
    limited.env_clear().env("PATH", path).env("PACKETBOAT_LOG__LEVEL", "off");
    let output = limited.envs(environment.iter().copied()).output().expect("it runs");
    let line = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!((output.status.code(), line.lines().count()), (Some(1), 1), "{line}");
    line
}

/// Starts with `--new-database`, and ends in order once it is ready.
fn accept_database(data: &Path) {
    let script = data.with_extension("sh");
    fs::write(&script, format!("#!/bin/sh\nexec {EXECUTABLE} \"$@\" --new-database\n"))
        .expect("a script");
    make_executable(&script);
    stop(Binary::start(script.to_str().expect("a path"), data, &[]));
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

fn database(data: &Path) -> PathBuf {
    data.join("packetboat.db")
}

fn remove_database(data: &Path) {
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data.join(format!("packetboat.db{end}")));
    }
}

#[test]
fn a_database_that_is_gone_is_not_made_anew() {
    let outer = folder();
    let data = outer.path().join("data");
    stop(start(&data));
    remove_database(&data);
    // Twice: the first try must not leave what the second takes for a database.
    for _ in 0..2 {
        let line = refusal(&data, &[]);
        let path = database(&data);
        assert!(line.contains(&format!("{} is missing", path.display())), "{line}");
        assert!(line.contains("\"packetboat serve --new-database\""), "{line}");
        assert!(!path.exists());
    }
    fs::write(database(&data), "").expect("an empty file");
    let line = refusal(&data, &[]);
    assert!(line.contains("packetboat.db is empty"), "{line}");
    assert_eq!(fs::metadata(database(&data)).expect("the file").len(), 0);

    accept_database(&data);
    stop(start(&data));
}

#[test]
fn another_database_is_refused_and_left_as_it_is() {
    let outer = folder();
    let [data, other] = ["data", "other"].map(|name| outer.path().join(name));
    stop(start(&data));
    stop(start(&other));
    fs::copy(database(&other), database(&data)).expect("copied");
    let before = fs::read(database(&data)).expect("read");
    let line = refusal(&data, &[]);
    assert!(line.contains("packetboat.db is another one, "), "{line}");
    assert!(!data.join("packetboat.db-wal").exists());
    assert_eq!(fs::read(database(&data)).expect("read"), before);
    accept_database(&data);
    stop(start(&data));
}

#[tokio::test]
async fn a_backup_put_back_starts_and_its_room_begins_anew() {
    let outer = folder();
    let data = outer.path().join("data");
    let server = start(&data);
    let ann = server.person("ann").await;
    let backup = outer.path().join("backup.db");
    let (mut socket, first) = enter(&server, &ann.session, "").await;
    post(&mut socket, "in the backup").await;
    socket.close().await;
    stop(server);
    fs::copy(database(&data), &backup).expect("copied");

    let server = start(&data);
    let session = server.log_in(&ann.key).await;
    let (mut socket, welcome) = enter(&server, &session, "").await;
    assert_eq!(welcome["epoch"], first["epoch"]);
    let last = post(&mut socket, "after it").await;
    socket.close().await;
    stop(server);
    remove_database(&data);
    fs::copy(&backup, database(&data)).expect("copied");

    let server = start(&data);
    let session = server.log_in(&ann.key).await;
    let resume = format!("?last_id={last}&epoch={}", text(&first["epoch"]));
    let (socket, welcome) = enter(&server, &session, &resume).await;
    assert_eq!(welcome["recovered"], false);
    assert_ne!(welcome["epoch"], first["epoch"], "ids are given again");
    assert_eq!(welcome["messages"].as_array().map(Vec::len), Some(1));
    socket.close().await;
}

#[test]
fn a_data_folder_that_notes_no_database_notes_the_one_it_has() {
    let outer = folder();
    let data = outer.path().join("data");
    stop(start(&data));
    let secrets = data.join("secrets.toml");
    let noted = fs::read_to_string(&secrets).expect("secrets");
    // As an older version left it, or a crash between making a database and noting it.
    let is_key = |line: &&str| !line.starts_with("database = ");
    let before: Vec<&str> = noted.lines().filter(is_key).collect();
    assert_eq!(before.len() + 1, noted.lines().count(), "{noted}");
    fs::write(&secrets, before.join("\n") + "\n").expect("written");
    stop(start(&data));
    assert_eq!(fs::read_to_string(&secrets).expect("secrets"), noted);
}

#[tokio::test]
async fn commands_keep_to_the_database_of_the_server() {
    let outer = folder();
    let data = outer.path().join("data");
    let create = |email| packetboat(&["admin", "create", email], &data, &[]);
    assert!(create("before@example.org").status.success(), "before the first start");
    let server = start(&data);
    assert!(create("beside@example.org").status.success(), "beside the server");
    remove_database(&data);
    for server in [Some(server), None] {
        let refused = create("lost@example.org");
        let line = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{line}");
        assert!(line.contains("packetboat.db is missing"), "{line}");
        assert!(!database(&data).exists(), "an administrator of nothing");
        drop(server);
    }
}

#[tokio::test]
async fn one_server_has_a_database_whatever_way_leads_there() {
    let outer = folder();
    let [one, other, third] = ["one", "other", "third"].map(|name| outer.path().join(name));
    let path = outer.path().join("shared.db");
    let link = outer.path().join("link.db");
    symlink(&path, &link).expect("a link");
    let url = |path: &Path| format!("sqlite://{}?mode=rwc", path.display());
    let (by_path, by_link) = (url(&path), url(&link));
    let by_path = [("PACKETBOAT_DATABASE__URL", by_path.as_str())];
    let by_link = [("PACKETBOAT_DATABASE__URL", by_link.as_str())];

    let first = Binary::start(EXECUTABLE, &one, &by_path);
    let process = format!("in use by another Packetboat (process {})", first.pid());
    for way in [&by_path, &by_link] {
        let line = refusal(&other, way);
        assert!(line.contains("the database ") && line.trim_end().ends_with(&process), "{line}");
    }
    // Commands work beside the server.
    let beside = packetboat(&["admin", "create", "ops@example.org"], &third, &by_link);
    assert!(beside.status.success(), "{beside:?}");
    assert_eq!(Http::new(first.address()).get("/ready").await.status, 200);

    first.kill();
    let second = Binary::start(EXECUTABLE, &other, &by_link);
    let line = refusal(&one, &by_path);
    assert!(line.contains(&format!("(process {})", second.pid())), "{line}");
}

/// Opens the room; what it says first.
async fn enter(server: &Binary, session: &str, query: &str) -> (Socket, Value) {
    let socket = Socket::packetboat(server.address(), session, query).await;
    let mut socket = socket.expect("101");
    let welcome = socket.of_type("welcome").await;
    (socket, welcome)
}

/// Posts; the id under which it is stored.
async fn post(socket: &mut Socket, text: &str) -> i64 {
    let client_id = text.replace(' ', "-");
    socket.send_json(&json!({"type": "post", "client_id": client_id, "text": text})).await;
    socket.of_type("ack").await["id"].as_i64().expect("an id")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Waits until the server has noted `head` beside its database.
async fn noted(data: &Path, head: i64) {
    let patience = Instant::now() + PATIENCE;
    let wanted = format!("{head:020} ");
    let note = data.join("packetboat.head");
    while !fs::read_to_string(&note).unwrap_or_default().starts_with(&wanted) {
        assert!(Instant::now() < patience, "{head} is noted in time");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A server that died in the middle of things, `harm` done to its files, and another
/// start: what the room was called before, and what it says to a client that comes back.
async fn revived_after(harm: impl FnOnce(&Path)) -> (Value, Value) {
    let outer = folder();
    let data = outer.path().join("data");
    // Ended in order: what there is up to here is in the database file itself.
    stop(start(&data));
    let server = start(&data);
    let ann = server.person("ann").await;
    stop(server);
    let server = start(&data);
    let session = server.log_in(&ann.key).await;
    let (mut socket, before) = enter(&server, &session, "").await;
    let mut last = 0;
    for number in 0..5 {
        last = post(&mut socket, &format!("number {number}")).await;
    }
    noted(&data, last).await;
    server.kill();
    harm(&data.join("packetboat.db-wal"));
    let server = start(&data);
    let session = server.log_in(&ann.key).await;
    let resume = format!("?last_id={last}&epoch={}", text(&before["epoch"]));
    let (socket, after) = enter(&server, &session, &resume).await;
    socket.close().await;
    (before, after)
}

#[tokio::test]
async fn a_log_that_is_whole_goes_on_where_it_was() {
    let (before, after) = revived_after(|_| {}).await;
    assert_eq!((&after["recovered"], &after["epoch"]), (&json!(true), &before["epoch"]));
}

#[tokio::test]
async fn a_log_that_was_lost_shows_as_a_fresh_start() {
    let (before, after) = revived_after(|log| fs::remove_file(log).expect("it was there")).await;
    assert_eq!(after["recovered"], false);
    assert_ne!(after["epoch"], before["epoch"]);
}

#[tokio::test]
async fn a_log_that_was_damaged_shows_as_a_fresh_start() {
    let damage = |log: &Path| {
        let mut bytes = fs::read(log).expect("it was there");
        // Behind the header and the first few pages.
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0);
        fs::write(log, bytes).expect("written");
    };
    let (before, after) = revived_after(damage).await;
    assert_eq!(after["recovered"], false);
    assert_ne!(after["epoch"], before["epoch"]);
}
