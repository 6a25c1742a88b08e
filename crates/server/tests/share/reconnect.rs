//! A lost socket: five seconds of grace, and what is said again on the new one.

use serde_json::json;
use testkit::TestServer;

use crate::kit::{KEY_A, Member, SECOND, Session, message, unlimited};
use crate::peer::{Peer, begin, finish, hand_over, pass};

pub(crate) async fn scene(server: &TestServer) -> (Session, Member, Peer, Peer) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let a = session.host.register().await;
    let b = guest.register_with(json!({ "window": 1 })).await;
    (session, guest, a, b)
}

/// A new socket, registered with the same token; what it hears first is not read.
pub(crate) async fn back(member: &Member) -> Peer {
    let mut peer = member.open().await;
    peer.send("register", json!({ "window": 1 })).await;
    peer
}

#[tokio::test]
async fn a_receiver_who_is_back_within_five_seconds_has_missed_nothing_at_any_step() {
    let server = unlimited();
    let (_session, guest, mut a, mut b) = scene(&server).await;
    b.request("a.txt").await;
    let request = a.told("acknowledge-file-request").await.request;
    b.cut();
    b = back(&guest).await;
    b.hears_nothing().await;
    a.acknowledge(&request, "a.txt", 2).await;
    b.told("prepare-for-file-transfer").await;
    b.cut();
    pass(&server, SECOND * 4, &mut [&mut a]).await;
    b = back(&guest).await;
    let again = b.told("prepare-for-file-transfer").await;
    let data = json!({ "public_key": KEY_A, "filename": "a.txt", "amount_of_chunks": 2 });
    assert_eq!((&again.request, again.data), (&request, data));
    b.ready(&request).await;
    a.asked_for(1).await;
    b.cut();
    b = back(&guest).await;
    b.hears_nothing().await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    b.cut();
    b = back(&guest).await;
    b.given(1, false).await;
    b.confirm(&request, 1).await;
    a.asked_for(2).await;
    b.cut();
    // What is given meanwhile is kept.
    a.give(&request, 2, true).await;
    pass(&server, SECOND * 4, &mut [&mut a]).await;
    b = back(&guest).await;
    b.given(2, true).await;
    b.confirm(&request, 2).await;
    hand_over(&mut a, &mut b, "a.txt", 2).await;
}

#[tokio::test]
async fn an_owner_who_is_back_within_five_seconds_has_missed_nothing_at_any_step() {
    let server = unlimited();
    let (session, _guest, mut a, mut b) = scene(&server).await;
    b.request("a.txt").await;
    let first = a.told("acknowledge-file-request").await;
    a.cut();
    pass(&server, SECOND * 4, &mut [&mut b]).await;
    a = back(&session.host).await;
    assert_eq!(a.told("acknowledge-file-request").await, first);
    let request = first.request;
    a.acknowledge(&request, "a.txt", 2).await;
    b.told("prepare-for-file-transfer").await;
    a.cut();
    b.ready(&request).await;
    b.hears_nothing().await;
    a = back(&session.host).await;
    a.asked_for(1).await;
    a.cut();
    a = back(&session.host).await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    a.cut();
    b.confirm(&request, 1).await;
    pass(&server, SECOND * 4, &mut [&mut b]).await;
    a = back(&session.host).await;
    a.asked_for(2).await;
    a.give(&request, 2, true).await;
    a.cut();
    b.given(2, true).await;
    b.confirm(&request, 2).await;
    a = back(&session.host).await;
    hand_over(&mut a, &mut b, "a.txt", 2).await;
}

#[tokio::test]
async fn all_chunks_that_were_asked_for_and_not_given_are_asked_for_again() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = session.guest().await.register_with(json!({ "window": 4 })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    for number in 1..=4 {
        a.asked_for(number).await;
    }
    a.give(&request, 3, false).await;
    a.give(&request, 1, false).await;
    a.hears_nothing().await;
    a.cut();
    let mut a = back(&session.host).await;
    a.asked_for(2).await;
    a.asked_for(4).await;
    a.hears_nothing().await;
    a.give(&request, 2, false).await;
    a.give(&request, 4, true).await;
    for number in 1..=4 {
        b.given(number, number == 4).await;
    }
}

