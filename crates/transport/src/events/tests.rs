use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use base::{ManualClock, Timestamp};
use http::Response;
use hub::Outbox;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;
use crate::{Limits, Sockets};

/// Sends one event each time all are taken, as long as it has some; says when it is dropped.
struct Numbers {
    outbox: Arc<Outbox>,
    left: std::ops::Range<u32>,
    gone: Arc<AtomicBool>,
}

impl Reader for Numbers {
    fn drained(&mut self) {
        if let Some(number) = self.left.next() {
            self.outbox.send(&[event("n", None, &number.to_string())]);
        }
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}

struct Scene {
    clock: Arc<ManualClock>,
    sockets: Sockets,
    outbox: Arc<Outbox>,
    answer: Response<EventStream<Numbers>>,
    gone: Arc<AtomicBool>,
}

fn open(limits: Limits) -> Scene {
    open_with(limits, 0..0)
}

/// A stream whose reader has `numbers` to send.
fn open_with(limits: Limits, numbers: std::ops::Range<u32>) -> Scene {
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let sockets = Sockets::new(clock.clone(), limits);
    let outbox = sockets.outbox(&EVENTS, None).expect("room for one more");
    let gone = Arc::new(AtomicBool::new(false));
    let from = [127, 0, 0, 1].into();
    let reader = Numbers { outbox: outbox.clone(), left: numbers, gone: gone.clone() };
    let answer = sockets.event_stream(outbox.clone(), from, reader);
    Scene { clock, sockets, outbox, answer, gone }
}

impl Scene {
    fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// What the reader gets next; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        let frame = poll_fn(|cx| Pin::new(self.answer.body_mut()).poll_frame(cx)).await?;
        let bytes = frame.expect("the stream goes on").into_data().expect("data");
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    /// Lets seconds pass, with a sweep in each.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            self.sockets.sweep().await;
        }
    }

    async fn is_idle(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.next() => false,
            () = std::future::ready(()) => true,
        }
    }
}

#[test]
fn an_event_is_written_as_the_standard_has_it() {
    assert_eq!(event("done", None, "{}"), "event: done\ndata: {}\n\n");
    assert_eq!(event("chunk", Some("7"), "a"), "event: chunk\nid: 7\ndata: a\n\n");
    let lines = event("x", None, "a\r\nb\rc\n");
    assert_eq!(lines, "event: x\ndata: a\ndata: b\ndata: c\ndata: \n\n");
}

#[test]
fn the_end_of_an_event_is_found_from_any_offset_inside_it() {
    let events = [event("a", None, "one\n\nmore"), event("b", None, ""), event("c", None, "x")];
    let segment = events.concat();
    let mut start = 0;
    for event in &events {
        let end = start + event.len();
        for offset in start + 1..=end {
            assert_eq!(end_of_event(&segment, offset), end, "{offset}");
        }
        start = end;
    }
    assert_eq!(end_of_event(&segment, 0), 0);
    assert_eq!(end_of_event(b"data: half", 3), 10);
}

#[tokio::test]
async fn the_reader_gets_every_event_in_order_and_then_the_end() {
    let mut scene = open(Limits::default());
    let headers = scene.answer.headers().clone();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-cache, no-transform");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(scene.is_idle().await);
    for number in 0..3 {
        scene.outbox.send(&[event("n", None, &number.to_string())]);
    }
    let mut read = String::new();
    while !read.contains("data: 2\n\n") {
        read += &scene.next().await.expect("an event");
    }
    assert_eq!(read, "event: n\ndata: 0\n\nevent: n\ndata: 1\n\nevent: n\ndata: 2\n\n");
    assert!(scene.is_idle().await && !scene.is_gone());
    scene.outbox.finish(event("done", None, ""));
    assert_eq!(scene.next().await.as_deref(), Some("event: done\ndata: \n\n"));
    assert_eq!(scene.next().await, None);
    assert!(scene.is_gone(), "what was opened with it goes with the end");
}

#[tokio::test]
async fn more_is_asked_for_only_when_all_has_been_taken() {
    let mut scene = open_with(Limits::default(), 0..3);
    scene.outbox.send(&[event("first", None, "")]);
    assert_eq!(scene.next().await.as_deref(), Some("event: first\ndata: \n\n"));
    for number in 0..3 {
        assert_eq!(scene.outbox.queued(), 0, "not before the listener asks");
        assert_eq!(scene.next().await, Some(format!("event: n\ndata: {number}\n\n")));
    }
    assert!(scene.is_idle().await);
    scene.answer.body_mut().reader.as_mut().expect("open").left = 3..4;
    assert!(scene.is_idle().await, "asked once, it is not asked again for nothing");
    scene.outbox.send(&[event("n", None, "x")]);
    assert_eq!(scene.next().await.as_deref(), Some("event: n\ndata: x\n\n"));
    assert_eq!(scene.next().await.as_deref(), Some("event: n\ndata: 3\n\n"));
}

#[tokio::test]
async fn a_stream_is_kept_alive_only_while_the_listener_asks_for_more() {
    let mut scene = open(Limits::default());
    scene.outbox.send(&[event("n", None, "x")]);
    assert!(scene.next().await.is_some());
    scene.pass(300).await; // The reader has not taken it from the listener yet.
    assert_eq!(scene.outbox.queued(), 0, "nothing waits behind it");
    assert!(scene.is_idle().await && !scene.is_gone());
    scene.pass(14).await;
    assert!(scene.is_idle().await);
    scene.pass(1).await;
    assert_eq!(scene.next().await.as_deref(), Some(":\n\n"));
}

