//! Sharing sessions: how one begins, is found, renamed and ended, and how long it lives.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Answer, TestServer};

use crate::kit::{SECOND, Session, message, response, unlimited, unlimited_with};
use crate::peer::pass;

/// `GET /session/{id}` answers 200 while it lives.
async fn lives(server: &TestServer, session: &Session) -> bool {
    match server.http().get(&format!("/session/{}", session.id)).await.status {
        200 => true,
        404 => false,
        status => panic!("{status}"),
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [8, 4, 4, 4, 12]
        && parts.concat().chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
}

fn is_code(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

async fn rename(session: &Session, name: &str) -> Answer {
    let body = json!({ "name": name }).to_string();
    let path = format!("/session/{}", session.id);
    session.host.http.send("PUT", &path, Some(body.as_bytes())).await
}

#[tokio::test]
async fn a_session_begins_with_a_name_an_id_a_code_and_the_hosts_token() {
    let server = unlimited();
    let mut names = BTreeSet::new();
    for _ in 0..100 {
        let made = response(&server.http().post("/session", "").await, 201);
        let keys: Vec<&String> = made.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["accessCode", "jwt", "sessionId", "sessionName"]);
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        assert!(is_uuid(&text("sessionId")), "{made}");
        assert!(is_code(&text("accessCode")), "{made}");
        assert!(!text("sessionName").is_empty());
        let found = server.http().get(&format!("/idForName/{}", text("sessionName"))).await;
        assert_eq!(response(&found, 200), json!({ "sessionId": text("sessionId") }));
        assert!(names.insert(text("sessionName").to_lowercase()), "unique");
    }
}

#[tokio::test]
async fn a_body_or_a_cookie_changes_nothing_about_a_new_session() {
    let server = unlimited();
    let person = server.person("ann").await;
    for body in ["{}", "null", "anything", r#"{"sessionName": "mine", "accessCode": "000000"}"#] {
        let made = response(&server.http_as(&person).post("/session", body).await, 201);
        assert_ne!(made["sessionName"], "mine");
    }
}

#[tokio::test]
async fn the_hosts_page_gets_a_new_code_and_the_code_before_stays_good_for_two_minutes() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let again = response(&session.host.http.get("/session").await, 202);
    let keys: Vec<&String> = again.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["accessCode", "sessionId", "sessionName"]);
    assert_eq!(
        (&again["sessionId"], &again["sessionName"]),
        (&session.id.clone().into(), &session.name.clone().into())
    );
    let new = again["accessCode"].as_str().expect("a code");
    assert!(is_code(new) && new != session.code, "a new one");
    response(&session.try_code(&server.http(), new).await, 200);
    response(&session.try_code(&server.http(), &session.code).await, 200);
    server.advance(SECOND * 119);
    response(&session.try_code(&server.http(), &session.code).await, 200);
    server.advance(SECOND * 2);
    message(&session.try_code(&server.http(), &session.code).await, 401);
    response(&session.try_code(&server.http(), new).await, 200);
}

#[tokio::test]
async fn only_the_host_asks_for_the_session_of_a_token() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    message(&server.http().get("/session").await, 401);
    message(&guest.http.get("/session").await, 401);
    response(&session.try_code(&server.http(), &session.code).await, 200);
}

#[tokio::test]
async fn a_session_is_found_by_its_name_and_its_id() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let id = json!({ "sessionId": session.id });
    for name in [session.name.clone(), session.name.to_uppercase(), session.name.to_lowercase()] {
        assert_eq!(response(&server.http().get(&format!("/idForName/{name}")).await, 200), id);
    }
    let found = server.http().get(&format!("/session/{}", session.id)).await;
    assert_eq!(response(&found, 200), json!({ "sessionName": session.name }));
    for path in [
        "/idForName/no-such-name",
        "/idForName/%00",
        "/session/no-such-id",
        "/session/00000000-0000-4000-8000-000000000000",
        "/session/%ff",
        "/access/00000000-0000-4000-8000-000000000000",
    ] {
        message(&server.http().get(path).await, 404);
    }
}

#[tokio::test]
async fn a_renamed_session_has_the_new_name_trimmed_and_a_new_code() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let renamed = response(&rename(&session, "  Ann's Boat 🚤 ").await, 200);
    let code = renamed["accessCode"].as_str().expect("a code");
    assert!(is_code(code) && code != session.code, "a new one");
    assert_eq!(renamed.as_object().expect("an object").len(), 1);
    response(&session.try_code(&server.http(), code).await, 200);
    let found = server.http().get(&format!("/session/{}", session.id)).await;
    assert_eq!(response(&found, 200), json!({ "sessionName": "Ann's Boat 🚤" }));
    let found = server.http().get("/idForName/Ann's%20Boat%20%F0%9F%9A%A4").await;
    assert_eq!(response(&found, 200), json!({ "sessionId": session.id }));
    message(&server.http().get(&format!("/idForName/{}", session.name)).await, 404);
}

#[tokio::test]
async fn only_the_name_of_another_session_is_taken_without_regard_to_case() {
    let server = unlimited();
    let (first, second) = (Session::start(&server).await, Session::start(&server).await);
    response(&rename(&first, "Grüße").await, 200);
    for name in ["Grüße", "GRÜßE", "grüße", " Grüße\t"] {
        message(&rename(&second, name).await, 409);
    }
    response(&rename(&first, "Grüße").await, 200);
    response(&rename(&first, "GRÜßE").await, 200);
}

