//! Socket.IO on `/socket.io` (`docs/PROTOCOL.md`): the room for clients 1.x to 4.x.
//!
//! socketioxide speaks Engine.IO and Socket.IO: polling, WebSocket, the upgrade from the
//! one to the other, pings, packets. Ours is everything around it: who may connect and
//! how many ([`entrance`], [`lines`]), what a client may do when ([`session`]), and the
//! room, in which an authenticated client has a [`Seat`](crate::room::Seat) like any
//! other. `docs/decisions/0007-socketio.md` says why it is divided so.
//!
//! Deliberately absent: namespaces other than `/`, rooms of the library's, binary
//! events, connection-state recovery, JSONP.

mod breakable;
mod entrance;
mod lines;
mod polling;
mod probe;
mod session;

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http_kit::{Authenticate, Client, OriginPolicy};
use limits::Exempt;
use serde_json::Value;
use socketioxide::extract::{AckSender, SocketRef, TryData};
use socketioxide::handler::ConnectHandler;
use socketioxide::{ParserConfig, SocketIo};
use tokio::time::timeout;
use transport::Sockets;

use crate::dialect::socketio::Note;
use crate::rooms::Rooms;
use entrance::Engine;
use lines::{Line, Lines};
use session::Session;

/// Where it is.
const PATH: &str = "/socket.io";

/// Bytes of a request's or an answer's body when polling, and of a WebSocket message.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Packets that may wait for one client before it is hung up: as much as a crowd says
/// between two polls, and no more than some 4 MB if all of it is as long as can be.
const MAX_BUFFERED: usize = 1_024;

/// Attachments of one binary event, and their bytes. There is no use for them here, so
/// this is only what a confused client may cost.
const MAX_ATTACHMENTS: usize = 4;
const MAX_ATTACHED: usize = 16 * 1024;

/// How often a client is pinged (or pings, with Engine.IO 3). A poll is answered as
/// often at least, well within the time that the edge gives a request.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long it may take to answer: as on `/ws`, 25 s of silence are the end.
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes that a WebSocket's reader asks for. It keeps the buffer, so it is small.
const READ_BUFFER: usize = 4 * 1024;

/// After everybody was told to go, how long those may take who are not in the room.
const GOING: Duration = Duration::from_secs(1);

/// What every session needs.
struct Shared {
    rooms: Rooms,
    sockets: Sockets,
    authenticate: Arc<dyn Authenticate>,
    exempt: Exempt,
    auth_timeout: Duration,
}

/// What [`Socketio::open`] needs to know.
pub(crate) struct Options {
    pub(crate) rooms: Rooms,
    pub(crate) sockets: Sockets,
    pub(crate) authenticate: Arc<dyn Authenticate>,
    pub(crate) origins: Arc<OriginPolicy>,
    pub(crate) exempt: Exempt,
    pub(crate) auth_timeout: Duration,
}

/// All Socket.IO clients.
pub(crate) struct Socketio {
    io: SocketIo,
    engine: Engine,
    lines: Lines,
    origins: Arc<OriginPolicy>,
}

impl Socketio {
    pub(crate) fn open(options: Options) -> Self {
        let Options { rooms, sockets, authenticate, origins, exempt, auth_timeout } = options;
        let parser = ParserConfig::common()
            .max_incoming_binaries(MAX_ATTACHMENTS)
            .max_incoming_binary_buf_size(MAX_ATTACHED)
            .packet_completion_timeout(PING_TIMEOUT);
        let (engine, io) = SocketIo::builder()
            .req_path(PATH)
            .max_payload(MAX_PAYLOAD as u64)
            .ws_max_message_size(MAX_PAYLOAD)
            .ws_max_frame_size(MAX_PAYLOAD)
            .ws_read_buffer_size(READ_BUFFER)
            .max_buffer_size(MAX_BUFFERED)
            .ping_interval(PING_INTERVAL)
            .ping_timeout(PING_TIMEOUT)
            .connect_timeout(auth_timeout)
            .with_parser(parser)
            .build_with_inner_svc(Router::new());
        let lines = Lines::new(exempt.clone());
        let shared = Arc::new(Shared { rooms, sockets, authenticate, exempt, auth_timeout });
        // Handlers are in place before the client is told that it is connected: what it
        // says at once must not be lost. Only then is there a middleware.
        let admit = move |socket: SocketRef| ready(admit(&shared, &socket));
        io.ns("/", greet.with(admit));
        Self { io, engine, lines, origins }
    }

    pub(crate) fn routes(&self) -> Router {
        entrance::routes(self.engine.clone(), self.lines.clone(), self.origins.clone())
    }

    /// Connections open now.
    pub(crate) fn count(&self) -> usize {
        self.lines.count()
    }

    /// Takes no more connections and hangs up all, after what they have been told. One that
    /// is still there after `within` is cut.
    pub(crate) async fn close(&self, within: Duration) {
        if !self.lines.close() {
            return;
        }
        let sockets = self.io.sockets();
        // The library has each connection closed behind what is queued for it, and waits
        // for that. It forgets to tell the handlers.
        let _ = timeout(within, self.io.close()).await;
        for socket in sockets {
            let _ = socket.disconnect(); // Nothing is sent any more; the session ends.
        }
        let _ = timeout(GOING, self.lines.emptied()).await;
        self.lines.cut_all();
        let _ = timeout(GOING, self.lines.emptied()).await;
    }
}

impl fmt::Debug for Socketio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socketio").field("lines", &self.lines).finish_non_exhaustive()
    }
}

/// The client has been told that it is connected, and the library takes events for it.
async fn greet(socket: SocketRef) {
    let extensions = &socket.req_parts().extensions;
    let host = extensions.get::<Client>().and_then(|client| client.host.as_deref());
    let message = format!("Hello, at {}", host.unwrap_or("this server"));
    let _ = socket.emit("news", &Note { message: &message }); // Or it has gone already.
    if let Some(line) = extensions.get::<Arc<Line>>() {
        line.set_ready();
    }
}

/// Sets a client up. It is a stranger still.
fn admit(shared: &Arc<Shared>, socket: &SocketRef) -> Result<(), &'static str> {
    let extensions = &socket.req_parts().extensions;
    let line = extensions.get::<Arc<Line>>().cloned();
    let (Some(line), Some(client)) = (line, extensions.get::<Client>().cloned()) else {
        return Err("This connection did not come through the front door.");
    };
    if !line.take() {
        return Err("This connection is over: open another.");
    }
    let session = Arc::new(Session::new(Arc::clone(shared), line, client));
    let of = &session;

    let session = Arc::clone(of);
    socket.on("authentication", move |socket: SocketRef, TryData(data): TryData<Value>| {
        session.authenticate(socket, data.ok())
    });
    let session = Arc::clone(of);
    let post = move |socket: SocketRef, TryData(data): TryData<Value>, ack: AckSender| {
        session.post(&socket, data.ok().as_ref(), ack);
        ready(())
    };
    socket.on("client-sent-message", post);
    let session = Arc::clone(of);
    socket.on_disconnect(move || {
        session.end();
        ready(())
    });
    tokio::spawn(Arc::clone(of).watch(socket.clone()));
    Ok(())
}
