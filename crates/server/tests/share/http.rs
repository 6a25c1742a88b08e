//! The form of answers, health, and what is true of every route.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{Answer, Binary, Http, TestServer};

use crate::kit::{Session, body, message, response, unlimited};
use crate::peer::hand_over;

#[tokio::test]
async fn every_answer_is_json_in_plain_text_whatever_is_accepted() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let id = &session.id;
    for accept in ["*/*", "application/json", "text/html", "text/event-stream;q=0.1, image/png"] {
        let http = session.host.http.with("accept", accept);
        for (method, path, data) in [
            ("POST", "/session".to_owned(), None),
            ("GET", "/session".to_owned(), None),
            ("GET", format!("/idForName/{}", session.name), None),
            ("GET", "/idForName/no-such-name".to_owned(), None),
            ("GET", format!("/session/{id}"), None),
            ("GET", "/session/no-such-id".to_owned(), None),
            ("GET", format!("/access/{id}"), None),
            ("PUT", format!("/session/{id}"), Some(r#"{"name": ""}"#)),
            ("GET", format!("/files/{id}"), None),
            ("POST", format!("/files/{id}"), Some("[]")),
            ("POST", format!("/files/{id}"), Some("no JSON")),
            ("GET", format!("/files/{id}/a.txt"), None),
            ("GET", format!("/files/{id}/no-such-file"), None),
            ("DELETE", format!("/files/{id}/no-such-file"), None),
            ("DELETE", "/session/no-such-id".to_owned(), None),
            ("GET", "/health".to_owned(), None),
        ] {
            let answer = http.send(method, &path, data.map(str::as_bytes)).await;
            let body = body(&answer);
            let is_good = answer.status < 400;
            assert_eq!(body["success"], is_good, "{method} {path}, {accept}: {body}");
        }
    }
}

#[tokio::test]
async fn a_trailing_slash_is_optional_on_every_route_without_a_redirect() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (id, host) = (&session.id, &session.host.http);
    response(&server.http().post("/session/", "").await, 201);
    response(&host.get("/session/").await, 202);
    response(&server.http().get(&format!("/idForName/{}/", session.name)).await, 200);
    response(&server.http().get(&format!("/session/{id}/")).await, 200);
    message(&server.http().get(&format!("/access/{id}/")).await, 401);
    let file = json!([{ "name": "a.txt", "size": 1 }]).to_string();
    response(&host.post(&format!("/files/{id}/"), file).await, 200);
    response(&host.get(&format!("/files/{id}/")).await, 200);
    response(&host.get(&format!("/files/{id}/a.txt/")).await, 200);
    response(&host.send("DELETE", &format!("/files/{id}/a.txt/"), None).await, 200);
    let name = json!({ "name": "another name" }).to_string();
    response(&host.send("PUT", &format!("/session/{id}/"), Some(name.as_bytes())).await, 200);
    response(&host.send("DELETE", &format!("/session/{id}/"), None).await, 200);
    response(&server.http().get("/health/").await, 200);
}

/// That an answer is the one about health.
#[track_caller]
fn is_healthy(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = body(answer);
    assert_eq!((&body["success"], &body["status"]), (&Value::from(true), &Value::from("ok")));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let said = u128::from(body["response"].as_u64().expect("milliseconds"));
    // The test's server has a clock of its own, which started a moment ago and stands still.
    assert!(said <= now && now - said < 60_000, "{said} is not about {now}");
}

#[tokio::test]
async fn health_says_the_time_in_milliseconds() {
    let server = TestServer::start();
    is_healthy(&server.http().get("/health").await);
    is_healthy(&server.http().with("accept", "text/html").get("/health").await);
    is_healthy(&server.http().with("accept", "application/json").get("/").await);
}

#[tokio::test]
async fn the_web_apps_first_call_is_answered_to_its_origin_without_a_redirect() {
    let server = TestServer::start();
    let page = server.http().with("accept", "*/*").with("origin", "https://elsewhere.example");
    for http in [page.clone(), page.with("sec-fetch-mode", "cors")] {
        let answer = http.get("/").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn a_browser_that_navigates_gets_the_page_or_its_redirect_as_before() {
    let server = TestServer::start();
    let person = server.person("ann").await;
    for (name, value) in [("sec-fetch-mode", "navigate"), ("accept", "text/html")] {
        let browser = |http: &Http| http.with(name, value);
        let stranger = browser(&server.http()).get("/").await;
        assert_eq!(stranger.header("location"), Some("/login/?next=/"), "{stranger:?}");
        let page = browser(&server.http_as(&person)).get("/").await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));
    }
}

#[tokio::test]
async fn bad_bodies_are_refused_in_shares_form_without_internals() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let path = format!("/session/{}", session.id);
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\"name\"",
        b"{\"name\": 7}",
        b"{\"name\": null}",
        b"{\"name\": \"\\ud800\"}",
        b"{\"name\": \"\xff\"}",
    ];
    for data in bodies {
        let answer = session.host.http.send("PUT", &path, Some(data)).await;
        let text = message(&answer, 400);
        for internal in ["serde", "column", "line ", "EOF", "panicked"] {
            assert!(!text.contains(internal), "{text}");
        }
    }
    let list = format!("/files/{}", session.id);
    let deep = "[".repeat(10_000);
    for data in ["", "{", "null", "{}", "7", "[7]", "[[]]", "[null]", "[{}]", deep.as_str()] {
        let answer = session.host.http.post(&list, data).await;
        assert_eq!(answer.status, 400, "{data}: {answer:?}");
        assert_eq!(body(&answer)["success"], false, "{data}");
    }
    assert_eq!(session.host.list().await, json!([]));
}

#[tokio::test]
async fn wrong_methods_and_bodies_that_are_too_large_are_refused_in_shares_form() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let id = &session.id;
    for (method, path) in [
        ("PATCH", "/session".to_owned()),
        ("DELETE", "/session".to_owned()),
        ("POST", format!("/session/{id}")),
        ("POST", format!("/idForName/{}", session.name)),
        ("PUT", format!("/access/{id}")),
        ("DELETE", format!("/files/{id}")),
        ("BREW", format!("/files/{id}/a.txt")),
    ] {
        message(&session.host.http.send(method, &path, None).await, 405);
    }
    let large = "x".repeat(1_000_000);
    let files = format!("/files/{id}");
    message(&session.host.http.post(&files, &large).await, 413);
    let path = format!("/session/{id}");
    message(&session.host.http.send("PUT", &path, Some(large.as_bytes())).await, 413);
}

#[tokio::test]
async fn no_route_depends_on_the_port_it_came_in_on() {
    let data = TempDir::new().expect("a folder");
    let (executable, other) = (env!("CARGO_BIN_EXE_packetboat"), testkit::own_address(7879));
    let server = Binary::start_on(executable, &data.path().join("data"), &[other], &[]);
    let session = Session::start_at(server.address()).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await.at(other);
    assert_eq!(guest.list().await[0]["name"], "a.txt");
    let mut a = session.host.register().await;
    let mut b = guest.register_with(json!({ "window": 1 })).await;
    hand_over(&mut a, &mut b, "a.txt", 2).await;
}
