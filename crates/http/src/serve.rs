//! Accept loops: from a bound listener to a request on the router.
//!
//! One task a connection. The stream is handed to hyper without a wrapper, as
//! `TokioIo<TcpStream>` or `TokioIo<TlsStream<TcpStream>>`, so that code that
//! upgrades a request can have exactly that type back from
//! `hyper::upgrade::Upgraded::downcast`.
//!
//! Every wait on a client ends: first byte, hand-shake, headers (and the idle time between
//! requests, which hyper counts as waiting for headers) by [`ServeLimits`]; the
//! body and the answer's start by the edge's time limit; an answer that the
//! client does not read by `TCP_USER_TIMEOUT`, which the kernel applies where no
//! byte is taken for that long.
//!
//! The bounds on connections cover HTTP only. An upgraded stream leaves hyper and
//! this crate; its bound is its capability's. How many a network has, and who makes
//! room: [`connections`](crate::connections). A connection of which no byte has come has no buffers
//! yet; of those that have begun, there are as many as the [memory](crate::memory) has room for.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::response::{IntoResponse, Response};
use base::{Vital, Vitals};
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use limits::Exempt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::connections::{ConnectionSlot, ConnectionSlots};
use crate::gathered::{Gathered, holding};
use crate::linger::close;
use crate::memory::{HTTP_MEMORY, Memory, Taken, head_size};
use crate::{ApiError, Peer, Tls};

/// Bounds of what a client may take up before its request is understood.
#[derive(Clone, Debug)]
pub struct ServeLimits {
    /// For the TLS hand-shake.
    pub handshake: Duration,
    /// For a connection's first byte, for all of a request's headers, and for the next
    /// request on an open connection to begin; for a slot, where all of the network's are
    /// taken.
    pub headers: Duration,
    /// For the kernel to get rid of at least one more byte of an answer.
    pub stall: Duration,
    /// For a client to stop sending after the connection's last answer.
    pub linger: Duration,
    /// For a connection that has begun to send to be read, when the memory of all is taken.
    /// It costs little meanwhile, and to be cut off would only make it come back. A request
    /// whose head needs more waits for no longer than [`headers`](Self::headers).
    pub turn: Duration,
    /// Connections in the HTTP phase at once, over all listeners; further ones wait in
    /// the kernel's backlog.
    pub connections: usize,
    /// Bytes that those of them may take that have sent something, as they are reckoned
    /// ([`CONNECTION_MEMORY`](crate::CONNECTION_MEMORY)). Idle ones close to make room for
    /// further ones, which are not read meanwhile.
    pub memory: usize,
    /// The same of one network: an IPv4 address, an IPv6 /64. As many more wait
    /// for a slot; one more is closed without a word, for reading what it has to say
    /// is what cannot be afforded.
    pub connections_of_network: usize,
    /// Networks to which that does not apply: trusted proxies, and exempt ones.
    pub uncounted: Vec<IpNet>,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(10),
            stall: Duration::from_secs(90),
            linger: Duration::from_secs(1),
            turn: Duration::from_secs(30),
            connections: 100_000,
            memory: HTTP_MEMORY,
            connections_of_network: 256,
            uncounted: Vec::new(),
        }
    }
}

/// Bytes that a request's head may have, its first line included. Old pages keep keys in
/// cookies until they are 40 KB.
const MAX_HEAD: usize = 64 * 1024;
/// Header lines a request may have.
const MAX_HEADER_LINES: usize = 64;
/// Pause after an accept that failed for want of something (file descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on every listener, over TLS if there is an identity.
///
/// Returns at once. Loops and connections run on `tasks` until `stop` is
/// cancelled: then the listeners close, idle connections close, requests under
/// way are finished, and the tracker empties. `vitals` hear of a loop that panicked.
pub fn serve(
    listeners: Vec<TcpListener>,
    app: Router,
    tls: Option<Arc<Tls>>,
    limits: ServeLimits,
    stop: &CancellationToken,
    tasks: &TaskTracker,
    vitals: &Vitals,
) {
    let (of_network, uncounted) = (limits.connections_of_network, Exempt(limits.uncounted.clone()));
    let networks = ConnectionSlots::new(of_network, limits.headers, uncounted);
    let shared = Arc::new(Shared {
        app,
        tls,
        http: builder(&limits),
        slots: Arc::new(Semaphore::new(limits.connections)),
        memory: Memory::new(limits.memory, networks.clone()),
        networks,
        limits,
        stop: stop.clone(),
        tasks: tasks.clone(),
    });
    for listener in listeners {
        tasks.spawn(accept_loop(listener, Arc::clone(&shared), vitals.watch("listener")));
    }
}

struct Shared {
    app: Router,
    tls: Option<Arc<Tls>>,
    limits: ServeLimits,
    http: http1::Builder,
    slots: Arc<Semaphore>,
    memory: Memory,
    networks: ConnectionSlots,
    stop: CancellationToken,
    tasks: TaskTracker,
}

fn builder(limits: &ServeLimits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(MAX_HEAD)
        // The buffer alone lets pass what came in one piece with the rest of it.
        .max_header_size(MAX_HEAD)
        .max_headers(MAX_HEADER_LINES);
    builder
}