#[tokio::test]
async fn all_chunks_that_were_not_confirmed_are_sent_again_in_order() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let mut a = session.host.register().await;
    let mut b = guest.register_with(json!({ "window": 4 })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    for number in 1..=4 {
        a.asked_for(number).await;
        a.give(&request, number, number == 4).await;
        b.given(number, number == 4).await;
    }
    b.confirm(&request, 1).await;
    b.hears_nothing().await;
    b.cut();
    let mut b = guest.open().await;
    b.send("register", json!({ "window": 4 })).await;
    for number in 2..=4 {
        b.given(number, number == 4).await;
        b.confirm(&request, number).await;
    }
    b.hears_nothing().await;
}

#[tokio::test]
async fn a_member_whose_token_has_expired_is_back_within_a_minute_of_losing_the_socket() {
    let server = unlimited();
    let (_session, guest, mut a, mut b) = scene(&server).await;
    pass(&server, SECOND * 3_605, &mut [&mut a, &mut b]).await;
    message(&guest.http.get(&format!("/files/{}", guest.session)).await, 401);
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    b.cut();
    pass(&server, SECOND * 4, &mut [&mut a]).await;
    let mut b = back(&guest).await;
    a.give(&request, 1, true).await;
    b.given(1, true).await;
    b.confirm(&request, 1).await;
    b.hears_nothing().await;
    b.cut();
    pass(&server, SECOND * 58, &mut [&mut a]).await;
    let mut b = back(&guest).await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
    b.cut();
    pass(&server, SECOND * 62, &mut [&mut a]).await;
    let mut b = guest.open().await;
    b.may_not("register", json!({})).await;
}

#[tokio::test]
async fn a_paced_receiver_who_has_not_confirmed_a_chunk_gets_an_abort_in_place_of_it() {
    let server = unlimited();
    let (_session, guest, mut a, b) = scene(&server).await;
    b.cut();
    let mut page = guest.browse().await;
    let request = begin(&mut a, &mut page, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    page.given(1, false).await;
    page.cut();
    let mut page = open_page(&guest).await;
    page.aborted(&request).await;
    a.aborted(&request).await;
    page.hears_nothing().await;
    begin(&mut a, &mut page, "a.txt").await;
}

#[tokio::test]
async fn a_paced_receiver_who_has_confirmed_all_goes_on() {
    let server = unlimited();
    let (_session, guest, mut a, b) = scene(&server).await;
    b.cut();
    let mut page = guest.browse().await;
    let request = begin(&mut a, &mut page, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    page.given(1, false).await;
    page.confirm(&request, 1).await;
    page.hears_nothing().await;
    page.cut();
    let mut page = open_page(&guest).await;
    page.hears_nothing().await;
    server.advance(SECOND);
    a.asked_for(2).await;
    a.give(&request, 2, true).await;
    page.given(2, true).await;
    page.confirm(&request, 2).await;
    page.hears_nothing().await;
    a.hears_nothing().await;
}

/// The old web app's new socket, whose first frame registers.
async fn open_page(guest: &Member) -> Peer {
    let page = [("origin", "https://drag-n-share.example".to_owned())];
    let mut peer = guest.try_open(&page).await.expect("an upgrade");
    peer.send("register", json!({})).await;
    peer
}

#[tokio::test]
async fn a_server_that_stood_still_does_not_hold_it_against_clients_that_were_coming_back() {
    let server = unlimited();
    let (_session, guest, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    b.cut();
    pass(&server, SECOND, &mut [&mut a]).await;
    server.stall(SECOND * 40);
    b = back(&guest).await;
    b.given(1, false).await;
    b.confirm(&request, 1).await;
    finish(&mut a, &mut b, &request, 2..=3).await;
    // From when it goes on, the five seconds are as long as ever.
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    b.cut();
    pass(&server, SECOND, &mut [&mut a]).await;
    server.stall(SECOND * 40);
    pass(&server, SECOND * 6, &mut [&mut a]).await;
    a.aborted(&request).await;
}
