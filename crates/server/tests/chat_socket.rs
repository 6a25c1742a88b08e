//! `wire/chat.md`, `/ws`, sentence by sentence, over TCP, with a client library that is
//! not ours.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{PATIENCE, Person, Raw, Refused, Socket, TestServer};

async fn connected(server: &TestServer, name: &str) -> (Person, Socket) {
    let person = server.person(name).await;
    let socket = server.piratchat(&person).await.expect("101");
    (person, socket)
}

fn said(text: &str) -> String {
    json!({ "message": text }).to_string()
}

fn heard(text: &str, author: &str) -> Value {
    json!({"message": text, "author": author})
}

fn accepted() -> Value {
    json!({"status": true})
}

fn refused(code: &str) -> Value {
    json!({"status": false, "code": code})
}

#[tokio::test]
async fn opening_answers_101_422_401_and_409() {
    let server = TestServer::start();
    let (person, socket) = connected(&server, "johndoe").await;
    let open = async |cookie: &str| {
        let headers = [("cookie", cookie.to_owned())];
        Socket::open(server.address(), "/ws", &headers).await.map(|_| ())
    };
    assert_eq!(open("other=1").await, Err(Refused(422)));
    assert_eq!(open("session=nonsense").await, Err(Refused(401)));
    assert_eq!(server.piratchat(&person).await.map(|_| ()), Err(Refused(409)));
    // Also for another session of the same user, and for a client that only asks.
    let mut elsewhere = person.clone();
    elsewhere.session = server.log_in(&person.key).await;
    assert_eq!(server.piratchat(&elsewhere).await.map(|_| ()), Err(Refused(409)));
    assert_eq!(server.http_as(&person).get("/ws").await.status, 409);
    socket.close().await;
    loop {
        match server.piratchat(&person).await {
            Ok(_) => break,
            Err(refused) => assert_eq!(refused, Refused(409)),
        }
    }
}

#[tokio::test]
async fn a_plain_request_with_a_session_is_told_to_upgrade() {
    let server = TestServer::start();
    let person = server.person("johndoe").await;
    let answer = server.http_as(&person).get("/ws").await;
    assert_eq!((answer.status, answer.header("upgrade")), (426, Some("websocket")));
    assert_eq!(
        server.http_as(&person).get("/api/online").await.json(),
        json!({"online_clients": []})
    );
}

#[tokio::test]
async fn a_message_goes_to_everyone_else_and_its_sender_gets_an_acknowledgement() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let (_, mut bob) = connected(&server, "Bob").await;
    assert_eq!(ann.json().await, json!({"event": "join", "username": "Bob"}));
    bob.send(said("Hello, world!")).await;
    assert_eq!(bob.json().await, accepted());
    assert_eq!(ann.json().await, heard("Hello, world!", "Bob"));
    // Were Bob to get his own message, or his own join, it would come before this.
    ann.send(said("Hi")).await;
    assert_eq!(bob.json().await, heard("Hi", "ann"));
    assert_eq!(ann.json().await, accepted());
}

#[tokio::test]
async fn joins_and_leaves_are_told_to_everyone_else() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let (_, bob) = connected(&server, "bob").await;
    let (carol, mut carols) = connected(&server, "carol").await;
    assert_eq!(ann.json().await, json!({"event": "join", "username": "bob"}));
    assert_eq!(ann.json().await, json!({"event": "join", "username": "carol"}));
    bob.close().await;
    for socket in [&mut ann, &mut carols] {
        assert_eq!(socket.json().await, json!({"event": "leave", "username": "bob"}));
    }
    // An abrupt loss: the TCP connection just goes.
    drop(carols);
    assert_eq!(ann.json().await, json!({"event": "leave", "username": "carol"}));
    let _again = server.piratchat(&carol).await.expect("101");
    assert_eq!(ann.json().await, json!({"event": "join", "username": "carol"}));
}

