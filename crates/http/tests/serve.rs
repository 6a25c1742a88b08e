//! What a client sees of the listeners, over real TCP.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod identity;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use base::Vitals;
use http_kit::{
    CONNECTION_MEMORY, Client, EdgeOptions, LARGE_HEAD_MEMORY, MAX_JSON_BODY, ServeLimits,
    StrictJson, Tls, edge, serve,
};
use identity::{Identity, over_tls};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
    /// A request on `/slow` says it has begun, and waits to be let go.
    begun: Arc<Notify>,
    go: Arc<Notify>,
}

impl Running {
    async fn start(limits: ServeLimits, tls: Option<Arc<Tls>>) -> Self {
        Self::with(limits, tls, EdgeOptions::default()).await
    }

    async fn with(limits: ServeLimits, tls: Option<Arc<Tls>>, options: EdgeOptions) -> Self {
        let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (has_begun, let_go) = (Arc::clone(&begun), Arc::clone(&go));
        let slow = async move || {
            has_begun.notify_one();
            let_go.notified().await;
            "done"
        };
        let routes = Router::new()
            .route("/", get(async |client: Client| format!("secure: {}", client.secure)))
            .route("/json", post(async |_: StrictJson<serde_json::Value>| "taken"))
            .route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let app = edge(routes, options);
        serve(vec![listener], app, tls, limits, &stop, &tasks, &Vitals::default());
        Self { address, stop, tasks, begun, go }
    }

