//! What all of it costs the process, in memory.

use serde_json::json;
use testkit::{Binary, PATIENCE, Person, Raw, Socket};
use tokio::time::Instant;

use crate::frames::{PING, TEXT, claim, frame};
use crate::scene::{Witness, gone};

/// What the process may keep after everything below is over. An idle one in a debug
/// build takes about 40 MiB; what leaks with every connection or message shows up as
/// far more than this.
const MAY_KEEP: u64 = 32 * 1024 * 1024;

/// Floods of the barrage, each by connections of its own.
const ROUNDS: usize = 16;

/// Everything above that takes memory, at once, and never reading an answer.
async fn barrage(server: &Binary, mallory: &Person) {
    let address = server.address();
    let huge = [b"GET / HTTP/1.1\r\nHost: a\r\nX: ".to_vec(), vec![b'x'; 4 << 20]].concat();
    let pings = frame(PING, b"").repeat(200_000);
    let half = [claim(TEXT, 65_536), vec![b' '; 65_000]].concat();
    let brackets = [claim(TEXT, 60_000), vec![b'['; 60_000]].concat().repeat(16);
    let fragments = [frame(0x01, &[b' '; 100]), frame(0, &[b' '; 60]).repeat(1_000)].concat();
    let post = "POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n{\"key\": \"";
    for _ in 0..ROUNDS {
        let mut open = Vec::new();
        for bytes in [&huge[..], &post.as_bytes().repeat(3), &[0xFF; 20_000]] {
            let mut raw = Raw::connect(address).await;
            raw.send(bytes).await;
            open.push(raw);
        }
        for bytes in [&pings, &half, &brackets, &fragments] {
            let mut raw = Raw::connect_narrow(address, 4_096).await;
            raw.upgrade(address, &mallory.session, Some("packetboat.v1")).await;
            raw.send(bytes).await;
            open.push(raw);
        }
    }
}

#[tokio::test]
async fn memory_comes_back_after_a_barrage() {
    let data = tempfile::TempDir::new().expect("a folder");
    let exempt = [("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8")];
    let server =
        Binary::start(env!("CARGO_BIN_EXE_packetboat"), &data.path().join("data"), &exempt);
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut witness = Witness::at(server.address(), &ann, &bob).await;
    let mallory = server.person("mallory").await;
    let before = server.memory("VmRSS");
    barrage(&server, &mallory).await;
    gone(server.address(), &witness).await;
    witness.talk().await;
    let patience = Instant::now() + PATIENCE;
    // The allocator gives pages back a little later.
    while server.memory("VmRSS") > before + MAY_KEEP {
        assert!(
            Instant::now() < patience,
            "{before} bytes before, {} after",
            server.memory("VmRSS")
        );
        witness.talk().await;
    }
}

/// A peer that is slow may have 1 MiB waiting; in memory it may not be much more.
const MAY_TAKE: u64 = 16 * 1024 * 1024;

#[tokio::test]
async fn pongs_that_nobody_reads_take_no_more_memory_than_their_bytes() {
    let data = tempfile::TempDir::new().expect("a folder");
    let server = Binary::start(env!("CARGO_BIN_EXE_packetboat"), &data.path().join("data"), &[]);
    let mallory = server.person("mallory").await;
    let before = server.memory("VmRSS");
    let mut raw = Raw::connect_narrow(server.address(), 4_096).await;
    raw.upgrade(server.address(), &mallory.session, None).await;
    // The smallest pong is two bytes, so the kernel takes millions before any waits here.
    raw.send(&frame(PING, b"").repeat(2_500_000)).await;
    let most = server.memory("VmHWM");
    assert!(most < before + MAY_TAKE, "{before} bytes before, {most} at most");
}

/// Connections that come back at once and read nothing.
const COME_BACK: usize = 240;

/// What they may take together: each by itself would have half a megabyte waiting.
const MAY_TAKE_TOGETHER: u64 = 64 * 1024 * 1024;

#[tokio::test]
async fn those_who_come_back_share_what_they_have_missed() {
    let data = tempfile::TempDir::new().expect("a folder");
    let exempt = [("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8")];
    let server =
        Binary::start(env!("CARGO_BIN_EXE_packetboat"), &data.path().join("data"), &exempt);
    let ann = server.person("ann").await;
    let mut poster = Socket::packetboat(server.address(), &ann.session, "").await.expect("101");
    let welcome = poster.json().await;
    let epoch = welcome["epoch"].as_str().expect("an epoch");
    for batch in 0..100 {
        for number in 0..20 {
            let client_id = format!("{batch}-{number}");
            let text = "x".repeat(200);
            poster.send_json(&json!({"type": "post", "client_id": client_id, "text": text})).await;
        }
        for _ in 0..20 {
            poster.of_type("ack").await;
        }
    }
    let path = format!("/ws?last_id=1&epoch={epoch}");
    let mut people = Vec::new();
    for number in 0..COME_BACK / 16 {
        people.push(server.person(&format!("p{number}")).await);
    }
    let before = server.memory("VmRSS");
    let mut open = Vec::new();
    for number in 0..COME_BACK {
        let session = &people[number / 16].session;
        let protocol = Some("packetboat.v1");
        let mut raw = Raw::connect_narrow(server.address(), 4_096).await;
        raw.send(&Raw::upgrade_request_for(server.address(), &path, session, protocol)).await;
        assert_eq!(raw.head().await.status, 101);
        open.push(raw);
    }
    // The last one's first bytes are there: all have been caught up, as far as they read.
    let mut last =
        Socket::packetboat(server.address(), &ann.session, &path[3..]).await.expect("101");
    let caught_up = last.json().await;
    assert_eq!(caught_up["recovered"], true);
    assert_eq!(caught_up["messages"].as_array().map(Vec::len), Some(1_999));
    let most = server.memory("VmHWM");
    assert!(most < before + MAY_TAKE_TOGETHER, "{before} bytes before, {most} at most");
}
