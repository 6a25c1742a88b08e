//! A reader of server-sent events (WHATWG HTML, "Server-sent events") that reads as fast, or
//! as slowly, as the test wants.

use std::mem::take;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::{Answer, Dial, PATIENCE, Stream};

/// Bytes read at once, unless the test says less.
const READ_SIZE: usize = 64 * 1024;

/// An event, as a browser would dispatch it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name; empty if it has none.
    pub event: String,
    /// The `id` it came with.
    pub id: Option<String>,
    /// Its lines of data, joined by `\n`.
    pub data: String,
}

impl SseEvent {
    /// The data as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// What a stream brings next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SseItem {
    /// An event.
    Event(SseEvent),
    /// A comment, without its colon.
    Comment(String),
    /// The answer has ended as a whole one does.
    End,
    /// The connection has ended in the middle of the answer.
    Broken,
}

/// An open stream of events. What is not asked for is not read: the kernel holds it, and
/// then the server; [`Dial::narrow`] makes the former little.
#[derive(Debug)]
pub struct Sse {
    stream: Box<dyn Stream>,
    head: Answer,
    /// As it came, not decoded yet.
    coded: Vec<u8>,
    body: Body,
    /// Decoded, not parsed yet.
    text: Vec<u8>,
    pending: SseEvent,
    has_data: bool,
}

/// How the answer's body is delimited, and how far it has come.
#[derive(Debug)]
enum Body {
    /// Between two chunks (RFC 9112, section 7.1).
    NextChunk,
    /// So many bytes of a chunk are to come, its line end included.
    Chunk(usize),
    /// So many bytes of an answer with a length.
    Length(usize),
    /// Up to the end of the connection.
    ToTheEnd,
    Ended,
    Broken,
}

impl Sse {
    /// Opens `path`, as `EventSource` would, with further headers.
    ///
    /// # Errors
    /// The whole answer, if it is no stream of events.
    ///
    /// # Panics
    /// If there is no answer within [`PATIENCE`].
    pub async fn open(dial: &Dial, path: &str, headers: &[(&str, String)]) -> Result<Self, Answer> {
        let host = dial.asked();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: text/event-stream\r\n\
             cache-control: no-cache\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        timeout(PATIENCE, Self::ask(dial, &request)).await.expect("an answer in time")
    }

    async fn ask(dial: &Dial, request: &str) -> Result<Self, Answer> {
        let mut stream = dial.connect().await.expect("the server listens");
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let (mut coded, head) = (Vec::new(), b"\r\n\r\n");
        let end = loop {
            if let Some(at) = coded.windows(head.len()).position(|window| window == head) {
                break at + head.len();
            }
            let read = stream.read_buf(&mut coded).await.expect("an answer");
            assert!(read > 0, "it ended after {}", String::from_utf8_lossy(&coded));
        };
        let rest = coded.split_off(end);
        let head = Answer::parse(&coded);
        let body = Body::of(&head);
        let (text, pending) = (Vec::new(), SseEvent::default());
        let mut sse = Self { stream, head, coded: rest, body, text, pending, has_data: false };
        sse.decode();
        let kind = sse.head.header("content-type").unwrap_or_default();
        if sse.head.status == 200 && kind.starts_with("text/event-stream") {
            return Ok(sse);
        }
        while sse.receive(READ_SIZE).await > 0 {}
        Err(Answer { body: sse.text, ..sse.head })
    }

    /// The answer's status and headers.
    #[must_use]
    pub fn head(&self) -> &Answer {
        &self.head
    }

    /// What comes next.
    ///
    /// # Panics
    /// If nothing does within [`PATIENCE`].
    pub async fn next(&mut self) -> SseItem {
        loop {
            if let Some(item) = self.try_next() {
                return item;
            }
            timeout(PATIENCE, self.receive(READ_SIZE)).await.expect("an event or an end in time");
        }
    }

    /// The next event; comments are skipped.
    ///
    /// # Panics
    /// If the stream ends instead.
    pub async fn event(&mut self) -> SseEvent {
        loop {
            match self.next().await {
                SseItem::Event(event) => return event,
                SseItem::Comment(_) => {}
                end => panic!("expected an event, got {end:?}"),
            }
        }
    }

    /// The next of what has been received already.
    pub fn try_next(&mut self) -> Option<SseItem> {
        while let Some(end) = self.text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.text.drain(..=end).collect();
            let line = String::from_utf8(line).expect("UTF-8");
            if let Some(item) = self.take_line(line.trim_end_matches(['\n', '\r'])) {
                return Some(item);
            }
        }
        match self.body {
            Body::Ended => Some(SseItem::End),
            Body::Broken => Some(SseItem::Broken),
            _ => None,
        }
    }

    fn take_line(&mut self, line: &str) -> Option<SseItem> {
        if line.is_empty() {
            let event = take(&mut self.pending);
            return take(&mut self.has_data).then_some(SseItem::Event(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => return Some(SseItem::Comment(value.to_owned())),
            "event" => value.clone_into(&mut self.pending.event),
            "id" => self.pending.id = Some(value.to_owned()),
            "data" => {
                if take(&mut self.has_data) {
                    self.pending.data.push('\n');
                }
                self.has_data = true;
                self.pending.data.push_str(value);
            }
            _ => {}
        }
        None
    }

    /// Takes up to `at_most` bytes off the connection, headers of chunks included, and how
    /// many: 0 at the end. [`Sse::try_next`] has what was in them.
    pub async fn receive(&mut self, at_most: usize) -> usize {
        if matches!(self.body, Body::Ended | Body::Broken) {
            return 0;
        }
        let mut buffer = vec![0; at_most];
        let read = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.coded.extend_from_slice(&buffer[..read]);
        self.decode();
        if read == 0 {
            let is_whole = matches!(self.body, Body::ToTheEnd | Body::Ended);
            self.body = if is_whole { Body::Ended } else { Body::Broken };
        }
        read
    }

    fn decode(&mut self) {
        while !self.coded.is_empty() {
            match &mut self.body {
                Body::NextChunk => {
                    let Some(end) = self.coded.windows(2).position(|pair| pair == b"\r\n") else {
                        return;
                    };
                    let line: Vec<u8> = self.coded.drain(..end + 2).collect();
                    let size = std::str::from_utf8(&line[..end]).expect("a chunk's size");
                    let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                    self.body = if size == 0 { Body::Ended } else { Body::Chunk(size + 2) };
                }
                Body::Chunk(left) => {
                    let length = self.coded.len().min(*left);
                    // The last two bytes are its line end.
                    let data = length.min(left.saturating_sub(2));
                    self.text.extend_from_slice(&self.coded[..data]);
                    self.coded.drain(..length);
                    *left -= length;
                    if *left == 0 {
                        self.body = Body::NextChunk;
                    }
                }
                Body::Length(left) => {
                    let length = self.coded.len().min(*left);
                    self.text.extend(self.coded.drain(..length));
                    *left -= length;
                    if *left == 0 {
                        self.body = Body::Ended;
                    }
                }
                Body::ToTheEnd => self.text.append(&mut self.coded),
                Body::Ended | Body::Broken => return,
            }
        }
    }
}

impl Body {
    fn of(head: &Answer) -> Self {
        if head.header("transfer-encoding") == Some("chunked") {
            return Self::NextChunk;
        }
        match head.header("content-length").map(|length| length.parse().expect("a length")) {
            Some(0) => Self::Ended,
            Some(length) => Self::Length(length),
            None if head.status == 204 => Self::Ended,
            None => Self::ToTheEnd,
        }
    }
}
