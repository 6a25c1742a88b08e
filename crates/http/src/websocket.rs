//! From an HTTP request to a WebSocket (RFC 6455 section 4): whose pages may open one, the
//! hand-shake, and the connection handed over.
//!
//! A route is declared with its [`SocketPolicy`] by [`socket`], and its handler takes a
//! [`WebSocketUpgrade`], which is only there when the policy's rule about origins has
//! passed. The handler checks what else there is to check, in its own order, and answers
//! by [`WebSocketUpgrade::accept`].
//!
//! Invariants: no handler has a [`WebSocketUpgrade`] for a page of an origin that may not
//! connect, and none can open a socket without one; a policy that lets foreign origins in
//! takes the cookies away, so that they connect with nothing of their reader's; a route
//! without a policy answers 500.
//!
//! Deliberately absent: frames and connections (`transport`).

mod handshake;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use hyper::upgrade::OnUpgrade;
use tower::ServiceExt;

use self::handshake::HandshakeError;
use crate::{ApiError, Client, OriginPolicy};

/// Whose pages may open a socket. Requests without `Origin` are programs' and always may.
#[derive(Clone, Debug)]
pub enum SocketOrigins {
    /// The server's own, and the http(s) origins that the operator named: for sockets that
    /// go by the session's cookie.
    Own(Arc<OriginPolicy>),
    /// All that the operator named, `null` and the like included. Cookies are ignored.
    Named(Arc<OriginPolicy>),
    /// Any, `null` included. Cookies are ignored.
    Any,
}

/// What a socket's route lets in.
#[derive(Clone, Debug)]
pub struct SocketPolicy {
    /// Whose pages may connect.
    pub origins: SocketOrigins,
    /// The longest message, in bytes, whole or in fragments.
    pub max_message: usize,
    /// The subprotocols that are spoken, the preferred one first.
    pub subprotocols: &'static [&'static str],
}

impl SocketPolicy {
    fn allows(&self, headers: &HeaderMap, client: &Client) -> bool {
        match &self.origins {
            SocketOrigins::Own(origins) => origins.allows(headers, client),
            SocketOrigins::Named(origins) => origins.allows_without_cookies(headers, client),
            SocketOrigins::Any => true,
        }
    }
}

/// Declares `routes` to be a socket's: `socket(policy, get(handler))`.
pub fn socket<S: Clone + Send + Sync + 'static>(
    policy: SocketPolicy,
    routes: MethodRouter<S>,
) -> MethodRouter<S> {
    routes.layer(from_fn_with_state(Arc::new(policy), declare))
}

async fn declare(
    State(policy): State<Arc<SocketPolicy>>,
    mut request: Request,
    next: Next,
) -> Response {
    if !matches!(policy.origins, SocketOrigins::Own(_)) {
        request.headers_mut().remove(COOKIE);
    }
    request.extensions_mut().insert(policy);
    next.run(request).await
}

/// A request for a socket from an origin that may connect. An extractor.
#[derive(Debug)]
pub struct WebSocketUpgrade {
    accepted: Result<HeaderMap, HandshakeError>,
    protocol: Option<&'static str>,
    stream: Option<OnUpgrade>,
    max_message: usize,
}

/// A connection to be, once the answer that goes with it has been sent.
#[derive(Debug)]
pub struct Upgrade {
    /// Where its byte stream comes from.
    pub stream: OnUpgrade,
    /// The longest message of its route's policy.
    pub max_message: usize,
}

impl WebSocketUpgrade {
    /// The subprotocol chosen of those that the client offers, if there is one.
    #[must_use]
    pub fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    /// The connection, and the answer to send for it (101).
    ///
    /// # Errors
    /// The answer to a request that is no valid hand-shake: 426 or 400.
    pub fn accept(self) -> Result<(Upgrade, Response), ApiError> {
        let headers = self.accepted?;
        let stream = self.stream;
        let stream = stream.ok_or_else(|| ApiError::internal("the listener offers no upgrade"))?;
        let answer = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        Ok((Upgrade { stream, max_message: self.max_message }, answer))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WebSocketUpgrade {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let policy = parts.extensions.get::<Arc<SocketPolicy>>().cloned();
        let policy = policy.ok_or_else(|| ApiError::internal("a socket without a policy"))?;
        let client = Client::from_request_parts(parts, state).await?;
        if !policy.allows(&parts.headers, &client) {
            let sentence = "Pages of this origin may not open a socket here.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, sentence));
        }
        let offered = |name: &&&str| handshake::offers(&parts.headers, name);
        let protocol = policy.subprotocols.iter().find(offered).copied();
        let accepted = handshake::accept(&parts.method, parts.version, &parts.headers, protocol);
        let stream = parts.extensions.remove::<OnUpgrade>();
        Ok(Self { accepted, protocol, stream, max_message: policy.max_message })
    }
}

/// One path that is two things: `socket` for requests that ask for an upgrade to WebSocket,
/// `page` for all others. `socket` has its state already.
pub fn by_upgrade<S: Clone + Send + Sync + 'static>(
    page: MethodRouter<S>,
    socket: MethodRouter,
) -> MethodRouter<S> {
    page.layer(from_fn_with_state(socket, divert))
}

async fn divert(
    State(socket): State<MethodRouter>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, Infallible> {
    if request.method() == Method::GET && handshake::is_upgrade(request.headers()) {
        return socket.oneshot(request).await;
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests;