    async fn plain() -> Self {
        Self::start(ServeLimits::default(), None).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `request` and reads until the server closes.
    async fn ask(&self, request: &[u8]) -> String {
        exchange(self.connect().await, request).await
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    // A server that refuses early may close before everything is written.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn slow_headers_are_cut_off() {
    let limits = ServeLimits { headers: Duration::from_millis(50), ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await.unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(started.elapsed() >= Duration::from_millis(40));
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn slow_bodies_are_cut_off() {
    let options =
        EdgeOptions { request_timeout: Duration::from_millis(50), ..EdgeOptions::default() };
    let server = Running::with(ServeLimits::default(), None, options).await;
    let half = b"POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"a\"";
    let answer = server.ask(half).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("connection: close"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = ServeLimits { headers: Duration::from_millis(50), ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let answer = server.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("secure: false"), "{answer}");
}

#[tokio::test]
async fn a_silent_tls_client_is_cut_off() {
    let limits = ServeLimits { handshake: Duration::from_millis(50), ..ServeLimits::default() };
    let server = Running::start(limits, Some(Identity::new("one.example").load())).await;
    let mut stream = server.connect().await;
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn endless_headers_are_refused() {
    let server = Running::plain().await;
    let mut long = b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ".to_vec();
    long.resize(1_000_000, b'x');
    assert!(server.ask(&long).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert!(server.ask(many.as_bytes()).await.starts_with("HTTP/1.1 431"));
}

/// A request with a head of exactly `bytes`.
fn headed(bytes: usize, more: &str) -> Vec<u8> {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{more}Cookie: ");
    let cookie = "x".repeat(bytes - head.len() - 4);
    format!("{head}{cookie}\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn a_head_may_have_64_kib() {
    let server = Running::plain().await;
    let close = "Connection: close\r\n";
    for bytes in [40_000, 64 * 1024 - 1, 64 * 1024] {
        assert!(server.ask(&headed(bytes, close)).await.starts_with("HTTP/1.1 200"), "{bytes}");
    }
    for bytes in [64 * 1024 + 1, 70_000, 200_000] {
        assert!(server.ask(&headed(bytes, close)).await.starts_with("HTTP/1.1 431"), "{bytes}");
    }
}

#[tokio::test]
async fn a_large_head_waits_for_memory_and_is_told_if_there_is_none() {
    let limits = ServeLimits {
        memory: 2 * CONNECTION_MEMORY + LARGE_HEAD_MEMORY,
        headers: Duration::from_millis(300),
        ..ServeLimits::default()
    };
    let server = Running::start(limits, None).await;
    let mut has_it = server.connect().await;
    let slow = String::from_utf8(headed(40_000, "")).unwrap().replacen("GET /", "GET /slow", 1);
    has_it.write_all(slow.as_bytes()).await.unwrap();
    server.begun.notified().await;
    let refused = server.ask(&headed(40_000, "")).await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert!(refused.contains("retry-after: 1\r\n"), "{refused}");
    let ordinary = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(server.ask(ordinary).await.starts_with("HTTP/1.1 200"), "an ordinary one is not");
    server.go.notify_one();
    let mut said = String::new();
    has_it.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"));
    drop(has_it);
    let answer = server.ask(&headed(40_000, "Connection: close\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn broken_http_is_refused() {
    let server = Running::plain().await;
    for broken in ["hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n"] {
        let answer = server.ask(broken.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{broken:?}: {answer}");
    }
    assert!(server.ask(b"GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn a_body_over_the_limit_gets_its_answer_although_it_is_still_coming() {
    let server = Running::plain().await;
    let declared = format!("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 4 << 20);
    let mut request = declared.into_bytes();
    request.resize(request.len() + (4 << 20), b' ');
    let answer = server.ask(&request).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.ends_with(r#"{"error":"The body is too large."}"#), "{answer}");

    let head = b"POST /json HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut chunked = head.to_vec();
    for _ in 0..=MAX_JSON_BODY / 0x100 {
        chunked.extend_from_slice(b"100\r\n");
        chunked.resize(chunked.len() + 0x100, b' ');
        chunked.extend_from_slice(b"\r\n");
    }
    assert!(server.ask(&chunked).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn unknown_routes_wrong_methods_and_slashes_over_tcp() {
    let server = Running::plain().await;
    let close = "HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let none = server.ask(format!("GET /none {close}").as_bytes()).await;
    assert!(none.starts_with("HTTP/1.1 404") && none.ends_with('}'), "{none}");
    let wrong = server.ask(format!("GET /json/ {close}").as_bytes()).await;
    assert!(wrong.starts_with("HTTP/1.1 405") && wrong.contains("allow: POST"), "{wrong}");
}

#[tokio::test]
async fn stopping_finishes_the_request_under_way_and_closes_the_rest() {
    let server = Running::plain().await;
    let mut idle = server.connect().await;
    let request = server.ask(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    let stopped = async {
        server.begun.notified().await;
        server.stop.cancel();
        assert_eq!(idle.read(&mut [0; 1]).await.unwrap(), 0, "an idle connection is closed");
        server.go.notify_one();
    };
    let (answer, ()) = tokio::join!(request, stopped);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
    drop(idle);
    server.tasks.close();
    server.tasks.wait().await;
    assert!(TcpStream::connect(server.address).await.is_err(), "the listener is closed");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let limits = ServeLimits { connections: 1, ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    let second = server.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    tokio::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut second).await;
    assert!(early.is_err(), "the first connection has the only slot");
    drop(first);
    server.go.notify_one();
    assert!(second.await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_new_certificate_is_picked_up_and_a_broken_one_is_not() {
    let mut files = Identity::new("one.example");
    let tls = files.load();
    let server = Running::start(ServeLimits::default(), Some(Arc::clone(&tls))).await;
    let first = files.certificate.clone();
    let answer = over_tls(server.connect().await, "one.example", &first).await.unwrap();
    assert!(answer.ends_with("secure: true"), "{answer}");

    files.break_key();
    tls.reload_if_changed();
    let kept = over_tls(server.connect().await, "one.example", &first).await;
    assert!(kept.is_ok(), "the old pair is in force");

    files.renew("two.example");
    tls.reload_if_changed();
    let renewed = over_tls(server.connect().await, "two.example", &files.certificate).await;
    assert!(renewed.is_ok());
    assert!(over_tls(server.connect().await, "one.example", &first).await.is_err());
}

#[test]
fn unusable_identities_are_named_by_file() {
    let one = Identity::new("one.example");
    let problem = |cert: &PathBuf, key: &PathBuf| Tls::load(cert, key).unwrap_err().to_string();
    let missing = one.cert().with_file_name("none.pem");
    assert!(problem(&missing, &one.key()).ends_with("none.pem: no such file"));
    let swapped = problem(&one.key(), &one.cert());
    assert!(swapped.ends_with("key.pem: holds no PEM section of the expected kind"), "{swapped}");
    let other = Identity::new("one.example");
    assert!(problem(&one.cert(), &other.key()).contains("key.pem"), "another certificate's key");
}

/// Sends a request on `/slow`, which is answered when the server is told to go on.
async fn begin_slow(server: &Running) -> TcpStream {
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    stream
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_another_of_its_network() {
    let limits = ServeLimits { connections_of_network: 2, ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let mut busy = begin_slow(&server).await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    idle.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let closing = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert!(server.ask(closing).await.starts_with("HTTP/1.1 200"));
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"secure: false"), "nothing of its answer was lost");
    server.go.notify_one();
    busy.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_connection_that_says_nothing_makes_room_too() {
    let limits = ServeLimits { connections_of_network: 1, ..ServeLimits::default() };
    for begun in [&b""[..], b"GET / HTTP/1.1\r\nHo"] {
        let server = Running::start(limits.clone(), None).await;
        let mut silent = server.connect().await;
        silent.write_all(begun).await.unwrap();
        let closing = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        assert!(server.ask(closing).await.starts_with("HTTP/1.1 200"));
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
}

#[tokio::test]
async fn an_answer_closes_its_connection_if_another_waits_for_the_place() {
    let limits = ServeLimits { connections_of_network: 1, ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let mut first = begin_slow(&server).await;
    let waiting = server.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "the first connection has the only place");
    // As many may wait as there are places.
    assert_eq!(server.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await, "");
    server.go.notify_one();
    let mut answer = String::new();
    first.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    assert!(waiting.await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_trusted_proxy_has_as_many_connections_as_it_likes() {
    let uncounted = vec!["127.0.0.0/8".parse().unwrap()];
    let limits = ServeLimits { connections_of_network: 1, uncounted, ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(begin_slow(&server).await);
    }
    let answer = server.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    for _ in open {
        server.go.notify_one();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn idle_connections_of_all_make_room_when_there_is_none() {
    let limits = ServeLimits { memory: CONNECTION_MEMORY, ..ServeLimits::default() };
    let server = Running::start(limits, None).await;
    let _silent = server.connect().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = server.ask(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    let mut said = String::new();
    idle.read_to_string(&mut said).await.unwrap();
    assert!(said.ends_with("secure: false"), "nothing of its answer was lost");
}
