//! `wire/socketio.md`, the table of REST requests, row by row, over TCP; bodies are
//! compared as JSON with what Django REST framework would say.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Http, Socket, TestServer};

const PASSWORD: &str = "tide-lamp-9";
const NEW: &str = "reef-oar-17";

/// Signs up; answers with what came.
async fn sign_up(http: &Http, email: &str) -> Answer {
    http.post("/api/users/", json!({ "email": email, "password": PASSWORD }).to_string()).await
}

async fn sign_in(http: &Http, name: &str, password: &str) -> Answer {
    let body = json!({ "username": name, "password": password });
    http.post("/api/auth/signin/", body.to_string()).await
}

/// A person who is signed in.
struct Member {
    key: String,
    session: String,
    csrf: String,
    me: Value,
}

impl Member {
    async fn new(http: &Http, email: &str) -> Self {
        assert_eq!(sign_up(http, email).await.status, 201);
        Self::enter(http, email).await
    }

    async fn enter(http: &Http, name: &str) -> Self {
        let answer = sign_in(http, name, PASSWORD).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let key = answer.header("x-token").expect("a token").to_owned();
        let csrf = answer.headers.iter().find_map(|(name, value)| {
            let value = value.strip_prefix("csrftoken=").filter(|_| name == "set-cookie")?;
            Some(value.split(';').next().unwrap_or(value).to_owned())
        });
        let session = answer.session().expect("a session cookie");
        Self { key, session, csrf: csrf.expect("a csrftoken cookie"), me: answer.json() }
    }

    /// A program with the token.
    fn program(&self, http: &Http) -> Http {
        http.with("authorization", &format!("Token {}", self.key))
    }

    /// A browser with the cookie, old enough to say nothing of where a request is from.
    fn browser(&self, http: &Http) -> Http {
        http.with("cookie", &format!("session={}", self.session))
    }

    fn id(&self) -> i64 {
        self.me["id"].as_i64().expect("an id")
    }
}

/// The status and the body of a refusal.
fn refusal(answer: &Answer) -> (u16, Value) {
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    (answer.status, answer.json())
}

fn detail(status: u16, text: &str) -> (u16, Value) {
    (status, json!({ "detail": text }))
}

const ANONYMOUS: &str = "Authentication credentials were not provided.";
const REQUIRED: &str = "This field is required.";
const BLANK: &str = "This field may not be blank.";

// POST /api/users/

#[tokio::test]
async fn registering_answers_201_with_an_empty_body_and_mails_a_link() {
    let server = TestServer::start();
    let body = json!({ "email": "ann@example.org", "password": PASSWORD, "first_name": "Ann",
        "last_name": "Smith", "is_staff": true, "nickname": 7 });
    let answer = server.http().post("/api/users/", body.to_string()).await;
    assert_eq!((answer.status, answer.body.len()), (201, 0), "{answer:?}");
    let member = Member::enter(&server.http(), "ann@example.org").await;
    let expected = json!({ "id": member.id(), "email": "ann@example.org", "first_name": "Ann",
        "last_name": "Smith" });
    assert_eq!(member.me, expected);
    let _ = server.mailbox().next("ann@example.org").await.path("/confirm/");
}

#[tokio::test]
async fn registering_answers_400_by_field() {
    let server = TestServer::start();
    let post =
        async |body: Value| refusal(&server.http().post("/api/users/", body.to_string()).await);
    let email = "ann.wilkinson@example.org";
    assert_eq!(
        post(json!({})).await,
        (400, json!({ "email": [REQUIRED], "password": [REQUIRED] }))
    );
    let blank = json!({ "email": "", "password": " " });
    assert_eq!(post(blank).await, (400, json!({ "email": [BLANK], "password": [BLANK] })));
    let odd = json!({ "email": null, "password": ["x"], "first_name": {}, "last_name": true });
    let expected = json!({ "email": ["This field may not be null."],
        "password": ["Not a valid string."], "first_name": ["Not a valid string."],
        "last_name": ["Not a valid string."] });
    assert_eq!(post(odd).await, (400, expected));
    let bad = json!({ "email": "nonsense", "password": PASSWORD });
    assert_eq!(post(bad).await, (400, json!({ "email": ["Enter a valid email address."] })));
    for (password, texts) in [
        ("tide-la", vec!["This password is too short. It must contain at least 8 characters."]),
        ("8301947265", vec!["This password is entirely numeric."]),
        ("Password123", vec!["This password is too common."]),
        ("12345678", vec!["This password is too common.", "This password is entirely numeric."]),
        ("wilkinson7", vec!["The password is too similar to the email address."]),
    ] {
        let body = json!({ "email": email, "password": password });
        assert_eq!(post(body).await, (400, json!({ "password": texts })), "{password}");
    }
    assert_eq!(sign_up(&server.http(), email).await.status, 201);
    let taken = json!({ "email": ["user with this email address already exists."] });
    let again = json!({ "email": email.to_uppercase(), "password": PASSWORD });
    assert_eq!(post(again).await, (400, taken));
}

