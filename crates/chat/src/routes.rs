//! `GET /ws`: from an HTTP request to a seat in the room.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::get;
use base::{Owner, Principal};
use http::StatusCode;
use http_kit::{
    ApiError, Authenticate, Caller, Client, OriginPolicy, SignedIn, SocketOrigins, SocketPolicy,
    Upgrade, WebSocketUpgrade, invalid_session, socket,
};
use limits::Exempt;
use serde::Deserialize;
use transport::{Sockets, WEBSOCKET};

use crate::dialect::packetboat::SUBPROTOCOL;
use crate::dialect::{Dialect, packetboat, piratchat};
use crate::room::{JoinError, JoinRequest, Resume};
use crate::rooms::Rooms;
use crate::socket::{ChatSocket, Read};

/// The longest message, in bytes. A text of 300 characters, every one of them
/// escaped as a JSON surrogate pair, takes 3.6 KB.
const MAX_MESSAGE: usize = 64 * 1024;

/// When a client turned away by a full or closing server may try again.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

/// When a client that comes and goes too often may try again.
const RETRY_WHEN_TOO_OFTEN: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct SocketState {
    rooms: Rooms,
    sockets: Sockets,
    authenticate: Arc<dyn Authenticate>,
    exempt: Exempt,
}

pub(crate) fn routes(
    rooms: Rooms,
    sockets: Sockets,
    authenticate: Arc<dyn Authenticate>,
    origins: Arc<OriginPolicy>,
    exempt: Exempt,
) -> Router {
    let policy = SocketPolicy {
        origins: SocketOrigins::Own(origins),
        max_message: MAX_MESSAGE,
        subprotocols: &[SUBPROTOCOL],
    };
    let state = SocketState { rooms, sockets, authenticate, exempt };
    Router::new().route("/ws", socket(policy, get(open))).with_state(state)
}

/// The query of a reconnecting Packetboat client. Anything unreadable counts as a
/// first visit: it costs the client a fresh start, not the connection.
#[derive(Deserialize)]
struct ResumeQuery {
    last_id: i64,
    epoch: String,
}

/// The order of the checks is the contract's: the origin (the route's policy), who it is,
/// then whether there is room, then whether it is a hand-shake at all.
async fn open(
    State(state): State<SocketState>,
    upgrade: WebSocketUpgrade,
    SignedIn(Caller { principal, .. }): SignedIn,
    client: Client,
    resume: Result<Query<ResumeQuery>, QueryRejection>,
) -> Result<Response, ApiError> {
    let (dialect, read): (_, Read) = if upgrade.protocol() == Some(SUBPROTOCOL) {
        (Dialect::Packetboat, packetboat::read)
    } else {
        (Dialect::Piratchat, piratchat::read)
    };
    let room = state.rooms.default_room();
    if dialect.is_exclusive() && room.has_exclusive(principal.account) {
        return Err(JoinError::Taken.into());
    }
    let (upgrade, answer) = upgrade.accept()?;
    let resume = resume.ok().map(|Query(ResumeQuery { last_id, epoch })| Resume { last_id, epoch });
    state.join(principal, &client, (dialect, read), resume, upgrade).await?;
    Ok(answer)
}

impl SocketState {
    async fn join(
        &self,
        principal: Principal,
        client: &Client,
        (dialect, read): (Dialect, Read),
        resume: Option<Resume>,
        upgrade: Upgrade,
    ) -> Result<(), ApiError> {
        let full = || ApiError::unavailable(RETRY_WHEN_FULL);
        let owner = Owner::Account(principal.account);
        let outbox = self.sockets.outbox(&WEBSOCKET, Some(owner)).ok_or_else(full)?;
        let exempt = self.exempt.contains(client.address);
        let request = JoinRequest { principal, outbox, dialect, resume, exempt };
        let seat = self.rooms.join(self.rooms.default_room().id(), &request).await?;
        // The session may have ended between its check and the seat. From here on
        // `Chat::session_ended` finds the seat; before, only this does.
        if !self.authenticate.is_current(&request.principal) {
            return Err(invalid_session());
        }
        let Upgrade { stream, max_message } = upgrade;
        let socket = ChatSocket::new(seat, read);
        self.sockets.serve(stream, max_message, request.outbox, client.address, socket);
        Ok(())
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Taken => Self::new(StatusCode::CONFLICT, "You already have an open socket."),
            JoinError::TooMany => Self::too_many(RETRY_WHEN_FULL)
                .saying("You have as many open connections as one person may have."),
            JoinError::TooOften => Self::too_many(RETRY_WHEN_TOO_OFTEN),
            JoinError::NoSuchRoom => Self::new(StatusCode::NOT_FOUND, "There is no such room."),
            JoinError::Closed | JoinError::TooManyRooms => Self::unavailable(RETRY_WHEN_FULL),
            JoinError::Storage(error) => Self::storage_failed(error),
        }
    }
}
