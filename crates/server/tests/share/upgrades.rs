//! Opening the WebSocket: for any session, known or not, and how often.

use serde_json::json;
use testkit::{Refused, Socket, TestServer};

use crate::kit::{
    Member, SECOND, Session, dial_from, limited, response, settled, unlimited, waits,
};
use crate::peer::{Peer, frame, pass};

/// A socket of a session that does not exist.
async fn stray(server: &TestServer, jwt: &str) -> Peer {
    let path = "/session/00000000-0000-4000-8000-000000000000";
    let socket = Socket::open(server.address(), path, &[]).await.expect("an upgrade");
    Peer::new(socket, jwt)
}

#[tokio::test]
async fn a_socket_of_an_unknown_session_is_told_so_once_and_kept_silent_for_a_minute() {
    let server = unlimited();
    let jwt = Session::start(&server).await.host.jwt;
    let mut spoke = stray(&server, &jwt).await;
    spoke.send("register", json!({})).await;
    let answer = spoke.next().await;
    assert_eq!(answer["success"], false, "{answer}");
    assert!(answer.get("command").is_none(), "{answer}");
    assert!(answer["response"].as_str().is_some_and(|text| text.ends_with('.')), "{answer}");
    for _ in 0..5 {
        spoke.send("register", json!({})).await;
    }
    let mut said_nothing = stray(&server, &jwt).await;
    pass(&server, SECOND * 59, &mut [&mut spoke, &mut said_nothing]).await;
    assert!(spoke.socket.try_send_json(&frame(&jwt, "register", &json!({}))).await);
    pass(&server, SECOND * 2, &mut [&mut spoke, &mut said_nothing]).await;
    assert_eq!(spoke.closed().await, Vec::<serde_json::Value>::new(), "silent");
    assert_eq!(said_nothing.closed().await, Vec::<serde_json::Value>::new());
}

#[tokio::test]
async fn any_id_is_accepted() {
    let server = unlimited();
    let long = format!("/session/{}", "x".repeat(2_000));
    for path in
        ["/session/x", "/session/%ff", "/session/%zz", "/session/%C3%A9", "/session/..a/", &long]
    {
        let mut socket = Socket::open(server.address(), path, &[]).await.expect("an upgrade");
        socket.send("anything").await;
        assert_eq!(socket.json().await["success"], false, "{path}");
    }
}

#[tokio::test]
async fn a_socket_of_an_ended_session_is_told_so() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    let path = format!("/session/{}", session.id);
    response(&session.host.http.send("DELETE", &path, None).await, 200);
    let mut tab = guest.open().await;
    tab.send("register", json!({})).await;
    let answer = tab.next().await;
    assert_eq!(answer["success"], false, "{answer}");
    pass(&server, SECOND * 58, &mut [&mut tab]).await;
    assert!(tab.socket.try_send_json(&frame(&guest.jwt, "register", &json!({}))).await);
    pass(&server, SECOND * 4, &mut [&mut tab]).await;
    tab.closed().await;
}

#[tokio::test]
async fn a_registered_socket_stays_open_for_as_long_as_its_client_likes() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let mut host = session.host.register().await;
    pass(&server, SECOND * 300, &mut [&mut host]).await;
    host.hears_nothing().await;
}

/// Opens ten sockets, all that are opened at once.
async fn ten(member: &Member) -> Vec<Peer> {
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(member.open().await);
    }
    open
}

#[tokio::test]
async fn the_eleventh_upgrade_in_ten_seconds_waits_until_fewer_than_ten_lie_in_them() {
    let server = limited(&[]);
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    let first = guest.open().await;
    server.advance(SECOND * 4);
    let mut open = vec![first];
    for _ in 1..10 {
        open.push(guest.open().await);
    }
    let late = guest.clone();
    let mut opening = tokio::spawn(async move { late.open().await });
    assert!(waits(&server, &mut opening).await);
    server.advance(SECOND * 5);
    assert!(waits(&server, &mut opening).await, "nine seconds after the first");
    server.advance(SECOND);
    let mut eleventh = opening.await.expect("it is accepted, not refused");
    eleventh.send("register", json!({})).await;
    eleventh.hears_nothing().await;
    let late = guest.clone();
    let mut opening = tokio::spawn(async move { late.open().await });
    assert!(waits(&server, &mut opening).await, "ten in the last ten seconds again");
    server.advance(SECOND * 10);
    opening.await.expect("an upgrade");
}

#[tokio::test]
async fn upgrades_to_another_session_and_from_another_address_are_not_delayed() {
    let server = limited(&[]);
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    let open = ten(&guest).await;
    let other = Session::start(&server).await;
    other.host.open().await;
    let path = format!("/session/{}", session.id);
    Socket::on(&dial_from(&server, 2), &path, &[]).await.expect("an upgrade");
    drop(open);
}

#[tokio::test]
async fn upgrades_of_exempt_addresses_are_not_delayed() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for _ in 0..5 {
        ten(&session.host).await;
    }
}

#[tokio::test]
async fn a_client_that_gives_up_waiting_for_its_upgrade_leaves_nothing_behind() {
    let server = limited(&[]);
    let session = Session::start(&server).await;
    let open = ten(&session.host).await;
    for _ in 0..20 {
        let late = session.host.clone();
        let mut opening = tokio::spawn(async move { late.open().await });
        assert!(waits(&server, &mut opening).await);
        opening.abort();
    }
    server.advance(SECOND * 11);
    session.host.register().await;
    drop(open);
}

#[tokio::test]
async fn upgrades_that_would_be_delayed_for_more_than_a_minute_are_refused() {
    let server = limited(&[]);
    let session = Session::start(&server).await;
    let mut late = Vec::new();
    for _ in 0..75 {
        let member = session.host.clone();
        late.push(tokio::spawn(async move { member.try_open(&[]).await }));
    }
    settled(&server).await;
    for _ in 0..7 {
        server.advance(SECOND * 10);
        settled(&server).await;
    }
    let (mut accepted, mut refused) = (0, 0);
    let mut open = Vec::new();
    for opening in late {
        match opening.await.expect("an answer") {
            Ok(peer) => {
                accepted += 1;
                open.push(peer);
            }
            Err(Refused(status)) => {
                assert_eq!(status, 429);
                refused += 1;
            }
        }
    }
    assert_eq!((accepted, refused), (70, 5));
}

#[tokio::test]
async fn a_server_that_goes_away_does_not_wait_for_upgrades_that_are_delayed() {
    let mut server = limited(&[]);
    let session = Session::start(&server).await;
    drop(ten(&session.host).await);
    let late = session.host.clone();
    let mut opening = tokio::spawn(async move { late.try_open(&[]).await });
    assert!(waits(&server, &mut opening).await);
    assert!(server.drain().await.complete);
    assert_eq!(opening.await.expect("an answer").err(), Some(Refused(503)));
}