#[tokio::test]
async fn a_body_that_is_no_object_is_400_without_a_word_of_our_inside() {
    let server = TestServer::start();
    for path in ["/api/users/", "/api/users/reset-password/", "/api/auth/signin/"] {
        for (body, text) in [
            ("[]", "Invalid data. Expected a dictionary, but got list."),
            ("null", "Invalid data. Expected a dictionary, but got NoneType."),
            ("\"x\"", "Invalid data. Expected a dictionary, but got str."),
        ] {
            let expected = (400, json!({ "non_field_errors": [text] }));
            assert_eq!(refusal(&server.http().post(path, body).await), expected, "{path} {body}");
        }
        let deep = "[".repeat(10_000);
        for body in ["{", "{\"email\": }", "nonsense", "{} trailing", "\u{feff}{}", &deep] {
            let (status, said) = refusal(&server.http().post(path, body).await);
            let said = said["detail"].as_str().expect("a detail");
            assert_eq!(status, 400, "{path} {body}");
            assert!(said.starts_with("JSON parse error - line "), "{said}");
        }
        let huge = format!("{{\"email\": \"{}\"}}", "x".repeat(20_000));
        let huge = refusal(&server.http().post(path, huge).await);
        assert_eq!(huge, detail(413, "The body is too large."), "{path}");
        let empty = server.http().post(path, "").await;
        assert_eq!(empty.status, 400, "an empty body is an empty object: {path}");
    }
}

// GET /api/users/{id}/ and /me/

#[tokio::test]
async fn people_are_read_by_token_or_cookie_with_or_without_the_slash() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let bob = Member::new(&http, "bob@example.org").await;
    for client in [ann.program(&http), ann.browser(&http)] {
        for path in ["/api/users/me/", "/api/users/me", &format!("/api/users/{}/", ann.id())] {
            let answer = client.get(path).await;
            assert_eq!((answer.status, answer.json()), (200, ann.me.clone()), "{path}");
        }
        let other = client.get(&format!("/api/users/{}/", bob.id())).await;
        assert_eq!((other.status, other.json()), (200, bob.me.clone()));
        for unknown in ["7", "0", "-1", "x", "99999999999999999999", "%ff", "me/x"] {
            let answer = client.get(&format!("/api/users/{unknown}/")).await;
            assert_eq!(refusal(&answer), detail(404, "Not found."), "{unknown}");
        }
    }
    assert!(ann.browser(&http).get("/api/users/me/").await.session().is_some(), "renewed");
    assert!(ann.program(&http).get("/api/users/me/").await.session().is_none());
}

#[tokio::test]
async fn who_is_not_known_gets_401_in_words() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let with = |value: &str| ann.browser(&http).with("authorization", value);
    let no_credentials = "Invalid token header. No credentials provided.";
    let spaces = "Invalid token header. Token string should not contain spaces.";
    for (client, text) in [
        (http.clone(), ANONYMOUS),
        (http.with("cookie", "session=abc"), ANONYMOUS),
        (http.with("authorization", "Basic YTpi"), ANONYMOUS),
        (with("Token"), no_credentials),
        (with("Token a b"), spaces),
        (with(&format!("Token {}", "0".repeat(64))), "Invalid token."),
        (with(&format!("Token {}", ann.session)), "Invalid token."),
    ] {
        for path in ["/api/users/me/", "/api/users/7/", "/api/auth/token/"] {
            let answer = client.get(path).await;
            assert_eq!(refusal(&answer), detail(401, text), "{path}");
            assert_eq!(answer.header("www-authenticate"), Some("Token"));
        }
        let patched = client.send("PATCH", "/api/users/me/", Some(b"{}")).await;
        assert_eq!(refusal(&patched), detail(401, text));
    }
}

