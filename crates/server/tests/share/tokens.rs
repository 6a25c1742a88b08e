//! The tokens that members hold: what is in them, and which are not believed.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use testkit::{Http, TestServer};

use crate::kit::{Member, SECOND, Session, message, response, unlimited};
use crate::peer::{frame, pass};

const HOUR_MS: i64 = 3_600_000;

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64url without padding");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// Header, claims and signature.
fn parts(jwt: &str) -> [&str; 3] {
    let parts: Vec<&str> = jwt.split('.').collect();
    parts.try_into().expect("three parts")
}

fn claims(jwt: &str) -> Value {
    decoded(parts(jwt)[1])
}

/// A token of somebody who does not know the server's key.
fn signed_by_another(header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encoded(header), encoded(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// Tokens that the server never gave, made of one that it gave and of another member's.
fn forged(jwt: &str, other: &str) -> Vec<(&'static str, String)> {
    let [header, payload, signature] = parts(jwt);
    let raised = {
        let mut claims = claims(jwt);
        claims["is_host"] = true.into();
        claims["exp"] = (claims["exp"].as_i64().expect("a time") + HOUR_MS).into();
        claims
    };
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let none = json!({ "alg": "none", "typ": "JWT" });
    let flipped = if let Some(rest) = signature.strip_prefix('A') {
        format!("B{rest}")
    } else {
        format!("A{}", &signature[1..])
    };
    vec![
        ("nothing", String::new()),
        ("no token", "token".to_owned()),
        ("dots", "..".to_owned()),
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{jwt}.{signature}")),
        ("a wrong signature", format!("{header}.{payload}.{flipped}")),
        ("a cut signature", format!("{header}.{payload}.{}", &signature[..20])),
        ("another's signature", format!("{header}.{payload}.{}", parts(other)[2])),
        ("another's claims", format!("{header}.{}.{signature}", parts(other)[1])),
        ("raised claims", format!("{header}.{}.{signature}", encoded(&raised))),
        ("another key", signed_by_another(&hs256, &claims(jwt))),
        ("alg none", format!("{}.{payload}.", encoded(&none))),
        ("alg none and a signature", format!("{}.{payload}.{signature}", encoded(&none))),
        ("alg none signed", signed_by_another(&none, &raised)),
        ("the empty key", {
            let signed = format!("{}.{}", encoded(&hs256), encoded(&raised));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), signed.as_bytes());
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
        }),
        ("not base64", format!("{header}.{payload}.%%%")),
        ("long", "x".repeat(20_000)),
    ]
}

/// Every route that needs a token, with a body where one is needed.
fn routes(id: &str) -> [(&'static str, String, Option<String>); 8] {
    let name = json!({ "name": "quay" }).to_string();
    let files = json!([{ "name": "b.txt", "size": 1 }]).to_string();
    [
        ("GET", "/session".to_owned(), None),
        ("PUT", format!("/session/{id}"), Some(name)),
        ("DELETE", format!("/session/{id}"), None),
        ("GET", format!("/files/{id}"), None),
        ("POST", format!("/files/{id}"), Some(files)),
        ("GET", format!("/files/{id}/a.txt"), None),
        ("DELETE", format!("/files/{id}/a.txt"), None),
        ("GET", format!("/session/{id}/a.txt?public_key=BA"), None),
    ]
}

async fn is_refused_everywhere(http: &Http, id: &str, why: &str) {
    for (method, path, body) in routes(id) {
        let answer = http.send(method, &path, body.as_deref().map(str::as_bytes)).await;
        assert_eq!(answer.status, 401, "{why}: {method} {path}: {answer:?}");
        message(&answer, 401);
    }
}

fn with(server: &TestServer, authorization: &str) -> Http {
    server.http().with("authorization", authorization)
}

#[tokio::test]
async fn a_token_is_an_hs256_jwt_for_an_hour_in_milliseconds() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    let now = response(&server.http().get("/health").await, 200).as_i64().expect("a time");
    for (member, is_host) in [(&session.host, true), (&guest, false)] {
        assert_eq!(decoded(parts(&member.jwt)[0])["alg"], "HS256");
        let claims = claims(&member.jwt);
        assert_eq!((&claims["aud"], &claims["is_host"]), (&json!(session.id), &json!(is_host)));
        let (iat, exp) = (claims["iat"].as_i64().expect("ms"), claims["exp"].as_i64().expect("ms"));
        assert_eq!((iat, exp), (now, now + HOUR_MS));
        assert!(claims["sub"].as_str().is_some_and(|sub| !sub.is_empty()));
    }
    assert_ne!(claims(&guest.jwt)["sub"], claims(&session.host.jwt)["sub"]);
    assert_ne!(claims(&guest.jwt)["sub"], claims(&session.guest().await.jwt)["sub"]);
}

#[tokio::test]
async fn a_missing_token_is_401_on_every_route_that_needs_one() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    is_refused_everywhere(&server.http(), &session.id, "none").await;
    let jwt = &session.host.jwt;
    for header in [jwt.clone(), format!("Basic {jwt}"), "Bearer".to_owned(), "Bearer ".to_owned()] {
        is_refused_everywhere(&with(&server, &header), &session.id, &header).await;
    }
    let cookie = server.http().with("cookie", &format!("jwt={jwt}; session={jwt}"));
    is_refused_everywhere(&cookie, &session.id, "a cookie").await;
}

