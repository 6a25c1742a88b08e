use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use tower::ServiceExt;

use super::*;
use crate::{EdgeOptions, Peer, Routes, edge};

/// Says whether a handler saw a cookie.
async fn seen(headers: HeaderMap) -> &'static str {
    if headers.contains_key(COOKIE) { "cookie" } else { "none" }
}

/// The answer of a route under `rule` to a request with these header lines: its status, its
/// body, and its CORS headers by their last words.
async fn ask(rule: CrossOrigin, method: &str, lines: &str) -> (u16, String, String) {
    let routes = Router::new().route("/", get(seen).merge(post(seen)));
    let allowed = ["https://friend.example", "null"].map(|origin| origin.parse().unwrap());
    let origins = Arc::new(OriginPolicy { own: None, allowed: allowed.to_vec() });
    let options = EdgeOptions { origins, ..EdgeOptions::default() };
    let app = edge(Routes::default().with(rule, routes), options);
    let mut request = Request::builder().method(method).uri("/").header("host", "here.example");
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let address = "192.0.2.1:5".parse().unwrap();
    request.extensions_mut().insert(Peer { address, secure: false });
    let answer = app.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let mut cors: Vec<_> = answer
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("access-control-")?;
            Some(format!("{name}={}", value.to_str().unwrap()))
        })
        .collect();
    cors.sort();
    if let Some(vary) = answer.headers().get(VARY) {
        cors.push(format!("vary={}", vary.to_str().unwrap()));
    }
    let body = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap(), cors.join(" "))
}

const EVIL: &str = "origin: https://evil.example\ncookie: session=abc\n";
const FRIEND: &str = "origin: https://friend.example\ncookie: session=abc\n";
const LOCAL: &str = "origin: null\ncookie: session=abc\n";
const OWN: &str = "origin: http://here.example\ncookie: session=abc\n";
const TOKEN: &str = "origin: https://evil.example\nauthorization: Token key\n";
const PREFLIGHT: &str = "access-control-request-method: POST\n";
const ECHOED: &str = "allow-credentials=true allow-origin=https://friend.example";

fn is(answer: (u16, String, String), status: u16, body: &str, cors: &str) {
    assert_eq!((answer.0, answer.1.as_str(), answer.2.as_str()), (status, body, cors));
}

const REFUSED: &str = r#"{"error":"Requests from other sites are refused."}"#;

#[tokio::test]
async fn what_says_nothing_is_fenced() {
    let ask = async |method, lines: &str| ask(CrossOrigin::Fenced, method, lines).await;
    is(ask("GET", EVIL).await, 200, "cookie", "");
    is(ask("POST", EVIL).await, 403, REFUSED, "");
    is(ask("POST", TOKEN).await, 403, REFUSED, "");
    is(ask("POST", LOCAL).await, 403, REFUSED, "");
    is(ask("POST", FRIEND).await, 200, "cookie", "");
    is(ask("POST", OWN).await, 200, "cookie", "");
    assert_eq!(ask("OPTIONS", &format!("{EVIL}{PREFLIGHT}")).await.0, 405);
}

#[tokio::test]
async fn what_is_open_is_so_for_every_origin_and_without_cookies() {
    let ask = async |method, lines: &str| ask(CrossOrigin::Open, method, lines).await;
    for lines in [EVIL, FRIEND, LOCAL, OWN, TOKEN, "cookie: session=abc"] {
        for method in ["GET", "POST"] {
            is(ask(method, lines).await, 200, "none", "allow-origin=*");
        }
        let told = "allow-headers=authorization, content-type \
            allow-methods=GET, POST, PUT, DELETE allow-origin=* max-age=600";
        is(ask("OPTIONS", lines).await, 204, "", told);
    }
    let cross_site = format!("{EVIL}sec-fetch-site: cross-site");
    is(ask("POST", &cross_site).await, 200, "none", "allow-origin=*");
    assert_eq!(ask("DELETE", EVIL).await.2, "allow-origin=*", "failures too");
}

#[tokio::test]
async fn what_is_readable_is_so_for_every_origin_and_with_the_cookies_of_its_own_pages_only() {
    let ask = async |method, lines: &str| ask(CrossOrigin::Readable, method, lines).await;
    let told = "allow-headers=authorization, content-type \
        allow-methods=GET, POST, PUT, DELETE allow-origin=* max-age=600";
    for foreign in [EVIL, FRIEND, LOCAL, &format!("{TOKEN}cookie: session=abc")] {
        is(ask("GET", foreign).await, 200, "none", "allow-origin=*");
        is(ask("OPTIONS", foreign).await, 204, "", told);
    }
    for own in [OWN, "cookie: session=abc"] {
        is(ask("GET", own).await, 200, "cookie", "allow-origin=*");
        is(ask("POST", own).await, 200, "cookie", "");
    }
    is(ask("POST", EVIL).await, 403, REFUSED, "");
    is(ask("POST", LOCAL).await, 403, REFUSED, "");
    is(ask("POST", FRIEND).await, 200, "none", "");
}

