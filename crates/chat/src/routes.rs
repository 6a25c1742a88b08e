//! `GET /ws`: from an HTTP request to a seat in the room.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::Principal;
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Client, OriginPolicy};
use hyper::upgrade::OnUpgrade;
use limits::Exempt;
use serde::Deserialize;
use transport::{Sockets, handshake};

use crate::dialect::packetboat::{Packetboat, SUBPROTOCOL};
use crate::dialect::piratchat::Piratchat;
use crate::dialect::{PACKETBOAT, PIRATCHAT};
use crate::room::{JoinError, Newcomer, Resume, Room};

/// When a client turned away by a full or closing server may try again.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

/// When somebody who comes and goes too often may try again.
const RETRY_WHEN_TOO_OFTEN: Duration = Duration::from_secs(2);

/// A caller who may come in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Who it is.
    pub principal: Principal,
    /// The session's cookie, renewed, to set on the answer.
    pub renewed: HeaderValue,
}

/// What [`Gate::admit`] gives back.
pub type GateFuture<'a> = Pin<Box<dyn Future<Output = Result<Admission, ApiError>> + Send + 'a>>;

/// What [`Gate::by_token`] gives back: nobody if the token is not known.
pub type TokenFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Principal>, ApiError>> + Send + 'a>>;

/// Who is calling? The chat needs to know and does not decide; the server implements
/// this over accounts.
pub trait Gate: Send + Sync {
    /// Authenticates a request by its headers. An error is the answer to give.
    fn admit<'a>(&'a self, headers: &'a HeaderMap, client: &'a Client) -> GateFuture<'a>;

    /// Authenticates by the token of a Socket.IO client. An error means that it could
    /// not be looked up.
    fn by_token<'a>(&'a self, token: &'a str) -> TokenFuture<'a>;

    /// Whether the session that `principal` came by has not ended since.
    fn is_current(&self, principal: &Principal) -> bool;
}

#[derive(Clone)]
struct Entrance {
    room: Arc<Room>,
    sockets: Sockets,
    gate: Arc<dyn Gate>,
    origins: OriginPolicy,
    exempt: Exempt,
}

pub(crate) fn routes(
    room: Arc<Room>,
    sockets: Sockets,
    gate: Arc<dyn Gate>,
    origins: OriginPolicy,
    exempt: Exempt,
) -> Router {
    let entrance = Entrance { room, sockets, gate, origins, exempt };
    Router::new().route("/ws", get(open)).with_state(entrance)
}

/// The query of a reconnecting Packetboat client. Anything unreadable counts as a
/// first visit: it costs the client a fresh start, not the connection.
#[derive(Deserialize)]
struct LeftOff {
    last_id: i64,
    epoch: String,
}

/// The order of the checks is the contract's: who it is, then whether there is room,
/// then whether it is a hand-shake at all.
async fn open(
    State(entrance): State<Entrance>,
    client: Client,
    left_off: Result<Query<LeftOff>, QueryRejection>,
    mut request: Request,
) -> Result<Response, ApiError> {
    if !entrance.origins.allows(request.headers(), &client) {
        let sentence = "Pages of this origin may not open a socket here.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, sentence));
    }
    let admission = entrance.gate.admit(request.headers(), &client).await?;
    let packetboat = handshake::offers(request.headers(), SUBPROTOCOL);
    if !packetboat && entrance.room.has_piratchat(admission.principal.account) {
        return Err(JoinError::Taken.into());
    }
    let chosen = packetboat.then_some(SUBPROTOCOL);
    let accepted =
        handshake::accept(request.method(), request.version(), request.headers(), chosen);
    let mut headers = match accepted {
        Ok(headers) => headers,
        Err(refusal) => {
            let error = ApiError::new(refusal.status(), refusal.to_string());
            return Ok((HeaderMap::from_iter(refusal.headers()), error).into_response());
        }
    };
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
        return Err(ApiError::internal("the listener offers no upgrade"));
    };
    let resume = left_off.ok().map(|Query(LeftOff { last_id, epoch })| Resume { last_id, epoch });
    entrance.seat(admission.principal, &client, packetboat, resume, upgrade)?;
    headers.insert(SET_COOKIE, admission.renewed);
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

impl Entrance {
    fn seat(
        &self,
        principal: Principal,
        client: &Client,
        packetboat: bool,
        resume: Option<Resume>,
        upgrade: OnUpgrade,
    ) -> Result<(), ApiError> {
        let full = || ApiError::unavailable(RETRY_WHEN_FULL);
        let outbox = self.sockets.outbox(principal.account.0).ok_or_else(full)?;
        let format = if packetboat { PACKETBOAT } else { PIRATCHAT };
        let exempt = self.exempt.contains(client.address);
        let newcomer = Newcomer {
            principal: principal.clone(),
            outbox: outbox.clone(),
            format,
            resume,
            exempt,
        };
        let seat = self.room.join(newcomer)?;
        // The session may have ended between its check and the seat. From here on
        // `Room::session_ended` finds the seat; before, only this does.
        if !self.gate.is_current(&principal) {
            return Err(ApiError::new(
                StatusCode::UNAUTHORIZED,
                "The session is invalid or has expired.",
            ));
        }
        if packetboat {
            self.sockets.serve(upgrade, outbox, client.address, Packetboat(seat));
        } else {
            self.sockets.serve(upgrade, outbox, client.address, Piratchat(seat));
        }
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
        }
    }
}
