//! The server's clock was ahead by a day, and is right again: nothing of that day lasts.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SystemClock};
use serde_json::json;
use testkit::{Socket, TestServer};

const DAY: i64 = 24 * 60 * 60 * 1_000;
const MINUTE: Duration = Duration::from_secs(60);

/// Posts; the time it was accepted.
async fn post(socket: &mut Socket, text: &str) -> i64 {
    socket.send_json(&json!({"type": "post", "client_id": text, "text": text})).await;
    socket.of_type("ack").await["at"].as_i64().expect("a time")
}

fn is_now(at: i64) -> bool {
    (SystemClock::new().now().0 - at).abs() < DAY / 24
}

#[tokio::test]
async fn messages_tell_the_right_time_again_at_once_and_after_a_restart() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    server.jump(DAY);
    let session = server.log_in(&ann.key).await;
    let mut socket = Socket::packetboat(server.address(), &session, "").await.expect("101");
    let ahead = post(&mut socket, "ahead").await;
    assert!(!is_now(ahead));
    server.jump(-DAY);
    assert!(is_now(post(&mut socket, "right").await));
    // Set right by a little, the clock makes no message older than the one before it.
    let before = post(&mut socket, "before").await;
    server.jump(-30_000);
    assert_eq!(post(&mut socket, "after").await, before);
    socket.close().await;

    server.jump(DAY);
    let session = server.log_in(&ann.key).await;
    let mut socket = Socket::packetboat(server.address(), &session, "").await.expect("101");
    post(&mut socket, "last").await;
    socket.close().await;
    let data = server.data();
    drop(server);
    let server = TestServer::on(Arc::clone(&data), |_| {});
    let session = server.log_in(&ann.key).await;
    let mut socket = Socket::packetboat(server.address(), &session, "").await.expect("101");
    assert!(is_now(post(&mut socket, "restarted").await));
    // The order is that of the ids, whatever the times say.
    socket.send_json(&json!({"type": "history", "before": 1_000})).await;
    let page = socket.of_type("history").await;
    let messages = page["messages"].as_array().expect("messages");
    let texts: Vec<_> = messages.iter().filter_map(|message| message["text"].as_str()).collect();
    assert_eq!(texts, ["ahead", "right", "before", "after", "last", "restarted"]);
    socket.close().await;
}

async fn is_signed_in(server: &TestServer, session: &str) -> bool {
    let http = server.http().with("cookie", &format!("session={session}"));
    match http.get("/api/user/@me").await.status {
        200 => true,
        401 => false,
        status => panic!("{status}"),
    }
}

#[tokio::test]
async fn a_session_used_while_the_clock_was_ahead_lasts_an_hour_from_its_next_use() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    server.jump(DAY);
    let session = server.log_in(&ann.key).await;
    assert!(is_signed_in(&server, &session).await);
    server.jump(-DAY);
    assert!(is_signed_in(&server, &session).await);
    server.advance(59 * MINUTE);
    assert!(is_signed_in(&server, &session).await);
    server.advance(61 * MINUTE);
    assert!(!is_signed_in(&server, &session).await);
}
