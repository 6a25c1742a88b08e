//! Acknowledged means synced. `kill -9` cannot show that, for what was only written
//! survives it in the page cache; so the server's system calls are watched, and every
//! answer must leave after the sync that covers what it acknowledges.
//!
//! Needs strace, and the right to trace; without them it fails.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trace;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use testkit::{Binary, Http, PATIENCE, Socket};
use tokio::time::{Duration, sleep};

use trace::Call;

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");
const LOG: &str = "/packetboat.db-wal";

/// That `answer` was sent after a sync of the log that came after `stored` was written.
fn follows_its_sync(calls: &[Call], stored: &str, answer: &str, nth: usize) {
    let written = calls
        .iter()
        .find(|call| call.name == "pwrite64" && call.is_on(LOG) && call.arguments.contains(stored));
    let written = written.unwrap_or_else(|| panic!("{stored} was never written"));
    let sent =
        calls.iter().filter(|call| call.is_sent() && call.arguments.contains(answer)).nth(nth);
    let sent = sent.unwrap_or_else(|| panic!("{answer} was never sent"));
    let covers = |call: &&Call| {
        call.is_sync() && call.is_on(LOG) && written.ended < call.begun && call.ended < sent.begun
    };
    assert!(calls.iter().any(|call| covers(&call)), "{stored}: {answer} left before the sync");
}

/// That `folder` was synced after a file was renamed to `name` in it, and before `then`.
fn rename_is_synced_before(calls: &[Call], folder: &str, name: &str, then: &Call) {
    let renamed = calls.iter().find(|call| {
        call.name.starts_with("rename") && call.arguments.contains(&format!("{name}\""))
    });
    let renamed = renamed.unwrap_or_else(|| panic!("nothing was renamed to {name}"));
    let synced = |path: &str, after: usize, before: usize| {
        let fits = |call: &&Call| {
            call.is_sync() && call.is_on(path) && after < call.begun && call.ended < before
        };
        calls.iter().any(|call| fits(&call))
    };
    assert!(synced(".new", 0, renamed.begun), "{name} was renamed before it was synced");
    assert!(synced(folder, renamed.ended, then.begun), "{name}: its folder was not synced in time");
}

/// Everything that is acknowledged, once.
async fn everything(server: &Binary, outbox: &Path) -> Vec<(&'static str, String, usize)> {
    let address = server.address();
    let http = Http::new(address);
    let mut answers = Vec::new();

    let ann = server.person("orderann").await;
    answers.push(("orderann", ann.key.clone(), 0));
    let body = json!({ "key": ann.key }).to_string();
    let signed_in = http.with("user-agent", "order-sign-in").post("/api/login", body).await;
    answers.push(("order-sign-in", signed_in.session().unwrap(), 0));
    let cookie = format!("session={}", ann.session);
    let by_ann = http.with("cookie", &cookie).with("user-agent", "order-token");
    let token = by_ann.get("/api/auth/token").await.json()["X-Token"].as_str().unwrap().to_owned();
    answers.push(("order-token", token.clone(), 0));

    let mut socket = Socket::packetboat(address, &ann.session, "").await.unwrap();
    let post = json!({"type": "post", "client_id": "order-id", "text": "order-packetboat"});
    socket.send_json(&post).await;
    socket.of_type("ack").await;
    answers.push(("order-packetboat", r#"\"order-id\""#.to_owned(), 0));
    let mut socket = Socket::piratchat(address, &ann.session).await.unwrap();
    socket.send_json(&json!({"message": "order-piratchat"})).await;
    while socket.json().await != json!({"status": true}) {}
    answers.push(("order-piratchat", r#"{\"status\":true}"#.to_owned(), 0));
    let path = "/socket.io/?EIO=4&transport=websocket";
    let mut socket = Socket::open(address, path, &[]).await.unwrap();
    socket.send("40").await;
    while !socket.text().await.unwrap().starts_with("42[\"news\"") {}
    socket.send(format!("42{}", json!(["authentication", { "token": token }]))).await;
    while !socket.text().await.unwrap().starts_with("42[\"authenticated\"") {}
    socket.send(r#"427["client-sent-message",{"message":"order-socketio"}]"#).await;
    while socket.text().await.unwrap() != r#"437[{"status":true}]"# {}
    answers.push(("order-socketio", r#"437[{\"status\":true}]"#.to_owned(), 0));

    let body = json!({"email": "order@example.org", "password": "sturdy-hull-and-rigging-7"});
    let json = http.with("content-type", "application/json");
    assert_eq!(json.post("/api/users/", body.to_string()).await.status, 201);
    // The second "created": the first is of the registration.
    answers.push(("order@example.org", "HTTP/1.1 201".to_owned(), 1));
    let patience = Instant::now() + PATIENCE;
    while mail_in(outbox).is_none() {
        assert!(Instant::now() < patience, "a mail comes");
        sleep(Duration::from_millis(5)).await;
    }
    answers
}

/// The name of a mail in the outbox.
fn mail_in(outbox: &Path) -> Option<String> {
    let mut names = std::fs::read_dir(outbox).ok()?.map(|entry| entry.unwrap().file_name());
    names.find_map(|name| {
        name.into_string().ok().filter(|name| name.ends_with(".eml") && !name.starts_with('.'))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_leaves_after_the_sync_that_covers_it() {
    let folder = TempDir::new().unwrap();
    let (script, log) = trace::traced(EXECUTABLE, folder.path());
    let data = folder.path().join("data");
    let exempt = [("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8")];
    let mut server = Binary::start(script.to_str().unwrap(), &data, &exempt);
    let answers = everything(&server, &data.join("outbox")).await;
    let mail = mail_in(&data.join("outbox")).unwrap();
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    // strace has its output too: when that is over, the trace is complete.
    assert!(server.wait().success());

    let calls = trace::read(&log);
    for (stored, answer, nth) in answers {
        follows_its_sync(&calls, stored, &answer, nth);
    }
    let ready = calls.iter().find(|call| call.arguments.contains("Packetboat is ready")).unwrap();
    rename_is_synced_before(&calls, "/data", "secrets.toml", ready);
    // That the mail left is the next thing stored after its file was put in place.
    let put =
        calls.iter().find(|call| call.name.starts_with("rename") && call.arguments.contains(&mail));
    let put = put.unwrap().ended;
    let noted = calls.iter().find(|call| call.begun > put && call.is_on(LOG) && !call.is_sync());
    rename_is_synced_before(&calls, "/outbox", &mail, noted.unwrap());
}

#[test]
fn a_test_mail_is_on_the_disk_before_the_command_says_so() {
    let folder = TempDir::new().unwrap();
    let (script, log) = trace::traced(EXECUTABLE, folder.path());
    let data = folder.path().join("data");
    let command = Command::new(script)
        .args(["mail", "test", "ann@example.org", "--data"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(command.status.success(), "{command:?}");
    let mail = mail_in(&data.join("outbox")).unwrap();
    let calls = trace::read(&log);
    let said =
        calls.iter().find(|call| call.name == "write" && call.arguments.contains("put into"));
    rename_is_synced_before(&calls, "/outbox", &mail, said.unwrap());
}
