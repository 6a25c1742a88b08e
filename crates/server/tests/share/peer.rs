//! One side of a transfer, on its WebSocket.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Socket, TestServer};

use crate::kit::{KEY_A, KEY_B, SECOND, hex, settled};

/// Twelve bytes in base64.
pub(crate) const IV: &str = "AAECAwQFBgcICQoL";

/// The command that no server has: what is answered to it says that all before it is done.
const FENCE: &str = "is-anything-left";

/// A member's open WebSocket.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) socket: Socket,
    pub(crate) jwt: String,
    /// What came while time passed.
    heard: VecDeque<Value>,
}

/// A frame of the server with a command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) request: Value,
    pub(crate) data: Value,
}

/// A frame as clients send it: its `data` is a string of JSON.
pub(crate) fn frame(jwt: &str, command: &str, data: &Value) -> Value {
    json!({ "jwt": jwt, "command": command, "data": data.to_string() })
}

/// The data of an `add-chunk` of the owner.
pub(crate) fn chunk(request: &Value, number: u64, is_last: bool, bytes: &[u8]) -> Value {
    json!({
        "request_id": request,
        "is_last_chunk": is_last,
        "chunk_nr": number,
        "chunk": hex(bytes),
        "iv": IV,
    })
}

impl Peer {
    pub(crate) fn new(socket: Socket, jwt: &str) -> Self {
        Self { socket, jwt: jwt.to_owned(), heard: VecDeque::new() }
    }

    /// The next frame.
    pub(crate) async fn next(&mut self) -> Value {
        match self.heard.pop_front() {
            Some(frame) => frame,
            None => self.socket.json().await,
        }
    }

    /// Reads until the server closes; what came before.
    pub(crate) async fn closed(mut self) -> Vec<Value> {
        let mut heard = Vec::from(self.heard);
        self.socket.closed_after(&mut heard).await;
        heard
    }

    /// Hangs up without a word.
    pub(crate) fn cut(self) {}

    /// Waits until the server has taken all that was sent; what it says meanwhile is kept.
    pub(crate) async fn settle(&mut self) {
        self.send(FENCE, json!({})).await;
        loop {
            let frame = self.socket.json().await;
            if frame["refused"] == FENCE {
                return;
            }
            self.heard.push_back(frame);
        }
    }

    /// Whether nothing was kept.
    pub(crate) fn has_heard_nothing(&self) -> bool {
        self.heard.is_empty()
    }

    /// The first frame kept that is such a one, which is then taken.
    pub(crate) fn take_heard(&mut self, is_such: impl Fn(&Value) -> bool) -> Option<Value> {
        let at = self.heard.iter().position(is_such)?;
        self.heard.remove(at)
    }

    /// Whether no frame comes while the server answers other requests.
    pub(crate) async fn is_quiet(&mut self, server: &TestServer) -> bool {
        if self.heard.is_empty() {
            settled(server).await;
            self.listen().await;
        }
        self.heard.is_empty()
    }

    /// Keeps what has come up to now. A socket that is over is no failure.
    async fn listen(&mut self) {
        self.heard.extend(self.socket.ping().await.unwrap_or_default());
    }

    pub(crate) async fn send(&mut self, command: &str, data: Value) {
        self.socket.send_json(&frame(&self.jwt, command, &data)).await;
    }

    /// The next frame, which has this command.
    pub(crate) async fn told(&mut self, command: &str) -> Told {
        let frame = self.next().await;
        assert_eq!(frame["command"], command, "{frame}");
        let keys: Vec<&str> =
            frame.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(keys, ["command", "data", "request_id"], "{frame}");
        assert!(frame["data"].is_object(), "{frame}");
        Told { request: frame["request_id"].clone(), data: frame["data"].clone() }
    }

    /// The next frame, which refuses this command; the reason.
    pub(crate) async fn refused(&mut self, command: &str) -> Value {
        let frame = self.next().await;
        assert_eq!(frame["success"], false, "{frame}");
        assert_eq!(frame["refused"], command, "{frame}");
        assert!(frame.get("command").is_none(), "the old page would handle it: {frame}");
        let reason = frame["response"].as_str().expect("a reason");
        assert!(reason.ends_with('.'), "a sentence: {frame}");
        frame
    }

    /// Sends what the server does not do; the refusal.
    pub(crate) async fn may_not(&mut self, command: &str, data: Value) -> Value {
        self.send(command, data).await;
        self.refused(command).await
    }

    /// Checks that all sent so far was taken without a word, and nothing else came.
    pub(crate) async fn hears_nothing(&mut self) {
        self.may_not(FENCE, json!({})).await;
    }

    /// The next frame, which says that a request is over.
    pub(crate) async fn aborted(&mut self, request: &Value) {
        let frame = self.next().await;
        assert_eq!(frame["command"], "transfer-aborted", "{frame}");
        assert_eq!(frame["success"], false, "{frame}");
        assert_eq!(&frame["request_id"], request, "{frame}");
        assert!(frame["response"].as_str().is_some_and(|text| text.ends_with('.')), "{frame}");
    }

