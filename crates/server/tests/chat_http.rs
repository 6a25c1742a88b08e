//! `wire/chat.md`, the table of requests, row by row, over TCP.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, TestServer};

const HOUR: Duration = Duration::from_secs(3_600);

fn cookie_attributes(answer: &Answer) -> Vec<String> {
    let cookie = answer.header("set-cookie").expect("a cookie");
    cookie.split(';').skip(1).map(|part| part.trim().to_ascii_lowercase()).collect()
}

#[tokio::test]
async fn register_answers_201_with_a_key_of_64_hex_characters() {
    let server = TestServer::start();
    let answer = server.http().post("/api/register", r#"{"username": "johndoe"}"#).await;
    assert_eq!(answer.status, 201);
    let body = answer.json();
    let key = body["key"].as_str().expect("a key");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(1));
    assert_eq!(key.len(), 64);
    assert!(key.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
}

#[tokio::test]
async fn register_answers_400_to_an_impossible_username() {
    let server = TestServer::start();
    for username in ["john doe", "jöhn", "a-b", "a_b", "@me", &"x".repeat(33)] {
        let body = json!({ "username": username }).to_string();
        assert_eq!(server.http().post("/api/register", body).await.status, 400, "{username}");
    }
    let longest = json!({ "username": "x".repeat(32) }).to_string();
    assert_eq!(server.http().post("/api/register", longest).await.status, 201);
}

#[tokio::test]
async fn register_answers_409_to_a_taken_username_in_any_case() {
    let server = TestServer::start();
    server.person("JohnDoe").await;
    for username in ["JohnDoe", "johndoe", "JOHNDOE"] {
        let body = json!({ "username": username }).to_string();
        assert_eq!(server.http().post("/api/register", body).await.status, 409, "{username}");
    }
}

/// What `register` and `login` answer 422 to, for the field they expect.
fn unprocessable(field: &str) -> Vec<String> {
    vec![
        String::new(),
        "not json".into(),
        "null".into(),
        "[]".into(),
        r#""johndoe""#.into(),
        "{}".into(),
        json!({ field: "" }).to_string(),
        json!({ field: 7 }).to_string(),
        json!({ field: null }).to_string(),
        json!({ field: ["johndoe"] }).to_string(),
        json!({ field: "johndoe", "admin": true }).to_string(),
        format!(r#"{{"{field}": "johndoe""#),
    ]
}

#[tokio::test]
async fn register_and_login_answer_422_to_any_other_body() {
    let server = TestServer::start();
    for (path, field) in [("/api/register", "username"), ("/api/login", "key")] {
        for body in unprocessable(field) {
            assert_eq!(server.http().post(path, &body).await.status, 422, "{path} {body}");
        }
    }
}

#[tokio::test]
async fn login_answers_200_and_a_session_cookie() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    let body = json!({ "key": person.key }).to_string();
    let answer = server.http().post("/api/login", body).await;
    assert_eq!(answer.status, 200);
    let session = answer.session().expect("a session");
    assert_eq!(session.len(), 32);
    assert!(session.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let attributes = cookie_attributes(&answer);
    for attribute in ["httponly", "samesite=lax", "path=/"] {
        assert!(attributes.iter().any(|found| found == attribute), "{attributes:?}");
    }
    assert!(attributes.iter().any(|found| found.starts_with("expires=")));
    assert!(!attributes.iter().any(|found| found == "secure"), "this is plain HTTP");
    assert_ne!(session, person.session, "every log-in is a session of its own");
}

#[tokio::test]
async fn login_answers_401_to_an_unknown_key() {
    let server = TestServer::start();
    server.person("johndoe").await;
    for key in ["0".repeat(64), "short".to_owned(), "é".to_owned()] {
        let body = json!({ "key": key }).to_string();
        assert_eq!(server.http().post("/api/login", body).await.status, 401, "{key}");
    }
}

#[tokio::test]
async fn logout_answers_200_always_and_ends_the_session() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    assert_eq!(server.http().get("/api/logout").await.status, 200);
    assert_eq!(server.http_as(&person).get("/api/logout").await.status, 200);
    assert_eq!(server.http_as(&person).get("/api/user/@me").await.status, 401);
    assert_eq!(server.http_as(&person).get("/api/logout").await.status, 200);
}

#[tokio::test]
async fn logout_closes_the_sockets_of_that_session_only() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    let mut elsewhere = person.clone();
    elsewhere.session = server.log_in(&person.key).await;
    let mut socket = server.piratchat(&person).await.expect("101");
    let mut other = server.packetboat(&elsewhere, "").await.expect("101");
    other.of_type("welcome").await;
    server.http_as(&person).get("/api/logout").await;
    assert_eq!(socket.closed().await, Some(1008));
    other.send_json(&json!({"type": "post", "client_id": "1", "text": "still here"})).await;
    other.of_type("ack").await;
}

