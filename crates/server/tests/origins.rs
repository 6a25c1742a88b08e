//! `wire/README.md`, "Other origins", sentence by sentence, over TCP, for the routes that
//! exist.

use serde_json::json;
use testkit::{Answer, Http, Refused, Socket, TestServer};

const FOREIGN: &str = "https://elsewhere.example";
const NAMED: &str = "https://friend.example";
const APP: &str = "capacitor://localhost";

fn server() -> TestServer {
    TestServer::with(|settings| {
        let named = [NAMED, APP, "null", "file://", "ionic://localhost"];
        settings.allowed_origins =
            named.iter().map(|origin| origin.parse().expect("an origin")).collect();
    })
}

/// Signs up and in; the API token and the session.
async fn member(http: &Http) -> (String, String) {
    let (email, password) = ("ann@example.org", "tide-lamp-9");
    let body = json!({ "email": email, "password": password }).to_string();
    assert_eq!(http.post("/api/users/", body).await.status, 201);
    let body = json!({ "username": email, "password": password }).to_string();
    let answer = http.post("/api/auth/signin/", body).await;
    let token = answer.header("x-token").expect("a token").to_owned();
    (token, answer.session().expect("a session"))
}

/// The CORS headers of an answer: origin, credentials, what is exposed, `Vary`.
fn cors(answer: &Answer) -> [Option<&str>; 4] {
    let names = ["origin", "credentials"];
    let [origin, credentials] =
        names.map(|name| answer.header(&format!("access-control-allow-{name}")));
    let exposed = answer.header("access-control-expose-headers");
    [origin, credentials, exposed, answer.header("vary")]
}

const NONE: [Option<&str>; 4] = [None; 4];
const ANY: [Option<&str>; 4] = [Some("*"), None, Some("X-Token"), None];

fn echoed(origin: &str) -> [Option<&str>; 4] {
    let credentials = origin.starts_with("http").then_some("true");
    [Some(origin), credentials, Some("X-Token"), Some("Origin")]
}

#[tokio::test]
async fn a_request_with_a_token_and_no_cookie_is_answered_to_every_origin() {
    let server = server();
    let (token, session) = member(&server.http()).await;
    let token = format!("Token {token}");
    for origin in [FOREIGN, "null", "http://localhost:3000"] {
        let page = server.http().with("origin", origin).with("sec-fetch-site", "cross-site");
        let program = page.with("authorization", &token);
        let answer = program.get("/api/users/me/").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(cors(&answer), if origin == "null" { echoed("null") } else { ANY });
        let change = json!({ "first_name": "Ann" }).to_string();
        let answer = program.send("PATCH", "/api/users/me/", Some(change.as_bytes())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(program.get("/api/auth/token/").await.json()["X-Token"], token[6..]);
    }
    let page = server.http().with("origin", FOREIGN);
    let wrong = page.with("authorization", "Token nonsense").get("/api/users/me/").await;
    assert_eq!((wrong.status, cors(&wrong)), (401, ANY), "it can read why");
    let cookie = page.with("cookie", &format!("session={session}"));
    let both = cookie.with("authorization", &token);
    let answer = both.send("DELETE", "/api/auth/logout/", None).await;
    assert_eq!((answer.status, cors(&answer)), (403, NONE), "a cookie came along");
    let answer = cookie.get("/api/users/me/").await;
    assert_eq!((answer.status, cors(&answer)), (200, NONE), "its page cannot read it");
}

#[tokio::test]
async fn a_preflight_of_the_token_api_spells_the_headers_out() {
    let server = server();
    let ask = async |path: &str, origin: &str| {
        let page = server.http().with("origin", origin);
        let asking = page.with("access-control-request-method", "POST");
        asking.send("OPTIONS", path, None).await
    };
    for path in ["/api/users/", "/api/users/reset-password/", "/api/auth/signin/"] {
        let answer = ask(path, FOREIGN).await;
        assert_eq!((answer.status, cors(&answer)), (405, NONE), "{path} needs no token");
        let answer = ask(path, NAMED).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(NAMED));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
    for path in ["/api/users/me/", "/api/auth/token/", "/api/auth/logout/"] {
        let answer = ask(path, FOREIGN).await;
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let methods = answer.header("access-control-allow-methods");
        assert_eq!(methods, Some("GET, POST, PUT, PATCH, DELETE"));
        let headers = answer.header("access-control-allow-headers");
        assert_eq!(headers, Some("authorization, content-type"));
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        let answer = ask(path, NAMED).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(NAMED));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    }
}

