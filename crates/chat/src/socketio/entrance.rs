//! `/socket.io`: from an HTTP request to the library.
//!
//! What the library does not do happens here, before it: whose pages may connect, how
//! many may, and the hand-shake of a WebSocket, so that its byte stream is one that we
//! can end.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_kit::{ApiError, Client, OriginPolicy};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use socketioxide::service::SocketIoService;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};
use transport::handshake;

use super::breakable::Breakable;
use super::lines::{Full, Lines};

/// When a client turned away by a full or closing server may try again.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(5);

/// How long the answer to a WebSocket's hand-shake may take to leave.
const UPGRADE_LIMIT: Duration = Duration::from_secs(10);

/// The longest id that the engine gives a connection is shorter.
const MAX_SID: usize = 32;

/// The library's service. Behind it, for paths that are not its own, is nothing.
pub(super) type Engine = SocketIoService<Router>;

#[derive(Clone)]
struct Entrance {
    engine: Engine,
    lines: Lines,
    origins: OriginPolicy,
}

pub(super) fn routes(engine: Engine, lines: Lines, origins: OriginPolicy) -> Router {
    let entrance = Entrance { engine, lines, origins };
    Router::new().route(super::PATH, any(enter)).with_state(entrance)
}

async fn enter(
    State(entrance): State<Entrance>,
    client: Client,
    request: Request,
) -> Result<Response, ApiError> {
    if !entrance.origins.allows(request.headers(), &client) {
        let sentence = "Pages of this origin may not connect here.";
        return Err(ApiError::new(StatusCode::FORBIDDEN, sentence));
    }
    match parameter(&request, "sid").map(str::to_owned) {
        Some(sid) if sid.len() <= MAX_SID => entrance.go_on(&sid, request).await,
        Some(_) => Ok(unknown_session()),
        None => entrance.begin(&client, request).await,
    }
}

impl Entrance {
    /// A new connection.
    async fn begin(&self, client: &Client, mut request: Request) -> Result<Response, ApiError> {
        let line = self.lines.open(client.address)?;
        let stream = line.stream();
        // From here on the line lives as long as the request, and then, if the library
        // makes a connection of it, as long as that.
        request.extensions_mut().insert(line);
        if is_websocket(&request) {
            return self.upgrade(request, stream);
        }
        Ok(self.ask(request).await)
    }

    /// Another request of the connection that the engine calls `sid`.
    async fn go_on(&self, sid: &str, mut request: Request) -> Result<Response, ApiError> {
        let named = self.lines.named(sid);
        if is_websocket(&request) {
            if !named.upgrade() {
                return Ok(unknown_session());
            }
            let broken = named.cut.clone();
            request.extensions_mut().insert(named); // As long as the stream lives.
            return self.upgrade(request, broken);
        }
        let answer = named.cut.run_until_cancelled(self.ask(request)).await;
        Ok(answer.unwrap_or_else(unknown_session))
    }

    /// The library's answer.
    async fn ask(&self, request: Request) -> Response {
        match self.engine.clone().oneshot(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(never) => match never {},
        }
    }

    /// Makes a WebSocket of the request, for the library to speak on until `broken`.
    fn upgrade(
        &self,
        mut request: Request,
        broken: CancellationToken,
    ) -> Result<Response, ApiError> {
        let accepted =
            handshake::accept(request.method(), request.version(), request.headers(), None);
        let headers = match accepted {
            Ok(headers) => headers,
            Err(refusal) => {
                let error = ApiError::new(refusal.status(), refusal.to_string());
                return Ok((HeaderMap::from_iter(refusal.headers()), error).into_response());
            }
        };
        let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>() else {
            return Err(ApiError::internal("the listener offers no upgrade"));
        };
        let mut engine = self.engine.clone();
        let request = request.map(|_| ());
        tokio::spawn(async move {
            let upgraded = broken.run_until_cancelled(timeout(UPGRADE_LIMIT, upgrade)).await;
            let Some(Ok(Ok(upgraded))) = upgraded else { return };
            let stream = Breakable::new(TokioIo::new(upgraded), broken);
            // It starts a task of its own, or does not like the query: then the stream
            // is dropped, and the client sees that.
            let _ = engine.call((stream, request)).await;
        });
        Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
    }
}

/// Whether the library would take the request for a WebSocket's. One that it cannot
/// speak with is left to it to refuse.
fn is_websocket(request: &Request) -> bool {
    let version = parameter(request, "EIO");
    parameter(request, "transport") == Some("websocket") && matches!(version, Some("3" | "4"))
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
