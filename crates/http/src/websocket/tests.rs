use axum::Router;
use axum::routing::{any, get};
use http::header::{ALLOW, SEC_WEBSOCKET_PROTOCOL};

use super::*;

fn policy(origins: SocketOrigins) -> SocketPolicy {
    SocketPolicy { origins, max_message: 7, subprotocols: &["v2", "v1"] }
}

/// Says how the hand-shake went, and whether there is a cookie.
async fn open(upgrade: WebSocketUpgrade, headers: HeaderMap) -> Result<Response, ApiError> {
    let protocol = upgrade.protocol().unwrap_or("none");
    if headers.contains_key(COOKIE) {
        return Err(ApiError::new(StatusCode::IM_A_TEAPOT, protocol));
    }
    let (upgrade, answer) = upgrade.accept()?;
    assert_eq!(upgrade.max_message, 7);
    Ok(answer)
}

fn app() -> Router {
    let named = ["null", "https://friend.example"].map(|origin| origin.parse().unwrap());
    let origins = Arc::new(OriginPolicy { own: None, allowed: named.to_vec() });
    let own = policy(SocketOrigins::Own(origins.clone()));
    let named = policy(SocketOrigins::Named(origins));
    let both =
        by_upgrade(get("the page").post("posted"), socket(policy(SocketOrigins::Any), get(open)));
    Router::new()
        .route("/own", socket(own, get(open)))
        .route("/named", socket(named, any(open)))
        .route("/any", socket(policy(SocketOrigins::Any), get(open)))
        .route("/undeclared", get(open))
        .route("/both", both)
}

const HANDSHAKE: &str = "connection: Upgrade\nupgrade: websocket\nsec-websocket-version: 13\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\n";

/// The answer to a request with these header lines.
async fn ask(method: &str, path: &str, lines: &str) -> Response {
    let mut request = Request::builder().method(method).uri(path);
    for line in lines.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request = request.header(name, value);
    }
    let address = [127, 0, 0, 1].into();
    let host = Some("here.example".to_owned());
    let client = Client { address, peer: (address, 1).into(), secure: false, host };
    app().oneshot(request.extension(client).body(Body::empty()).unwrap()).await.unwrap()
}

async fn status(path: &str, lines: &str) -> u16 {
    ask("GET", path, lines).await.status().as_u16()
}

#[tokio::test]
async fn the_rule_about_origins_stands_before_the_handler() {
    for (origin, own, named) in [
        ("http://here.example", 426, 426),
        ("ws://here.example", 426, 426),
        ("https://friend.example", 426, 426),
        ("wss://friend.example", 403, 403),
        ("null", 403, 426),
        ("https://evil.example", 403, 403),
    ] {
        let line = format!("origin: {origin}\n");
        assert_eq!(status("/own", &line).await, own, "{origin}");
        assert_eq!(status("/named", &line).await, named, "{origin}");
        assert_eq!(status("/any", &line).await, 426, "{origin}");
    }
    assert_eq!(status("/own", "").await, 426, "a program");
}

#[tokio::test]
async fn sockets_that_are_open_to_others_ignore_cookies() {
    assert_eq!(status("/own", "cookie: session=abc").await, 418);
    assert_eq!(status("/named", "cookie: session=abc").await, 426);
    assert_eq!(status("/any", "cookie: session=abc").await, 426);
}

#[tokio::test]
async fn the_first_of_our_subprotocols_that_is_offered_is_chosen() {
    let chosen = async |offered: &str| {
        let lines = format!("cookie: a=b\nsec-websocket-protocol: {offered}");
        let answer = ask("GET", "/own", &lines).await;
        let body = axum::body::to_bytes(answer.into_body(), 100).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    };
    assert_eq!(chosen("v1, v2").await, r#"{"error":"v2"}"#);
    assert_eq!(chosen("v0, v1").await, r#"{"error":"v1"}"#);
    assert_eq!(chosen("v0").await, r#"{"error":"none"}"#);
}

#[tokio::test]
async fn a_route_that_is_not_declared_opens_no_socket() {
    assert_eq!(status("/undeclared", HANDSHAKE).await, 500);
}

#[tokio::test]
async fn a_request_that_is_no_hand_shake_hears_what_is_missing() {
    let answer = ask("GET", "/any", "").await;
    assert_eq!(answer.status(), 426);
    assert_eq!(answer.headers()["upgrade"], "websocket");
    let old = HANDSHAKE.replace("13", "8");
    let answer = ask("GET", "/any", &old).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["sec-websocket-version"]),
        (426, &"13".parse().unwrap())
    );
    // A whole one, but this test has no listener.
    assert_eq!(status("/any", HANDSHAKE).await, 500);
    assert!(!ask("GET", "/any", HANDSHAKE).await.headers().contains_key(SEC_WEBSOCKET_PROTOCOL));
}

#[tokio::test]
async fn one_path_is_a_page_and_a_socket() {
    assert_eq!(status("/both", "").await, 200);
    assert_eq!(status("/both", "upgrade: h2c\nconnection: upgrade").await, 200);
    assert_eq!(status("/both", "upgrade: websocket").await, 426, "half a hand-shake is one");
    assert_eq!(ask("POST", "/both", HANDSHAKE).await.status(), 200, "a socket is opened by GET");
    let refused = ask("DELETE", "/both", HANDSHAKE).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()[ALLOW]),
        (405, &"GET,HEAD,POST".parse().unwrap())
    );
}
