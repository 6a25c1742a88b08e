//! Socket.IO on `/socket.io` (`docs/PROTOCOL.md`): the room for clients 1.x to 4.x.
//!
//! socketioxide speaks Engine.IO and Socket.IO: polling, WebSocket, the upgrade from the
//! one to the other, pings, packets. Ours is everything around it: who may connect and
//! how many ([`routes`], [`connections`]), what a client may do when ([`session`]), and the
//! room, in which an authenticated client has a [`Seat`](crate::room::Seat) like any
//! other. `docs/decisions/0007-socketio.md` says why it is divided so.
//!
//! Deliberately absent: namespaces other than `/`, rooms of the library's, binary
//! events, connection-state recovery, JSONP.

mod abortable;
mod connections;
mod polling;
mod probe;
mod routes;
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

use crate::dialect::socketio::MessagePayload;
use crate::rooms::Rooms;
use connections::{Connection, Connections};
use routes::Engine;
use session::Session;

/// The path of the endpoint.
const PATH: &str = "/socket.io";

/// Bytes of a request's or an answer's body when polling, and of a WebSocket message.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Packets that may wait for one client before it is disconnected: as much as a large room
/// says between two polls, and no more than some 4 MB if all of it is as long as can be.
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

/// After all clients were told to disconnect, how long those may take who are not in the
/// room.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

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
    connections: Connections,
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
        let connections = Connections::new(exempt.clone());
        let shared = Arc::new(Shared { rooms, sockets, authenticate, exempt, auth_timeout });
        // Handlers are in place before the client is told that it is connected: what it
        // says at once must not be lost. Only then is there a middleware.
        let admit = move |socket: SocketRef| ready(admit(&shared, &socket));
        io.ns("/", send_greeting.with(admit));
        Self { io, engine, connections, origins }
    }

    pub(crate) fn routes(&self) -> Router {
        routes::routes(self.engine.clone(), self.connections.clone(), self.origins.clone())
    }

    /// Connections open now.
    pub(crate) fn count(&self) -> usize {
        self.connections.count()
    }

    /// Takes no more connections and disconnects all clients, after what they have been sent. One that
    /// is still there after `within` is cut.
    pub(crate) async fn close(&self, within: Duration) {
        if !self.connections.close() {
            return;
        }
        let sockets = self.io.sockets();
        // The library has each connection closed behind what is queued for it, and waits
        // for that. It forgets to tell the handlers.
        let _ = timeout(within, self.io.close()).await;
        for socket in sockets {
            let _ = socket.disconnect(); // Nothing is sent any more; the session ends.
        }
        let _ = timeout(CLOSE_LIMIT, self.connections.emptied()).await;
        self.connections.cut_all();
        let _ = timeout(CLOSE_LIMIT, self.connections.emptied()).await;
    }
}

impl fmt::Debug for Socketio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socketio").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// The client has been told that it is connected, and the library takes events for it.
async fn send_greeting(socket: SocketRef) {
    let extensions = &socket.req_parts().extensions;
    let host = extensions.get::<Client>().and_then(|client| client.host.as_deref());
    let message = format!("Hello, at {}", host.unwrap_or("this server"));
    let _ = socket.emit("news", &MessagePayload { message: &message }); // Or it has gone already.
    if let Some(connection) = extensions.get::<Arc<Connection>>() {
        connection.set_ready();
    }
}

/// Registers the handlers of a client, which has not authenticated yet.
fn admit(shared: &Arc<Shared>, socket: &SocketRef) -> Result<(), &'static str> {
    let extensions = &socket.req_parts().extensions;
    let connection = extensions.get::<Arc<Connection>>().cloned();
    let (Some(connection), Some(client)) = (connection, extensions.get::<Client>().cloned()) else {
        return Err("This connection was not opened by a route of this server.");
    };
    if !connection.claim() {
        return Err("This connection is over: open another.");
    }
    let session = Arc::new(Session::new(Arc::clone(shared), connection, client));
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
