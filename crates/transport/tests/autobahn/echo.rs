//! The server under test: every message comes back as it was.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::SystemClock;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hub::Outbox;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use transport::{Handler, Limits, Message, Sockets, WEBSOCKET, frame};

use crate::peer::{BINARY, FIN};

/// The longest message that it takes, mostly.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;

/// How long a case may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

struct Echo(Arc<Outbox>);

impl Handler for Echo {
    fn on_message(&mut self, message: Message<'_>) {
        let answer = match message {
            Message::Text(text) => frame::text(text.as_bytes()),
            Message::Binary(data) => {
                // The same, but for the opcode: this crate's users send only text.
                let mut frame = frame::text(data).to_vec();
                frame[0] = FIN | BINARY;
                Bytes::from(frame)
            }
        };
        self.0.send(&[answer]);
    }

    fn ready(&self) -> bool {
        true
    }
}

/// An echo on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    sockets: Sockets,
}

impl Server {
    /// Takes messages of up to [`MAX_MESSAGE`].
    pub(crate) async fn start() -> Self {
        Self::taking(MAX_MESSAGE).await
    }

    pub(crate) async fn taking(max_message: usize) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let sockets = Sockets::new(Arc::new(SystemClock::new()), Limits::default());
        let serving = sockets.clone();
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                stream.set_nodelay(true).expect("an open socket");
                let sockets = serving.clone();
                let service = service_fn(move |request| {
                    std::future::ready(Ok::<_, Infallible>(upgrade(
                        &sockets,
                        max_message,
                        from,
                        request,
                    )))
                });
                let http = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(http.with_upgrades());
            }
        });
        Self { address, sockets }
    }

    /// Every connection must have ended by itself.
    pub(crate) async fn stop(self) {
        let ended = async {
            while self.sockets.open() > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, ended).await.expect("no connection is left");
    }
}

fn upgrade(
    sockets: &Sockets,
    max_message: usize,
    from: SocketAddr,
    mut request: Request<Incoming>,
) -> Response<String> {
    let upgrade = hyper::upgrade::on(&mut request);
    let key = request.headers().get("sec-websocket-key").expect("a hand-shake");
    let accepted = derive_accept_key(key.as_bytes());
    let outbox = sockets.outbox(&WEBSOCKET, None).expect("room for one more");
    sockets.serve(upgrade, max_message, outbox.clone(), from.ip(), Echo(outbox));
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-accept", accepted);
    answer.body(String::new()).expect("a valid answer")
}
