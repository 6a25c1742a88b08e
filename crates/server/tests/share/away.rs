//! A member who stays away for longer than the five seconds of grace, and other ends of a
//! transfer that is not complete: what the other side is told.

use serde_json::json;

use crate::kit::{KEY_B, SECOND, Session, response, unlimited};
use crate::peer::{begin, finish, hand_over, pass};
use crate::reconnect::{back, scene};

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
