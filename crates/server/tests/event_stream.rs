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
use testkit::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
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

    async fn read(&mut self) -> (TcpStream, Opened) {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.write_all(b"GET /events HTTP/1.1\r\nHost: here\r\n\r\n").await.expect("sent");
        (stream, timeout(PATIENCE, self.opened.recv()).await.expect("in time").expect("a stream"))
    }
}

/// Reads on until `text` ends with `end`.
async fn read_to(stream: &mut TcpStream, text: &mut String, end: &str) {
    let reading = async {
        while !text.ends_with(end) {
            let mut part = [0; 1024];
            let read = stream.read(&mut part).await.expect("the stream goes on");
            assert!(read > 0, "it ended after {text}");
            text.push_str(std::str::from_utf8(&part[..read]).expect("text"));
        }
    };
    timeout(PATIENCE, reading).await.expect("in time");
}

#[tokio::test]
async fn events_arrive_as_they_are_sent_and_a_drain_ends_the_stream() {
    let mut server = Server::start().await;
    let (mut stream, (outbox, gone)) = server.read().await;
    let mut text = String::new();
    read_to(&mut stream, &mut text, "\r\n\r\n").await;
    let head = text.to_ascii_lowercase();
    for line in [
        "http/1.1 200 ok",
        "content-type: text/event-stream",
        "cache-control: no-cache, no-transform",
        "x-accel-buffering: no",
    ] {
        assert!(head.contains(line), "{head}");
    }
    for number in 1..=2 {
        outbox.send(&[events::event("n", Some(&number.to_string()), "x")]);
        read_to(&mut stream, &mut text, &format!("event: n\nid: {number}\ndata: x\n\n\r\n")).await;
    }
    outbox.keep_alive();
    read_to(&mut stream, &mut text, ":\n\n\r\n").await;
    let drained = server.sockets.drain(Duration::from_secs(20)).await;
    assert_eq!((drained.told, drained.cut), (1, 0));
    read_to(&mut stream, &mut text, ": the server is going away: reconnect\n\n\r\n0\r\n\r\n").await;
    assert!(gone.await.is_err(), "what was opened with the stream is dropped");
    server.stop.cancel();
    server.tasks.close();
    timeout(PATIENCE, server.tasks.wait()).await.expect("no connection is left");
}

#[tokio::test]
async fn a_reader_who_goes_is_gone_at_once_although_nothing_is_said() {
    let mut server = Server::start().await;
    let (mut stream, (outbox, gone)) = server.read().await;
    read_to(&mut stream, &mut String::new(), "\r\n\r\n").await;
    assert_eq!(server.sockets.open(), 1);
    drop(stream);
    assert!(timeout(PATIENCE, gone).await.expect("in time").is_err());
    assert!(outbox.status().dead);
}
