//! A stream of server-sent events over TCP, through the listener and the edge as any route's
//! answer.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::{SystemClock, Vitals};
use http::StatusCode;
use http_kit::{Client, EdgeOptions, ServeLimits, edge, serve};
use hub::Outbox;
use testkit::{Dial, PATIENCE, Sse, SseEvent, SseItem};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use transport::{EVENTS, Limits, Reader, Sockets, events};

/// A stream that was opened: its outbox, and what hears that its reader is gone.
type Opened = (Arc<Outbox>, oneshot::Receiver<()>);

#[derive(Clone)]
struct Api {
    sockets: Sockets,
    opened: mpsc::UnboundedSender<Opened>,
}

/// Says when it is dropped.
struct Gone(#[expect(dead_code, reason = "it is there to be dropped")] oneshot::Sender<()>);

impl Reader for Gone {}

async fn open(State(api): State<Api>, client: Client) -> Response {
    let Some(outbox) = api.sockets.outbox(&EVENTS, None) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (dropped, gone) = oneshot::channel::<()>();
    api.opened.send((outbox.clone(), gone)).expect("the test listens");
    api.sockets.event_stream(outbox, client.address, Gone(dropped)).map(Body::new)
}

struct Server {
    sockets: Sockets,
    opened: mpsc::UnboundedReceiver<Opened>,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    async fn start() -> Self {
        let sockets = Sockets::new(Arc::new(SystemClock::new()), Limits::default());
        let (sender, opened) = mpsc::unbounded_channel();
        let api = Api { sockets: sockets.clone(), opened: sender };
        let routes = Router::new().route("/events", get(open)).with_state(api);
        let app = edge(routes, EdgeOptions::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (limits, vitals) = (ServeLimits::default(), Vitals::default());
        serve(vec![listener], app, None, limits, &stop, &tasks, &vitals);
        Self { sockets, opened, address, stop, tasks }
    }

    async fn read(&mut self) -> (Sse, Opened) {
        let dial = Dial::to(self.address);
        let reader = Sse::open(&dial, "/events", &[]).await.expect("a stream of events");
        (reader, timeout(PATIENCE, self.opened.recv()).await.expect("in time").expect("a stream"))
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        timeout(PATIENCE, self.tasks.wait()).await.expect("no connection is left");
    }
}

#[tokio::test]
async fn events_arrive_as_they_are_sent_and_a_drain_ends_the_stream() {
    let mut server = Server::start().await;
    let (mut reader, (outbox, gone)) = server.read().await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        assert_eq!(reader.head().header(name), Some(value));
    }
    for number in 1..=2 {
        outbox.send(&[events::event("n", Some(&number.to_string()), "x")]);
        let (event, data) = ("n".to_owned(), "x".to_owned());
        let expected = SseEvent { event, id: Some(number.to_string()), data };
        assert_eq!(reader.next().await, SseItem::Event(expected));
    }
    outbox.keep_alive();
    assert_eq!(reader.next().await, SseItem::Comment(String::new()));
    let drained = server.sockets.drain(Duration::from_secs(20)).await;
    assert_eq!((drained.told, drained.cut), (1, 0));
    let why = "the server is going away: reconnect".to_owned();
    assert_eq!(reader.next().await, SseItem::Comment(why));
    assert_eq!(reader.next().await, SseItem::End);
    assert!(gone.await.is_err(), "what was opened with the stream is dropped");
    server.stop().await;
}

#[tokio::test]
async fn a_reader_who_goes_is_gone_at_once_although_nothing_is_said() {
    let mut server = Server::start().await;
    let (reader, (outbox, gone)) = server.read().await;
    assert_eq!(server.sockets.open(), 1);
    drop(reader);
    assert!(timeout(PATIENCE, gone).await.expect("in time").is_err());
    assert!(outbox.status().dead);
}

#[tokio::test]
async fn a_stream_that_is_given_up_does_not_look_like_a_whole_one() {
    let mut server = Server::start().await;
    let (mut reader, (outbox, _gone)) = server.read().await;
    outbox.send(&[events::event("n", None, "x")]);
    assert_eq!(reader.event().await.data, "x");
    outbox.abort();
    assert_eq!(reader.next().await, SseItem::Broken);
    server.stop().await;
}
