//! Whole files over real sockets, byte for byte; and a server that dies in the middle.

use std::sync::LazyLock;

use serde_json::json;
use tempfile::TempDir;
use testkit::Binary;

use crate::kit::{KEY_B, Member, Session, hex, unlimited};
use crate::peer::{IV, Peer, begin};
use crate::stream::Stream;

/// Chunks of 32,768 bytes and a tag of 16 that make 64 MiB.
const CHUNKS: u64 = 2_048;
const CHUNK_BYTES: usize = 32_768 + 16;

/// Bytes that do not repeat within a chunk, in hex; each chunk is a piece of them.
static NOISE: LazyLock<String> = LazyLock::new(|| {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut bytes = Vec::with_capacity(CHUNK_BYTES * 2);
    while bytes.len() < CHUNK_BYTES * 2 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_be_bytes());
    }
    hex(&bytes)
});

/// The hex of a chunk of the file, another one for each number.
fn piece(number: u64) -> &'static str {
    let from = usize::try_from(number * 8 % 32_768).expect("small") * 2;
    &NOISE[from..from + CHUNK_BYTES * 2]
}

/// An `add-chunk` as text: in a debug build, encoding 128 MB as values takes too long.
fn add_chunk(jwt: &str, request: &str, number: u64, is_last: bool, chunk: &str) -> String {
    format!(
        r#"{{"jwt":"{jwt}","command":"add-chunk","data":"{{\"request_id\":\"{request}\",\"is_last_chunk\":{is_last},\"chunk_nr\":{number},\"chunk\":\"{chunk}\",\"iv\":\"{IV}\"}}"}}"#
    )
}

/// Gives chunks as they are asked for, up to the last one.
async fn give_pieces(a: &mut Peer, count: u64, chunk: impl Fn(u64) -> String) {
    let mut given = 0;
    while given < count {
        let asked = a.told("send-next-chunk").await;
        let number = asked.data["chunk_nr"].as_u64().expect("a number");
        if number > count {
            continue;
        }
        let request = asked.request.as_str().expect("an id");
        let frame = add_chunk(&a.jwt, request, number, number == count, &chunk(number));
        a.socket.send(frame).await;
        given += 1;
    }
}

/// Gives the same bytes for each chunk asked for; the socket afterwards.
pub(crate) async fn give_all(mut a: Peer, bytes: Vec<u8>, count: u64) -> Peer {
    let chunk = hex(&bytes);
    give_pieces(&mut a, count, |_| chunk.clone()).await;
    a
}

/// Gives one file and takes another at the same time, on one socket. Which is not dropped yet:
/// closed with frames unread, it would take back what is still on its way.
async fn give_and_take(mut peer: Peer) -> Peer {
    let (mut given, mut taken) = (0, 0);
    while given < CHUNKS || taken < CHUNKS {
        let frame = peer.next().await;
        let (request, data) = (&frame["request_id"], &frame["data"]);
        let number = data["chunk_nr"].as_u64().unwrap_or_else(|| panic!("a chunk: {frame}"));
        if frame["command"] == "send-next-chunk" {
            if number <= CHUNKS {
                let request = request.as_str().expect("an id");
                let is_last = number == CHUNKS;
                let frame = add_chunk(&peer.jwt, request, number, is_last, piece(number));
                peer.socket.send(frame).await;
                given += 1;
            }
            continue;
        }
        taken += 1;
        assert_eq!((&frame["command"], number), (&json!("add-chunk"), taken));
        assert_eq!(data["is_last_chunk"], number == CHUNKS);
        assert!(data["chunk"] == piece(number), "the bytes of chunk {number}");
        peer.confirm(request, number).await;
    }
    peer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_hand_64_mib_to_each_other_both_ways_at_once() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    session.host.offer("there.bin").await;
    guest.offer("back.bin").await;
    let (mut a, mut b) = (session.host.register().await, guest.register().await);
    b.request("there.bin").await;
    let there = a.told("acknowledge-file-request").await.request;
    a.request("back.bin").await;
    let back = b.told("acknowledge-file-request").await.request;
    a.acknowledge(&there, "there.bin", CHUNKS).await;
    b.told("prepare-for-file-transfer").await;
    b.acknowledge(&back, "back.bin", CHUNKS).await;
    a.told("prepare-for-file-transfer").await;
    a.ready(&back).await;
    b.ready(&there).await;
    let (one, other) = (tokio::spawn(give_and_take(a)), tokio::spawn(give_and_take(b)));
    let _one = one.await.expect("whole");
    let _other = other.await.expect("whole");
}

/// Takes a file of so many chunks from `owner` by server-sent events.
async fn read(owner: &Member, reader: &Member, name: &str, count: u64) {
    owner.offer(name).await;
    let mut a = owner.register().await;
    let mut stream = Stream::open(reader, name).await.expect("a stream");
    let request = a.told("acknowledge-file-request").await.request;
    a.acknowledge(&request, name, count).await;
    stream.told("prepare-for-file-transfer").await;
    let giving = tokio::spawn(async move {
        give_pieces(&mut a, count, |number| piece(number).to_owned()).await;
        // Not dropped yet: a socket that is closed with frames unread takes back what is
        // still on its way.
        a
    });
    for number in 1..=count {
        let event = stream.event().await.expect("an event");
        assert_eq!((event.event.as_str(), event.id), ("add-chunk", Some(number.to_string())));
        assert!(event.data.contains(piece(number)), "the bytes of chunk {number}");
    }
    assert_eq!(stream.event().await.expect("an event").event, "done");
    assert_eq!(stream.event().await, None);
    giving.await.expect("all was given");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_events_takes_64_mib() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    read(&session.host, &guest, "there.bin", CHUNKS).await;
}

#[tokio::test]
async fn readers_of_events_take_files_of_the_host_and_of_guests() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (guest, other) = (session.guest().await, session.guest().await);
    read(&session.host, &guest, "hosts.bin", 20).await;
    read(&guest, &other, "guests.bin", 20).await;
    read(&guest, &session.host, "back.bin", 20).await;
}

#[tokio::test]
async fn a_server_that_dies_in_mid_transfer_ends_both_sides_and_its_successor_says_so() {
    let data = TempDir::new().expect("a folder");
    let start = || Binary::start(env!("CARGO_BIN_EXE_packetboat"), &data.path().join("data"), &[]);
    let server = start();
    let session = Session::start_at(server.address()).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let (mut a, mut b) = (session.host.register().await, guest.register().await);
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    server.kill();
    a.closed().await;
    assert!(b.closed().await.is_empty(), "no chunk was made up");
    let server = start();
    for member in [&session.host, &guest] {
        let member = member.at(server.address());
        let answer = member.http.get(&format!("/files/{}", session.id)).await;
        assert!([401, 404].contains(&answer.status), "{answer:?}");
        let mut peer = member.open().await;
        peer.send("register", json!({})).await;
        let answer = peer.next().await;
        assert_eq!(answer["success"], false, "{answer}");
        assert!(answer["response"].as_str().is_some_and(|text| text.ends_with('.')), "{answer}");
        assert!(answer.get("command").is_none(), "{answer}");
        peer.send("request-file", json!({ "public_key": KEY_B, "filename": "a.txt" })).await;
    }
}