#[tokio::test]
async fn online_lists_who_has_a_socket_open() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("Bob").await);
    let online = async || server.http_as(&ann).get("/api/online").await.json();
    assert_eq!(online().await, json!({"online_clients": []}));
    let _ann = server.piratchat(&ann).await.expect("101");
    let bobs = server.piratchat(&bob).await.expect("101");
    assert_eq!(online().await, json!({"online_clients": ["Bob", "ann"]}));
    bobs.close().await;
    let mut seen = online().await;
    while seen != json!({"online_clients": ["ann"]}) {
        tokio::task::yield_now().await;
        seen = online().await;
    }
}

#[tokio::test]
async fn me_answers_the_username_as_registered() {
    let server = TestServer::start();
    let person = server.person("JohnDoe").await;
    let answer = server.http_as(&person).get("/api/user/@me").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"username": "JohnDoe"})));
    assert_eq!(answer.session(), Some(person.session), "the cookie is renewed");
}

#[tokio::test]
async fn user_answers_whether_somebody_is_online() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("Bob").await);
    let ask = async |name: &str| server.http_as(&ann).get(&format!("/api/user/{name}")).await;
    assert_eq!(ask("bob").await.json(), json!({"username": "Bob", "online": false}));
    let _socket = server.piratchat(&bob).await.expect("101");
    let answer = ask("Bob").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"username": "Bob", "online": true})));
    for nobody in ["carol", "b%20b", "%00", &"x".repeat(50)] {
        assert_eq!(ask(nobody).await.status, 404, "{nobody}");
    }
}

#[tokio::test]
async fn without_a_cookie_422_and_with_a_wrong_one_401() {
    let server = TestServer::start();
    let wrong = server.http().with("cookie", &format!("session={}", "x".repeat(32)));
    let odd = server.http().with("cookie", "session=; other=1");
    for path in ["/api/online", "/api/user/@me", "/api/user/johndoe", "/ws"] {
        assert_eq!(server.http().get(path).await.status, 422, "{path}");
        assert_eq!(wrong.get(path).await.status, 401, "{path}");
        assert!([401, 422].contains(&odd.get(path).await.status), "{path}");
    }
}

#[tokio::test]
async fn a_session_expires_after_an_hour_without_activity() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    let me = async || server.http_as(&person).get("/api/user/@me").await.status;
    server.advance(HOUR - Duration::from_secs(1));
    assert_eq!(me().await, 200, "and this request is activity");
    server.advance(HOUR - Duration::from_secs(1));
    assert_eq!(me().await, 200);
    server.advance(HOUR);
    assert_eq!(me().await, 401);
}

#[tokio::test]
async fn a_trailing_slash_is_optional_everywhere() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    let client = server.http_as(&person);
    for path in ["/api/online/", "/api/user/@me/", "/api/user/johndoe/", "/health/", "/ready/"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    let answer = server.http().post("/api/register/", r#"{"username": "ann"}"#).await;
    assert_eq!(answer.status, 201);
    assert_eq!(client.get("/api/logout/").await.status, 200);
}

#[tokio::test]
async fn errors_carry_nothing_or_one_sentence() {
    let server = TestServer::start();
    for (path, body) in [("/api/register", r#"{"username": "no spaces"}"#), ("/api/login", "{")] {
        let answer = server.http().post(path, body).await;
        let error = answer.json();
        let fields: Vec<&String> = error.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["error"]);
        assert!(matches!(&error["error"], Value::String(sentence) if sentence.ends_with('.')));
    }
}

#[tokio::test]
async fn the_key_and_the_session_are_not_in_the_database() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    assert_eq!(server.http_as(&person).get("/api/user/@me").await.status, 200);
    let database = server.database();
    let mut everything = database.contents().into_bytes();
    // SQLite keeps what was deleted in its files for a while.
    if let Some(path) = database.path() {
        everything.extend(std::fs::read(path).expect("the database"));
        everything.extend(std::fs::read(path.with_extension("db-wal")).unwrap_or_default());
    }
    let holds = |secret: &str| everything.windows(secret.len()).any(|w| w == secret.as_bytes());
    assert!(holds("johndoe"), "this looks in the right place");
    assert!(!holds(&person.key));
    assert!(!holds(&person.session));
}

#[tokio::test]
async fn registrations_and_refused_log_ins_are_throttled_per_address() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    let mut refused = None;
    for number in 0..40 {
        let body = json!({ "username": format!("user{number}") }).to_string();
        let answer = server.http().post("/api/register", body).await;
        if answer.status == 429 {
            refused = Some((number, answer));
            break;
        }
        assert_eq!(answer.status, 201);
    }
    let (number, answer) = refused.expect("the throttle closes");
    assert_eq!(number, 29, "30 at once, one of them johndoe");
    assert_eq!(answer.header("retry-after"), Some("10"));

    let wrong = json!({ "key": "0".repeat(64) }).to_string();
    let right = json!({ "key": person.key }).to_string();
    for _ in 0..20 {
        assert_eq!(server.http().post("/api/login", &wrong).await.status, 401);
    }
    assert_eq!(server.http().post("/api/login", &wrong).await.status, 429);
    assert_eq!(server.http().post("/api/login", &right).await.status, 429);
    server.advance(Duration::from_secs(10));
    assert_eq!(server.http().post("/api/login", &right).await.status, 200);
}
