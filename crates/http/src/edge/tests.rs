use super::*;
use crate::{CrossOrigin, Peer, StrictJson};
use axum::body::Body;
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// Takes three times as long as a request may.
async fn delayed(deadline: Deadline) -> &'static str {
    for _ in 0..3 {
        deadline.put_off(Duration::from_millis(50));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    "in its time"
}

fn app() -> Router {
    let panics = async || -> StatusCode { panic!("the secret cause") };
    let routes = Router::new()
        .route("/", get("home"))
        .route("/a/b", get(async |uri: Uri| uri.to_string()))
        .route("/json", post(async |_: StrictJson<serde_json::Value>| "taken"))
        .route("/hang", get(std::future::pending::<StatusCode>))
        .route("/delayed", get(delayed))
        .route("/panic", get(panics));
    let options =
        EdgeOptions { request_timeout: Duration::from_millis(50), ..EdgeOptions::default() };
    edge(routes, options)
}

async fn answer(mut request: Request<Body>) -> (http::response::Parts, String) {
    let address = "192.0.2.1:5".parse().unwrap();
    request.extensions_mut().insert(Peer { address, secure: false });
    let (parts, body) = app().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts, String::from_utf8(body.to_vec()).unwrap())
}

async fn ask(method: &str, path: &str) -> (http::response::Parts, String) {
    answer(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_trailing_slash_is_optional() {
    assert_eq!(ask("GET", "/a/b").await.1, "/a/b");
    assert_eq!(ask("GET", "/a/b/").await.1, "/a/b");
    assert_eq!(ask("GET", "/a/b/?q=1/").await.1, "/a/b?q=1/");
    assert_eq!(ask("GET", "http://host/a/b/").await.1, "http://host/a/b");
    assert_eq!(ask("GET", "//").await.1, "home");
}

#[tokio::test]
async fn unknown_routes_and_methods_say_so_in_json() {
    let (parts, body) = ask("GET", "/none").await;
    assert_eq!(parts.status, StatusCode::NOT_FOUND);
    assert_eq!(body, r#"{"error":"There is nothing here."}"#);
    let (parts, body) = ask("DELETE", "/a/b").await;
    assert_eq!(parts.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(parts.headers["allow"], "GET,HEAD");
    assert_eq!(body, r#"{"error":"This method is not allowed here."}"#);
}

#[tokio::test]
async fn odd_targets_get_an_answer() {
    assert_eq!(ask("OPTIONS", "*").await.0.status, StatusCode::NOT_FOUND);
    assert!(ask("CONNECT", "host:80").await.0.status.is_client_error());
}

#[tokio::test]
async fn every_answer_carries_the_headers() {
    for path in ["/", "/none", "/panic", "/hang"] {
        let (parts, _) = ask("GET", path).await;
        assert_eq!(parts.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(parts.headers.contains_key("content-security-policy"), "{path}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_without_its_cause() {
    let (parts, body) = ask("GET", "/panic").await;
    assert_eq!(parts.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, r#"{"error":"Something went wrong on the server."}"#);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_delayed_on_purpose_has_its_time_besides() {
    let (parts, body) = ask("GET", "/delayed").await;
    assert_eq!((parts.status, &*body), (StatusCode::OK, "in its time"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_408() {
    let (parts, body) = ask("GET", "/hang").await;
    assert_eq!(parts.status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(parts.headers["connection"], "close");
    assert_eq!(body, r#"{"error":"The request took too long."}"#);
}

#[tokio::test]
async fn a_browser_gets_every_failure_as_a_page() {
    let navigation = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let requests = [("GET", "/none", 404), ("DELETE", "/a/b", 405), ("GET", "/panic", 500)];
    for (method, path, status) in requests.into_iter().chain([("GET", "/hang", 408)]) {
        let request = Request::builder().method(method).uri(path).header("accept", navigation);
        let (parts, body) = answer(request.body(Body::empty()).unwrap()).await;
        assert_eq!(parts.status, status, "{path}");
        assert_eq!(parts.headers["content-type"], "text/html; charset=utf-8", "{path}");
        assert_eq!(parts.headers["referrer-policy"], "strict-origin", "{path}");
        assert!(body.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}: {body}");
        assert!(!body.contains("the secret cause"), "{path}: {body}");
        assert_eq!(body.matches("<h1").count(), 1, "{path}: {body}");
    }
    let (parts, _) = ask("DELETE", "/a/b").await;
    assert_eq!(parts.headers["content-type"], "application/json", "a script did not ask");
}

#[tokio::test]
async fn the_api_answers_in_json_whatever_is_accepted() {
    // What Java's HttpURLConnection sends unasked.
    let java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
    let request = Request::get("/api/none").header("accept", java);
    let (parts, body) = answer(request.body(Body::empty()).unwrap()).await;
    assert_eq!(parts.headers["content-type"], "application/json");
    assert_eq!(body, r#"{"error":"There is nothing here."}"#);
}

#[tokio::test]
async fn a_refused_form_says_what_to_do() {
    let form = |accept: &str| {
        let request = Request::post("/json").header("host", "packetboat.lan:7777");
        let request = request.header("origin", "null").header("accept", accept);
        request.body(Body::from("a=b")).unwrap()
    };
    let (parts, body) = answer(form("text/html,*/*;q=0.8")).await;
    assert_eq!(parts.status, StatusCode::FORBIDDEN);
    assert!(body.contains("Requests from other sites are refused."), "{body}");
    assert!(
        body.contains("Nothing was changed.") && body.contains("send the form again"),
        "{body}"
    );
    let (parts, body) = answer(form("*/*")).await;
    assert_eq!(parts.status, StatusCode::FORBIDDEN);
    assert_eq!(body, r#"{"error":"Requests from other sites are refused."}"#);
}

#[tokio::test]
async fn one_address_has_so_many_requests_under_way() {
    let routes = Router::new()
        .route("/", get("home"))
        .route("/hang", get(std::future::pending::<StatusCode>));
    let exempt = Exempt(vec!["198.51.100.0/24".parse().unwrap()]);
    let app = edge(routes, EdgeOptions { exempt, ..EdgeOptions::default() });
    let ask = |path: &str, address: &str| {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let address = format!("{address}:5").parse().unwrap();
        request.extensions_mut().insert(Peer { address, secure: false });
        app.clone().oneshot(request)
    };
    let mut hanging = Vec::new();
    for address in ["192.0.2.1", "198.51.100.1"] {
        for _ in 0..MAX_REQUESTS_OF_ADDRESS {
            let mut request = Box::pin(ask("/hang", address));
            let early = tokio::time::timeout(Duration::ZERO, &mut request).await;
            assert!(early.is_err());
            hanging.push(request);
        }
    }
    let refused = ask("/", "192.0.2.1").await.unwrap();
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(ask("/", "192.0.2.2").await.unwrap().status(), StatusCode::OK);
    assert_eq!(ask("/", "198.51.100.1").await.unwrap().status(), StatusCode::OK, "exempt");
    drop(hanging);
    assert_eq!(ask("/", "192.0.2.1").await.unwrap().status(), StatusCode::OK);
}

/// An interface that writes its failures as lines of text, for pages of every origin.
fn with_a_form_of_its_own() -> Router {
    let form: crate::ErrorForm = |error| {
        let line = format!("no: {}", error.message());
        (http::HeaderValue::from_static("text/plain"), line.into_bytes())
    };
    let routes = Router::new()
        .route("/gone", get(async || ApiError::new(StatusCode::GONE, "It is gone.")))
        .route("/json", post(async |_: StrictJson<serde_json::Value>| "taken"))
        .route("/wait", get(async || ApiError::unavailable(Duration::from_secs(3))))
        .route("/hang", get(std::future::pending::<StatusCode>))
        .route("/panic", get(async || -> StatusCode { panic!("the secret cause") }));
    let plain = Router::new().route("/plain/hang", get(std::future::pending::<StatusCode>));
    let routes = Routes::from(plain).with_errors(CrossOrigin::Open, form, routes);
    let options =
        EdgeOptions { request_timeout: Duration::from_millis(50), ..EdgeOptions::default() };
    edge(routes, options)
}

/// A request of another site's page, of which a browser would show the answer.
fn from_a_page(method: &str, path: &str, body: &'static str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("accept", "text/html");
    let mut request = request.header("origin", "null").body(Body::from(body)).unwrap();
    let address = "192.0.2.1:5".parse().unwrap();
    request.extensions_mut().insert(Peer { address, secure: false });
    request
}

/// Its status, body and whether its page may read it.
async fn form_of(app: &Router, request: Request<Body>) -> (u16, String) {
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    assert_eq!(parts.headers["access-control-allow-origin"], "*");
    assert_eq!(parts.headers["content-type"], "text/plain");
    let body = body.collect().await.unwrap().to_bytes();
    if let Some(length) = parts.headers.get("content-length") {
        assert_eq!(length, &*body.len().to_string());
    }
    (parts.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_group_may_have_all_its_failures_in_a_form_of_its_own() {
    let app = with_a_form_of_its_own();
    let long = Box::leak("x".repeat(MAX_BODY + 1).into_boxed_str());
    for (method, path, body, status, line) in [
        ("GET", "/gone", "", 410, "no: It is gone."),
        ("DELETE", "/gone", "", 405, "no: This method is not allowed here."),
        ("POST", "/json", long, 413, "no: The body is too large."),
        ("GET", "/wait", "", 503, "no: The server is not available now."),
        ("GET", "/hang", "", 408, "no: The request took too long."),
        ("GET", "/panic", "", 500, "no: Something went wrong on the server."),
    ] {
        let answer = form_of(&app, from_a_page(method, path, body)).await;
        assert_eq!(answer, (status, line.to_owned()), "{method} {path}");
    }
    let waits = app.clone().oneshot(from_a_page("GET", "/wait", "")).await.unwrap();
    assert_eq!(waits.headers()["retry-after"], "3");
    let late = app.clone().oneshot(from_a_page("GET", "/hang", "")).await.unwrap();
    assert_eq!(late.headers()["connection"], "close");
    let head = app.oneshot(from_a_page("HEAD", "/gone", "")).await.unwrap();
    assert_eq!(head.status(), StatusCode::GONE);
}

#[tokio::test]
async fn requests_under_way_are_counted_over_all_groups() {
    let app = with_a_form_of_its_own();
    let mut held = Vec::new();
    for _ in 0..MAX_REQUESTS_OF_ADDRESS {
        let mut hanging = Box::pin(app.clone().oneshot(from_a_page("GET", "/plain/hang", "")));
        assert!(tokio::time::timeout(Duration::ZERO, &mut hanging).await.is_err());
        held.push(hanging);
    }
    let refused = form_of(&app, from_a_page("GET", "/gone", "")).await;
    assert_eq!(refused, (429, "no: Too many attempts, try again later.".to_owned()));
    let asking = app.oneshot(from_a_page("OPTIONS", "/gone", "")).await.unwrap();
    assert_eq!(asking.status(), StatusCode::NO_CONTENT, "a browser may always ask");
}

#[tokio::test]
async fn another_sites_page_may_not_change_anything() {
    let post = |origin: &str| {
        let request = Request::post("/json").header("host", "localhost:7777");
        request.header("origin", origin).body(Body::from("{}")).unwrap()
    };
    assert_eq!(answer(post("https://evil.example")).await.0.status, StatusCode::FORBIDDEN);
    assert_eq!(answer(post("http://localhost:7777")).await.0.status, StatusCode::OK);
    let read = Request::get("/").header("origin", "https://evil.example");
    assert_eq!(answer(read.body(Body::empty()).unwrap()).await.0.status, StatusCode::OK);
}
