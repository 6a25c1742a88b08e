//! `/socket.io`: from an HTTP request to the library.
//!
//! What the library does not do happens here, before it: how many clients may connect, and
//! the hand-shake of a WebSocket, so that its byte stream is one that we can end. Whose
//! pages may connect is the route's policy. A connection that polls is upgraded here, too ([`super::probe`]).

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_kit::{
    ApiError, Client, OriginPolicy, SocketOrigins, SocketPolicy, WebSocketUpgrade, socket,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use socketioxide::service::SocketIoService;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::abortable::Abortable;
use super::connections::{Connection, Connections, Full};
use super::polling::Polling;
use super::probe::handshake;

/// When a client turned away by a full or closing server may try again.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

/// How long the answer to a WebSocket's hand-shake may take to leave.
const UPGRADE_LIMIT: Duration = Duration::from_secs(10);

/// How long the hand-shake of an upgrade may take, as in the reference server. Until
/// then, and afterwards, the connection goes on polling.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// More bytes than the engine's open packet has.
const MAX_OPEN_PACKET: usize = 4 * 1024;

/// The library's service. Behind it, for paths that are not its own, is nothing.
pub(super) type Engine = SocketIoService<Router>;

#[derive(Clone)]
struct RouteState {
    engine: Engine,
    connections: Connections,
}

pub(super) fn routes(
    engine: Engine,
    connections: Connections,
    origins: Arc<OriginPolicy>,
) -> Router {
    let policy = SocketPolicy {
        origins: SocketOrigins::Named(origins),
        max_message: super::MAX_PAYLOAD,
        subprotocols: &[],
    };
    Router::new()
        .route(super::PATH, socket(policy, any(handle)))
        .with_state(RouteState { engine, connections })
}

async fn handle(
    State(state): State<RouteState>,
    client: Client,
    upgrade: WebSocketUpgrade,
    request: Request,
) -> Result<Response, ApiError> {
    let Some(sid) = parameter(&request, "sid") else {
        return state.open(&client, upgrade, request).await;
    };
    match state.connections.polling(sid) {
        Some(polling) if is_websocket(&request) => state.upgrade(polling, upgrade, request),
        Some(polling) => Ok(state.forward(&polling, request).await),
        None => Ok(unknown_session()),
    }
}

impl RouteState {
    /// A new connection.
    async fn open(
        &self,
        client: &Client,
        upgrade: WebSocketUpgrade,
        mut request: Request,
    ) -> Result<Response, ApiError> {
        let connection = self.connections.open(client.address)?;
        // From here on the connection lives as long as the request, and then, if the library
        // makes a connection of it, as long as that.
        request.extensions_mut().insert(connection.clone());
        if !is_websocket(&request) {
            return opened(&connection, self.call_engine(request).await).await;
        }
        let (aborted, mut engine) = (connection.cut_token(), self.engine.clone());
        accept(upgrade, request, aborted.clone(), move |stream, request| async move {
            // It starts a task of its own, or does not like the query: then the stream
            // is dropped, and the client sees that.
            let _ = engine.call((Abortable::new(stream, aborted), request)).await;
        })
    }

    /// Another request of a connection that polls.
    async fn forward(&self, polling: &Polling, request: Request) -> Response {
        // Nothing is lost with a poll that is given up: it waits only while there is
        // nothing to tell. A request that brings something is not.
        let is_poll = request.method() == Method::GET;
        let nothing = if speaks_version_3(&request) { "1:6" } else { "6" };
        let answer = polling.cut.run_until_cancelled(self.call_engine(request));
        tokio::select! {
            biased;
            answer = answer => answer.unwrap_or_else(unknown_session),
            () = polling.until_released(), if is_poll => nothing.into_response(),
        }
    }

    /// Makes a WebSocket of a connection that polls, once that has proved to work.
    fn upgrade(
        &self,
        polling: Arc<Polling>,
        upgrade: WebSocketUpgrade,
        request: Request,
    ) -> Result<Response, ApiError> {
        let Some(attempt) = polling.attempt() else { return Ok(unknown_session()) };
        let mut engine = self.engine.clone();
        accept(upgrade, request, polling.cut.clone(), move |stream, request| async move {
            let stream = Abortable::new(stream, polling.cut.clone());
            let probing = timeout(PROBE_LIMIT, handshake(stream, polling.release()));
            let Some(Ok(Some(stream))) = attempt.unless_over(probing).await else { return };
            if polling.succeed(&attempt) {
                let _ = engine.call((stream, request)).await; // As in `begin`.
            }
        })
    }

    /// The library's answer.
    async fn call_engine(&self, request: Request) -> Response {
        match self.engine.clone().oneshot(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(never) => match never {},
        }
    }
}

/// The library's `answer` to the first request of a connection that polls on `connection`.
async fn opened(connection: &Connection, answer: Response) -> Result<Response, ApiError> {
    /// The part of the open packet that concerns us.
    #[derive(Deserialize)]
    struct Open {
        sid: Box<str>,
    }

    let (head, body) = answer.into_parts();
    let body = to_bytes(body, MAX_OPEN_PACKET).await;
    let body = body.map_err(|_| ApiError::internal("the engine's open packet is too long"))?;
    if head.status.is_success() {
        // Before the packet are its type and, in version 3, its length.
        let start = body.iter().position(|&byte| byte == b'{').unwrap_or_default();
        let open: Open = serde_json::from_slice(&body[start..])
            .map_err(|_| ApiError::internal("the engine's open packet has no id"))?;
        connection.set_polling_id(&open.sid);
    }
    Ok(Response::from_parts(head, Body::from(body)))
}

/// Makes a WebSocket of `request`: `serve` gets its byte stream, unless it is `aborted`
/// before there is one.
fn accept<F: Future<Output = ()> + Send>(
    upgrade: WebSocketUpgrade,
    request: Request,
    aborted: CancellationToken,
    serve: impl FnOnce(TokioIo<Upgraded>, http::Request<()>) -> F + Send + 'static,
) -> Result<Response, ApiError> {
    let (upgrade, answer) = upgrade.accept()?;
    let request = request.map(|_| ());
    tokio::spawn(async move {
        let upgraded = timeout(UPGRADE_LIMIT, upgrade.stream);
        let Some(Ok(Ok(upgraded))) = aborted.run_until_cancelled(upgraded).await else { return };
        serve(TokioIo::new(upgraded), request).await;
    });
    Ok(answer)
}

/// Whether the library would take the request for a WebSocket's. One that it cannot
/// speak with is left to it to refuse.
fn is_websocket(request: &Request) -> bool {
    let version = parameter(request, "EIO");
    parameter(request, "transport") == Some("websocket") && matches!(version, Some("3" | "4"))
}

/// Whether the request is one of Engine.IO 3, whose packets bear their length.
fn speaks_version_3(request: &Request) -> bool {
    parameter(request, "EIO") == Some("3")
}

/// The first parameter called `name`, as the library reads it: as it stands.
fn parameter<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    let mut parameters = request.uri().query().unwrap_or_default().split('&');
    parameters.find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='))
}

/// The engine's answer to an id that it does not know.
fn unknown_session() -> Response {
    let body = r#"{"code":"1","message":"Session ID unknown"}"#;
    (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, "application/json")], body).into_response()
}

impl From<Full> for ApiError {
    fn from(full: Full) -> Self {
        match full {
            Full::Address => Self::too_many(RETRY_WHEN_FULL),
            Full::Server => Self::unavailable(RETRY_WHEN_FULL),
        }
    }
}
