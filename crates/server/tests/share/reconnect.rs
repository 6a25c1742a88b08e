//! A lost socket: five seconds of grace, what is said again on the new one, and what the
//! other side is told after that.

use serde_json::json;
use testkit::TestServer;

use crate::kit::{KEY_A, KEY_B, Member, SECOND, Session, message, response, unlimited};
use crate::peer::{Peer, begin, finish, hand_over, pass};

async fn scene(server: &TestServer) -> (Session, Member, Peer, Peer) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let a = session.host.register().await;
    let b = guest.register_with(json!({ "window": 1 })).await;
    (session, guest, a, b)
}

/// A new socket, registered with the same token; what it hears first is not read.
async fn back(member: &Member) -> Peer {
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
async fn both_sides_may_be_lost_at_once() {
    let server = unlimited();
    let (session, guest, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    a.cut();
    b.cut();
    pass(&server, SECOND * 4, &mut []).await;
    let (mut a, mut b) = (back(&session.host).await, back(&guest).await);
    b.given(1, false).await;
    b.confirm(&request, 1).await;
    finish(&mut a, &mut b, &request, 2..=3).await;
    // And both for good: the next request finds nothing in its way.
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.cut();
    b.cut();
    pass(&server, SECOND * 7, &mut []).await;
    let (mut a, mut b) = (back(&session.host).await, back(&guest).await);
    a.hears_nothing().await;
    b.aborted(&request).await;
    b.may_not("ready-for-file-transfer", json!({ "request_id": request })).await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
}

#[tokio::test]
async fn the_receiver_is_told_when_the_owner_stays_away_at_any_step() {
    for step in 0..4 {
        let server = unlimited();
        let (session, _guest, mut a, mut b) = scene(&server).await;
        b.request("a.txt").await;
        let request = a.told("acknowledge-file-request").await.request;
        if step > 0 {
            a.acknowledge(&request, "a.txt", 2).await;
            b.told("prepare-for-file-transfer").await;
        }
        if step > 1 {
            b.ready(&request).await;
            a.asked_for(1).await;
        }
        if step > 2 {
            a.give(&request, 1, false).await;
            b.given(1, false).await;
        }
        a.cut();
        pass(&server, SECOND * 4, &mut [&mut b]).await;
        b.hears_nothing().await;
        pass(&server, SECOND * 2, &mut [&mut b]).await;
        b.aborted(&request).await;
        b.may_not("ready-for-file-transfer", json!({ "request_id": request })).await;
        let mut a = back(&session.host).await;
        a.hears_nothing().await;
        hand_over(&mut a, &mut b, "a.txt", 1).await;
    }
}

#[tokio::test]
async fn the_owner_is_told_when_the_receiver_stays_away_at_any_step() {
    for step in 0..4 {
        let server = unlimited();
        let (_session, guest, mut a, mut b) = scene(&server).await;
        b.request("a.txt").await;
        let request = a.told("acknowledge-file-request").await.request;
        if step > 0 {
            a.acknowledge(&request, "a.txt", 2).await;
            b.told("prepare-for-file-transfer").await;
        }
        if step > 1 {
            b.ready(&request).await;
            a.asked_for(1).await;
        }
        if step > 2 {
            a.give(&request, 1, false).await;
            b.given(1, false).await;
        }
        b.cut();
        pass(&server, SECOND * 4, &mut [&mut a]).await;
        a.hears_nothing().await;
        pass(&server, SECOND * 2, &mut [&mut a]).await;
        a.aborted(&request).await;
        a.may_not("add-chunk", crate::peer::chunk(&request, 1, true, b"late")).await;
        let mut b = back(&guest).await;
        b.aborted(&request).await;
        hand_over(&mut a, &mut b, "a.txt", 1).await;
    }
}

#[tokio::test]
async fn a_request_for_a_file_whose_owner_is_away_waits_five_seconds_for_the_owner() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut b = session.guest().await.register_with(json!({ "window": 1 })).await;
    b.request("a.txt").await;
    b.hears_nothing().await;
    pass(&server, SECOND * 4, &mut [&mut b]).await;
    let mut a = back(&session.host).await;
    let asked = a.told("acknowledge-file-request").await;
    assert_eq!(asked.data, json!({ "public_key": KEY_B, "filename": "a.txt" }));
    a.acknowledge(&asked.request, "a.txt", 2).await;
    b.told("prepare-for-file-transfer").await;
    b.ready(&asked.request).await;
    finish(&mut a, &mut b, &asked.request, 1..=2).await;
}

#[tokio::test]
async fn after_five_seconds_without_the_owner_the_request_is_aborted() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut b = session.guest().await.register_with(json!({ "window": 1 })).await;
    for _ in 0..2 {
        b.request("a.txt").await;
        pass(&server, SECOND * 4, &mut [&mut b]).await;
        b.hears_nothing().await;
        pass(&server, SECOND * 2, &mut [&mut b]).await;
        let frame = b.next().await;
        assert_eq!(frame["command"], "transfer-aborted", "{frame}");
        assert_eq!(frame["success"], false, "{frame}");
    }
    let mut a = back(&session.host).await;
    a.hears_nothing().await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
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
async fn an_owner_who_has_given_the_last_chunk_may_leave() {
    let server = unlimited();
    let (_session, _guest, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, true).await;
    a.hears_nothing().await;
    a.cut();
    pass(&server, SECOND * 20, &mut [&mut b]).await;
    b.given(1, true).await;
    b.confirm(&request, 1).await;
    b.hears_nothing().await;
}

/// An abort may have gone to a socket that was dead already: without this, a receiver would
/// wait for chunks for ever.
#[tokio::test]
async fn a_receiver_on_another_socket_is_told_of_its_last_request_until_it_asks_anew() {
    let server = unlimited();
    let (session, guest, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.cut();
    pass(&server, SECOND * 6, &mut [&mut b]).await;
    b.cut();
    let mut b = back(&guest).await;
    b.aborted(&request).await;
    b.send("register", json!({ "window": 1 })).await;
    b.hears_nothing().await;
    let mut stranger = session.guest().await.register().await;
    stranger.hears_nothing().await;
    pass(&server, SECOND * 600, &mut [&mut b]).await;
    b.cut();
    let mut b = back(&guest).await;
    b.aborted(&request).await;
    let mut a = back(&session.host).await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
    b.cut();
    back(&guest).await.hears_nothing().await;
}

#[tokio::test]
async fn a_file_that_is_taken_back_aborts_its_transfers_on_both_sides() {
    let server = unlimited();
    let (session, _guest, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    response(&session.host.delete("a.txt").await, 200);
    b.aborted(&request).await;
    a.aborted(&request).await;
    session.host.offer("a.txt").await;
    hand_over(&mut a, &mut b, "a.txt", 1).await;
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
