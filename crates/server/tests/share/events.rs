//! Receivers by server-sent events.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::kit::{KEY_A, KEY_B, Member, SECOND, Session, hex, message, unlimited};
use crate::peer::{IV, Peer, bytes_of, hand_over, pass};
use crate::stream::{Stream, path};

/// An owner of `a.txt` who is registered, and a guest who has no socket.
pub(crate) async fn scene(server: &TestServer) -> (Session, Peer, Member) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    let a = session.host.register().await;
    let guest = session.guest().await;
    (session, a, guest)
}

/// The owner's answer to a stream's request; the request's id.
pub(crate) async fn acknowledged(a: &mut Peer, stream: &mut Stream, filename: &str) -> Value {
    let asked = a.told("acknowledge-file-request").await;
    assert_eq!(asked.data, json!({ "public_key": KEY_B, "filename": filename }));
    a.acknowledge(&asked.request, filename, 9).await;
    let (_, prepared) = stream.told("prepare-for-file-transfer").await;
    let expected = json!({
        "request_id": asked.request,
        "public_key": KEY_A,
        "filename": filename,
        "amount_of_chunks": 9,
    });
    assert_eq!(prepared, expected);
    asked.request
}

/// Gives chunks `1..=count` as they are asked for, and ignores what is asked beyond.
async fn give(a: &mut Peer, request: &Value, count: u64) {
    for number in 1..=count {
        a.asked_for(number).await;
        a.give(request, number, number == count).await;
    }
}

pub(crate) async fn given(stream: &mut Stream, number: u64, is_last: bool) {
    let (id, data) = stream.told("add-chunk").await;
    assert_eq!(id, Some(number.to_string()));
    let expected = json!({
        "is_last_chunk": is_last,
        "chunk_nr": number,
        "chunk": hex(&bytes_of(number)),
        "iv": IV,
    });
    assert_eq!(data, expected);
}

/// The end of a stream whose file has arrived.
pub(crate) async fn done(stream: &mut Stream) {
    assert_eq!(stream.event().await.expect("an event").event, "done");
    assert_eq!(stream.event().await, None, "and then it ends");
}

#[tokio::test]
async fn a_file_comes_as_events_in_order_and_then_the_stream_ends() {
    let server = unlimited();
    let (_session, mut a, guest) = scene(&server).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    let head = stream.head();
    assert_eq!(
        head.header("content-type").map(|kind| kind.split(';').next()),
        Some(Some("text/event-stream"))
    );
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(head.header("access-control-allow-origin"), Some("*"));
    let request = acknowledged(&mut a, &mut stream, "a.txt").await;
    give(&mut a, &request, 20).await;
    for number in 1..=20 {
        given(&mut stream, number, number == 20).await;
    }
    done(&mut stream).await;
}

#[tokio::test]
async fn the_token_may_stand_in_the_query_for_event_source() {
    let server = unlimited();
    let (_session, mut a, guest) = scene(&server).await;
    let path = format!("{}&jwt={}", path(&guest, "a.txt"), guest.jwt);
    let origin = [("origin", "https://elsewhere.example".to_owned())];
    let mut stream = Stream::ask(&guest, &path, &origin).await.expect("a stream");
    let head = stream.head();
    assert_eq!(head.header("access-control-allow-origin"), Some("*"));
    let request = acknowledged(&mut a, &mut stream, "a.txt").await;
    // A page, but not paced: its clock stands still.
    give(&mut a, &request, 12).await;
    for number in 1..=12 {
        given(&mut stream, number, number == 12).await;
    }
    done(&mut stream).await;
}