#[tokio::test]
async fn forged_tokens_are_401_on_every_route() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    for (why, token) in forged(&guest.jwt, &session.host.jwt) {
        is_refused_everywhere(&with(&server, &format!("Bearer {token}")), &session.id, why).await;
    }
    assert_eq!(session.host.list().await.as_array().expect("files").len(), 1, "nothing happened");
}

#[tokio::test]
async fn a_token_of_another_session_is_401() {
    let server = unlimited();
    let (session, other) = (Session::start(&server).await, Session::start(&server).await);
    session.host.offer("a.txt").await;
    for stranger in [&other.host, &other.guest().await] {
        // `GET /session` is about the token's own session.
        for (method, path, body) in &routes(&session.id)[1..] {
            let answer = stranger.http.send(method, path, body.as_deref().map(str::as_bytes)).await;
            message(&answer, 401);
        }
    }
    assert_eq!(session.host.list().await.as_array().expect("files").len(), 1, "nothing happened");
}

#[tokio::test]
async fn a_token_ends_after_an_hour_on_every_route_while_the_session_lives_on() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    server.advance(SECOND * 3_599);
    session.host.list().await;
    let late = session.guest().await;
    server.advance(SECOND * 2);
    is_refused_everywhere(&session.host.http, &session.id, "expired").await;
    let files = late.list().await;
    assert_eq!(files[0]["name"], "a.txt");
}

#[tokio::test]
async fn a_socket_registers_only_with_a_token_of_the_session_that_has_not_ended() {
    let server = unlimited();
    let (session, other) = (Session::start(&server).await, Session::start(&server).await);
    let guest = session.guest().await;
    let mut peer = guest.open().await;
    let others = other.guest().await.jwt;
    for (why, token) in forged(&guest.jwt, &session.host.jwt).into_iter().chain([("aud", others)]) {
        peer.socket.send_json(&frame(&token, "register", &json!({}))).await;
        let answer = peer.next().await;
        assert_eq!(
            (&answer["success"], &answer["refused"]),
            (&json!(false), &json!("register")),
            "{why}"
        );
        assert!(answer.get("command").is_none(), "{answer}");
    }
    // It is no member's socket now: nobody's frames are taken.
    peer.may_not("request-file", json!({ "public_key": "BA", "filename": "a.txt" })).await;
    peer.send("register", json!({})).await;
    peer.hears_nothing().await;
}

#[tokio::test]
async fn an_expired_token_does_not_register() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    server.advance(SECOND * 3_599);
    session.host.list().await;
    server.advance(SECOND * 2);
    let mut peer = guest.open().await;
    peer.may_not("register", json!({})).await;
}

#[tokio::test]
async fn a_registered_sockets_frames_go_on_after_the_hour() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = guest.register_with(json!({ "window": 1 })).await;
    pass(&server, SECOND * 3_610, &mut [&mut a, &mut b]).await;
    message(&guest.http.get(&format!("/files/{}", session.id)).await, 401);
    crate::peer::hand_over(&mut a, &mut b, "a.txt", 2).await;
}

#[tokio::test]
async fn a_registered_sockets_frames_need_its_own_members_token() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (guest, third) = (session.guest().await, session.guest().await);
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = guest.register_with(json!({ "window": 1 })).await;
    let wish = json!({ "public_key": crate::kit::KEY_B, "filename": "a.txt" });
    let others = other_tokens(&server, &guest, &third, &session.host).await;
    for (why, token) in others {
        b.socket.send_json(&frame(&token, "request-file", &wish)).await;
        let answer = b.next().await;
        assert_eq!(answer["refused"], "request-file", "{why}: {answer}");
    }
    a.hears_nothing().await;
    crate::peer::hand_over(&mut a, &mut b, "a.txt", 1).await;
}

#[tokio::test]
async fn a_server_whose_clock_jumps_a_day_and_back_forgets_no_one() {
    const DAY_MS: i64 = 24 * HOUR_MS;
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    for jump in [DAY_MS, -DAY_MS, -DAY_MS, DAY_MS] {
        server.jump(jump);
        pass(&server, SECOND, &mut [&mut a]).await;
        assert_eq!(session.host.list().await[0]["name"], "a.txt");
        let late = session.guest().await;
        let mut b = late.register_with(json!({ "window": 1 })).await;
        crate::peer::hand_over(&mut a, &mut b, "a.txt", 1).await;
    }
}

/// Tokens that are not the guest's.
async fn other_tokens(
    server: &TestServer,
    guest: &Member,
    third: &Member,
    host: &Member,
) -> Vec<(&'static str, String)> {
    let elsewhere = Session::start(server).await;
    let mut tokens = forged(&guest.jwt, &host.jwt);
    tokens.push(("another guest's", third.jwt.clone()));
    tokens.push(("the host's", host.jwt.clone()));
    tokens.push(("another session's", elsewhere.host.jwt));
    tokens
}