#[tokio::test]
async fn a_token_acts_from_every_origin_and_a_cookie_from_named_ones() {
    let ask = async |method, lines: &str| ask(CrossOrigin::Token, method, lines).await;
    let exposed = "expose-headers=X-Token";
    let open = format!("allow-origin=* {exposed}");
    is(ask("POST", TOKEN).await, 200, "none", &open);
    is(ask("GET", &TOKEN.replace("Token", "token")).await, 200, "none", &open);
    let cross_site = format!("{TOKEN}sec-fetch-site: cross-site");
    is(ask("POST", &cross_site).await, 200, "none", &open);
    is(ask("POST", &format!("{TOKEN}cookie: session=abc")).await, 403, REFUSED, "");
    is(ask("POST", EVIL).await, 403, REFUSED, "");
    is(ask("POST", "origin: https://evil.example").await, 403, REFUSED, "");
    is(ask("GET", EVIL).await, 200, "cookie", "");
    is(ask("POST", FRIEND).await, 200, "cookie", &format!("{ECHOED} {exposed} vary=Origin"));
    is(ask("POST", LOCAL).await, 200, "none", &format!("allow-origin=null {exposed} vary=Origin"));
    is(ask("POST", OWN).await, 200, "cookie", "");
    is(ask("POST", "cookie: session=abc").await, 200, "cookie", "");
    let bearer = TOKEN.replace("Token", "Bearer");
    is(ask("POST", &bearer).await, 403, REFUSED, "");
}

#[tokio::test]
async fn what_gives_tokens_out_is_for_named_origins_whatever_token_is_shown() {
    let ask = async |method, lines: &str| ask(CrossOrigin::Named, method, lines).await;
    let exposed = "expose-headers=X-Token";
    is(ask("POST", TOKEN).await, 403, REFUSED, "");
    is(ask("POST", EVIL).await, 403, REFUSED, "");
    is(ask("GET", TOKEN).await, 200, "none", "");
    is(ask("POST", FRIEND).await, 200, "cookie", &format!("{ECHOED} {exposed} vary=Origin"));
    is(ask("POST", LOCAL).await, 200, "none", &format!("allow-origin=null {exposed} vary=Origin"));
    is(ask("POST", OWN).await, 200, "cookie", "");
    let (status, _, cors) = ask("OPTIONS", &format!("{EVIL}{PREFLIGHT}")).await;
    assert_eq!((status, cors.as_str()), (405, ""));
    assert_eq!(ask("OPTIONS", &format!("{FRIEND}{PREFLIGHT}")).await.0, 204);
}

#[tokio::test]
async fn preflights_of_the_token_api_are_answered() {
    let ask = async |lines: &str| ask(CrossOrigin::Token, "OPTIONS", lines).await;
    let told = "allow-headers=authorization, content-type \
        allow-methods=GET, POST, PUT, PATCH, DELETE";
    let evil = format!("{told} allow-origin=* max-age=600");
    is(ask(&format!("origin: https://evil.example\n{PREFLIGHT}")).await, 204, "", &evil);
    let friend = format!(
        "allow-credentials=true {told} allow-origin=https://friend.example \
        max-age=600 vary=Origin"
    );
    is(ask(&format!("origin: https://friend.example\n{PREFLIGHT}")).await, 204, "", &friend);
    let local = format!("{told} allow-origin=null max-age=600 vary=Origin");
    is(ask(&format!("origin: null\n{PREFLIGHT}")).await, 204, "", &local);
    assert_eq!(ask(PREFLIGHT).await.0, 405, "a program asks nothing");
    assert_eq!(ask("origin: https://evil.example").await.0, 405, "nor is every OPTIONS one");
}

#[tokio::test]
async fn socket_io_is_for_named_origins_and_without_cookies() {
    let ask = async |method, lines: &str| ask(CrossOrigin::SocketIo, method, lines).await;
    let foreign = r#"{"error":"Pages of this origin may not connect here."}"#;
    is(ask("GET", EVIL).await, 403, foreign, "");
    is(ask("GET", TOKEN).await, 403, foreign, "");
    is(ask("POST", EVIL).await, 403, REFUSED, "");
    for method in ["GET", "POST"] {
        is(ask(method, FRIEND).await, 200, "none", &format!("{ECHOED} vary=Origin"));
        is(ask(method, LOCAL).await, 200, "none", "allow-origin=null vary=Origin");
        is(ask(method, OWN).await, 200, "none", "");
        is(ask(method, "cookie: session=abc").await, 200, "none", "");
    }
    let preflight = ask("OPTIONS", &format!("{FRIEND}{PREFLIGHT}")).await;
    assert_eq!(preflight.0, 204);
    assert!(preflight.2.contains(ECHOED.split(' ').next().unwrap()), "{}", preflight.2);
    assert_eq!(ask("OPTIONS", &format!("{EVIL}{PREFLIGHT}")).await.0, 403);
}