#[tokio::test]
async fn a_name_in_the_path_is_encoded_or_not() {
    let server = unlimited();
    let (session, mut a, guest) = scene(&server).await;
    session.host.offer("100% é.txt").await;
    for name in ["100%25%20%C3%A9.txt", "100%%20é.txt"] {
        let mut stream = Stream::open(&guest, name).await.expect("a stream");
        let request = acknowledged(&mut a, &mut stream, "100% é.txt").await;
        a.asked_for(1).await;
        a.give(&request, 1, true).await;
        given(&mut stream, 1, true).await;
        done(&mut stream).await;
        a.hears_nothing_or_is_asked_again(&[2, 3, 4, 5, 6, 7, 8]).await;
    }
}

#[tokio::test]
async fn what_cannot_be_streamed_is_refused_in_shares_form() {
    let server = unlimited();
    let (session, mut a, guest) = scene(&server).await;
    guest.offer("own.txt").await;
    let bearer = format!("Bearer {}", guest.jwt);
    let refused = async |path: &str, authorization: &str| {
        let headers = [("authorization", authorization.to_owned())];
        Stream::ask(&guest, path, &headers).await.err().expect("a refusal")
    };
    message(&refused(&path(&guest, "a.txt"), "").await, 401);
    message(&refused(&path(&guest, "a.txt"), "Bearer x").await, 401);
    message(&refused(&format!("{}&jwt=x", path(&guest, "a.txt")), "").await, 401);
    message(&refused(&path(&guest, "no-such-file"), &bearer).await, 404);
    let without_key = format!("/session/{}/a.txt", session.id);
    message(&refused(&without_key, &bearer).await, 400);
    message(&refused(&path(&guest, "own.txt"), &bearer).await, 400);
    a.hears_nothing().await;
}

#[tokio::test]
async fn the_window_is_asked_for_ahead_and_no_acknowledgement_is_needed() {
    let server = unlimited();
    let (_session, mut a, guest) = scene(&server).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    let request = acknowledged(&mut a, &mut stream, "a.txt").await;
    for number in 1..=8 {
        a.asked_for(number).await;
    }
    a.hears_nothing().await;
    // In any order; the reader has them in theirs.
    for number in (1..=8).rev() {
        a.give(&request, number, false).await;
    }
    for number in 1..=8 {
        given(&mut stream, number, false).await;
        a.asked_for(8 + number).await;
    }
    a.hears_nothing().await;
}

#[tokio::test]
async fn an_idle_stream_is_kept_alive_by_comments_every_fifteen_seconds() {
    let server = unlimited();
    let (_session, mut a, guest) = scene(&server).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    // First while the owner thinks about it, then between two chunks.
    pass(&server, SECOND * 16, &mut [&mut a]).await;
    stream.is_kept_alive().await;
    let request = acknowledged(&mut a, &mut stream, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    given(&mut stream, 1, false).await;
    for _ in 0..6 {
        pass(&server, SECOND * 16, &mut [&mut a]).await;
        stream.is_kept_alive().await;
    }
    for number in 2..=8 {
        a.asked_for(number).await;
    }
    a.give(&request, 2, true).await;
    given(&mut stream, 2, true).await;
    done(&mut stream).await;
}

#[tokio::test]
async fn a_member_may_read_several_files_at_once_beside_the_request_on_its_socket() {
    let server = unlimited();
    let (session, mut a, guest) = scene(&server).await;
    session.host.offer("b.txt").await;
    let mut first = Stream::open(&guest, "a.txt").await.expect("a stream");
    let one = acknowledged(&mut a, &mut first, "a.txt").await;
    let mut second = Stream::open(&guest, "b.txt").await.expect("a stream");
    for number in 1..=8 {
        a.asked_for(number).await;
    }
    let two = acknowledged(&mut a, &mut second, "b.txt").await;
    for number in 1..=8 {
        a.asked_for(number).await;
    }
    let mut b = guest.register_with(json!({ "window": 1 })).await;
    hand_over(&mut a, &mut b, "a.txt", 2).await;
    for (stream, request) in [(&mut second, &two), (&mut first, &one)] {
        a.give(request, 1, true).await;
        given(stream, 1, true).await;
        done(stream).await;
    }
}
