//! WebSocket, in both dialects.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Raw;

use crate::frames::{PING, PONG, TEXT, claim, frame};
use crate::scene::{answer, gone, is_an_error, scene, until};

const BOTH_DIALECTS: [Option<&str>; 2] = [None, Some("packetboat.v1")];

/// What breaks the protocol, and the close code that says so.
fn violations() -> Vec<(&'static str, Vec<u8>, u16)> {
    let close = |code: u16| frame(0x88, &code.to_be_bytes());
    let mut list = vec![
        ("a frame without a mask", vec![TEXT, 2, b'{', b'}'], 1002),
        ("reserved bit 1", frame(0xC1, b"{}"), 1002),
        ("reserved bit 2", frame(0xA1, b"{}"), 1002),
        ("reserved bit 3", frame(0x91, b"{}"), 1002),
        ("a length of 2^63", claim(TEXT, 1 << 63), 1002),
        ("a length of 2^64 - 1", claim(0x82, u64::MAX), 1002),
        ("a length of 2^62", claim(TEXT, 1 << 62), 1009),
        ("a length of 1 GiB, binary", claim(0x82, 1 << 30), 1009),
        ("text that is not UTF-8", frame(TEXT, b"{\"message\":\"\xff\"}"), 1007),
        ("half a character", frame(TEXT, b"\xe2\x82"), 1007),
        ("a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
        (
            "100,000 empty fragments",
            [frame(0x01, b""), frame(0, b"").repeat(99_999)].concat(),
            1009,
        ),
        ("65 KiB", [claim(TEXT, 65 * 1024), vec![b' '; 65 * 1024]].concat(), 1009),
        (
            "65 KiB in fragments",
            [frame(0x01, &[b' '; 100]), frame(0, &[b' '; 125]).repeat(600)].concat(),
            1009,
        ),
        ("a message inside a message", [frame(0x01, b"{"), frame(TEXT, b"{}")].concat(), 1002),
        ("a continuation of nothing", frame(0x80, b"{}"), 1002),
        ("a ping in fragments", frame(0x09, b"?"), 1002),
        ("a close in fragments", frame(0x08, b""), 1002),
        (
            "a ping of 126 bytes",
            [&[PING, 0x80 | 126, 0, 126, 0, 0, 0, 0][..], &[0; 126]].concat(),
            1002,
        ),
        ("half a close code", frame(0x88, b"\x03"), 1002),
        ("a close reason that is not UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007),
        ("an HTTP request", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 1002),
        ("garbage", (0..4_096_u32).map(|n| (n * 37 + 255) as u8).collect(), 1002),
        ("100,000 brackets", [claim(TEXT, 100_000), vec![b'['; 100_000]].concat(), 1009),
    ];
    let opcodes = [0x83, 0x84, 0x85, 0x86, 0x87, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F];
    list.extend(opcodes.map(|opcode| ("an unknown opcode", frame(opcode, b"{}"), 1002)));
    let codes = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535];
    list.extend(codes.map(|code| ("a close code that must not be sent", close(code), 1002)));
    list
}

#[tokio::test]
async fn who_breaks_the_websocket_protocol_is_told_how_and_closed() {
    let (server, mut witness, mallory) = scene().await;
    for protocol in BOTH_DIALECTS {
        for (what, bytes, code) in violations() {
            let mut raw = Raw::open(server.address(), &mallory.session, protocol).await;
            raw.send(&bytes).await;
            assert_eq!(raw.close_code().await, Some(code), "{what}, {protocol:?}");
            assert_eq!(raw.rest().await, b"", "{what}: nothing after the close frame");
            gone(server.address(), &witness).await;
        }
        witness.talk().await;
    }
}

#[tokio::test]
async fn proper_closes_are_answered_in_kind() {
    let (server, mut witness, mallory) = scene().await;
    for code in [1000_u16, 1001, 1003, 1011, 1014, 3000, 4999] {
        let mut raw = Raw::open(server.address(), &mallory.session, None).await;
        raw.frame(0x88, &code.to_be_bytes()).await;
        raw.frame(TEXT, br#"{"message": "after the end"}"#).await;
        assert_eq!(raw.close_code().await, Some(code));
        gone(server.address(), &witness).await;
    }
    let mut raw = Raw::open(server.address(), &mallory.session, None).await;
    raw.frame(0x88, b"").await;
    assert_eq!(raw.next_frame().await, Some((0x88, Vec::new())));
    assert_eq!(raw.next_frame().await, None);
    witness.talk().await;
}

#[tokio::test]
async fn nested_json_is_malformed_in_both_dialects_and_the_socket_stays_open() {
    let (server, mut witness, mallory) = scene().await;
    let deep = "[".repeat(30_000) + &"]".repeat(30_000);
    let objects = r#"{"a":"#.repeat(12_000);
    let mut pirate = Raw::open(server.address(), &mallory.session, None).await;
    let mut page = Raw::open(server.address(), &mallory.session, Some("packetboat.v1")).await;
    for text in [
        deep.clone(),
        format!(r#"{{"message":{deep}}}"#),
        format!(r#"{{"type":"post","client_id":"1","text":{deep}}}"#),
        format!(r#"{{"x":{deep},"type":"typing"}}"#),
        objects,
    ] {
        pirate.frame(TEXT, text.as_bytes()).await;
        let (_, refused) = json_frame(&mut pirate).await;
        assert_eq!(refused, json!({"status": false, "code": "malformed_message"}));
        page.frame(TEXT, text.as_bytes()).await;
        let (kind, refused) = json_frame(&mut page).await;
        assert!(kind == "error" || kind == "nack", "{refused}");
        assert_eq!(refused["code"], "malformed_message");
    }
    witness.talk().await;
}

/// The next frame that answers something; others' messages are skipped.
async fn json_frame(raw: &mut Raw) -> (String, Value) {
    loop {
        let (first, payload) = raw.next_frame().await.expect("open");
        if matches!(first, 0x01 | 0x00 | 0x80) {
            continue; // A welcome that holds messages comes in fragments.
        }
        assert_eq!(first, TEXT);
        let frame: Value = serde_json::from_slice(&payload).expect("JSON");
        let kind = frame["type"].as_str().unwrap_or_default().to_owned();
        let others = ["welcome", "message", "join", "leave", "typing"].contains(&kind.as_str());
        if !others && frame.get("author").is_none() && frame.get("event").is_none() {
            return (kind, frame);
        }
    }
}

#[tokio::test]
async fn control_frames_between_fragments_are_answered_and_the_message_counts() {
    let (server, mut witness, mallory) = scene().await;
    let mut raw = Raw::open(server.address(), &mallory.session, None).await;
    raw.frame(0x01, br#"{"message": "#).await;
    raw.frame(PING, b"are you there").await;
    assert_eq!(raw.next_frame().await, Some((PONG, b"are you there".to_vec())));
    raw.frame(0x00, b"\"in \xe2\x82").await; // A character may be split between fragments.
    raw.frame(0x80, b"\xac\"}").await;
    assert_eq!(json_frame(&mut raw).await.1, json!({"status": true}));
    until(&mut witness.bob, |frame| frame["message"] == "in €").await;
    witness.talk().await;
}

#[tokio::test]
async fn half_a_frame_and_then_silence_is_cut_off() {
    let (server, mut witness, mallory) = scene().await;
    let mut halves = Vec::new();
    for half in [&[TEXT][..], &claim(TEXT, 60_000), &frame(0x01, b"half a message")] {
        let mut raw = Raw::open(server.address(), &mallory.session, Some("packetboat.v1")).await;
        raw.send(half).await;
        halves.push(raw);
    }
    let http = server.http_as(&mallory);
    let mut steps = 0;
    while http.get("/api/user/mallory").await.json()["online"] != false {
        server.advance(Duration::from_secs(10));
        steps += 1;
        witness.talk().await; // Who says something lives.
    }
    assert!(steps >= 3, "25 s of silence are allowed");
    for mut half in halves {
        assert_eq!(half.close_code().await, Some(1013), "it may come back");
    }
    witness.talk().await;
}

/// Of many pings the last may stand for all when their answers are not read (RFC 6455
/// section 5.5.3), as here.
#[tokio::test]
async fn of_ten_thousand_pings_the_last_is_answered() {
    let (server, mut witness, mallory) = scene().await;
    let mut raw = Raw::open(server.address(), &mallory.session, None).await;
    let flood: Vec<u8> = (1..=10_000_u32).flat_map(|n| frame(PING, &n.to_be_bytes())).collect();
    raw.send(&flood).await;
    witness.talk().await;
    let mut last = 0;
    while last < 10_000 {
        let (first, payload) = raw.next_frame().await.expect("open");
        if first == PONG {
            let number = u32::from_be_bytes(payload.try_into().expect("a ping's payload"));
            assert!(number > last, "{number} after {last}");
            last = number;
        }
    }
    witness.talk().await;
}

fn upgrade(method: &str, version: &str, session: &str, websocket: &str) -> String {
    format!(
        "{method} /ws {version}\r\nHost: a\r\nCookie: session={session}\r\n\
         Connection: close, Upgrade\r\nUpgrade: websocket\r\n{websocket}\r\n"
    )
}

#[tokio::test]
async fn flawed_hand_shakes_are_refused_with_what_would_do() {
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (server, mut witness, mallory) = scene().await;
    let ask = async |method, version, websocket: String| {
        let request = upgrade(method, version, &mallory.session, &websocket);
        answer(server.address(), request.as_bytes()).await
    };
    for wrong in ["12", "8", "0", "99999", "", "thirteen"] {
        let version = format!("{KEY}Sec-WebSocket-Version: {wrong}\r\n");
        let answer = ask("GET", "HTTP/1.1", version).await;
        assert_eq!(answer.status, 426, "{wrong}");
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
        assert!(is_an_error(&answer));
    }
    for key in ["", "c2hvcnQ=", "not base64 at all!!!!!!!", "dGhlIHNhbXBsZSBub25jZQ"] {
        let websocket = format!("Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n");
        assert_eq!(ask("GET", "HTTP/1.1", websocket).await.status, 400, "{key}");
    }
    let good = format!("{KEY}Sec-WebSocket-Version: 13\r\n");
    assert_eq!(ask("GET", "HTTP/1.0", good.clone()).await.status, 400);
    let posted = ask("POST", "HTTP/1.1", good.clone()).await;
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(ask("HEAD", "HTTP/1.1", good).await.status, 400);
    assert_eq!(server.http_as(&mallory).get("/api/user/mallory").await.json()["online"], false);
    witness.talk().await;
}

#[tokio::test]
async fn what_comes_together_with_the_hand_shake_is_heard() {
    let (server, mut witness, mallory) = scene().await;
    let websocket = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut bytes = upgrade("GET", "HTTP/1.1", &mallory.session, websocket).into_bytes();
    bytes.extend(frame(TEXT, br#"{"message": "no time to lose"}"#));
    bytes.extend(frame(PING, b"still"));
    bytes.extend(&frame(TEXT, br#"{"message": "and half of another"}"#)[..20]);
    let mut raw = Raw::connect(server.address()).await;
    raw.send(&bytes).await;
    assert_eq!(raw.head().await.status, 101);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.push(raw.next_frame().await.expect("open").0);
    }
    seen.sort_unstable();
    assert_eq!(seen, [TEXT, PONG], "the acknowledgement and the pong");
    raw.send(&frame(TEXT, br#"{"message": "and half of another"}"#)[20..]).await;
    for text in ["no time to lose", "and half of another"] {
        until(&mut witness.bob, |frame| frame["message"] == text).await;
    }
    witness.talk().await;
}
