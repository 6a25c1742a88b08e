//! How far ahead the server asks, and how fast it passes on: scripts by their window, the
//! old web app at the pace of its storage.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::kit::{Member, SECOND, Session, unlimited, unlimited_with};
use crate::peer::{Peer, begin, pass};
use crate::whole_files::give_all;

/// The owner of `a.txt`, and a guest who has not connected yet.
async fn scene(server: &TestServer) -> (Peer, Member) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    (session.host.register().await, session.guest().await)
}

/// That the owner is asked for `window` chunks ahead of what the receiver has confirmed, and
/// never for more.
async fn has_a_window_of(window: u64, a: &mut Peer, b: &mut Peer) {
    let request = begin(a, b, "a.txt").await;
    for number in 1..=window {
        a.asked_for(number).await;
    }
    a.hears_nothing().await;
    for number in 1..=window {
        a.give(&request, number, false).await;
        b.given(number, false).await;
    }
    // Given is not confirmed.
    a.hears_nothing().await;
    for number in 1..=window.min(3) {
        b.confirm(&request, number).await;
        a.asked_for(window + number).await;
        a.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_script_has_a_window_of_eight() {
    let server = unlimited();
    let (mut a, guest) = scene(&server).await;
    has_a_window_of(8, &mut a, &mut guest.register().await).await;
}

#[tokio::test]
async fn the_operator_sets_another_window() {
    let server = unlimited_with(&[("share.window", "3")]);
    let (mut a, guest) = scene(&server).await;
    has_a_window_of(3, &mut a, &mut guest.register().await).await;
}

#[tokio::test]
async fn a_script_asks_for_a_window_of_1_to_64() {
    for window in [1, 2, 64] {
        let server = unlimited();
        let (mut a, guest) = scene(&server).await;
        let mut b = guest.register_with(json!({ "window": window })).await;
        has_a_window_of(window, &mut a, &mut b).await;
    }
}

#[tokio::test]
async fn a_window_that_is_none_is_refused() {
    let server = unlimited();
    let (_a, guest) = scene(&server).await;
    let mut b = guest.open().await;
    for window in [json!(0), json!(65), json!(-1), json!(1.5), json!("8"), json!([8])] {
        b.may_not("register", json!({ "window": window })).await;
    }
    b.send("register", json!({ "window": 64 })).await;
    b.hears_nothing().await;
}

#[tokio::test]
async fn the_window_is_the_receivers_whatever_the_owner_asks_for() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register_with(json!({ "window": 64 })).await;
    let mut b = session.guest().await.register_with(json!({ "window": 2 })).await;
    has_a_window_of(2, &mut a, &mut b).await;
}

#[tokio::test]
async fn the_old_web_app_has_a_window_of_one() {
    let server = unlimited();
    let (mut a, guest) = scene(&server).await;
    let mut b = guest.browse().await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.hears_nothing().await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    server.advance(SECOND);
    a.hears_nothing().await;
    b.confirm(&request, 1).await;
    server.advance(SECOND);
    a.asked_for(2).await;
    a.hears_nothing().await;
}

/// The next chunk that a receiver is given, which it confirms at once: its number.
async fn next_chunk(b: &mut Peer, request: &Value) -> u64 {
    let given = b.told("add-chunk").await;
    let number = given.data["chunk_nr"].as_u64().expect("a number");
    b.confirm(request, number).await;
    number
}

#[tokio::test]
async fn between_two_chunks_of_the_old_web_app_lie_200_ms_and_25_more_for_each_mib() {
    let server = unlimited();
    let (mut a, guest) = scene(&server).await;
    let mut b = guest.browse().await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    let sending = tokio::spawn(give_all(a, vec![7; 35_000], 70));
    assert_eq!(next_chunk(&mut b, &request).await, 1);
    for number in 2..=10 {
        pass(&server, SECOND * 199 / 1_000, &mut [&mut b]).await;
        b.hears_nothing().await;
        server.advance(SECOND / 1_000);
        assert_eq!(next_chunk(&mut b, &request).await, number);
    }
    for number in 11..=65 {
        server.advance(SECOND);
        assert_eq!(next_chunk(&mut b, &request).await, number);
    }
    // 65 chunks of 35,000 bytes are 2.2 MiB, 4.3 MiB as they stand in the frames.
    pass(&server, SECOND * 249 / 1_000, &mut [&mut b]).await;
    b.hears_nothing().await;
    server.advance(SECOND * 76 / 1_000);
    assert_eq!(next_chunk(&mut b, &request).await, 66);
    for number in 67..=70 {
        server.advance(SECOND);
        assert_eq!(next_chunk(&mut b, &request).await, number);
    }
    sending.await.expect("all was given");
}

/// Whether the first 20 chunks come although no time passes.
async fn comes_at_once(mut a: Peer, mut b: Peer) {
    let request = begin(&mut a, &mut b, "a.txt").await;
    let sending = tokio::spawn(give_all(a, vec![7; 32_768], 20));
    for number in 1..=20 {
        assert_eq!(next_chunk(&mut b, &request).await, number);
    }
    sending.await.expect("all was given");
}

#[tokio::test]
async fn scripts_and_pages_that_ask_for_a_window_are_not_paced() {
    let server = unlimited();
    let (a, guest) = scene(&server).await;
    comes_at_once(a, guest.register().await).await;
    let (a, guest) = scene(&server).await;
    let page = [("origin", "https://elsewhere.example".to_owned())];
    let mut b = guest.try_open(&page).await.expect("an upgrade");
    b.send("register", json!({ "window": 4 })).await;
    b.hears_nothing().await;
    comes_at_once(a, b).await;
}

#[tokio::test]
async fn the_operator_turns_pacing_off() {
    let server = unlimited_with(&[("share.browser_pace_ms", "0")]);
    let (a, guest) = scene(&server).await;
    comes_at_once(a, guest.browse().await).await;
}

#[tokio::test]
async fn a_page_of_a_null_origin_is_paced_too() {
    let server = unlimited();
    let (mut a, guest) = scene(&server).await;
    let mut b = guest.try_open(&[("origin", "null".to_owned())]).await.expect("an upgrade");
    b.send("register", json!({})).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    let sending = tokio::spawn(give_all(a, vec![7; 100], 2));
    assert_eq!(next_chunk(&mut b, &request).await, 1);
    pass(&server, SECOND * 199 / 1_000, &mut [&mut b]).await;
    b.hears_nothing().await;
    server.advance(SECOND / 1_000);
    assert_eq!(next_chunk(&mut b, &request).await, 2);
    sending.await.expect("all was given");
}