// PUT and PATCH /api/users/{id|me}/

#[tokio::test]
async fn oneself_is_updated_in_part_by_either_verb() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let program = ann.program(&http);
    let own = format!("/api/users/{}/", ann.id());
    let mut expected = ann.me.clone();
    for (verb, path, field, value) in [
        ("PATCH", "/api/users/me/", "first_name", "Ann"),
        ("PUT", own.as_str(), "last_name", "Smith"),
        ("PUT", "/api/users/me/", "email", "ann@new.example"),
        ("PATCH", own.as_str(), "first_name", ""),
    ] {
        expected[field] = json!(value);
        let body = json!({ field: value }).to_string();
        let answer = program.send(verb, path, Some(body.as_bytes())).await;
        assert_eq!((answer.status, answer.json()), (200, expected.clone()), "{verb} {field}");
    }
    assert_eq!(program.get("/api/users/me/").await.json(), expected);
    assert_eq!(sign_in(&http, "ann@example.org", PASSWORD).await.status, 400);
    assert_eq!(sign_in(&http, "ann@new.example", PASSWORD).await.status, 201);
    let _ = server.mailbox().next("ann@new.example").await.path("/confirm/");
}

#[tokio::test]
async fn an_update_answers_400_by_field_and_changes_nothing() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    Member::new(&http, "bob@example.org").await;
    let program = ann.program(&http);
    for (body, expected) in [
        (json!({ "email": "" }), json!({ "email": [BLANK] })),
        (json!({ "email": "x" }), json!({ "email": ["Enter a valid email address."] })),
        (
            json!({ "email": "BOB@example.org", "first_name": "A" }),
            json!({ "email": ["user with this email address already exists."] }),
        ),
        (
            json!({ "password": "password", "first_name": "A" }),
            json!({ "password": ["This password is too common."] }),
        ),
        (
            json!({ "first_name": "x".repeat(151), "last_name": "a\nb" }),
            json!({ "first_name": ["Ensure this field has no more than 150 characters."],
                "last_name": ["Control characters are not allowed."] }),
        ),
        (
            json!({ "first_name": "a\0b" }),
            json!({ "first_name": ["Null characters are not allowed."] }),
        ),
    ] {
        let answer =
            program.send("PATCH", "/api/users/me/", Some(body.to_string().as_bytes())).await;
        assert_eq!(refusal(&answer), (400, expected), "{body}");
    }
    assert_eq!(program.get("/api/users/me/").await.json(), ann.me);
}

#[tokio::test]
async fn somebody_else_is_403_and_nobody_404() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let bob = Member::new(&http, "bob@example.org").await;
    let forbidden = detail(403, "You do not have permission to perform this action.");
    for verb in ["PUT", "PATCH"] {
        let path = format!("/api/users/{}/", bob.id());
        let answer = ann.program(&http).send(verb, &path, Some(b"{\"first_name\": \"x\"}")).await;
        assert_eq!(refusal(&answer), forbidden);
        let answer = ann.program(&http).send(verb, "/api/users/7/", Some(b"{}")).await;
        assert_eq!(refusal(&answer), detail(404, "Not found."));
    }
    assert_eq!(bob.program(&http).get("/api/users/me/").await.json(), bob.me);
}

