//! Pages of other origins: the routes of sharing carry their secret in the message, so every
//! page may use them, and cookies count for nothing.

use serde_json::json;
use testkit::{Answer, Http, Socket};

use crate::kit::{Session, limited, message, response, unlimited};
use crate::peer::hand_over;

const ORIGINS: [&str; 6] = [
    "https://drag-n-share.example",
    "http://localhost:3000",
    "null",
    "file://",
    "capacitor://localhost",
    "not an origin at all",
];

/// A page of this origin, as browsers announce one.
fn page(http: &Http, origin: &str) -> Http {
    http.with("origin", origin).with("sec-fetch-site", "cross-site").with("sec-fetch-mode", "cors")
}

#[track_caller]
fn is_open(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:?}");
}

/// Every route of sharing, with a method that it has.
fn routes(session: &Session) -> Vec<(&'static str, String)> {
    let id = &session.id;
    vec![
        ("POST", "/session".to_owned()),
        ("GET", "/session".to_owned()),
        ("GET", format!("/idForName/{}", session.name)),
        ("GET", format!("/session/{id}")),
        ("PUT", format!("/session/{id}")),
        ("DELETE", format!("/session/{id}")),
        ("GET", format!("/access/{id}")),
        ("GET", format!("/files/{id}")),
        ("POST", format!("/files/{id}")),
        ("GET", format!("/files/{id}/a.txt")),
        ("DELETE", format!("/files/{id}/a.txt")),
        ("GET", format!("/session/{id}/a.txt?public_key=BA")),
        ("GET", "/health".to_owned()),
        ("GET", "/".to_owned()),
    ]
}

#[tokio::test]
async fn every_answer_is_for_pages_of_every_origin_errors_too() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for origin in ORIGINS {
        let page = page(&server.http(), origin);
        for (method, path) in routes(&session) {
            let answer = page.send(method, &path, None).await;
            assert!([200, 201, 400, 401, 404].contains(&answer.status), "{path}: {answer:?}");
            is_open(&answer);
        }
        is_open(&page.get("/session/no-such-id").await);
        is_open(&page.get("/idForName/no-such-name").await);
    }
}

#[tokio::test]
async fn a_refusal_for_too_much_can_be_read_by_pages_too() {
    let server = limited(&[("share.requests_a_minute_of_address", "5")]);
    let page = page(&server.http(), ORIGINS[0]);
    for _ in 0..5 {
        page.get("/idForName/no-such-name").await;
    }
    let answer = page.get("/idForName/no-such-name").await;
    message(&answer, 429);
    is_open(&answer);
}

#[tokio::test]
async fn a_page_of_another_origin_does_all_that_a_script_does() {
    let server = unlimited();
    for origin in ORIGINS {
        let page = page(&server.http(), origin);
        let made = response(&page.post("/session", "").await, 201);
        let (id, jwt) =
            (made["sessionId"].as_str().expect("id"), made["jwt"].as_str().expect("jwt"));
        let host = page.with("authorization", &format!("Bearer {jwt}"));
        response(&host.get("/session").await, 202);
        let file = json!([{ "name": "a.txt", "size": 1 }]).to_string();
        response(&host.post(&format!("/files/{id}"), file).await, 200);
        response(&host.send("DELETE", &format!("/files/{id}/a.txt"), None).await, 200);
        let name = json!({ "name": "quay" }).to_string();
        response(&host.send("PUT", &format!("/session/{id}"), Some(name.as_bytes())).await, 200);
        response(&host.send("DELETE", &format!("/session/{id}"), None).await, 200);
    }
}

#[tokio::test]
async fn one_preflight_serves_every_route() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for origin in ORIGINS {
        let asking = server
            .http()
            .with("origin", origin)
            .with("access-control-request-method", "PUT")
            .with("access-control-request-headers", "authorization,content-type");
        for (_, path) in routes(&session) {
            let answer = asking.send("OPTIONS", &path, None).await;
            assert_eq!(answer.status, 204, "{path}: {answer:?}");
            is_open(&answer);
            let header = |name: &str| answer.header(&format!("access-control-{name}"));
            assert_eq!(header("allow-methods"), Some("GET, POST, PUT, DELETE"), "{path}");
            assert_eq!(header("allow-headers"), Some("authorization, content-type"), "{path}");
            assert_eq!(header("max-age"), Some("600"), "{path}");
            assert!(answer.body.is_empty());
        }
    }
}

#[tokio::test]
async fn cookies_count_for_nothing_and_none_is_set() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let person = server.person("ann").await;
    for cookie in [
        format!("session={}", person.session),
        "session=nonsense".to_owned(),
        format!("session={0}; session={0}", session.host.jwt),
        "k\u{fc}che=kr\u{fc}mel; ; =; session".to_owned(),
    ] {
        let http = page(&server.http(), ORIGINS[0]).with("cookie", &cookie);
        for (method, path) in routes(&session) {
            let answer = http.send(method, &path, None).await;
            let plain = page(&server.http(), ORIGINS[0]).send(method, &path, None).await;
            assert_eq!(answer.status, plain.status, "{method} {path}: {answer:?}");
            is_open(&answer);
            assert_eq!(answer.header("set-cookie"), None, "{path}");
        }
    }
}

#[tokio::test]
async fn a_socket_opens_for_pages_of_every_origin_with_and_without_cookies() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let person = server.person("ann").await;
    let mut a = session.host.register().await;
    let own = format!("ws://{}", server.address());
    for origin in ORIGINS.into_iter().chain([own.as_str()]) {
        let headers = [
            ("origin", origin.to_owned()),
            ("cookie", format!("session={}", person.session)),
            ("sec-fetch-site", "cross-site".to_owned()),
        ];
        let mut b = session.guest().await.try_open(&headers).await.expect("an upgrade");
        b.send("register", json!({ "window": 1 })).await;
        hand_over(&mut a, &mut b, "a.txt", 1).await;
    }
    let path = format!("/session/{}", session.id);
    Socket::open(server.address(), &path, &[("origin", String::new())]).await.expect("an upgrade");
}

#[tokio::test]
async fn headers_of_up_to_64_kib_are_read_on_every_route_and_more_are_not() {
    let server = unlimited();
    let session = Session::start(&server).await;
    // The web app keeps its keys in cookies.
    let jar: String =
        (0..60).map(|number| format!("key{number}={}; ", "x".repeat(1_000))).collect();
    let http = server.http().with("cookie", &jar);
    for path in ["/health", "/login/", "/api/online"] {
        assert_ne!(http.get(path).await.status, 431, "{path}");
    }
    response(&http.get(&format!("/session/{}", session.id)).await, 200);
    let mut peer = session.host.try_open(&[("cookie", jar.clone())]).await.expect("an upgrade");
    peer.send("register", json!({})).await;
    peer.hears_nothing().await;
    let more = http.with("x-more", &jar);
    assert_eq!(more.get(&format!("/session/{}", session.id)).await.status, 431);
}
