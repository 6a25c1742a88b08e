//! A member who registers on a second socket: the newer takes over, running transfers
//! included; the older stays open and hears nothing.

use serde_json::json;
use testkit::TestServer;

use crate::kit::{KEY_B, Member, SECOND, Session, unlimited};
use crate::peer::{Peer, begin, finish, hand_over, pass};

async fn scene(server: &TestServer) -> (Session, Member, Peer, Peer) {
    let session = Session::start(server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let a = session.host.register().await;
    let b = guest.register_with(json!({ "window": 1 })).await;
    (session, guest, a, b)
}

/// Registers on one more socket, with a window of one.
async fn again(member: &Member) -> Peer {
    member.register_with(json!({ "window": 1 })).await
}

#[tokio::test]
async fn the_owners_newer_socket_takes_over_a_running_transfer() {
    let server = unlimited();
    let (session, _guest, mut old, mut b) = scene(&server).await;
    let request = begin(&mut old, &mut b, "a.txt").await;
    old.asked_for(1).await;
    old.give(&request, 1, false).await;
    b.given(1, false).await;
    b.confirm(&request, 1).await;
    old.asked_for(2).await;
    let mut new = session.host.open().await;
    new.send("register", json!({})).await;
    // Asked for and not given: asked for again.
    new.asked_for(2).await;
    new.give(&request, 2, false).await;
    b.given(2, false).await;
    b.confirm(&request, 2).await;
    finish(&mut new, &mut b, &request, 3..=3).await;
    old.hears_nothing().await;
    hand_over(&mut new, &mut b, "a.txt", 1).await;
    old.hears_nothing().await;
}

#[tokio::test]
async fn the_receivers_newer_socket_takes_over_with_what_was_not_confirmed() {
    let server = unlimited();
    let (_session, guest, mut a, mut old) = scene(&server).await;
    let request = begin(&mut a, &mut old, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, false).await;
    old.given(1, false).await;
    let mut new = guest.open().await;
    new.send("register", json!({ "window": 1 })).await;
    new.given(1, false).await;
    new.confirm(&request, 1).await;
    finish(&mut a, &mut new, &request, 2..=2).await;
    old.hears_nothing().await;
    hand_over(&mut a, &mut new, "a.txt", 2).await;
    old.hears_nothing().await;
}

#[tokio::test]
async fn the_older_sockets_frames_are_refused_except_register() {
    let server = unlimited();
    let (_session, guest, mut a, mut old) = scene(&server).await;
    let mut new = again(&guest).await;
    let wish = json!({ "public_key": KEY_B, "filename": "a.txt" });
    old.may_not("request-file", wish).await;
    let request = begin(&mut a, &mut new, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, true).await;
    new.given(1, true).await;
    old.may_not("received-chunk", json!({ "request_id": request, "chunk_nr": 1 })).await;
    // It registers: now it is the newer one.
    old.send("register", json!({ "window": 1 })).await;
    old.given(1, true).await;
    new.may_not("received-chunk", json!({ "request_id": request, "chunk_nr": 1 })).await;
    old.confirm(&request, 1).await;
    hand_over(&mut a, &mut old, "a.txt", 1).await;
    new.hears_nothing().await;
}

/// The older socket may be dead without the server knowing: without this, a receiver would
/// wait for chunks for ever.
#[tokio::test]
async fn the_newer_socket_is_told_what_was_aborted_a_moment_ago() {
    let server = unlimited();
    let (_session, guest, mut a, mut old) = scene(&server).await;
    let request = begin(&mut a, &mut old, "a.txt").await;
    a.cut();
    pass(&server, SECOND * 6, &mut [&mut old]).await;
    old.aborted(&request).await;
    let mut new = guest.open().await;
    new.send("register", json!({ "window": 1 })).await;
    new.aborted(&request).await;
    new.hears_nothing().await;
    old.hears_nothing().await;
}

#[tokio::test]
async fn the_end_of_the_older_socket_is_no_loss_and_it_stays_open_until_it_leaves() {
    let server = unlimited();
    let (_session, guest, mut a, mut old) = scene(&server).await;
    let mut new = again(&guest).await;
    let request = begin(&mut a, &mut new, "a.txt").await;
    a.asked_for(1).await;
    pass(&server, SECOND * 120, &mut [&mut a, &mut old, &mut new]).await;
    old.hears_nothing().await;
    old.cut();
    pass(&server, SECOND * 10, &mut [&mut a, &mut new]).await;
    a.give(&request, 1, true).await;
    new.given(1, true).await;
    new.confirm(&request, 1).await;
    hand_over(&mut a, &mut new, "a.txt", 1).await;
}

#[tokio::test]
async fn two_tabs_do_not_throw_each_other_out() {
    let server = unlimited();
    let (_session, guest, mut a, mut one) = scene(&server).await;
    let mut two = again(&guest).await;
    for _ in 0..10 {
        one.send("register", json!({ "window": 1 })).await;
        one.hears_nothing().await;
        two.send("register", json!({ "window": 1 })).await;
        two.hears_nothing().await;
    }
    hand_over(&mut a, &mut two, "a.txt", 1).await;
    one.hears_nothing().await;
}

#[tokio::test]
async fn registering_again_with_another_window_changes_the_window() {
    let server = unlimited();
    let (_session, _guest, mut a, mut b) = scene(&server).await;
    b.send("register", json!({ "window": 3 })).await;
    b.hears_nothing().await;
    begin(&mut a, &mut b, "a.txt").await;
    for number in 1..=3 {
        a.asked_for(number).await;
    }
    a.hears_nothing().await;
}

#[tokio::test]
async fn registering_twice_on_one_socket_changes_nothing() {
    let server = unlimited();
    let (_session, _guest, mut a, mut b) = scene(&server).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    b.send("register", json!({ "window": 1 })).await;
    b.hears_nothing().await;
    a.send("register", json!({})).await;
    a.hears_nothing_or_is_asked_again(&[1]).await;
    a.give(&request, 1, false).await;
    b.given(1, false).await;
    b.confirm(&request, 1).await;
    finish(&mut a, &mut b, &request, 2..=2).await;
}
