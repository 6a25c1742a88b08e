//! Server-sent events (WHATWG HTML, "Server-sent events"): an outbox as the body of an HTTP
//! answer.
//!
//! Events wait in the outbox until the listener takes them for a reader who takes them, so
//! what waits is bounded as it is for a WebSocket, and a reader who takes nothing is cut
//! off. Idle streams are kept alive by comments, so that proxies leave them open. A stream of
//! which the listener has something left to write is not idle: a comment would only wait
//! behind it, and a reader who is slow would look like one who takes nothing.
//!
//! Invariants: a reader gets whole events; the stream ends when its outbox is closed; all
//! that was opened with it is dropped as soon as the reader goes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hub::Framing;
use hyper::body::{Body, Frame};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::handler::Reader;
use crate::registry::Registration;
use crate::sweep::Heartbeat;

/// How events are framed: each ends with an empty line. The end says why in a comment; a
/// client that goes by `EventSource` comes back by itself.
pub static EVENTS: Framing =
    Framing { frame_end: end_of_event, close: closing_comment, keep_alive: b":\n\n" };

/// The headers of an answer that is a stream of events. nginx would collect it otherwise,
/// and others would compress it.
pub(crate) const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
    (CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform")),
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
];

/// An event called `name`, with `id` for `Last-Event-ID` if it has one. Neither may hold a
/// line end; `data` may.
#[must_use]
pub fn event(name: &str, id: Option<&str>, data: &str) -> Bytes {
    let mut event = BytesMut::with_capacity(name.len() + data.len() + 32);
    let mut line = |field: &str, value: &str| {
        event.put_slice(field.as_bytes());
        event.put_slice(b": ");
        event.put_slice(value.as_bytes());
        event.put_u8(b'\n');
    };
    line("event", name);
    if let Some(id) = id {
        line("id", id);
    }
    // Each of these ends a line; together they end one.
    let data = data.replace("\r\n", "\n");
    data.split(['\n', '\r']).for_each(|part| line("data", part));
    event.put_u8(b'\n');
    event.freeze()
}

fn end_of_event(segment: &[u8], offset: usize) -> usize {
    if offset == 0 {
        return 0;
    }
    // The end of the event that holds the byte before `offset` is at `offset` at the least.
    let from = offset.saturating_sub(2).min(segment.len());
    let ends = segment[from..].windows(2).position(|pair| pair == b"\n\n");
    ends.map_or(segment.len(), |at| from + at + 2)
}

fn closing_comment(_code: u16, reason: &str) -> Bytes {
    let reason = reason.replace(['\r', '\n'], " ");
    Bytes::from(format!(": {reason}\n\n"))
}

/// The body of such an answer. `R` is dropped when the stream is over or closing, however
/// that came; while the reader takes nothing, which is when the listener does not ask for
/// more, as soon as the connection ends.
///
/// The listener (hyper) asks only while less than its `max_buf_size` waits to be written, and
/// no more than 16 events. So it is ahead of what the socket has taken by less than that and
/// one event: measured with events of 66,031 bytes, 82 kB ahead with a buffer of 16 KiB and
/// 132 kB with 64 KiB. What the sockets' buffers hold comes on top.
#[derive(Debug)]
pub struct EventStream<R> {
    heartbeat: Arc<Heartbeat>,
    reader: Option<R>,
    /// The reader is told the next time that nothing is left.
    taken: bool,
    _registration: Registration,
    /// The drain waits for it, as long as its time lasts.
    _tracked: TaskTrackerToken,
}

impl<R> EventStream<R> {
    pub(crate) fn new(
        heartbeat: Arc<Heartbeat>,
        reader: R,
        registration: Registration,
        tracked: TaskTrackerToken,
    ) -> Self {
        let reader = Some(reader);
        Self { heartbeat, reader, taken: true, _registration: registration, _tracked: tracked }
    }
}

impl<R: Reader> EventStream<R> {
    /// What the listener gets now. When nothing is left, the reader may send more first.
    fn next(&mut self) -> Option<Bytes> {
        let outbox = self.heartbeat.outbox();
        let mut events = outbox.take();
        if events.is_none() && std::mem::take(&mut self.taken) {
            self.reader.as_mut().map(Reader::drained);
            events = outbox.take();
        }
        if events.is_some() {
            self.taken = true;
            self.heartbeat.heard(); // For the sweep: the stream was not idle.
        }
        events
    }
}

impl<R: Reader> Body for EventStream<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.heartbeat.outbox().register(cx.waker());
        let events = self.next();
        self.heartbeat.pause(events.is_some());
        if let Some(events) = events {
            return Poll::Ready(Some(Ok(Frame::data(events))));
        }
        let status = self.heartbeat.outbox().status();
        if status.closing || status.dead {
            self.reader = None;
        }
        if status.dead {
            // Not the end of a whole answer: the reader must not take it for one.
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        if status.closing && !status.pending { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl<R> Drop for EventStream<R> {
    fn drop(&mut self) {
        self.heartbeat.outbox().abort();
    }
}

#[cfg(test)]
mod tests;
