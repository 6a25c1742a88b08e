//! Who may do what in a request: each party in its own role, other members nothing; and
//! frames that are none.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::kit::{KEY_A, KEY_B, Session, response, unlimited};
use crate::peer::{Peer, begin, chunk, finish, frame, hand_over};

/// The owner of `a.txt`, its receiver with a window of one, and a third member; all
/// registered.
async fn three(server: &TestServer) -> (Session, Peer, Peer, Peer) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    let a = session.host.register().await;
    let b = session.guest().await.register_with(json!({ "window": 1 })).await;
    let c = session.guest().await.register_with(json!({ "window": 1 })).await;
    (session, a, b, c)
}

/// All that a client can say about a request.
fn commands(request: &Value) -> [(&'static str, Value); 5] {
    let acknowledgement = json!({
        "request_id": request,
        "public_key": KEY_A,
        "amount_of_chunks": 1,
        "filename": "a.txt",
    });
    [
        ("acknowledge-file-request", acknowledgement),
        ("ready-for-file-transfer", json!({ "request_id": request })),
        ("add-chunk", chunk(request, 1, true, b"not yours to give")),
        ("received-chunk", json!({ "request_id": request, "chunk_nr": 1 })),
        ("receive-chunk", json!({ "request_id": request, "chunk_nr": 1 })),
    ]
}

/// That the member may say nothing of a request but what is named.
async fn may_not(peer: &mut Peer, request: &Value, but: &[&str]) {
    for (command, data) in commands(request) {
        if !but.contains(&command) {
            let frame = peer.may_not(command, data).await;
            if let Some(said) = frame.get("request_id") {
                assert_eq!(said, request);
            }
        }
    }
}

#[tokio::test]
async fn each_party_acts_in_its_own_role_at_its_own_time_and_others_not_at_all() {
    let server = unlimited();
    let (_session, mut a, mut b, mut c) = three(&server).await;
    b.request("a.txt").await;
    let request = a.told("acknowledge-file-request").await.request;
    may_not(&mut a, &request, &["acknowledge-file-request"]).await;
    may_not(&mut b, &request, &[]).await;
    may_not(&mut c, &request, &[]).await;

    a.acknowledge(&request, "a.txt", 2).await;
    b.told("prepare-for-file-transfer").await;
    may_not(&mut a, &request, &[]).await;
    may_not(&mut b, &request, &["ready-for-file-transfer"]).await;
    may_not(&mut c, &request, &[]).await;

    b.ready(&request).await;
    a.asked_for(1).await;
    may_not(&mut a, &request, &["add-chunk"]).await;
    may_not(&mut b, &request, &[]).await;
    may_not(&mut c, &request, &[]).await;

    a.give(&request, 1, false).await;
    b.given(1, false).await;
    may_not(&mut a, &request, &[]).await;
    may_not(&mut b, &request, &["received-chunk", "receive-chunk"]).await;
    may_not(&mut c, &request, &[]).await;

    b.confirm(&request, 1).await;
    finish(&mut a, &mut b, &request, 2..=2).await;
    may_not(&mut b, &request, &["received-chunk", "receive-chunk"]).await;
    may_not(&mut c, &request, &[]).await;
    a.hears_nothing().await;
}

#[tokio::test]
async fn a_refusal_names_the_command_and_the_request_where_it_is_known() {
    let server = unlimited();
    let (_session, mut a, mut b, _c) = three(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    let refusal = b.may_not("add-chunk", chunk(&request, 1, true, b"x")).await;
    assert_eq!(refusal["request_id"], request);
    let refusal = a.may_not("add-chunk", chunk(&request, 5, true, b"x")).await;
    assert_eq!(refusal["request_id"], request);
    finish_from_first(&mut a, &mut b, &request).await;
}

/// Chunk 1 was asked for already; it is the only one.
async fn finish_from_first(a: &mut Peer, b: &mut Peer, request: &Value) {
    a.give(request, 1, true).await;
    b.given(1, true).await;
    b.confirm(request, 1).await;
    b.hears_nothing().await;
}

#[tokio::test]
async fn ones_own_file_and_one_that_does_not_exist_are_refused() {
    let server = unlimited();
    let (session, mut a, mut b, mut c) = three(&server).await;
    let wish = |name: &str| json!({ "public_key": KEY_B, "filename": name });
    a.may_not("request-file", wish("a.txt")).await;
    b.may_not("request-file", wish("b.txt")).await;
    b.may_not("request-file", wish("")).await;
    let elsewhere = Session::start(&server).await;
    elsewhere.host.offer("elsewhere.txt").await;
    b.may_not("request-file", wish("elsewhere.txt")).await;
    session.host.offer("gone.txt").await;
    response(&session.host.delete("gone.txt").await, 200);
    c.may_not("request-file", wish("gone.txt")).await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
}

#[tokio::test]
async fn a_receiver_has_one_open_request_and_an_owner_many() {
    let server = unlimited();
    let (session, mut a, mut b, mut c) = three(&server).await;
    session.host.offer("b.txt").await;
    b.request("a.txt").await;
    let first = a.told("acknowledge-file-request").await.request;
    for name in ["a.txt", "b.txt"] {
        b.may_not("request-file", json!({ "public_key": KEY_B, "filename": name })).await;
    }
    c.request("a.txt").await;
    let second = a.told("acknowledge-file-request").await.request;
    assert_ne!(first, second);
    for (peer, request) in [(&mut c, &second), (&mut b, &first)] {
        a.acknowledge(request, "a.txt", 1).await;
        peer.told("prepare-for-file-transfer").await;
        peer.ready(request).await;
        finish(&mut a, peer, request, 1..=2).await;
    }
    hand_over(&mut a, &mut b, "b.txt", 1).await;
}

#[tokio::test]
async fn only_chunks_that_were_asked_for_and_not_given_are_taken() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = session.guest().await.register_with(json!({ "window": 3 })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    for number in 1..=3 {
        a.asked_for(number).await;
    }
    for number in [0, 4, 5, u64::from(u32::MAX), u64::MAX] {
        a.may_not("add-chunk", chunk(&request, number, false, b"x")).await;
    }
    a.give(&request, 2, false).await;
    a.may_not("add-chunk", chunk(&request, 2, false, b"again")).await;
    a.give(&request, 1, false).await;
    a.may_not("add-chunk", chunk(&request, 1, true, b"again")).await;
    a.give(&request, 3, true).await;
    for number in 1..=3 {
        b.given(number, number == 3).await;
    }
    b.hears_nothing().await;
}

#[tokio::test]
async fn a_member_says_nothing_before_it_has_registered() {
    let server = unlimited();
    let (session, mut a, mut b, _c) = three(&server).await;
    let mut new = session.guest().await.open().await;
    new.may_not("request-file", json!({ "public_key": KEY_B, "filename": "a.txt" })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    may_not(&mut new, &request, &[]).await;
    finish_from_first(&mut a, &mut b, &request).await;
}

#[tokio::test]
async fn a_request_of_another_session_is_no_request_here() {
    let server = unlimited();
    let (_session, mut a, mut b, _c) = three(&server).await;
    let (_other, mut other_a, mut other_b, _) = three(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    may_not(&mut other_a, &request, &[]).await;
    may_not(&mut other_b, &request, &[]).await;
    for none in [json!(""), json!(7), Value::Null, json!("x".repeat(1_000)), json!({ "a": 1 })] {
        for peer in [&mut a, &mut b] {
            for (command, data) in commands(&none) {
                peer.may_not(command, data).await;
            }
        }
    }
    finish_from_first(&mut a, &mut b, &request).await;
}

#[tokio::test]
async fn frames_that_are_none_are_refused_and_the_socket_goes_on() {
    let server = unlimited();
    let (_session, mut a, mut b, _c) = three(&server).await;
    let jwt = b.jwt.clone();
    let wish = json!({ "public_key": KEY_B, "filename": "a.txt" });
    let bad = [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "7".to_owned(),
        "\"register\"".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        "[".repeat(60_000),
        r#"{"jwt": "\ud800", "command": "register", "data": "{}"}"#.to_owned(),
        json!({ "command": "request-file", "data": wish.to_string() }).to_string(),
        json!({ "jwt": 7, "command": "request-file", "data": wish.to_string() }).to_string(),
        json!({ "jwt": jwt, "data": wish.to_string() }).to_string(),
        json!({ "jwt": jwt, "command": null, "data": wish.to_string() }).to_string(),
        json!({ "jwt": jwt, "command": "request-file" }).to_string(),
        json!({ "jwt": jwt, "command": "request-file", "data": "" }).to_string(),
        json!({ "jwt": jwt, "command": "request-file", "data": "{" }).to_string(),
        json!({ "jwt": jwt, "command": "request-file", "data": "[]" }).to_string(),
        json!({ "jwt": jwt, "command": "request-file", "data": "{}" }).to_string(),
        json!({ "jwt": jwt, "command": "REQUEST-FILE", "data": wish.to_string() }).to_string(),
        json!({ "jwt": jwt, "command": "", "data": wish.to_string() }).to_string(),
        frame(&jwt, "request-file", &json!({ "public_key": 7, "filename": "a.txt" })).to_string(),
        frame(&jwt, "request-file", &json!({ "public_key": KEY_B, "filename": 7 })).to_string(),
        frame(&jwt, "request-file", &json!({ "filename": "a.txt" })).to_string(),
    ];
    for text in bad {
        b.socket.send(text.clone()).await;
        let answer = b.next().await;
        assert_eq!(answer["success"], false, "{text}: {answer}");
        assert!(answer["response"].as_str().is_some_and(|text| text.ends_with('.')), "{answer}");
        assert!(answer.get("command").is_none(), "{answer}");
    }
    a.hears_nothing().await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
}

#[tokio::test]
async fn messages_up_to_128_kib_are_taken_and_larger_ones_end_the_socket() {
    let server = unlimited();
    let (_session, mut a, mut b, mut c) = three(&server).await;
    let room = 128 * 1024 - frame(&b.jwt, "padded", &json!({ "pad": "" })).to_string().len();
    let padded = |pad: usize| json!({ "pad": "x".repeat(pad) });
    b.may_not("padded", padded(room)).await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
    let text = frame(&c.jwt, "padded", &padded(room + 1)).to_string();
    c.socket.try_send_text(&text).await;
    assert_eq!(c.socket.closed().await, Some(1009));
    hand_over(&mut a, &mut b, "a.txt", 1).await;
}