async fn accept_loop(listener: TcpListener, shared: Arc<Shared>, _alive: Vital) {
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
    let _slot = slot;
    prepare(&stream, &shared.limits);
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let taken = tokio::select! {
        () = shared.stop.cancelled() => return,
        taken = shared.networks.take(address.ip()) => taken,
    };
    let Some(slot) = taken else {
        metrics::counter!("packetboat_connections_refused_total").increment(1);
        return tracing::debug!(%address, "too many connections of one network");
    };
    let Some(taken) = begins(&stream, &slot, &shared).await else { return };
    let Some(tls) = &shared.tls else {
        let peer = Peer { address, secure: false };
        return Box::pin(http(stream, peer, slot, taken, &shared)).await;
    };
    let handshake = Box::pin(tls.acceptor().accept(stream));
    let accepted = tokio::select! {
        () = shared.stop.cancelled() => return,
        () = slot.asked_to_close() => return,
        accepted = tokio::time::timeout(shared.limits.handshake, handshake) => accepted,
    };
    match accepted {
        Ok(Ok(stream)) => {
            let peer = Peer { address, secure: true };
            Box::pin(http(stream, peer, slot, taken, &shared)).await;
        }
        Ok(Err(error)) => tracing::debug!(%address, %error, "TLS hand-shake failed"),
        Err(_) => tracing::debug!(%address, "TLS hand-shake took too long"),
    }
}

/// Waits for the connection's first byte before anything is set up for it, and then for
/// its part of the memory; `None` if either does not come in time.
async fn begins(stream: &TcpStream, slot: &ConnectionSlot, shared: &Shared) -> Option<Taken> {
    let ServeLimits { handshake, headers, turn, .. } = shared.limits;
    let silent = if shared.tls.is_some() { handshake } else { headers };
    let begun = async {
        // Not `readable`, which may say so of a stream that is not.
        let first = tokio::time::timeout(silent, stream.peek(&mut [0])).await.ok()?.ok()?;
        if first == 0 {
            return None;
        }
        shared.memory.take(shared.tls.is_some()).await
    };
    tokio::select! {
        () = shared.stop.cancelled() => None,
        () = slot.asked_to_close() => None,
        begun = tokio::time::timeout(silent + turn, begun) => begun.ok().flatten(),
    }
}

/// Bytes of an answer that the kernel keeps for a reader, as asked for; Linux keeps twice as
/// many. Left to itself it keeps 4 MB, and then takes nothing for minutes from a stream whose
/// reader is slow, so that one that reads looks like one that does not.
const SEND_BUFFER: usize = 256 * 1024;

/// Socket options. Failing to set one costs speed or patience, not correctness.
fn prepare(stream: &TcpStream, limits: &ServeLimits) {
    let _ = stream.set_nodelay(true);
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER);
    #[cfg(target_os = "linux")]
    {
        let stall = u32::try_from(limits.stall.as_millis()).unwrap_or(u32::MAX);
        let _ = rustix::net::sockopt::set_tcp_user_timeout(stream, stall);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = limits;
}

/// What hyper leaves to its users: HTTP/1.1 asks for exactly one `Host` (RFC 9112
/// section 3.2). Of two, a proxy may have checked the one and we would go by the other. Nor
/// may its sender agree with us on where the next request begins.
fn flaw(request: &Request<Body>) -> Option<ApiError> {
    let hosts = request.headers().get_all(HOST).iter().count();
    let right = hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11);
    let sentence = "A request needs exactly one Host header.";
    (!right).then(|| ApiError::new(StatusCode::BAD_REQUEST, sentence))
}

async fn http<S>(stream: S, peer: Peer, slot: ConnectionSlot, taken: Taken, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (app, patience) = (shared.app.clone(), shared.limits.headers);
    let asked = Asked { app, peer, slot: slot.clone(), taken, patience };
    let service = hyper::service::service_fn(move |request| asked.clone().answer(request));
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
            () = slot.asked_to_close() => {
                Pin::new(&mut connection).graceful_shutdown();
                // For what is on its way out; one that has not sent its headers to the
                // end has nothing to wait for. Its slot is waited for.
                let _ = tokio::time::timeout(shared.limits.linger, &mut connection).await;
                return;
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
}

/// The application, as one connection asks it.
#[derive(Clone)]
struct Asked {
    app: Router,
    peer: Peer,
    slot: ConnectionSlot,
    taken: Taken,
    /// For the memory of a large head.
    patience: Duration,
}

impl Asked {
    /// Has the application answer one request.
    async fn answer(self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let busy = self.slot.begin();
        let mut request = request.map(|body| Body::new(Gathered::new(body)));
        request.extensions_mut().insert(self.peer);
        let mut response = match self.refusal(flaw(&request), head_size(&request)).await {
            Some(refused) => ([(CONNECTION, "close")], refused).into_response(),
            None => self.app.oneshot(request).await?,
        };
        let upgrades = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        if self.slot.is_contended() && !upgrades {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // What is there already is handed over in one piece; else it is busy to the end.
        let is_whole = response.body().size_hint().exact().is_some();
        Ok(if is_whole { response } else { response.map(|body| holding(body, busy)) })
    }

    /// Why a request does not reach the application, if so; its connection closes.
    async fn refusal(&self, flaw: Option<ApiError>, head: usize) -> Option<ApiError> {
        match flaw {
            Some(flaw) => Some(flaw),
            None => self.taken.admit(head, self.patience).await.err(),
        }
    }
}
