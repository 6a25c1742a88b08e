//! A receiver by server-sent events: one request, and its events as they come.

use serde_json::Value;
use testkit::{Answer, PATIENCE, Stream as Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::kit::{KEY_B, Member};

/// An event: its name, id and data, each empty if absent. A comment has no name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
    pub(crate) is_comment: bool,
}

/// An open answer.
pub(crate) struct Stream {
    tcp: Box<dyn Bytes>,
    /// Bytes of the body that are no whole chunk yet.
    raw: Vec<u8>,
    /// Text of the body that is no whole event yet.
    text: String,
    ended: bool,
}

/// The path of a file's stream, for the receiver whose key is [`KEY_B`].
pub(crate) fn path(member: &Member, filename: &str) -> String {
    let key = KEY_B.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    format!("/session/{}/{filename}?public_key={key}", member.session)
}

impl Stream {
    /// Asks for a file with the token in the header.
    pub(crate) async fn open(member: &Member, filename: &str) -> Result<(Self, Answer), Answer> {
        let authorization = format!("authorization: Bearer {}\r\n", member.jwt);
        Self::ask(member, &path(member, filename), &authorization).await
    }

    /// Sends a request with these header lines; the refusal if it is none of 200.
    pub(crate) async fn ask(
        member: &Member,
        path: &str,
        headers: &str,
    ) -> Result<(Self, Answer), Answer> {
        let mut tcp = member.connect().await;
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: here\r\naccept: text/event-stream\r\n{headers}\r\n"
        );
        tcp.write_all(request.as_bytes()).await.expect("sent");
        let mut raw = Vec::new();
        let end = loop {
            if let Some(at) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(more(&mut tcp, &mut raw).await, "an answer");
        };
        let rest = raw.split_off(end);
        let mut head = Answer::parse(&raw);
        let mut stream = Self { tcp, raw: rest, text: String::new(), ended: false };
        if head.status == 200 {
            return Ok((stream, head));
        }
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.expect("a length");
        while stream.raw.len() < length {
            assert!(more(&mut stream.tcp, &mut stream.raw).await, "a whole body");
        }
        head.body = stream.raw;
        Err(head)
    }

    /// The next event that is no comment; `None` when the stream has ended in order.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            match self.next().await {
                Some(event) if event.is_comment => {}
                other => return other,
            }
        }
    }

    /// The next event or comment; `None` when the stream has ended in order.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(at) = self.text.find("\n\n") {
                let rest = self.text.split_off(at + 2);
                let block = std::mem::replace(&mut self.text, rest);
                return Some(parsed(&block));
            }
            if self.ended {
                assert_eq!(self.text, "", "it ends after a whole event");
                return None;
            }
            self.fill().await;
        }
    }

    /// Reads at least one more chunk of the chunked body.
    async fn fill(&mut self) {
        loop {
            if let Some(line) = self.raw.windows(2).position(|window| window == b"\r\n") {
                let size = std::str::from_utf8(&self.raw[..line]).expect("a size");
                let size = usize::from_str_radix(size, 16).expect("a size in hex");
                let end = line + 2 + size + 2;
                if self.raw.len() >= end {
                    let bytes = &self.raw[line + 2..line + 2 + size];
                    self.text.push_str(std::str::from_utf8(bytes).expect("text"));
                    self.raw.drain(..end);
                    self.ended = size == 0;
                    return;
                }
            }
            assert!(more(&mut self.tcp, &mut self.raw).await, "the stream breaks off");
        }
    }

    /// The next event, which has this name; its id and data.
    pub(crate) async fn told(&mut self, name: &str) -> (String, Value) {
        let event = self.event().await.expect("an event");
        assert_eq!(event.name, name, "{event:?}");
        (event.id, serde_json::from_str(&event.data).expect("data of JSON"))
    }
}

async fn more(tcp: &mut Box<dyn Bytes>, bytes: &mut Vec<u8>) -> bool {
    bytes.reserve(64 * 1024);
    let read = timeout(PATIENCE, tcp.read_buf(bytes)).await.expect("bytes in time");
    read.unwrap_or(0) > 0
}

fn parsed(block: &str) -> Event {
    let mut event = Event { is_comment: true, ..Event::default() };
    for line in block.lines().filter(|line| !line.starts_with(':') && !line.is_empty()) {
        let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("a field: {line}"));
        event.is_comment = false;
        match field {
            "event" => value.clone_into(&mut event.name),
            "id" => value.clone_into(&mut event.id),
            "data" => value.clone_into(&mut event.data),
            other => panic!("no field of ours: {other}"),
        }
    }
    event
}