#[tokio::test]
async fn a_waiting_reader_is_woken_by_an_event() {
    let mut scene = open(Limits::default());
    let outbox = scene.outbox.clone();
    let (read, ()) = tokio::join!(scene.next(), async {
        tokio::task::yield_now().await;
        outbox.send(&[event("n", None, "x")]);
    });
    assert_eq!(read.as_deref(), Some("event: n\ndata: x\n\n"));
}

#[tokio::test]
async fn a_reader_who_goes_frees_everything_at_once() {
    let Scene { sockets, outbox, answer, gone, .. } = open(Limits::default());
    outbox.send(&[event("n", None, "x")]);
    assert_eq!((sockets.open(), sockets.list().len()), (1, 1));
    assert_eq!(sockets.list()[0].owner, None);
    drop(answer);
    assert!(gone.load(Ordering::SeqCst));
    assert_eq!((sockets.open(), sockets.queued()), (0, 0));
    assert_eq!(outbox.send(&[event("n", None, "x")]), hub::Sent::Closed);
}

#[tokio::test]
async fn a_reader_who_takes_nothing_is_cut_off_after_whole_events() {
    let mut scene = open(Limits { outbox: 100, ..Limits::default() });
    let long = event("n", None, &"x".repeat(60));
    scene.outbox.send(std::slice::from_ref(&long));
    assert_eq!(scene.next().await.map(|read| read.len()), Some(long.len()));
    assert_eq!(scene.outbox.send(&[long.clone(), long]), hub::Sent::Cut);
    assert!(scene.next().await.expect("why").starts_with(": too slow"));
    assert_eq!(scene.next().await, None);
}

#[tokio::test]
async fn a_drain_ends_the_stream_and_waits_for_its_reader() {
    let mut scene = open(Limits::default());
    let sockets = scene.sockets.clone();
    let drain = tokio::spawn(async move { sockets.drain(Duration::from_secs(60)).await });
    let last = scene.next().await.expect("why");
    assert!(last.starts_with(": the server is going away") && last.ends_with("\n\n"));
    assert_eq!(scene.next().await, None);
    assert!(!drain.is_finished());
    drop(scene);
    assert_eq!(drain.await.expect("no panic"), crate::Drained { told: 1, cut: 0 });
}

#[tokio::test]
async fn a_reader_who_takes_nothing_does_not_hold_the_drain_up() {
    let mut scene = open(Limits::default());
    let drain = scene.sockets.drain(Duration::ZERO);
    let drained = tokio::time::timeout(Duration::from_secs(10), drain).await;
    assert_eq!(drained, Ok(crate::Drained { told: 1, cut: 1 }));
    let frame = poll_fn(|cx| Pin::new(scene.answer.body_mut()).poll_frame(cx)).await;
    assert!(frame.expect("not the end").is_err());
}

#[tokio::test]
async fn a_stream_that_is_given_up_is_no_whole_answer() {
    let mut scene = open(Limits::default());
    scene.outbox.abort();
    let frame = poll_fn(|cx| Pin::new(scene.answer.body_mut()).poll_frame(cx)).await;
    assert!(frame.expect("not the end").is_err());
    assert!(scene.is_gone());
}

/// Sends the same event for ever.
struct Endless {
    outbox: Arc<Outbox>,
    event: Bytes,
    sent: Arc<AtomicUsize>,
}

impl Reader for Endless {
    fn drained(&mut self) {
        self.sent.fetch_add(self.event.len(), Ordering::SeqCst);
        self.outbox.send(std::slice::from_ref(&self.event));
    }
}

/// By how much hyper is ahead of a reader at most, who takes a little at a time of events of
/// this length, through a connection that holds next to nothing.
async fn furthest_ahead(max_buf_size: usize, event: &Bytes) -> usize {
    const HELD: usize = 1024;
    let sockets = Sockets::new(Arc::new(ManualClock::new(Timestamp(0))), Limits::default());
    let (mut client, server) = duplex(HELD);
    let sent = Arc::new(AtomicUsize::new(0));
    let (of_reader, event) = (sent.clone(), event.clone());
    let service = service_fn(move |_| {
        let outbox = sockets.outbox(&EVENTS, None).expect("room for one more");
        let (sent, event) = (of_reader.clone(), event.clone());
        let reader = Endless { outbox: outbox.clone(), event, sent };
        let answer = sockets.event_stream(outbox, [127, 0, 0, 1].into(), reader);
        std::future::ready(Ok::<_, io::Error>(answer))
    });
    let mut http = http1::Builder::new();
    http.max_buf_size(max_buf_size);
    let serving = tokio::spawn(http.serve_connection(TokioIo::new(server), service));
    client.write_all(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n").await.expect("sent");
    let (mut read, mut furthest) = (0, 0);
    let mut part = [0; HELD];
    while read < 1024 * 1024 {
        tokio::task::yield_now().await;
        // What the head and the chunks' lines take is in the reader's favour.
        furthest = furthest.max(sent.load(Ordering::SeqCst).saturating_sub(read));
        read += client.read(&mut part).await.expect("the stream goes on");
    }
    serving.abort();
    furthest
}

#[tokio::test]
async fn hyper_takes_no_more_ahead_of_the_reader_than_its_buffer_and_one_event() {
    let chunk = event("add-chunk", Some("1"), &"x".repeat(66_000));
    let short = event("n", None, "x");
    for max_buf_size in [16 * 1024, 64 * 1024, 400 * 1024] {
        for event in [&chunk, &short] {
            let furthest = furthest_ahead(max_buf_size, event).await;
            assert!(furthest > 0 && furthest <= max_buf_size + event.len() + 2 * 1024);
        }
    }
}
