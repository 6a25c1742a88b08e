//! What all of it costs the process, in memory.

use testkit::{Binary, PATIENCE, Person, Raw};
use tokio::time::Instant;

use crate::frames::{PING, TEXT, claim, frame};
use crate::scene::{Witness, gone};

/// What the process may keep after everything below is over. An idle one in a debug
/// build takes about 40 MiB; what leaks with every connection or message shows up as
/// far more than this.
const MAY_KEEP: u64 = 32 * 1024 * 1024;

/// Floods of the barrage, each by connections of its own.
const ROUNDS: usize = 16;

/// One of the kernel's numbers on a process's memory, in bytes: `VmRSS` is what it
/// holds, `VmHWM` the most it ever held.
fn memory(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with(name)).expect("its size");
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("a number") * 1024
}

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
    let before = memory(server.pid(), "VmRSS");
    barrage(&server, &mallory).await;
    gone(server.address(), &witness).await;
    witness.talk().await;
    let patience = Instant::now() + PATIENCE;
    // The allocator gives pages back a little later.
    while memory(server.pid(), "VmRSS") > before + MAY_KEEP {
        assert!(
            Instant::now() < patience,
            "{before} bytes before, {} after",
            memory(server.pid(), "VmRSS")
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
    let before = memory(server.pid(), "VmRSS");
    let mut raw = Raw::connect_narrow(server.address(), 4_096).await;
    raw.upgrade(server.address(), &mallory.session, None).await;
    // The smallest pong is two bytes, so the kernel takes millions before any waits here.
    raw.send(&frame(PING, b"").repeat(2_500_000)).await;
    let most = memory(server.pid(), "VmHWM");
    assert!(most < before + MAY_TAKE, "{before} bytes before, {most} at most");
}
