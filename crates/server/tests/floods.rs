//! One account or address does as much as it can, at once and as fast as it can; what
//! others see of it. Every address of 127.0.0.0/8 counts as a network of its own.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde_json::{Value, json};
use testkit::{Answer, Binary, Data, Dial, Http, PATIENCE, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::timeout;

const SERVER: &str = env!("CARGO_BIN_EXE_packetboat");
const PASSWORD: &str = "tide-lamp-9";

/// Where the flood comes from.
const MALLORY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 66));

/// The `number`th address of a harmless client.
fn elsewhere(number: usize) -> IpAddr {
    [127, 0, 1, u8::try_from(number).expect("a few") + 1].into()
}

fn at(server: SocketAddr, from: IpAddr) -> Http {
    Http::on(Dial::to(server).from(from))
}

/// A process of its own, and its data.
fn server() -> (Binary, Data) {
    let data = Data::new();
    (Binary::start(SERVER, &data, &[]), data)
}

async fn sign_in(http: &Http, name: &str) -> Answer {
    let body = json!({ "username": name, "password": PASSWORD });
    http.post("/api/auth/signin/", body.to_string()).await
}

/// Registers and signs in: a program with a token, and a browser with the session.
async fn member(http: &Http, email: &str) -> (Http, Http) {
    let body = json!({ "email": email, "password": PASSWORD });
    assert_eq!(http.post("/api/users/", body.to_string()).await.status, 201);
    let entered = sign_in(http, email).await;
    let key = entered.header("x-token").expect("a token");
    let session = entered.session().expect("a session");
    (
        http.with("authorization", &format!("Token {key}")),
        http.with("cookie", &format!("session={session}")),
    )
}

fn is_throttled(answer: &Answer) -> bool {
    let says = |text: Value| text.as_str().is_some_and(|text| text.contains("throttled"));
    answer.status == 429
        && answer.header("retry-after").is_some()
        && says(answer.json()["detail"].clone())
}

#[tokio::test]
async fn one_account_that_changes_its_password_without_end_keeps_nobody_out() {
    let (server, _data) = server();
    let to = server.address();
    let (mallory, _) = member(&at(to, MALLORY), "mallory@example.org").await;
    // Half of them come from the very address of the flood.
    let from = |number| if number % 2 == 0 { MALLORY } else { elsewhere(number) };
    for number in 0..20 {
        let _ = member(&at(to, from(number)), &format!("p{number}@example.org")).await;
    }
    let begin = Arc::new(Barrier::new(96 + 20));
    let (mut changes, mut sign_ins) = (JoinSet::new(), JoinSet::new());
    for number in 0..96 {
        let (mallory, begin) = (mallory.clone(), Arc::clone(&begin));
        let body = json!({ "password": format!("reef-oar-{number:02}-{number:02}") }).to_string();
        changes.spawn(async move {
            begin.wait().await;
            mallory.send("PATCH", "/api/users/me/", Some(body.as_bytes())).await
        });
    }
    for number in 0..20 {
        let (http, begin) = (at(to, from(number)), Arc::clone(&begin));
        sign_ins.spawn(async move {
            begin.wait().await;
            sign_in(&http, &format!("p{number}@example.org")).await
        });
    }
    for answer in sign_ins.join_all().await {
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let answers = changes.join_all().await;
    let changed = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((1..=5).contains(&changed), "{changed} in one go");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert!(is_throttled(refused), "{refused:?}");
    }
}

