//! HTTP.

use std::time::Duration;

use serde_json::json;
use testkit::{Answer, PATIENCE, Raw, Refused, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

use crate::scene::{answer, is_an_error, scene, told, until};

/// How long a healthy connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn broken_requests_are_refused_and_the_connection_closes() {
    let (server, mut witness, _) = scene().await;
    let broken: &[(&str, &[u8])] = &[
        ("garbage", b"\x00\x01\x02\xff\xfe garbage\r\n\r\n"),
        ("a TLS hand-shake", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
        ("a shell's idea of a request", b"hello\r\n\r\n"),
        ("no version", b"GET /health\r\n\r\n"),
        ("no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a version of its own", b"GET /health HTTP/9.9\r\nHost: a\r\n\r\n"),
        ("an endless method", &[b'A'; 128 * 1024]),
        ("a NUL in a header", b"GET /health HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        ("a space before the colon", b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("no colon", b"GET /health HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n"),
        ("no host", b"GET /health HTTP/1.1\r\n\r\n"),
        ("two hosts", b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("a length that is none", b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n"),
        ("a negative length", b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        (
            "two lengths",
            b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        ),
        (
            "a length beyond all numbers",
            b"POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        ),
        (
            "an encoding that is not chunked",
            b"POST /api/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        ),
        (
            "chunks in HTTP/1.0",
            b"POST /api/login HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ];
    let begun = Instant::now();
    for (what, bytes) in broken {
        let refused = told(server.address(), bytes).await;
        assert!(!refused.is_empty(), "{what}: closed without a word");
        let status = Answer::parse(&refused).status;
        assert!([400, 414, 431].contains(&status), "{what}: {status}");
    }
    assert!(begun.elapsed() < IDLE, "each was closed at once, not left to the idle limit");
    let http2 = told(server.address(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(http2, b"", "who speaks HTTP/2 would not understand a word");
    witness.talk().await;
}

#[tokio::test]
async fn odd_but_unambiguous_requests_are_answered() {
    let (server, mut witness, _) = scene().await;
    for bytes in [
        &b"GET /health HTTP/1.1\nHost: a\nConnection: close\n\n"[..],
        b"\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
        b"GET http://a/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET /health?%00%ff HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n",
    ] {
        assert_eq!(answer(server.address(), bytes).await.status, 200, "{}", bytes.escape_ascii());
    }
    witness.talk().await;
}

/// Transfer-Encoding wins over Content-Length, whatever their order (RFC 9112 section
/// 6.3), so that what follows the last chunk is never taken for a part of the body.
#[tokio::test]
async fn of_two_body_lengths_the_chunks_count() {
    let (server, mut witness, _) = scene().await;
    let (length, chunks) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    for (number, headers) in [[length, chunks], [chunks, length]].iter().enumerate() {
        let body = json!({ "username": format!("chunked{number}") }).to_string();
        let request = format!(
            "POST /api/register HTTP/1.1\r\nHost: a\r\n{}Connection: close\r\n\r\n\
             {:x}\r\n{body}\r\n0\r\n\r\n",
            headers.concat(),
            body.len(),
        );
        assert_eq!(answer(server.address(), request.as_bytes()).await.status, 201, "{headers:?}");
    }
    witness.talk().await;
}

#[tokio::test]
async fn broken_chunks_are_a_400() {
    let (server, mut witness, _) = scene().await;
    for chunks in ["zz\r\n{}\r\n0\r\n\r\n", "2\r\n{}xx0\r\n\r\n", "ffffffffffffffffff\r\n{}\r\n"] {
        let request = format!(
            "POST /api/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        );
        assert_eq!(answer(server.address(), request.as_bytes()).await.status, 400, "{chunks:?}");
    }
    witness.talk().await;
}

#[tokio::test]
async fn headers_without_end_are_cut_off() {
    let (server, mut witness, _) = scene().await;
    let many: String = (0..1_000).map(|number| format!("X-{number}: y\r\n")).collect();
    let request = format!("GET /health HTTP/1.1\r\nHost: a\r\n{many}\r\n");
    assert_eq!(answer(server.address(), request.as_bytes()).await.status, 431);
    let mut request = b"GET /health HTTP/1.1\r\nHost: a\r\nX: ".to_vec();
    request.resize(10 * 1024 * 1024, b'x');
    assert_eq!(answer(server.address(), &request).await.status, 431);
    let target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000));
    assert!([414, 431].contains(&answer(server.address(), target.as_bytes()).await.status));
    witness.talk().await;
}

/// Old pages keep keys in cookies, and send them with everything.
#[tokio::test]
async fn cookies_of_up_to_64_kib_are_taken_on_every_route() {
    let (server, mut witness, mallory) = scene().await;
    let session = format!("session={}", mallory.session);
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let plain = server.http();
    let opening = upgrade.iter().fold(server.http(), |http, (name, value)| http.with(name, value));
    for (http, path, status) in [
        (&plain, "/", 200),
        (&plain, "/health", 200),
        (&plain, "/api/user/@me", 200),
        (&plain, "/nothing", 404),
        (&opening, "/", 200),
    ] {
        for bytes in [40_000, 65_000] {
            let keys = format!("keys={}", "x".repeat(bytes));
            let answer = http.with("cookie", &format!("{session}; {keys}")).get(path).await;
            assert_eq!(answer.status, status, "{path} with {bytes}");
        }
        let too_long = http.with("cookie", &format!("keys={}", "x".repeat(70_000)));
        assert_eq!(too_long.get(path).await.status, 431, "{path}");
    }
    let lines = (0..3).fold(server.http(), |http, number| {
        http.with("cookie", &format!("keys{number}={}", "x".repeat(15_000)))
    });
    let answer = lines.with("cookie", &session).get("/api/user/@me").await;
    assert_eq!(answer.json()["username"], "mallory", "the last of four lines has the session");
    let keys = format!("{session}; keys={}", "x".repeat(65_000));
    let mut socket = Socket::open(server.address(), "/ws", &[("cookie", keys)]).await.expect("101");
    socket.send_json(&json!({ "message": "" })).await;
    until(&mut socket, |frame| frame["code"] == "malformed_message").await;
    let keys = format!("{session}; keys={}", "x".repeat(70_000));
    let refused = Socket::open(server.address(), "/ws", &[("cookie", keys)]).await;
    assert_eq!(refused.map(drop), Err(Refused(431)));
    witness.talk().await;
}

#[tokio::test]
async fn wrong_methods_are_405_and_unknown_routes_404() {
    let (server, mut witness, mallory) = scene().await;
    let gets = ["/", "/health", "/ready", "/metrics", "/ws", "/favicon.svg", "/assets/x/app.js"];
    let api = ["/api/logout", "/api/online", "/api/user/@me", "/api/user/ann"];
    let posts = ["/api/register", "/api/login"];
    for http in [server.http(), server.http_as(&mallory)] {
        for path in gets.iter().chain(&api) {
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
                if method == "OPTIONS" && ["/", "/health"].contains(path) {
                    continue; // Answered: pages of every origin may read them.
                }
                let answer = http.send(method, path, Some(b"{}")).await;
                assert_eq!(answer.status, 405, "{method} {path}");
                assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method} {path}");
                assert!(is_an_error(&answer), "{method} {path}");
            }
        }
        for path in posts {
            for method in ["GET", "PUT", "DELETE", "OPTIONS", "BREW"] {
                let answer = http.send(method, path, None).await;
                let allow = answer.header("allow");
                assert_eq!((answer.status, allow), (405, Some("POST")), "{method} {path}");
                assert!(is_an_error(&answer), "{method} {path}");
            }
        }
        for path in ["/api", "/api/", "/api/user", "/nothing", "/assets", "/assets/x/none.js"] {
            let answer = http.get(path).await;
            assert_eq!(answer.status, 404, "{path}");
            assert!(is_an_error(&answer), "{path}");
        }
        for path in ["/../../etc/passwd", "/assets/x/../../Cargo.toml", "/assets/x/%2e%2e/%2e%2e/x"]
        {
            assert_eq!(http.get(path).await.status, 404, "{path}");
        }
    }
    witness.talk().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_before_it_is_read() {
    let (server, mut witness, _) = scene().await;
    for path in ["/api/register", "/api/login"] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
        let mut raw = Raw::connect(server.address()).await;
        raw.send(head.as_bytes()).await;
        assert_eq!(raw.head().await.status, 413, "{path}");
        assert_eq!(server.http().post(path, "x".repeat(16 * 1024 + 1)).await.status, 413, "{path}");
        assert_eq!(server.http().post(path, "x".repeat(16 * 1024)).await.status, 422, "{path}");
    }
    witness.talk().await;
}

#[tokio::test]
async fn chunks_without_end_are_413() {
    let (server, mut witness, _) = scene().await;
    for path in ["/api/register", "/api/login"] {
        let mut raw = Raw::connect(server.address()).await;
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        raw.send(head.as_bytes()).await;
        let (mut reading, mut writing) = tokio::io::split(raw.into_stream());
        let endless = tokio::spawn(async move {
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while writing.write_all(chunk.as_bytes()).await.is_ok() {}
        });
        let mut said = Vec::new();
        // The end may be a reset: the server does not listen to the end of what has none.
        let _ = timeout(PATIENCE, reading.read_to_end(&mut said)).await.expect("an end");
        assert_eq!(Answer::parse(&said).status, 413, "{path}");
        timeout(PATIENCE, endless).await.expect("writing ends too").expect("no panic");
    }
    witness.talk().await;
}

#[tokio::test]
async fn bodies_that_break_off_harm_nobody() {
    let (server, mut witness, _) = scene().await;
    for (half_closes, number) in [(true, 0), (false, 1), (true, 2), (false, 3)] {
        let mut raw = Raw::connect(server.address()).await;
        raw.send(b"POST /api/register HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"user")
            .await;
        let mut stream = raw.into_stream();
        if half_closes {
            stream.shutdown().await.expect("half closed");
            let mut said = Vec::new();
            let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("an end");
            assert!(said.is_empty() || Answer::parse(&said).status == 400, "{number}");
        }
    }
    witness.talk().await;
}

#[tokio::test]
async fn bodies_that_are_no_text_or_all_brackets_are_422() {
    let (server, mut witness, _) = scene().await;
    let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    for (path, field) in [("/api/register", "username"), ("/api/login", "key")] {
        let inside = |value: &[u8]| [format!("{{\"{field}\":").as_bytes(), value, b"}"].concat();
        for body in [
            b"\xff\xfe\xfd".to_vec(),
            inside(b"\"\xc3\x28\""),
            inside(b"\"\\ud800\""),
            deep(8_000),
            inside(&deep(8_000)),
            b"{\"a\":".repeat(2_000),
            inside(b"1e999999"),
            inside(b"\"a\",\"username\":\"b\",\"key\":\"c\""),
        ] {
            let answer = server.http().post(path, &body).await;
            assert_eq!(answer.status, 422, "{path} {}", body[..20.min(body.len())].escape_ascii());
            assert!(is_an_error(&answer));
        }
        assert_eq!(server.http().post(path, deep(100_000)).await.status, 413, "{path}");
    }
    witness.talk().await;
}
