//! The ten steps of a transfer, frame by frame, and what the server must not assume.

use serde_json::{Value, json};

use crate::kit::{KEY_A, KEY_B, Session, unlimited};
use crate::peer::{IV, Peer, begin, bytes_of, chunk, finish, hand_over};

/// A host who offers `a.txt`, and a guest who takes one chunk at a time; both registered.
async fn scene(server: &testkit::TestServer) -> (Session, Peer, Peer) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let a = session.host.register().await;
    let b = guest.register_with(json!({ "window": 1 })).await;
    (session, a, b)
}

#[tokio::test]
async fn the_ten_steps() {
    let server = unlimited();
    let (_session, mut a, mut b) = scene(&server).await;
    b.send("request-file", json!({ "public_key": KEY_B, "filename": "a.txt" })).await;
    let asked = a.told("acknowledge-file-request").await;
    assert_eq!(asked.data, json!({ "public_key": KEY_B, "filename": "a.txt" }));
    let request = asked.request;
    assert!(request.as_str().is_some_and(|id| !id.is_empty()), "{request}");
    let data = json!({
        "request_id": request,
        "public_key": KEY_A,
        "amount_of_chunks": 2,
        "filename": "a.txt",
    });
    a.send("acknowledge-file-request", data).await;
    let prepared = b.told("prepare-for-file-transfer").await;
    let data = json!({ "public_key": KEY_A, "filename": "a.txt", "amount_of_chunks": 2 });
    assert_eq!((prepared.request, prepared.data), (request.clone(), data));
    a.hears_nothing().await;
    b.ready(&request).await;
    let next = a.told("send-next-chunk").await;
    assert_eq!((next.request, next.data), (request.clone(), json!({ "chunk_nr": 1 })));
    a.give(&request, 1, false).await;
    let given = b.told("add-chunk").await;
    assert_eq!(given.request, request);
    let hex = crate::kit::hex(&bytes_of(1));
    let data = json!({ "is_last_chunk": false, "chunk_nr": 1, "chunk": hex, "iv": IV });
    assert_eq!(given.data, data);
    a.hears_nothing().await;
    b.confirm(&request, 1).await;
    a.asked_for(2).await;
    a.give(&request, 2, true).await;
    b.given(2, true).await;
    b.confirm(&request, 2).await;
    b.hears_nothing().await;
    a.hears_nothing().await;
}

#[tokio::test]
async fn a_guests_file_goes_to_the_host_and_to_another_guest() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (owner, other) = (session.guest().await, session.guest().await);
    owner.offer("a.txt").await;
    let mut a = owner.register().await;
    for receiver in [&session.host, &other] {
        let mut b = receiver.register_with(json!({ "window": 1 })).await;
        hand_over(&mut a, &mut b, "a.txt", 3).await;
    }
}

#[tokio::test]
async fn after_a_transfer_the_sockets_stay_open_and_more_requests_follow() {
    let server = unlimited();
    let (_session, mut a, mut b) = scene(&server).await;
    let mut requests = Vec::new();
    for count in [1, 3, 2] {
        let request = begin(&mut a, &mut b, "a.txt").await;
        assert!(!requests.contains(&request), "a new id");
        finish(&mut a, &mut b, &request, 1..=count).await;
        requests.push(request);
    }
}

#[tokio::test]
async fn two_members_hand_each_other_files_at_once_on_the_same_sockets() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    session.host.offer("there.txt").await;
    guest.offer("back.txt").await;
    let mut a = session.host.register_with(json!({ "window": 1 })).await;
    let mut b = guest.register_with(json!({ "window": 1 })).await;
    let there = begin(&mut a, &mut b, "there.txt").await;
    a.asked_for(1).await;
    let back = begin(&mut b, &mut a, "back.txt").await;
    b.asked_for(1).await;
    a.give(&there, 1, true).await;
    b.given(1, true).await;
    b.give(&back, 1, false).await;
    a.given(1, false).await;
    b.confirm(&there, 1).await;
    a.confirm(&back, 1).await;
    finish(&mut b, &mut a, &back, 2..=2).await;
    b.hears_nothing().await;
}