#[tokio::test]
async fn signing_up_and_in_and_a_reset_are_open_to_named_origins_only() {
    let server = server();
    member(&server.http()).await;
    let requests = [
        ("/api/users/", json!({ "email": "", "password": "" }), 400),
        (
            "/api/auth/signin/",
            json!({ "username": "ann@example.org", "password": "tide-lamp-9" }),
            201,
        ),
        ("/api/users/reset-password/", json!({ "email": "ann@example.org" }), 200),
    ];
    for (path, body, status) in requests {
        let post = async |origin: &str| {
            let page = server.http().with("origin", origin);
            page.with("sec-fetch-site", "cross-site").post(path, body.to_string()).await
        };
        let answer = post(FOREIGN).await;
        assert_eq!((answer.status, cors(&answer)), (403, NONE), "{path}");
        let program = server.http().with("origin", FOREIGN).with("authorization", "Token any");
        let answer = program.post(path, body.to_string()).await;
        assert_eq!((answer.status, cors(&answer)), (403, NONE), "{path}, whatever token is sent");
        for origin in [NAMED, APP, "null", "file://", "ionic://localhost"] {
            let answer = post(origin).await;
            assert_eq!((answer.status, cors(&answer)), (status, echoed(origin)), "{path} {origin}");
        }
        let answer = post("ionic://elsewhere").await;
        assert_eq!((answer.status, cors(&answer)), (403, NONE), "{path}");
    }
}

#[tokio::test]
async fn a_cookie_acts_for_named_web_origins_and_for_no_others() {
    let server = server();
    let (_, session) = member(&server.http()).await;
    let browser = server.http().with("cookie", &format!("session={session}"));
    let put = async |origin: &str| {
        let change = json!({ "first_name": "Ann" }).to_string();
        let page = browser.with("origin", origin);
        page.send("PUT", "/api/users/me/", Some(change.as_bytes())).await
    };
    let answer = put(NAMED).await;
    assert_eq!((answer.status, cors(&answer)), (200, echoed(NAMED)));
    let answer = put(APP).await;
    assert_eq!((answer.status, cors(&answer)), (401, echoed(APP)), "its cookie is ignored");
    assert_eq!(put(FOREIGN).await.status, 403);
}

#[tokio::test]
async fn socket_io_echoes_named_origins_and_ignores_cookies() {
    let server = server();
    let path = "/socket.io/?EIO=3&transport=polling";
    for (origin, credentials) in [(NAMED, Some("true")), (APP, None), ("null", None)] {
        let page = server.http().with("origin", origin).with("cookie", "session=nonsense");
        let answer = page.get(path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-credentials"), credentials);
        assert_eq!(answer.header("vary"), Some("Origin"));
        let headers = [("origin", origin.to_owned())];
        let path = "/socket.io/?EIO=4&transport=websocket";
        assert!(Socket::open(server.address(), path, &headers).await.is_ok(), "{origin}");
    }
    for origin in [FOREIGN, "file://elsewhere"] {
        let answer = server.http().with("origin", origin).get(path).await;
        assert_eq!((answer.status, cors(&answer)), (403, NONE));
        let asking = server.http().with("origin", origin);
        let asking = asking.with("access-control-request-method", "POST");
        assert_eq!(asking.send("OPTIONS", path, None).await.status, 403);
        let answer = server.http().with("origin", origin).post(path, "1:0").await;
        assert_eq!(answer.status, 403);
    }
    let asking = server.http().with("origin", NAMED);
    let asking = asking.with("access-control-request-method", "POST");
    let answer = asking.send("OPTIONS", path, None).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let own = format!("http://{}", server.address());
    let answer = server.http().with("origin", &own).get(path).await;
    assert_eq!((answer.status, cors(&answer)), (200, NONE));
}

#[tokio::test]
async fn a_socket_on_the_own_host_may_say_ws_for_its_origin() {
    let server = server();
    let person = server.person("johndoe").await;
    let open = async |origin: String| {
        let headers = [("cookie", format!("session={}", person.session)), ("origin", origin)];
        Socket::open(server.address(), "/ws", &headers).await.map(drop)
    };
    assert_eq!(open(format!("ws://{}", server.address())).await, Ok(()));
    for origin in ["ws://elsewhere.example", "null", APP, FOREIGN] {
        assert_eq!(open(origin.to_owned()).await, Err(Refused(403)), "{origin}");
    }
}

/// That the server lives, as `share` has it, for pages of every origin.
fn says_that_it_lives(answer: &Answer, now: i64) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.json(), json!({"success": true, "response": now, "status": "ok"}));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

