//! One Socket.IO client: unauthenticated, then with a seat in the room, then gone.
//!
//! Owns the order of these and what the client may do in each. Everything that comes
//! from the library arrives here in the order in which it was read, because handlers do
//! their work before they return a future (the library spawns that, out of order).
//!
//! Invariants: a client has a seat from `authenticated` until it is disconnected, and never
//! again; every posting is answered once, in order; a client that does not take what it is
//! told loses its connection, and no other waits for it.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::{Arc, Weak};
use std::time::Duration;

use base::{Owner, Principal};
use http_kit::Client;
use hub::Sink;
use parking_lot::Mutex;
use serde_json::Value;
use socketioxide::SendError;
use socketioxide::extract::{AckSender, SocketRef};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use transport::{Listed, WEBSOCKET};

use super::Shared;
use super::connections::Connection;
use crate::dialect::socketio::{self, Answer, Event, MessagePayload};
use crate::dialect::{Dialect, Refusal};
use crate::room::{JoinError, JoinRequest, Seat};

/// Postings of one client that may wait for storage. More are refused: the library
/// reads on whatever we say, so there is no holding a client back. Deeper than a
/// burst that its pace allows.
const MAX_IN_FLIGHT: usize = 512;

/// How long looking up a token may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(10);

/// How long a client that was told to disconnect may take for it.
const LINGER: Duration = Duration::from_secs(5);

/// The contract's answer to a token that is none.
const NOT_FOUND: &str = "Token not found.";

/// The code of a posting by a client that has not authenticated.
const UNAUTHORIZED: &str = "unauthorized";

/// See the module's documentation.
pub(super) struct Session {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    client: Client,
    state: Mutex<State>,
    ended: CancellationToken,
}

enum State {
    Unauthenticated,
    /// Its token is being looked up.
    Authenticating,
    Joined {
        seat: Seat,
        acks: Arc<Acks>,
        /// Its place on the list of open connections.
        _listed: Listed,
    },
    Ended,
}

/// The acknowledgements that a client waits for, oldest first.
type Acks = Mutex<VecDeque<AckSender>>;

impl Session {
    pub(super) fn new(shared: Arc<Shared>, connection: Arc<Connection>, client: Client) -> Self {
        let (state, ended) = (Mutex::new(State::Unauthenticated), CancellationToken::new());
        Self { shared, connection, client, state, ended }
    }

    /// Ends the session: when the client has not authenticated in time, and in any case
    /// with its connection.
    pub(super) async fn watch(self: Arc<Self>, socket: SocketRef) {
        let in_time = timeout(self.shared.auth_timeout, self.ended.cancelled()).await;
        // Not while its token is looked up: it has done its part.
        let is_unauthenticated = matches!(*self.state.lock(), State::Unauthenticated);
        if in_time.is_err() && is_unauthenticated {
            self.disconnect(socket);
        } else {
            drop(socket);
        }
        tokio::select! {
            () = self.ended.cancelled() => {}
            () = self.connection.until_cut() => self.end(),
        }
    }

    /// `authentication`: the first one counts.
    pub(super) async fn authenticate(self: Arc<Self>, socket: SocketRef, data: Option<Value>) {
        {
            let mut state = self.state.lock();
            if !matches!(*state, State::Unauthenticated) {
                return;
            }
            *state = State::Authenticating;
        }
        let looking_up = async {
            // A client that hears that it is connected may speak before the library
            // takes an answer for it.
            self.connection.until_ready().await;
            match socketio::token(data.as_ref()) {
                Some(token) => self.shared.authenticate.by_token(token).await,
                None => Ok(None),
            }
        };
        match timeout(LOOKUP_LIMIT, looking_up).await {
            Ok(Ok(Some(principal))) => self.join(socket, principal),
            Ok(Ok(None)) => self.refuse(socket, NOT_FOUND),
            // Not the client's fault: it keeps its token and tries again.
            Ok(Err(error)) => {
                tracing::error!(%error, "cannot look up a token");
                self.disconnect(socket);
            }
            Err(_) => self.disconnect(socket),
        }
    }

