//! What a client of the HTTP routes sees: every row of the contract.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use accounts::{Presence, routes};
use axum::Router;
use axum::body::Body;
use base::AccountId;
use http::header::{ALLOW, CACHE_CONTROL, COOKIE, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use http_kit::{Authenticate, Client, EdgeOptions, TokenSigner, authenticated, edge};
use parking_lot::Mutex;
use serde_json::{Value, json};
use support::{HOME, HOUR, MINUTE, World, name};
use tower::ServiceExt;

#[derive(Default)]
struct Room(Mutex<Vec<(AccountId, String)>>);

impl Presence for Room {
    fn online(&self) -> Vec<String> {
        self.0.lock().iter().map(|(_, username)| username.clone()).collect()
    }

    fn is_online(&self, account: AccountId) -> bool {
        self.0.lock().iter().any(|(present, _)| *present == account)
    }
}

struct Site {
    world: World,
    room: Arc<Room>,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// The session cookie it sets.
    fn session(&self) -> String {
        let line = self.headers[SET_COOKIE].to_str().unwrap();
        let value = line.strip_prefix("session=").unwrap();
        value.split(';').next().unwrap().to_owned()
    }

    /// The status, after checking that an error has its form.
    fn code(&self) -> u16 {
        if self.status.is_client_error() {
            let sentence = self.body["error"].as_str().unwrap();
            assert!(sentence.ends_with('.') && self.body.as_object().unwrap().len() == 1);
        }
        self.status.as_u16()
    }
}

impl Site {
    async fn new() -> Self {
        Self::exempting("").await
    }

    async fn exempting(networks: &str) -> Self {
        let world = World::exempting(networks).await;
        let room = Arc::new(Room::default());
        let routes = routes(world.accounts.clone(), room.clone(), TokenSigner::new(&[7; 32]));
        let authenticate: Arc<dyn Authenticate> = Arc::new(world.accounts.clone());
        let routes = routes.map(|router| authenticated(router, authenticate.clone()));
        let router = edge(routes, EdgeOptions::default());
        Self { world, room, router }
    }

    async fn send(&self, from: IpAddr, secure: bool, request: Request<Body>) -> Answer {
        let mut request = request;
        let client = Client { address: from, peer: (from, 5).into(), secure, host: None };
        request.extensions_mut().insert(client);
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: head.status, headers: head.headers, body }
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.post_from(HOME, path, body).await
    }

    async fn post_from(&self, from: IpAddr, path: &str, body: impl Into<Body>) -> Answer {
        self.send(from, false, Request::post(path).body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str, session: Option<&str>) -> Answer {
        let mut request = Request::get(path);
        if let Some(session) = session {
            request = request.header(COOKIE, format!("theme=dark; session={session}"));
        }
        self.send(HOME, false, request.body(Body::empty()).unwrap()).await
    }

    async fn register(&self, username: &str) -> String {
        let answer = self.post("/api/register", json!({"username": username}).to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        answer.body["key"].as_str().unwrap().to_owned()
    }

    /// Registers and logs in; the session's token.
    async fn enter(&self, username: &str) -> String {
        let key = self.register(username).await;
        self.log_in(&key).await.session()
    }

    async fn log_in(&self, key: &str) -> Answer {
        self.log_in_from(HOME, key).await
    }

    async fn log_in_from(&self, from: IpAddr, key: &str) -> Answer {
        self.post_from(from, "/api/login", json!({"key": key}).to_string()).await
    }
}

#[tokio::test]
async fn registering_gives_the_key() {
    let site = Site::new().await;
    let answer = site.post("/api/register", r#"{"username": "johndoe"}"#).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.body.as_object().unwrap().len(), 1);
    let key = answer.body["key"].as_str().unwrap();
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    assert!(!answer.headers.contains_key(SET_COOKIE));
}

#[tokio::test]
async fn impossible_usernames_are_400() {
    let site = Site::new().await;
    for username in [" ", "john doe", "john_doe", "jöhn", "@me", &"x".repeat(33)] {
        let body = json!({"username": username}).to_string();
        assert_eq!(site.post("/api/register", body).await.code(), 400, "{username}");
    }
    for username in ["a", "Z", "7", &"x".repeat(32)] {
        site.register(username).await;
    }
}

#[tokio::test]
async fn a_taken_username_is_409_in_every_spelling() {
    let site = Site::new().await;
    site.register("JohnDoe").await;
    for username in ["JohnDoe", "johndoe", "JOHNDOE"] {
        let body = json!({"username": username}).to_string();
        assert_eq!(site.post("/api/register", body).await.code(), 409);
    }
}

#[tokio::test]
async fn bodies_that_are_not_exactly_the_object_are_422() {
    let site = Site::new().await;
    for (path, field) in [("/api/register", "username"), ("/api/login", "key")] {
        for body in [
            String::new(),
            "johndoe".to_owned(),
            "null".to_owned(),
            "\"johndoe\"".to_owned(),
            "[\"johndoe\"]".to_owned(),
            "{}".to_owned(),
            "{".to_owned(),
            json!({"name": "johndoe"}).to_string(),
            json!({field: ""}).to_string(),
            json!({field: null}).to_string(),
            json!({field: 1}).to_string(),
            json!({field: ["johndoe"]}).to_string(),
            json!({field: "johndoe", "admin": true}).to_string(),
            format!("{{\"{field}\": \"johndoe\"}}{{}}"),
            format!("{field}=johndoe"),
        ] {
            assert_eq!(site.post(path, body.clone()).await.code(), 422, "{path} {body}");
        }
        let invalid_utf8 = b"{\"username\": \"\xff\"}".to_vec();
        assert_eq!(site.post(path, invalid_utf8).await.code(), 422);
        assert_eq!(site.post(path, " ".repeat(20_000)).await.code(), 413);
    }
}

#[tokio::test]
async fn any_content_type_will_do() {
    let site = Site::new().await;
    let request = Request::post("/api/register")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(r#"{"username": "curl"}"#.into())
        .unwrap();
    assert_eq!(site.send(HOME, false, request).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn logging_in_sets_the_cookie() {
    let site = Site::new().await;
    let key = site.register("johndoe").await;
    let answer = site.log_in(&key).await;
    assert_eq!(answer.status, StatusCode::OK);
    let token = answer.session();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
    // The clock stands at 2026-09-21T14:13:20Z.
    let expected = format!(
        "session={token}; HttpOnly; SameSite=Lax; Path=/; Expires=Mon, 21 Sep 2026 15:13:20 GMT"
    );
    assert_eq!(cookie, expected);

    let request = Request::post("/api/login").body(json!({"key": key}).to_string().into()).unwrap();
    let answer = site.send(HOME, true, request).await;
    assert!(answer.headers[SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn an_unknown_key_is_401() {
    let site = Site::new().await;
    for key in ["x", &"0".repeat(64), &"é".repeat(32)] {
        let answer = site.log_in(key).await;
        assert_eq!(answer.code(), 401);
        assert!(!answer.headers.contains_key(SET_COOKIE));
    }
}

#[tokio::test]
async fn logging_out_is_200_always_and_ends_the_session() {
    let site = Site::new().await;
    let heard = site.world.listener();
    let token = site.enter("johndoe").await;
    for session in [Some(token.as_str()), Some(token.as_str()), Some("nonsense"), Some(""), None] {
        let answer = site.get("/api/logout", session).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.session(), "");
        assert!(answer.headers[SET_COOKIE].to_str().unwrap().contains("1970"));
    }
    assert_eq!(heard.count(), 1);
    assert_eq!(site.get("/api/user/@me", Some(&token)).await.code(), 401);
}

#[tokio::test]
async fn who_is_not_signed_in_gets_422_without_a_cookie_and_401_with_a_wrong_one() {
    let site = Site::new().await;
    site.register("johndoe").await;
    for path in ["/api/online", "/api/user/@me", "/api/user/johndoe", "/api/user/nobody"] {
        assert_eq!(site.get(path, None).await.code(), 422, "{path}");
        for wrong in ["", "nonsense", &"a".repeat(32)] {
            let answer = site.get(path, Some(wrong)).await;
            assert_eq!(answer.code(), 401, "{path}");
            assert!(!answer.headers.contains_key(SET_COOKIE));
        }
    }
}

#[tokio::test]
async fn online_lists_who_is_there() {
    let site = Site::new().await;
    let token = site.enter("johndoe").await;
    assert_eq!(site.get("/api/online", Some(&token)).await.body, json!({"online_clients": []}));
    for (n, username) in [(2, "johndoe"), (1, "ann")] {
        site.room.0.lock().push((AccountId(n), username.to_owned()));
    }
    let answer = site.get("/api/online", Some(&token)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, json!({"online_clients": ["ann", "johndoe"]}));
}

#[tokio::test]
async fn me_is_the_one_who_asks() {
    let site = Site::new().await;
    let token = site.enter("JohnDoe").await;
    let answer = site.get("/api/user/@me", Some(&token)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, json!({"username": "JohnDoe"}));
}

#[tokio::test]
async fn a_user_is_found_in_any_spelling_and_shown_as_registered() {
    let site = Site::new().await;
    let token = site.enter("ann").await;
    site.register("JohnDoe").await;
    let answer = site.get("/api/user/johndoe", Some(&token)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body, json!({"username": "JohnDoe", "online": false}));

    let john = site.world.accounts.find(&name("johndoe")).await.unwrap().unwrap();
    site.room.0.lock().push((john.account, john.username));
    let answer = site.get("/api/user/JOHNDOE", Some(&token)).await;
    assert_eq!(answer.body, json!({"username": "JohnDoe", "online": true}));
}

#[tokio::test]
async fn nobody_is_404() {
    let site = Site::new().await;
    let token = site.enter("ann").await;
    for nobody in ["nobody", "@you", "a%20b", "%ff", "j%C3%B6hn", &"x".repeat(33)] {
        let answer = site.get(&format!("/api/user/{nobody}"), Some(&token)).await;
        assert_eq!(answer.code(), 404, "{nobody}");
    }
}

#[tokio::test]
async fn every_authenticated_answer_renews_the_cookie() {
    let site = Site::new().await;
    let token = site.enter("ann").await;
    site.world.clock.advance(MINUTE);
    for path in ["/api/online", "/api/user/@me", "/api/user/ann", "/api/user/nobody"] {
        let answer = site.get(path, Some(&token)).await;
        assert_eq!(answer.session(), token, "{path}");
        let cookie = answer.headers[SET_COOKIE].to_str().unwrap();
        assert!(cookie.contains("15:14:20 GMT"), "{cookie}");
        assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    }
}

#[tokio::test]
async fn a_session_lasts_an_hour_from_the_last_request() {
    let site = Site::new().await;
    let token = site.enter("ann").await;
    for _ in 0..3 {
        site.world.clock.advance(HOUR - Duration::from_millis(1));
        assert_eq!(site.get("/api/online", Some(&token)).await.status, StatusCode::OK);
    }
    site.world.clock.advance(HOUR);
    assert_eq!(site.get("/api/online", Some(&token)).await.code(), 401);
}

#[tokio::test]
async fn wrong_methods_are_405_for_everybody() {
    let site = Site::new().await;
    for (method, path, allowed) in [
        (Method::GET, "/api/register", "POST"),
        (Method::DELETE, "/api/login", "POST"),
        (Method::POST, "/api/logout", "GET,HEAD"),
        (Method::PUT, "/api/online", "GET,HEAD"),
        (Method::POST, "/api/user/@me", "GET,HEAD"),
        (Method::PATCH, "/api/user/ann", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let answer = site.send(HOME, false, request).await;
        assert_eq!(answer.code(), 405, "{path}");
        assert_eq!(answer.headers[ALLOW], allowed, "{path}");
    }
}

#[tokio::test]
async fn registrations_of_one_address_are_throttled() {
    let site = Site::new().await;
    for n in 0..30 {
        site.register(&format!("user{n}")).await;
    }
    let next = json!({"username": "late"}).to_string();
    let answer = site.post("/api/register", next.clone()).await;
    assert_eq!(answer.code(), 429);
    assert_eq!(answer.headers[RETRY_AFTER], "10");
    let elsewhere = "198.51.100.7".parse().unwrap();
    let other = json!({"username": "other"}).to_string();
    assert_eq!(site.post_from(elsewhere, "/api/register", other).await.code(), 201);

    site.world.clock.advance(Duration::from_secs(10));
    assert_eq!(site.post("/api/register", next).await.code(), 201);
}

#[tokio::test]
async fn refused_log_ins_are_throttled_and_accepted_ones_are_not() {
    let site = Site::new().await;
    let key = site.register("ann").await;
    for _ in 0..30 {
        assert_eq!(site.log_in(&key).await.code(), 200);
    }
    for _ in 0..20 {
        assert_eq!(site.log_in(&"0".repeat(64)).await.code(), 401);
    }
    let answer = site.log_in(&key).await;
    assert_eq!(answer.code(), 429, "even with the right key: nothing is asked any more");
    assert_eq!(answer.headers[RETRY_AFTER], "10");
    let elsewhere = "198.51.100.7".parse().unwrap();
    assert_eq!(site.log_in_from(elsewhere, &key).await.code(), 200);

    site.world.clock.advance(Duration::from_secs(10));
    assert_eq!(site.log_in(&key).await.code(), 200);
}

#[tokio::test]
async fn exempt_networks_are_not_throttled() {
    let site = Site::exempting("192.0.2.0/24").await;
    for n in 0..40 {
        site.register(&format!("user{n}")).await;
        assert_eq!(site.log_in("wrong").await.code(), 401);
    }
}

#[tokio::test]
async fn a_failing_database_is_503_without_a_word_about_it() {
    let site = Site::new().await;
    let key = site.register("ann").await;
    let token = site.log_in(&key).await.session();
    site.world.db.close().await.unwrap();
    let register = site.post("/api/register", json!({"username": "bob"}).to_string()).await;
    for answer in [register, site.log_in(&key).await, site.get("/api/online", Some(&token)).await] {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let sentence = "The server cannot store or look up anything now: try again in a moment.";
        assert_eq!(answer.body, json!({ "error": sentence }));
    }
}