#[tokio::test]
async fn length_is_counted_in_unicode_scalar_values() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let (_, mut bob) = connected(&server, "bob").await;
    ann.json().await;
    for fits in ["😀".repeat(300), "e\u{301}".repeat(150), "a".repeat(300)] {
        ann.send(said(&fits)).await;
        assert_eq!(ann.json().await, accepted());
        assert_eq!(bob.json().await, heard(&fits, "ann"));
    }
    for too_long in ["😀".repeat(301), "e\u{301}".repeat(150) + "e", "a".repeat(5_000)] {
        ann.send(said(&too_long)).await;
        assert_eq!(ann.json().await, refused("message_too_long"));
    }
}

#[tokio::test]
async fn anything_else_is_malformed_and_the_connection_stays_open() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let (_, mut bob) = connected(&server, "bob").await;
    ann.json().await;
    for wrong in [
        "",
        "hello",
        "{",
        "[]",
        "{}",
        r#"{"message": ""}"#,
        r#"{"message": 1}"#,
        r#"{"message": "a", "author": "bob"}"#,
        r#"{"text": "a"}"#,
        r#"["a"]"#,
        r#"{"message": "a\u0000b"}"#,
    ] {
        ann.send(wrong).await;
        assert_eq!(ann.json().await, refused("malformed_message"), "{wrong}");
    }
    ann.send_binary(said("binary").into_bytes()).await;
    assert_eq!(ann.json().await, refused("malformed_message"));
    ann.send(said("still here")).await;
    assert_eq!(ann.json().await, accepted());
    assert_eq!(bob.json().await, heard("still here", "ann"), "nothing else was heard");
}

#[tokio::test]
async fn acknowledgements_keep_the_order_of_what_was_sent() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    for number in 0..120 {
        let text = if number % 3 == 2 { "x".repeat(301) } else { format!("{number}") };
        ann.send(said(&text)).await;
    }
    for number in 0..120 {
        let expected = if number % 3 == 2 { refused("message_too_long") } else { accepted() };
        assert_eq!(ann.json().await, expected, "{number}");
    }
}

#[tokio::test]
async fn every_receiver_sees_the_same_order() {
    const EACH: usize = 60;
    let server = TestServer::start();
    let mut ears = Vec::new();
    for number in 0..6 {
        ears.push(connected(&server, &format!("ear{number}")).await.1);
    }
    let mut mouths = Vec::new();
    for number in 0..4 {
        mouths.push(connected(&server, &format!("mouth{number}")).await.1);
    }
    let talk = |mut mouth: Socket, name: usize| async move {
        for number in 0..EACH {
            mouth.send(said(&format!("{name}-{number}"))).await;
        }
        let mut acks = 0;
        while acks < EACH {
            acks += usize::from(mouth.json().await == accepted());
        }
        mouth
    };
    let talking: Vec<_> = mouths
        .into_iter()
        .enumerate()
        .map(|(name, mouth)| tokio::spawn(talk(mouth, name)))
        .collect();
    let mut orders = Vec::new();
    for ear in &mut ears {
        let mut order = Vec::new();
        while order.len() < 4 * EACH {
            let frame = ear.json().await;
            if let Some(text) = frame["message"].as_str() {
                order.push(text.to_owned());
            }
        }
        orders.push(order);
    }
    assert!(orders.windows(2).all(|pair| pair[0] == pair[1]));
    for name in 0..4 {
        let own: Vec<&String> =
            orders[0].iter().filter(|text| text.starts_with(&format!("{name}-"))).collect();
        let sent: Vec<String> = (0..EACH).map(|number| format!("{name}-{number}")).collect();
        assert!(own.into_iter().eq(&sent), "a sender's own order is kept");
    }
    for talker in talking {
        talker.await.expect("a talker");
    }
}

#[tokio::test]
async fn too_fast_is_rate_limited_and_the_connection_stays_open() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    // The test's clock stands still, so the allowance does not come back by itself.
    for _ in 0..301 {
        ann.send(said("x")).await;
    }
    for _ in 0..300 {
        assert_eq!(ann.json().await, accepted());
    }
    assert_eq!(ann.json().await, refused("rate_limited"));
    server.advance(Duration::from_secs(1));
    ann.send(said("y")).await;
    assert_eq!(ann.json().await, accepted());
}