#[tokio::test]
async fn a_name_that_was_given_up_is_free_again() {
    let server = unlimited();
    let (first, second) = (Session::start(&server).await, Session::start(&server).await);
    response(&rename(&first, "harbour").await, 200);
    message(&rename(&second, "Harbour").await, 409);
    response(&rename(&first, "quay").await, 200);
    response(&rename(&second, "Harbour").await, 200);
    let path = format!("/session/{}", second.id);
    response(&second.host.http.send("DELETE", &path, None).await, 200);
    response(&rename(&first, "harbour").await, 200);
}

#[tokio::test]
async fn names_that_cannot_stand_in_a_link_are_refused() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let long = "é".repeat(65);
    for name in [
        "", " ", "\t\n", &long, "a\u{0}b", "a\nb", "a\u{7f}b", "a\u{85}b", "a/b", "a?b", "a#b",
        "a%b",
    ] {
        message(&rename(&session, name).await, 400);
    }
    let found = server.http().get(&format!("/session/{}", session.id)).await;
    assert_eq!(response(&found, 200), json!({ "sessionName": session.name }), "unchanged");
    response(&session.try_code(&server.http(), &session.code).await, 200);
    response(&rename(&session, &"é".repeat(64)).await, 200);
    response(&rename(&session, &format!(" {} ", "x".repeat(64))).await, 200);
}

#[tokio::test]
async fn only_the_host_renames_and_ends_a_session() {
    let server = unlimited();
    let (session, other) = (Session::start(&server).await, Session::start(&server).await);
    let guest = session.guest().await;
    let path = format!("/session/{}", session.id);
    let name = json!({ "name": "mine now" }).to_string();
    for http in [&server.http(), &guest.http, &other.host.http] {
        message(&http.send("PUT", &path, Some(name.as_bytes())).await, 401);
        message(&http.send("DELETE", &path, None).await, 401);
    }
    assert!(lives(&server, &session).await);
}

#[tokio::test]
async fn a_session_that_was_ended_is_gone_and_its_members_are_told() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    let (mut a, mut b) = (session.host.register().await, guest.register().await);
    let path = format!("/session/{}", session.id);
    response(&session.host.http.send("DELETE", &path, None).await, 200);
    for peer in [&mut a, &mut b] {
        let frame = peer.next().await;
        let keys: Vec<&String> = frame.as_object().expect("an object").keys().collect();
        assert_eq!(keys, ["command", "response", "success"], "{frame}");
        assert_eq!(
            (&frame["success"], &frame["command"]),
            (&Value::from(false), &"session-ended".into())
        );
    }
    message(&session.host.http.send("DELETE", &path, None).await, 404);
    assert!(!lives(&server, &session).await);
    message(&server.http().get(&format!("/idForName/{}", session.name)).await, 404);
    message(&session.try_code(&server.http(), &session.code).await, 404);
    message(&session.host.http.get("/session").await, 401);
    assert!([401, 404].contains(&guest.http.get(&format!("/files/{}", session.id)).await.status));
    // An old tab reconnects every 100 ms once its socket closes.
    pass(&server, SECOND * 58, &mut [&mut a, &mut b]).await;
    assert!(a.socket.try_send_json(&json!({ "still": "open" })).await);
    pass(&server, SECOND * 3, &mut [&mut a, &mut b]).await;
    a.closed().await;
    b.closed().await;
}

#[tokio::test]
async fn an_idle_session_lives_one_hour_more() {
    let server = unlimited();
    let session = Session::start(&server).await;
    server.advance(SECOND * 3_590);
    assert!(lives(&server, &session).await);
    server.advance(SECOND * 20);
    assert!(!lives(&server, &session).await);
    message(&server.http().get(&format!("/idForName/{}", session.name)).await, 404);
}

#[tokio::test]
async fn a_session_lives_while_a_member_uses_it() {
    let server = unlimited();
    let session = Session::start(&server).await;
    server.advance(SECOND * 3_000);
    // A guest comes after 50 minutes and lists the files 50 minutes later.
    let guest = session.guest().await;
    server.advance(SECOND * 3_000);
    guest.list().await;
    server.advance(SECOND * 3_000);
    assert!(lives(&server, &session).await);
    server.advance(SECOND * 620);
    assert!(!lives(&server, &session).await);
}

#[tokio::test]
async fn a_session_lives_as_long_as_a_member_is_connected_and_an_hour_more() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let mut host = session.host.register().await;
    pass(&server, SECOND * 5_400, &mut [&mut host]).await;
    assert!(lives(&server, &session).await);
    host.hears_nothing().await;
    host.socket.close().await;
    // Looking at a session is no use of it: links are opened by preview robots, too.
    server.advance(SECOND * 3_500);
    assert!(lives(&server, &session).await);
    server.advance(SECOND * 110);
    assert!(!lives(&server, &session).await);
}

#[tokio::test]
async fn opening_a_link_makes_no_member() {
    let server = unlimited_with(&[("share.max_members_of_session", "2")]);
    let session = Session::start(&server).await;
    for _ in 0..20 {
        let robot = server.http().with("user-agent", "LinkPreview/1.0");
        response(&robot.get(&format!("/session/{}", session.id)).await, 200);
        robot.with("accept", "text/html").get(&format!("/share/{}", session.id)).await;
    }
    session.guest().await;
}