#[tokio::test]
async fn another_password_ends_the_other_sessions_and_their_sockets() {
    let server = TestServer::start();
    let http = server.http();
    let phone = Member::new(&http, "ann@example.org").await;
    let laptop = Member::enter(&http, "ann@example.org").await;
    let mut socket = Socket::piratchat(server.address(), &laptop.session).await.expect("a socket");
    let body = json!({ "password": NEW }).to_string();
    let answer = phone.program(&http).send("PATCH", "/api/users/me/", Some(body.as_bytes())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(socket.closed().await, Some(1008));
    assert_eq!(phone.program(&http).get("/api/users/me/").await.status, 200);
    for client in [phone.browser(&http), laptop.program(&http), laptop.browser(&http)] {
        assert_eq!(client.get("/api/users/me/").await.status, 401);
    }
    assert_eq!(sign_in(&http, "ann", PASSWORD).await.status, 400);
    assert_eq!(sign_in(&http, "ann", NEW).await.status, 201);
}

#[tokio::test]
async fn a_cookie_writes_only_for_our_own_page() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let browser = ann.browser(&http);
    let host = format!("http://{}", server.address());
    let patch = async |client: Http| {
        client.send("PATCH", "/api/users/me/", Some(b"{\"first_name\": \"x\"}")).await
    };
    let csrf = detail(403, "CSRF Failed: CSRF token missing or incorrect.");
    assert_eq!(refusal(&patch(browser.clone()).await), csrf);
    for wrong in ["", "x", &"0".repeat(64), &ann.session] {
        assert_eq!(refusal(&patch(browser.with("x-csrftoken", wrong)).await), csrf);
    }
    assert_eq!(patch(browser.with("origin", "https://evil.example")).await.status, 403);
    assert_eq!(patch(browser.with("sec-fetch-site", "cross-site")).await.status, 403);
    assert_eq!(patch(browser.with("x-csrftoken", &ann.csrf)).await.status, 200);
    assert_eq!(patch(browser.with("origin", &host)).await.status, 200);
    assert_eq!(patch(browser.with("sec-fetch-site", "same-origin")).await.status, 200);
    assert_eq!(patch(ann.program(&http)).await.status, 200, "a token needs no such proof");
}

// POST /api/users/reset-password/

#[tokio::test]
async fn asking_for_a_reset_answers_alike_whether_the_address_is_known() {
    let server = TestServer::start();
    let http = server.http();
    Member::new(&http, "ann@example.org").await;
    let ask = async |body: Value| http.post("/api/users/reset-password/", body.to_string()).await;
    let mut answers = Vec::new();
    for email in ["ann@example.org", "nobody@example.org"] {
        let mut answer = ask(json!({ "email": email })).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        answer.headers.retain(|(name, _)| name != "date");
        answers.push(answer.headers);
    }
    assert_eq!(answers[0], answers[1]);
    let mut mailbox = server.mailbox();
    let _ = mailbox.next("ann@example.org").await.path("/confirm/");
    let _ = mailbox.next("ann@example.org").await.path("/password/reset/");
    assert!(mailbox.look("nobody@example.org").is_none());

    assert_eq!(refusal(&ask(json!({})).await), (400, json!({ "email": [REQUIRED] })));
    let invalid = json!({ "email": ["Enter a valid email address."] });
    assert_eq!(refusal(&ask(json!({ "email": "x" })).await), (400, invalid));
}

// POST /api/auth/signin/