#[tokio::test]
async fn exempt_addresses_are_not_rate_limited() {
    let server = TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    let (_, mut ann) = connected(&server, "ann").await;
    for _ in 0..400 {
        ann.send(said("x")).await;
        assert_eq!(ann.json().await, accepted());
    }
}

/// Pings the server; false if it closes instead, with the code for an ended session.
async fn ping(socket: &mut Raw) -> bool {
    socket.frame(0x89, b"?").await;
    loop {
        match socket.next_frame().await.expect("a pong or a close frame") {
            (0x8A, _) => return true,
            (0x88, payload) => {
                assert_eq!(payload[..2], 1008_u16.to_be_bytes());
                return false;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_message_is_activity_and_expiry_closes_the_socket() {
    let server = TestServer::start();
    let person = server.person("ann").await;
    // By hand: a client library answers pings, and this test jumps over many of them.
    let mut socket = Raw::open(server.address(), &person.session, None).await;
    for _ in 0..4 {
        // Silence of over 25 s would count as death, so the clock moves in steps that
        // are shorter; a message each time keeps the session alive.
        for _ in 0..60 {
            server.advance(Duration::from_secs(20));
            socket.frame(0x81, said("x").as_bytes()).await;
            while socket.next_frame().await.expect("open").0 != 0x81 {}
        }
    }
    // Pings show that the peer lives, and are no activity of its session.
    for _ in 0..180 {
        server.advance(Duration::from_secs(20));
        assert!(ping(&mut socket).await, "the hour is not over");
    }
    let patience = Instant::now() + PATIENCE;
    while ping(&mut socket).await {
        assert!(Instant::now() < patience, "expiry is noticed");
    }
    assert_eq!(server.http_as(&person).get("/api/user/@me").await.status, 401);
}

#[tokio::test]
async fn a_dead_peer_is_noticed_by_ping_within_30_seconds() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let bob = server.person("bob").await;
    let mut silent = Raw::open(server.address(), &bob.session, None).await;
    assert_eq!(ann.json().await, json!({"event": "join", "username": "bob"}));
    server.advance(Duration::from_secs(15));
    ann.pinged().await;
    assert_eq!(silent.next_frame().await.map(|(first, _)| first), Some(0x89), "a ping");
    // Ann's client answers its pings (while it reads), Bob's does not.
    ann.send(said("alive")).await;
    assert_eq!(ann.json().await, accepted());
    server.advance(Duration::from_secs(10));
    assert_eq!(ann.json().await, json!({"event": "leave", "username": "bob"}));
    let (code, reason) = goodbye(&mut silent).await;
    assert_eq!(code, 1013, "it may only have been asleep");
    assert_eq!(reason, "nothing was heard from you for 25 s: reconnect");
}

/// Reads up to the server's close frame: its code and reason.
async fn goodbye(raw: &mut Raw) -> (u16, String) {
    loop {
        let (first, payload) = raw.next_frame().await.expect("a close frame");
        if first == 0x88 {
            let code = u16::from_be_bytes([payload[0], payload[1]]);
            return (code, String::from_utf8_lossy(&payload[2..]).into_owned());
        }
    }
}

/// A stopped process or a suspended machine: what clients sent meanwhile has not been read
/// when it goes on.
#[tokio::test]
async fn a_server_that_stood_still_cuts_nobody_off() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let bob = server.person("bob").await;
    let mut page = Raw::open(server.address(), &bob.session, Some("packetboat.v1")).await;
    let carol = server.person("carol").await;
    let mut half = Raw::open(server.address(), &carol.session, None).await;
    let message = Raw::client_frame(0x81, said("in two halves").as_bytes());
    half.send(&message[..10]).await;
    server.advance(Duration::from_secs(9));
    for _ in 0..3 {
        server.stall(Duration::from_secs(60));
        ann.send(said("still here")).await;
        while ann.json().await != accepted() {}
    }
    assert!(ping(&mut page).await, "nobody waited for a sign of life");
    half.send(&message[10..]).await;
    while half.next_frame().await.expect("open").1 != accepted().to_string().as_bytes() {}
    // And from then on time counts again.
    server.advance(Duration::from_secs(25));
    assert_eq!(goodbye(&mut page).await.0, 1013);
}

#[tokio::test]
async fn clients_of_this_dialect_receive_its_frames_and_nothing_else() {
    let server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let bob = server.person("bob").await;
    let mut page = server.packetboat(&bob, "").await.expect("101");
    page.of_type("welcome").await;
    let mut second = server.packetboat(&bob, "").await.expect("101");
    second.of_type("welcome").await;
    page.send_json(&json!({"type": "typing"})).await;
    page.send_json(&json!({"type": "history", "before": 1})).await;
    page.send_json(&json!({"type": "post", "client_id": "1", "text": "from the page"})).await;
    page.of_type("ack").await;
    second.close().await;
    page.close().await;
    assert_eq!(ann.json().await, json!({"event": "join", "username": "bob"}));
    assert_eq!(ann.json().await, heard("from the page", "bob"));
    assert_eq!(ann.json().await, json!({"event": "leave", "username": "bob"}));
}

#[tokio::test]
async fn what_ones_own_account_says_elsewhere_is_not_echoed() {
    let server = TestServer::start();
    let (ann, mut bot) = connected(&server, "ann").await;
    let (_, mut bob) = connected(&server, "bob").await;
    bot.json().await;
    let mut page = server.packetboat(&ann, "").await.expect("101");
    page.of_type("welcome").await;
    page.send_json(&json!({"type": "post", "client_id": "1", "text": "by hand"})).await;
    page.of_type("ack").await;
    assert_eq!(bob.json().await, heard("by hand", "ann"));
    bob.send(said("answer")).await;
    assert_eq!(bot.json().await, heard("answer", "bob"), "and not \"by hand\"");
}

#[tokio::test]
async fn browsers_are_let_in_from_our_own_pages_only() {
    let server = TestServer::with(|settings| {
        settings.allowed_origins = vec!["https://friend.example".parse().expect("an origin")];
    });
    let person = server.person("ann").await;
    let open = async |origin: String| {
        let cookie = format!("session={}", person.session);
        let headers = [("cookie", cookie), ("origin", origin)];
        match Socket::open(server.address(), "/ws", &headers).await {
            Ok(socket) => {
                socket.close().await;
                101
            }
            Err(Refused(status)) => status,
        }
    };
    assert_eq!(open("https://evil.example".into()).await, 403);
    assert_eq!(open("null".into()).await, 403);
    assert_eq!(open(format!("http://{}.evil.example", server.address())).await, 403);
    assert_eq!(open(format!("http://{}", server.address())).await, 101);
    while server.http_as(&person).get("/api/online").await.json() != json!({"online_clients": []}) {
    }
    assert_eq!(open("https://friend.example".into()).await, 101);
}

#[tokio::test]
async fn shutting_down_closes_with_1001_after_delivering_what_was_accepted() {
    let mut server = TestServer::start();
    let (_, mut ann) = connected(&server, "ann").await;
    let (_, mut bob) = connected(&server, "bob").await;
    ann.json().await;
    for number in 0..50 {
        ann.send(said(&format!("{number}"))).await;
    }
    assert_eq!(ann.json().await, accepted());
    let reading = tokio::spawn(async move {
        let (mut of_ann, mut of_bob) = (Vec::new(), Vec::new());
        let codes = tokio::join!(ann.closed_after(&mut of_ann), bob.closed_after(&mut of_bob));
        (codes, of_ann, of_bob)
    });
    let drained = server.drain().await;
    let (codes, of_ann, of_bob) = reading.await.expect("the readers");
    assert_eq!(codes, (Some(1001), Some(1001)));
    let acks = 1 + of_ann.iter().filter(|frame| **frame == accepted()).count();
    let messages: Vec<Value> =
        of_bob.into_iter().filter(|frame| frame.get("message").is_some()).collect();
    let expected: Vec<Value> = (0..acks).map(|number| heard(&number.to_string(), "ann")).collect();
    assert_eq!(messages, expected, "heard is exactly what was acknowledged");
    assert!(drained.complete);
}
