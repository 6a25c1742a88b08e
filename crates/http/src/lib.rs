//! What HTTP needs here: listeners, error answers, who is calling and from where, other
//! origins, embedded pages.
//!
//! Owns everything between a bound socket and a capability's routes: the accept
//! loops ([`serve()`], [`Tls`]), the rules every request passes ([`edge()`]), where a
//! request comes from ([`Client`]) and who is calling ([`Authenticate`], [`Caller`]), what
//! pages of other origins may do and how failures are written, a group of routes at a time
//! ([`Routes`]), how a request becomes a WebSocket ([`WebSocketUpgrade`]), forms' tokens
//! ([`TokenSigner`]), what a failure is ([`ApiError`]), the one way to read a body
//! ([`read_body`], [`StrictJson`]), the embedded files ([`Assets`]) and the document that
//! every page is within (`templates/site`, which the templates of other crates extend).
//!
//! Invariants: nothing a client sends or leaves out holds a connection, a buffer
//! or a map entry beyond a named limit; forwarding headers are believed from
//! trusted proxies only; a failure answers `{"error": "<sentence>"}`, or a page to a
//! browser that asked for one, or in the form that its group of routes has ([`ErrorForm`]).
//!
//! Deliberately absent: tables, sessions, frames of a WebSocket, routes of a capability,
//! HTTP/2 (a WebSocket server behind HTTP/1.1 needs one parser, not two) and the
//! `Forwarded` header (every proxy in use sends `X-Forwarded-*`).

mod accept;
mod assets;
mod caller;
mod client;
mod connections;
mod cookie;
mod cross_origin;
mod deadline;
mod edge;
mod error;
mod error_form;
mod error_page;
mod gathered;
mod headers;
mod json;
mod linger;
mod log_in;
mod memory;
mod observe;
mod origin;
mod routes;
mod serve;
mod signer;
mod tls;
mod websocket;

pub use accept::accepts;
pub use assets::Assets;
pub use caller::{
    Accepts, AuthError, AuthFuture, Authenticate, Caller, Credential, SignedIn, Staff,
    StaffRejection, authenticated, caller, invalid_session,
};
pub use client::{Client, Peer, TrustedProxies};
pub use cookie::{clear_cookie, cookie, set_cookie};
pub use cross_origin::CrossOrigin;
pub use deadline::Deadline;
pub use edge::{EdgeOptions, MAX_BODY, MAX_REQUESTS_OF_ADDRESS, REQUEST_TIMEOUT, edge};
pub use error::ApiError;
pub use error_form::ErrorForm;
pub use headers::ADDRESS_IS_SECRET;
pub use json::{MAX_JSON_BODY, StrictJson, read_body};
pub use log_in::log_in_address;
pub use memory::{CONNECTION_MEMORY, HTTP_MEMORY, LARGE_HEAD_MEMORY, TLS_MEMORY};
pub use origin::{InvalidOrigin, NamedOrigin, Origin, OriginPolicy};
pub use routes::Routes;
pub use serve::{ServeLimits, serve};
pub use signer::{Purpose, TokenSigner};
pub use tls::{Tls, TlsError};
pub use websocket::{SocketOrigins, SocketPolicy, Upgrade, WebSocketUpgrade, by_upgrade, socket};