#[tokio::test]
async fn five_changes_of_password_an_hour() {
    let server = TestServer::start();
    let (program, _) = member(&server.http(), "ann@example.org").await;
    let change = async |number: usize| {
        let body = json!({ "password": format!("reef-oar-{number}") });
        program.send("PATCH", "/api/users/me/", Some(body.to_string().as_bytes())).await
    };
    // What may not be used costs nothing.
    for _ in 0..10 {
        assert_eq!(
            program.send("PATCH", "/api/users/me/", Some(br#"{"password": "short"}"#)).await.status,
            400
        );
    }
    for number in 0..5 {
        assert_eq!(change(number).await.status, 200, "{number}");
    }
    let refused = change(5).await;
    assert!(is_throttled(&refused), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("720"));
    let (other, _) = member(&server.http(), "bob@example.org").await;
    let body = json!({ "password": "reef-oar-17" }).to_string();
    assert_eq!(other.send("PATCH", "/api/users/me/", Some(body.as_bytes())).await.status, 200);
    server.advance(std::time::Duration::from_secs(720));
    assert_eq!(change(6).await.status, 200);
    assert_eq!(change(7).await.status, 429);
}

#[tokio::test]
async fn one_account_that_writes_without_end_is_slowed_down_and_can_be_thrown_out() {
    let server = TestServer::start();
    let (program, browser) = member(&server.http(), "ann@example.org").await;
    let rename = async |who: &Http| {
        who.send("PATCH", "/api/users/me/", Some(br#"{"first_name": "Ann"}"#)).await
    };
    let mut written = 0;
    let refused = loop {
        let answer = rename(&program).await;
        if answer.status != 200 {
            break answer;
        }
        written += 1;
        assert!(written < 100, "without end");
    };
    assert!(is_throttled(&refused), "{refused:?}");
    let token = browser.get("/api/auth/token/").await;
    assert!(is_throttled(&token), "a token is a write too: {token:?}");
    // The way in and the way to end what writes stay open.
    assert_eq!(sign_in(&server.http(), "ann@example.org").await.status, 201);
    assert_eq!(program.send("DELETE", "/api/auth/logout/", None).await.status, 204);
    assert_eq!(rename(&program).await.status, 401);
    let (other, _) = member(&server.http(), "bob@example.org").await;
    assert_eq!(rename(&other).await.status, 200, "others are not touched");
}

/// A connection from `from`.
async fn connect(server: SocketAddr, from: IpAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(from, 0)).expect("an address of this machine");
    socket.connect(server).await.expect("the server listens")
}

/// The head of a request and the first bytes of its body.
fn unfinished(method: &str, path: &str, headers: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\n{headers}Content-Length: 16000\r\n\r\n{{\"key\": \""
    )
}

/// What a connection says first; nothing if it closes without a word.
async fn first_word(stream: &mut TcpStream) -> Vec<u8> {
    let mut buffer = vec![0; 4096];
    let read = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer or an end");
    buffer.truncate(read.unwrap_or(0));
    buffer
}

#[tokio::test]
async fn one_account_has_few_requests_under_way_and_each_session_one_of_its_own() {
    let server = TestServer::start();
    let (_, browser) = member(&server.http(), "ann@example.org").await;
    let thief = sign_in(&server.http(), "ann@example.org").await;
    let key = thief.header("x-token").expect("a token");
    let head = format!("Authorization: Token {key}\r\n");
    let request = unfinished("PATCH", "/api/users/me/", &head);
    let mut refused = JoinSet::new();
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut stream = connect(server.address(), MALLORY).await;
        stream.write_all(request.as_bytes()).await.expect("it is read");
        held.push(stream);
    }
    for mut stream in held {
        refused.spawn(async move {
            let said = first_word(&mut stream).await;
            (Answer::parse(&said).status, stream)
        });
    }
    // 16 that all sessions share, and one of the session's own.
    let mut streams = Vec::new();
    for _ in 0..40 - 17 {
        let (status, stream) = refused.join_next().await.expect("one more").expect("no panic");
        assert_eq!(status, 429);
        streams.push(stream);
    }
    assert_eq!(browser.get("/api/users/me/").await.status, 200, "the owner, by another session");
    refused.shutdown().await;
}

#[tokio::test]
async fn one_address_has_256_connections_and_others_do_not_wait() {
    let (server, _data) = server();
    let request = unfinished("POST", "/api/login", "");
    let before = server.memory("VmRSS");
    let mut all = Vec::new();
    for _ in 0..700 {
        let mut stream = connect(server.address(), MALLORY).await;
        // It may be closed already.
        let _ = stream.write_all(request.as_bytes()).await;
        all.push(stream);
    }
    let other = at(server.address(), elsewhere(0)).get("/health").await;
    assert_eq!(other.status, 200);
    // 256 are read, as many wait; the rest is closed without a word.
    let mut refused = 0;
    for stream in all.iter_mut().skip(512) {
        refused += usize::from(first_word(stream).await.is_empty());
    }
    assert_eq!(refused, 700 - 512);
    let grown = server.memory("VmRSS").saturating_sub(before);
    assert!(grown < 32 * 1024 * 1024, "{grown} bytes for 256 connections");
}

/// Frames of a body that pins memory beyond its bytes would show here: each of the
/// 20,000 bytes would take 8 KiB.
#[tokio::test]
async fn bodies_sent_by_single_bytes_take_no_more_memory_than_others() {
    let (server, _data) = server();
    let request = unfinished("POST", "/api/login", "");
    let mut all = Vec::new();
    for _ in 0..100 {
        let mut stream = connect(server.address(), MALLORY).await;
        stream.set_nodelay(true).expect("a socket option");
        stream.write_all(request.as_bytes()).await.expect("it is read");
        all.push(stream);
    }
    let health = at(server.address(), elsewhere(0));
    assert_eq!(health.get("/health").await.status, 200);
    let before = server.memory("VmRSS");
    for _ in 0..200 {
        for stream in &mut all {
            stream.write_all(b"x").await.expect("it is read");
        }
    }
    assert_eq!(health.get("/health").await.status, 200);
    let grown = server.memory("VmRSS").saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes for 20,000");
}