    /// Step 2.
    pub(crate) async fn request(&mut self, filename: &str) {
        self.send("request-file", json!({ "public_key": KEY_B, "filename": filename })).await;
    }

    /// Step 4.
    pub(crate) async fn acknowledge(&mut self, request: &Value, filename: &str, amount: u64) {
        let data = json!({
            "request_id": request,
            "public_key": KEY_A,
            "amount_of_chunks": amount,
            "filename": filename,
        });
        self.send("acknowledge-file-request", data).await;
    }

    /// Step 6.
    pub(crate) async fn ready(&mut self, request: &Value) {
        self.send("ready-for-file-transfer", json!({ "request_id": request })).await;
    }

    /// Step 7: the server asks for this chunk.
    pub(crate) async fn asked_for(&mut self, number: u64) {
        let asked = self.told("send-next-chunk").await;
        assert_eq!(asked.data, json!({ "chunk_nr": number }));
    }

    /// A client that registers may be asked anew for what it has not given; nothing else.
    pub(crate) async fn hears_nothing_or_is_asked_again(&mut self, open: &[u64]) {
        self.send(FENCE, json!({})).await;
        loop {
            let frame = self.next().await;
            if frame["refused"] == FENCE {
                return;
            }
            assert_eq!(frame["command"], "send-next-chunk", "{frame}");
            assert!(open.iter().any(|number| frame["data"]["chunk_nr"] == *number), "{frame}");
        }
    }

    /// Checks that what was sent a second time was refused or ignored, and nothing else came.
    pub(crate) async fn hears_only_refusals_of(&mut self, command: &str) {
        self.send(FENCE, json!({})).await;
        loop {
            let frame = self.next().await;
            if frame["refused"] == FENCE {
                return;
            }
            assert_eq!(frame["refused"], command, "{frame}");
        }
    }

    /// Step 8.
    pub(crate) async fn give(&mut self, request: &Value, number: u64, is_last: bool) {
        self.send("add-chunk", chunk(request, number, is_last, &bytes_of(number))).await;
    }

    /// Step 9: the chunk that the owner gave with this number.
    pub(crate) async fn given(&mut self, number: u64, is_last: bool) {
        let told = self.told("add-chunk").await;
        let expected = json!({
            "is_last_chunk": is_last,
            "chunk_nr": number,
            "chunk": hex(&bytes_of(number)),
            "iv": IV,
        });
        assert_eq!(told.data, expected);
    }

    /// Step 10.
    pub(crate) async fn confirm(&mut self, request: &Value, number: u64) {
        let data = json!({ "request_id": request, "chunk_nr": number });
        self.send("received-chunk", data).await;
    }
}

/// What a test's chunk of this number holds.
pub(crate) fn bytes_of(number: u64) -> Vec<u8> {
    format!("chunk {number} and its sixteen bytes of tag").into_bytes()
}

/// Steps 2 to 6; the request's id.
pub(crate) async fn begin(a: &mut Peer, b: &mut Peer, filename: &str) -> Value {
    b.request(filename).await;
    let asked = a.told("acknowledge-file-request").await;
    assert_eq!(asked.data, json!({ "public_key": KEY_B, "filename": filename }));
    a.acknowledge(&asked.request, filename, 3).await;
    let prepared = b.told("prepare-for-file-transfer").await;
    assert_eq!(prepared.request, asked.request);
    b.ready(&asked.request).await;
    asked.request
}

/// A whole transfer of `count` chunks, one after another.
pub(crate) async fn hand_over(a: &mut Peer, b: &mut Peer, filename: &str, count: u64) {
    let request = begin(a, b, filename).await;
    finish(a, b, &request, 1..=count).await;
}

/// The chunks of a transfer from one on to the last; what the server asks for beyond is not
/// given.
pub(crate) async fn finish(
    a: &mut Peer,
    b: &mut Peer,
    request: &Value,
    numbers: std::ops::RangeInclusive<u64>,
) {
    let last = *numbers.end();
    let mut asked = *numbers.start() - 1;
    for number in numbers {
        while asked < number {
            asked += 1;
            a.asked_for(asked).await;
        }
        a.give(request, number, number == last).await;
        b.given(number, number == last).await;
        b.confirm(request, number).await;
    }
    b.hears_nothing().await;
}

/// Lets time pass for clients that are connected. The server has taken before what they
/// sent, and knows of sockets that are gone.
pub(crate) async fn pass(server: &TestServer, span: Duration, peers: &mut [&mut Peer]) {
    settled(server).await;
    let mut left = span;
    loop {
        for peer in peers.iter_mut() {
            peer.listen().await;
        }
        if left.is_zero() {
            return;
        }
        // More often than a client that says nothing is pinged.
        let step = left.min(SECOND * 10);
        server.advance(step);
        left -= step;
    }
}