    fn join(self: Arc<Self>, socket: SocketRef, principal: Principal) {
        let owner = Owner::Account(principal.account);
        // What is meant for it is framed for a WebSocket and read back for the library.
        let Some(outbox) = self.shared.sockets.outbox(&WEBSOCKET, Some(owner)) else {
            return self.disconnect(socket);
        };
        let acks = Arc::new(Acks::default());
        let sink = ClientSink {
            socket: socket.clone(),
            session: Arc::downgrade(&self),
            acks: acks.clone(),
        };
        outbox.attach(Arc::new(sink));
        let listed = self.shared.sockets.list_other(outbox.clone(), self.client.address);
        let request = JoinRequest {
            principal,
            outbox,
            dialect: Dialect::Socketio,
            resume: None,
            exempt: self.shared.exempt.contains(self.client.address),
        };
        let joined = {
            // Held over joining: the client may hear that it is in the room, and post,
            // before this returns.
            let mut state = self.state.lock();
            if !matches!(*state, State::Authenticating) {
                return; // It has gone meanwhile.
            }
            let seat = self.shared.rooms.default_room().join(&request);
            seat.map(|seat| *state = State::Joined { seat, acks, _listed: listed })
        };
        match joined {
            // The session may have ended between its check and the seat. From here on
            // `Chat::session_ended` finds the seat; before, only this does.
            Ok(()) if self.shared.authenticate.is_current(&request.principal) => {
                self.connection.set_authenticated()
            }
            Ok(()) => self.refuse(socket, NOT_FOUND),
            Err(JoinError::TooOften) => self.refuse(socket, "Too many attempts, try again later."),
            Err(JoinError::Taken | JoinError::TooMany) => {
                self.refuse(socket, "You have as many open connections as one person may have.");
            }
            // Not the client's fault: it keeps its token and tries again.
            Err(
                JoinError::Closed
                | JoinError::NoSuchRoom
                | JoinError::TooManyRooms
                | JoinError::Storage(_),
            ) => self.disconnect(socket),
        }
    }

    /// `client-sent-message`.
    pub(super) fn post(self: &Arc<Self>, socket: &SocketRef, data: Option<&Value>, ack: AckSender) {
        let text = socketio::text(data);
        let state = self.state.lock();
        let code = match &*state {
            State::Joined { seat, acks, .. } if seat.poster().waiting() < MAX_IN_FLIGHT => {
                acks.lock().push_back(ack);
                return seat.poster().post(text, None);
            }
            State::Joined { .. } => Refusal::RateLimited.code(),
            State::Unauthenticated | State::Authenticating | State::Ended => UNAUTHORIZED,
        };
        drop(state);
        if ack.send(&Answer::refused(code)).is_err() {
            self.disconnect(socket.clone());
        }
    }

    /// The connection is over, or is to be: the client gives up its seat now.
    pub(super) fn end(&self) {
        self.ended.cancel();
        let state = std::mem::replace(&mut *self.state.lock(), State::Ended);
        drop(state); // Leaving takes the room's lock: not under ours.
    }

    fn refuse(&self, socket: SocketRef, message: &str) {
        // If it cannot be told why, it will see that it is.
        let _ = socket.emit("unauthorized", &MessagePayload { message });
        self.disconnect(socket);
    }

    /// Asks the client to disconnect, after what it has been sent already, and cuts it off if it
    /// does not.
    fn disconnect(&self, socket: SocketRef) {
        self.end();
        if socket.disconnect().is_err() {
            return self.connection.cut(); // It takes nothing more.
        }
        let connection = Arc::downgrade(&self.connection);
        tokio::spawn(async move {
            sleep(LINGER).await;
            if let Some(connection) = connection.upgrade() {
                connection.cut();
            }
        });
    }
}

/// Where the room's frames for one client go: into the library.
struct ClientSink {
    socket: SocketRef,
    session: Weak<Session>,
    acks: Arc<Acks>,
}

impl ClientSink {
    /// Hands one event over. `false`: the client is to be disconnected.
    fn emit(&self, event: Event<'_>) -> bool {
        let sent: Result<(), SendError> = match event {
            Event::Welcome => self.socket.emit("authenticated", &true),
            Event::Message(note) => self.socket.emit("server-got-message", note),
            Event::Accepted => self.answer(&Answer::ACCEPTED),
            Event::Refused(code) => self.answer(&Answer::refused(code)),
            Event::Over => return false,
        };
        sent.is_ok()
    }

    fn answer(&self, answer: &Answer<'_>) -> Result<(), SendError> {
        let ack = self.acks.lock().pop_front();
        ack.map_or(Ok(()), |ack| ack.send(answer))
    }
}

impl Sink for ClientSink {
    /// Takes everything, so that nothing ever waits in the outbox: what waits does so in
    /// the library's buffer, and a client that lets that fill up is disconnected.
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut events = buffers.iter().flat_map(|buffer| socketio::events(buffer));
        if !events.all(|event| self.emit(event)) {
            if let Some(session) = self.session.upgrade() {
                let socket = self.socket.clone();
                // Not here: the outbox is locked, and giving up the seat concerns it.
                tokio::spawn(async move { session.disconnect(socket) });
            }
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }
}

impl fmt::Debug for ClientSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSink").finish_non_exhaustive()
    }
}