#[tokio::test]
async fn signing_in_answers_201_with_the_token_the_person_and_a_session() {
    let server = TestServer::start();
    let http = server.http();
    assert_eq!(sign_up(&http, "ann@example.org").await.status, 201);
    for name in ["ann@example.org", "ANN@example.org", "ann"] {
        let ann = Member::enter(&http, name).await;
        assert_eq!(ann.key.len(), 64);
        assert!(ann.key.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
        assert_eq!(ann.program(&http).get("/api/users/me/").await.json(), ann.me);
        assert_eq!(ann.browser(&http).get("/api/users/me/").await.json(), ann.me);
        let online = ann.program(&http).get("/api/online").await;
        assert_eq!((online.status, online.json()), (200, json!({ "online_clients": [] })));
    }
}

#[tokio::test]
async fn signing_in_answers_400_in_one_form_whatever_is_wrong() {
    let server = TestServer::start();
    let http = server.http();
    assert_eq!(sign_up(&http, "ann@example.org").await.status, 201);
    server.person("keyed").await;
    let wrong = (400, json!({ "non_field_errors": ["Invalid username or password."] }));
    for (name, password) in [
        ("ann@example.org", "wrong"),
        ("ann", "wrong"),
        ("nobody@example.org", PASSWORD),
        ("nobody", PASSWORD),
        ("keyed", PASSWORD),
        ("a b", PASSWORD),
    ] {
        assert_eq!(refusal(&sign_in(&http, name, password).await), wrong, "{name}");
    }
    let empty = http.post("/api/auth/signin/", "{}").await;
    let required = json!({ "username": [REQUIRED], "password": [REQUIRED] });
    assert_eq!(refusal(&empty), (400, required));
}

#[tokio::test]
async fn signing_in_too_often_answers_429_for_a_name_whoever_has_it() {
    let server = TestServer::start();
    let http = server.http();
    assert_eq!(sign_up(&http, "ann@example.org").await.status, 201);
    let throttled = detail(429, "Request was throttled. Expected available in 60 seconds.");
    for name in ["ann@example.org", "nobody@example.org"] {
        for _ in 0..5 {
            assert_eq!(sign_in(&http, name, "wrong").await.status, 400);
        }
        let answer = sign_in(&http, name, PASSWORD).await;
        assert_eq!(refusal(&answer), throttled, "{name}");
        assert_eq!(answer.header("retry-after"), Some("60"));
    }
    server.advance(Duration::from_secs(60));
    assert_eq!(sign_in(&http, "ann@example.org", PASSWORD).await.status, 201);
}

// GET /api/auth/token/

#[tokio::test]
async fn a_token_is_the_one_shown_or_a_fresh_one() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let own = ann.program(&http).get("/api/auth/token/").await;
    assert_eq!((own.status, own.json()), (200, json!({ "X-Token": ann.key })));
    let fresh = ann.browser(&http).get("/api/auth/token").await.json();
    let fresh = fresh["X-Token"].as_str().expect("a token").to_owned();
    assert_ne!(fresh, ann.key, "only its hash is kept");
    let program = http.with("authorization", &format!("Token {fresh}"));
    assert_eq!(program.get("/api/users/me/").await.json(), ann.me);
    // Who registered by username has one as well.
    let keyed = server.person("keyed").await;
    let answer = server.http_as(&keyed).get("/api/auth/token/").await;
    assert_eq!(answer.status, 200);
    let key = answer.json()["X-Token"].as_str().expect("a token").to_owned();
    let me = http.with("authorization", &format!("token {key}")).get("/api/user/@me").await;
    assert_eq!((me.status, me.json()), (200, json!({ "username": "keyed" })));
}

// DELETE /api/auth/logout/

#[tokio::test]
async fn logging_out_kills_the_token_that_asked() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    let out = ann.program(&http).send("DELETE", "/api/auth/logout/", None).await;
    assert_eq!((out.status, out.body.len()), (204, 0));
    let dead = ann.program(&http).send("DELETE", "/api/auth/logout/", None).await;
    assert_eq!(refusal(&dead), detail(401, "Invalid token."));
    assert_eq!(ann.browser(&http).get("/api/users/me/").await.status, 200, "the session lives");
    let origin = format!("http://{}", server.address());
    let browser = ann.browser(&http).with("origin", &origin);
    assert_eq!(browser.send("DELETE", "/api/auth/logout", None).await.status, 204);
    assert_eq!(browser.get("/api/users/me/").await.status, 401);
    let nobody = http.send("DELETE", "/api/auth/logout/", None).await;
    assert_eq!(refusal(&nobody), detail(401, ANONYMOUS));
}

#[tokio::test]
async fn the_wrong_verb_is_405_everywhere() {
    let server = TestServer::start();
    let http = server.http();
    let ann = Member::new(&http, "ann@example.org").await;
    for (path, wrong) in [
        ("/api/users/", ["GET", "PUT", "PATCH", "DELETE"]),
        ("/api/users/me/", ["POST", "DELETE", "OPTIONS", "QUERY"]),
        ("/api/users/reset-password/", ["GET", "PUT", "PATCH", "DELETE"]),
        ("/api/auth/signin/", ["GET", "PUT", "PATCH", "DELETE"]),
        ("/api/auth/token/", ["POST", "PUT", "PATCH", "DELETE"]),
        ("/api/auth/logout/", ["GET", "POST", "PUT", "PATCH"]),
    ] {
        for verb in wrong {
            let answer = ann.program(&http).send(verb, path, Some(b"{}")).await;
            let text = format!("Method \"{verb}\" not allowed.");
            assert_eq!(refusal(&answer), detail(405, &text), "{path}");
            assert!(answer.header("allow").is_some(), "{verb} {path}");
        }
    }
}

// What it must show.

/// The most memory that this process, server and clients, ever held, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmHWM")).expect("its size");
    let kibibytes = line.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok());
    kibibytes.expect("a number") * 1024
}