#[tokio::test]
async fn older_clients_confirm_by_another_name() {
    let server = unlimited();
    let (_session, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    b.send("receive-chunk", json!({ "request_id": request, "chunk_nr": 1 })).await;
    finish(&mut a, &mut b, &request, 2..=2).await;
}

/// The amount that A names is passed on as it is.
async fn prepared_with(a: &mut Peer, b: &mut Peer, amount: u64) -> Value {
    b.request("a.txt").await;
    let request = a.told("acknowledge-file-request").await.request;
    a.acknowledge(&request, "a.txt", amount).await;
    let prepared = b.told("prepare-for-file-transfer").await;
    assert_eq!(prepared.data["amount_of_chunks"], amount);
    b.ready(&request).await;
    request
}

#[tokio::test]
async fn the_end_is_the_last_chunk_alone_whatever_the_amount_and_the_size() {
    let server = unlimited();
    let (session, mut a, mut b) = scene(&server).await;
    let size = json!([{ "name": "huge.txt", "size": 9_007_199_254_740_991_u64 }]);
    session.host.post_files(&size).await;
    for (amount, count) in [(0, 1), (0, 3), (1, 4), (4, 1), (u64::from(u32::MAX), 2)] {
        let request = prepared_with(&mut a, &mut b, amount).await;
        finish(&mut a, &mut b, &request, 1..=count).await;
        b.hears_nothing().await;
        a.hears_nothing().await;
    }
    hand_over(&mut a, &mut b, "huge.txt", 1).await;
}

#[tokio::test]
async fn an_amount_that_is_no_u32_is_refused_and_may_be_said_again() {
    let server = unlimited();
    let (_session, mut a, mut b) = scene(&server).await;
    b.request("a.txt").await;
    let request = a.told("acknowledge-file-request").await.request;
    for amount in [json!(-1), json!(1.5), json!(4_294_967_296_u64), json!("1"), Value::Null] {
        let data = json!({
            "request_id": request,
            "public_key": KEY_A,
            "amount_of_chunks": amount,
            "filename": "a.txt",
        });
        a.may_not("acknowledge-file-request", data).await;
    }
    b.hears_nothing().await;
    a.acknowledge(&request, "a.txt", 7).await;
    b.told("prepare-for-file-transfer").await;
}

#[tokio::test]
async fn the_last_chunk_may_be_empty() {
    let server = unlimited();
    let (_session, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.send("add-chunk", chunk(&request, 1, true, b"")).await;
    let given = b.told("add-chunk").await;
    assert_eq!((&given.data["chunk"], &given.data["is_last_chunk"]), (&json!(""), &json!(true)));
    b.confirm(&request, 1).await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
}

#[tokio::test]
async fn a_chunk_has_at_most_70000_characters_of_hex() {
    let server = unlimited();
    let (_session, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.may_not("add-chunk", chunk(&request, 1, false, &[7; 35_001])).await;
    a.send("add-chunk", chunk(&request, 1, false, &[7; 35_000])).await;
    let given = b.told("add-chunk").await;
    assert_eq!(given.data["chunk"].as_str().map(str::len), Some(70_000));
    b.confirm(&request, 1).await;
    finish(&mut a, &mut b, &request, 2..=2).await;
}

#[tokio::test]
async fn what_the_owner_gives_beyond_the_last_chunk_is_dropped_without_an_answer() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = session.guest().await.register_with(json!({ "window": 8 })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    for number in 1..=8 {
        a.asked_for(number).await;
    }
    a.give(&request, 1, false).await;
    a.give(&request, 2, true).await;
    // The web app answers the other six with empty last chunks.
    for number in 3..=8 {
        a.send("add-chunk", chunk(&request, number, true, b"")).await;
    }
    a.hears_nothing().await;
    b.given(1, false).await;
    b.given(2, true).await;
    b.hears_nothing().await;
    b.confirm(&request, 1).await;
    b.confirm(&request, 2).await;
    b.hears_nothing().await;
    // Late ones, after the end, are no error of the web app's either.
    a.send("add-chunk", chunk(&request, 8, true, b"")).await;
    a.hears_nothing().await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
}

#[tokio::test]
async fn chunks_may_be_given_in_any_order_and_are_passed_on_in_theirs() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = session.guest().await.register_with(json!({ "window": 4 })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    for number in 1..=4 {
        a.asked_for(number).await;
    }
    for number in [3, 2, 4] {
        a.give(&request, number, number == 4).await;
    }
    a.hears_nothing().await;
    b.hears_nothing().await;
    a.give(&request, 1, false).await;
    for number in 1..=4 {
        b.given(number, number == 4).await;
        b.confirm(&request, number).await;
    }
    b.hears_nothing().await;
    a.hears_nothing().await;
}
