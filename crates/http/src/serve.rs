//! Accept loops: from a bound listener to a request on the router.
//!
//! One task a connection. The stream is handed to hyper without a wrapper, as
//! `TokioIo<TcpStream>` or `TokioIo<TlsStream<TcpStream>>`, so that whoever
//! upgrades a request can have exactly that type back from
//! `hyper::upgrade::Upgraded::downcast`.
//!
//! Every wait on a client ends: hand-shake, headers (and the idle time between
//! requests, which hyper counts as waiting for headers) by [`ServeLimits`]; the
//! body and the answer's start by the edge's time limit; an answer that the
//! client does not read by `TCP_USER_TIMEOUT`, which the kernel applies where no
//! byte is taken for that long.
//!
//! The bound on connections covers HTTP only. An upgraded stream leaves hyper and
//! this crate; its bound is its capability's.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HOST};
use http::{Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::linger::close;
use crate::{ApiError, Peer, Tls};

/// Bounds of what a client may take up before its request is understood.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// For the TLS hand-shake.
    pub handshake: Duration,
    /// For all of a request's headers, and for the next request on an open
    /// connection to begin.
    pub headers: Duration,
    /// For the kernel to get rid of at least one more byte of an answer.
    pub stall: Duration,
    /// For a client to stop sending after the connection's last answer.
    pub linger: Duration,
    /// Connections in the HTTP phase at once, over all listeners; further ones
    /// wait in the kernel's backlog.
    pub connections: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            linger: Duration::from_secs(1),
            connections: 100_000,
        }
    }
}

/// Bytes of read buffer, and so of headers, a connection may take.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Header lines a request may have.
const MAX_HEADER_LINES: usize = 64;
/// Pause after an accept that failed for want of something (file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on every listener, over TLS if there is an identity.
///
/// Returns at once. Loops and connections run on `tasks` until `stop` is
/// cancelled: then the listeners close, idle connections close, requests under
/// way are finished, and the tracker empties.
pub fn serve(
    listeners: Vec<TcpListener>,
    app: Router,
    tls: Option<Arc<Tls>>,
    limits: ServeLimits,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    let shared = Arc::new(Shared {
        app,
        tls,
        limits,
        http: builder(&limits),
        slots: Arc::new(Semaphore::new(limits.connections)),
        stop: stop.clone(),
        tasks: tasks.clone(),
    });
    for listener in listeners {
        tasks.spawn(accept_loop(listener, Arc::clone(&shared)));
    }
}

struct Shared {
    app: Router,
    tls: Option<Arc<Tls>>,
    limits: ServeLimits,
    http: http1::Builder,
    slots: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

fn builder(limits: &ServeLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADER_LINES);
    builder
}

async fn accept_loop(listener: TcpListener, shared: Arc<Shared>) {
    let mut failing = false;
    loop {
        let next = async {
            // The semaphore is never closed, so this only ever waits.
            let slot = Arc::clone(&shared.slots).acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = shared.stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, address)) => {
                failing = false;
                let connection = connection(stream, address, slot, Arc::clone(&shared));
                shared.tasks.spawn(connection);
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(%error, "cannot accept connections");
                }
                metrics::counter!("packetboat_accept_failures_total").increment(1);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Errors of one connection that was gone before it was accepted.
fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    slot: Option<OwnedSemaphorePermit>,
    shared: Arc<Shared>,
) {
    prepare(&stream, &shared.limits);
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let Some(tls) = &shared.tls else {
        return http(stream, Peer { address, secure: false }, slot, &shared).await;
    };
    let handshake = tls.acceptor().accept(stream);
    let accepted = tokio::select! {
        () = shared.stop.cancelled() => return,
        accepted = tokio::time::timeout(shared.limits.handshake, handshake) => accepted,
    };
    match accepted {
        Ok(Ok(stream)) => http(stream, Peer { address, secure: true }, slot, &shared).await,
        Ok(Err(error)) => tracing::debug!(%address, %error, "TLS hand-shake failed"),
        Err(_) => tracing::debug!(%address, "TLS hand-shake took too long"),
    }
}

/// Socket options. Failing to set one costs speed or patience, not correctness.
fn prepare(stream: &TcpStream, limits: &ServeLimits) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    {
        let stall = u32::try_from(limits.stall.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, stall);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = limits;
}

/// What hyper leaves to its users: HTTP/1.1 asks for exactly one `Host` (RFC 9112
/// section 3.2). Of two, a proxy may have checked the one and we would go by the other.
fn flaw(request: &Request<Body>) -> Option<Response> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let right = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    let sentence = "A request needs exactly one Host header.";
    (!right).then(|| {
        let refusal = ApiError::new(StatusCode::BAD_REQUEST, sentence);
        // Whoever wrote this may not agree with us on where the next request begins.
        ([(CONNECTION, "close")], refusal).into_response()
    })
}

async fn http<S>(stream: S, peer: Peer, slot: Option<OwnedSemaphorePermit>, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let app = shared.app.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        let app = app.clone();
        async move {
            match flaw(&request) {
                Some(refused) => Ok(refused),
                None => app.oneshot(request).await,
            }
        }
    });
    let io = TokioIo::new(stream);
    let mut connection = shared.http.serve_connection(io, service).with_upgrades();
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            () = shared.stop.cancelled(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.address, %error, "connection ended early");
    }
    // Upgraded streams are gone from here, and their slot with them.
    if let Some(parts) = connection.into_parts() {
        let mut stream = parts.io.into_inner();
        tokio::select! {
            () = close(&mut stream, shared.limits.linger) => {}
            () = shared.stop.cancelled() => {}
        }
    }
    drop(slot);
}