const PLACES: [&str; 4] = [FOREIGN, "null", NAMED, APP];
const NAVIGATION: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn pages_of_every_origin_may_ask_whether_the_server_lives() {
    let server = server();
    let person = server.person("johndoe").await;
    let before = server.http().get("/health").await.json()["response"].as_i64();
    server.jump(3_600_000);
    let now = before.expect("milliseconds") + 3_600_000;
    let cookie = format!("session={}", person.session);
    for origin in PLACES {
        let page = server.http().with("origin", origin).with("sec-fetch-site", "cross-site");
        let page = page.with("sec-fetch-mode", "cors");
        for page in [page.clone(), page.with("cookie", &cookie)] {
            says_that_it_lives(&page.get("/health").await, now);
            says_that_it_lives(&page.with("accept", "text/html").get("/health/").await, now);
            says_that_it_lives(&page.with("accept", "*/*").get("/").await, now);
            says_that_it_lives(&page.with("accept", "application/json").get("/").await, now);
            let answer = page.with("accept", "*/*").get("/").await;
            assert_eq!(answer.header("set-cookie"), None, "no session is seen, or renewed");
        }
    }
    says_that_it_lives(&server.http().get("/health").await, now);
    let json = server.http().with("accept", "application/json");
    says_that_it_lives(&json.get("/").await, now);
    says_that_it_lives(&json.with("cookie", &cookie).get("/").await, now);
    says_that_it_lives(&server.http().with("accept", "*/*").get("/").await, now);
}

#[tokio::test]
async fn a_preflight_of_health_and_of_the_front_page_is_answered_to_every_origin() {
    let server = server();
    for path in ["/", "/health", "/health/"] {
        for page in PLACES.map(|origin| server.http().with("origin", origin)) {
            for asking in [page.clone(), page.with("access-control-request-method", "GET")] {
                let answer = asking.send("OPTIONS", path, None).await;
                assert_eq!(answer.status, 204, "{path}");
                assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
                let methods = answer.header("access-control-allow-methods");
                assert_eq!(methods, Some("GET, POST, PUT, DELETE"));
                let headers = answer.header("access-control-allow-headers");
                assert_eq!(headers, Some("authorization, content-type"));
                assert_eq!(answer.header("access-control-max-age"), Some("600"));
            }
        }
        assert_eq!(server.http().send("OPTIONS", path, None).await.status, 204, "{path}");
    }
}

#[tokio::test]
async fn the_head_of_health_and_of_the_front_page_is_that_of_get() {
    let server = server();
    let page = server.http().with("origin", FOREIGN).with("accept", "*/*");
    for path in ["/", "/health"] {
        let (get, head) = (page.get(path).await, page.send("HEAD", path, None).await);
        let stays = |answer: &Answer| {
            let mut headers = answer.headers.clone();
            headers.retain(|(name, _)| name != "date");
            (answer.status, headers)
        };
        assert_eq!(stays(&head), stays(&get), "{path}");
        assert_eq!((head.body.len(), get.body.is_empty()), (0, false), "{path}");
    }
    let visitor = server.http().with("accept", NAVIGATION);
    assert_eq!(visitor.send("HEAD", "/", None).await.status, 302);
}

#[tokio::test]
async fn the_front_page_is_for_visitors_what_it_was() {
    let server = server();
    let person = server.person("johndoe").await;
    let navigates = server.http().with("accept", "*/*").with("sec-fetch-mode", "navigate");
    let to_the_door = (302, Some("/login/?next=/"));
    for visitor in [server.http(), server.http().with("accept", NAVIGATION), navigates] {
        let answer = visitor.get("/").await;
        assert_eq!((answer.status, answer.header("location")), to_the_door);
        let member = visitor.with("cookie", &format!("session={}", person.session));
        let answer = member.get("/").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(answer.session().as_ref(), Some(&person.session), "renewed");
    }
    // Another site's page that leads here sends no Origin; one that says so gets no session.
    let framed = server.http_as(&person).with("origin", FOREIGN).with("accept", NAVIGATION);
    let answer = framed.get("/").await;
    assert_eq!((answer.status, answer.header("location")), to_the_door);
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = framed.send(method, "/", Some(b"{}")).await;
        assert_eq!((answer.status, cors(&answer)[0]), (403, None), "{method}");
    }
}

#[tokio::test]
async fn everything_else_keeps_its_fence() {
    let server = server();
    let person = server.person("johndoe").await;
    let (token, _) = member(&server.http()).await;
    for origin in [FOREIGN, "null", APP] {
        let program = server.http().with("origin", origin);
        let program = program.with("authorization", &format!("Token {token}"));
        for path in ["/api/register", "/api/login", "/login/", "/admin/accounts"] {
            let answer = program.post(path, "{}").await;
            assert_eq!((answer.status, cors(&answer)[0]), (403, None), "{path} {origin}");
        }
        let session = format!("session={}", person.session);
        for path in ["/api/online", "/api/user/@me", "/login/", "/ready", "/api/docs"] {
            let page = server.http().with("origin", origin).with("cookie", &session);
            let answer = page.get(path).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path} {origin}");
            let asking = page.with("access-control-request-method", "GET");
            let answer = asking.send("OPTIONS", path, None).await;
            assert_ne!(answer.status, 204, "{path} {origin}");
        }
    }
}