/// What the peak may rise by after the first guesses of everybody. What each of 9,500
/// more would leave behind shows from 3 KiB on; hashing them all at once, 19 MiB each,
/// from the second on.
const MAY_TAKE: u64 = 32 * 1024 * 1024;

/// From each of 50 addresses, as many guesses; how many were looked at.
async fn guess(home: &Http, times: u32) -> u32 {
    let guessers = (0..50).map(|host| {
        let http = home.with("x-forwarded-for", &format!("198.51.100.{host}"));
        tokio::spawn(async move {
            let mut looked_at = 0;
            for n in 0..times {
                let answer = sign_in(&http, "ann@example.org", &format!("guess-{n}")).await;
                match answer.status {
                    400 => looked_at += 1,
                    429 => assert!(answer.header("retry-after").is_some()),
                    other => panic!("{other}"),
                }
            }
            looked_at
        })
    });
    let mut looked_at = 0;
    for guesser in guessers.collect::<Vec<_>>() {
        looked_at += guesser.await.expect("no panic");
    }
    looked_at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_guesses_from_fifty_addresses_are_throttled_and_the_owner_gets_in() {
    let server = TestServer::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    });
    let from = |host: u32| server.http().with("x-forwarded-for", &format!("198.51.100.{host}"));
    let owner = Member::new(&from(200), "ann@example.org").await;
    assert_eq!(guess(&server.http(), 10).await, 5, "the fifth is the last that is looked at");
    let before = memory();
    assert_eq!(guess(&server.http(), 190).await, 0);
    let taken = memory().saturating_sub(before);
    assert!(taken < MAY_TAKE, "{} MiB", taken >> 20);

    // A stranger with the right password waits like everybody; the owner does not, with
    // the session she has nor at home, and her session was never touched.
    assert_eq!(sign_in(&from(201), "ann@example.org", PASSWORD).await.status, 429);
    assert_eq!(owner.program(&from(202)).get("/api/users/me/").await.status, 200);
    assert_eq!(sign_in(&from(200), "ann@example.org", PASSWORD).await.status, 201);
    let travelling = owner.browser(&from(203));
    assert_eq!(sign_in(&travelling, "ann@example.org", PASSWORD).await.status, 201);
    assert_eq!(guess(&server.http(), 1).await, 0, "that gave the others nothing");
}

#[tokio::test]
async fn a_token_just_issued_works_however_many_came_before_it() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    // The test's clock stands still, so all of them were last used at the same time.
    for number in 0..25 {
        let answer = server.http_as(&ann).get("/api/auth/token/").await;
        assert_eq!(answer.status, 200, "{number}");
        let token = answer.json()["X-Token"].as_str().expect("a token").to_owned();
        let by_token = server.http().with("authorization", &format!("Token {token}"));
        assert_eq!(by_token.get("/api/users/me/").await.status, 200, "{number}");
    }
}

#[tokio::test]
async fn revoking_a_device_revokes_the_tokens_it_asked_for() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let answer = server.http_as(&ann).get("/api/auth/token/").await;
    let token = answer.json()["X-Token"].as_str().expect("a token").to_owned();
    let by_token = server.http().with("authorization", &format!("Token {token}"));
    assert_eq!(by_token.get("/api/users/me/").await.status, 200);

    // The page's list: the form that ends this very session carries its id.
    let mut elsewhere = ann.clone();
    elsewhere.session = server.log_in(&ann.key).await;
    let page = String::from_utf8(server.http_as(&elsewhere).get("/settings/").await.body).unwrap();
    let csrf = between(&page, "name=\"csrf_token\" value=\"", "\"");
    for part in page.split("name=\"session\" value=\"").skip(1) {
        let id = part.split('"').next().expect("an id");
        let form = format!("csrf_token={csrf}&session={id}");
        let client =
            server.http_as(&elsewhere).with("content-type", "application/x-www-form-urlencoded");
        client.post("/settings/sessions/end/", form).await;
    }
    assert_eq!(server.http_as(&ann).get("/api/users/me/").await.status, 401);
    assert_eq!(by_token.get("/api/users/me/").await.status, 401);
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split(start).nth(1).unwrap_or_else(|| panic!("{start} in {text}"));
    rest.split(end).next().unwrap_or_default()
}
