//! Who is calling, asked once for each request.
//!
//! [`Authenticate`] answers it (accounts implements it, the server hands it to
//! [`authenticated`]); handlers ask by an extractor: [`Caller`] for a token or a session,
//! [`SignedIn`] for a browser's session alone (`Option<SignedIn>` where a page is for
//! everyone), [`Staff`] for administrators.
//!
//! Invariants:
//! - However often a request's handler and its middleware ask, the answer is looked up
//!   once for each kind of credential.
//! - A session that was used is renewed on the answer by the layer, so no handler can
//!   forget it. An answer that sets the session's cookie itself (log-in, log-out) keeps its
//!   own, and a session that ended meanwhile is not renewed.
//! - The permit of the request under way is held until the answer's headers are made.
//!
//! Deliberately absent: what a credential looks like, and what a person may do.

mod extract;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Principal, SessionRef};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{ApiError, Client};

pub use extract::{SignedIn, StaffRejection, authenticated, caller};

/// By what a caller acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The cookie of a browser's session.
    Cookie,
    /// An API token in a header.
    Token,
}

/// Which credentials a route takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// The cookie alone: for what a person does in a browser.
    Cookie,
    /// A token, or the cookie where no token is shown.
    TokenOrCookie,
}

/// A request whose sender is known.
#[derive(Clone)]
pub struct Caller {
    /// The account and session it acts for.
    pub principal: Principal,
    /// By what.
    pub by: Credential,
    renewal: Option<HeaderValue>,
    _permit: Arc<dyn Send + Sync>,
}

impl Caller {
    /// A caller with the `Set-Cookie` that renews its session, if it came by cookie, and
    /// what is held as long as the request is worked on.
    pub fn new(
        principal: Principal,
        by: Credential,
        renewal: Option<HeaderValue>,
        permit: impl Send + Sync + 'static,
    ) -> Self {
        Self { principal, by, renewal, _permit: Arc::new(permit) }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { principal, by, .. } = self;
        f.debug_struct("Caller").field("principal", principal).field("by", by).finish()
    }
}

/// An administrator at work.
#[derive(Clone, Debug)]
pub struct Staff {
    /// The account, for the audit log.
    pub account: AccountId,
    /// Its name, for the audit log and the page.
    pub name: String,
    /// The session; forms are signed for it.
    pub session: SessionRef,
}

/// Why it is not known who sends a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential that the route takes.
    #[error("no credentials")]
    Missing,
    /// A token's header that holds no token; one sentence why.
    #[error("{0}")]
    Malformed(&'static str),
    /// A credential that is unknown, has expired or was revoked.
    #[error("invalid credentials")]
    Invalid(Credential),
    /// The account has too many requests under way; wait this long.
    #[error("too many requests of the account are under way")]
    TooMany(Duration),
    /// The database failed, and why: for the log.
    #[error("{0}")]
    Storage(Arc<str>),
    /// The server is put together wrongly.
    #[error("{0}")]
    Internal(&'static str),
}

impl AuthError {
    /// The answer on a route that takes these credentials: 422 without any, 401 with one
    /// that is not valid, 429, 503.
    #[must_use]
    pub fn answer(&self, accepts: Accepts) -> ApiError {
        match (self, accepts) {
            (Self::Missing, _) => {
                ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "There is no session cookie.")
            }
            (Self::Malformed(why), _) => ApiError::new(StatusCode::UNAUTHORIZED, *why),
            (Self::Invalid(_), Accepts::Cookie) => invalid_session(),
            (Self::Invalid(_), Accepts::TokenOrCookie) => ApiError::new(
                StatusCode::UNAUTHORIZED,
                "The session or token is invalid or has expired.",
            ),
            (Self::TooMany(wait), _) => ApiError::too_many(*wait),
            (Self::Storage(cause), _) => ApiError::storage_failed(cause),
            (Self::Internal(cause), _) => ApiError::internal(cause),
        }
    }
}

/// `401`: the answer to a session that is not valid, or has ended meanwhile.
#[must_use]
pub fn invalid_session() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "The session is invalid or has expired.")
}

/// What [`Authenticate`] gives back.
pub type AuthFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, AuthError>> + Send + 'a>>;

/// Knows the people. Implemented once; everything that needs to know who is calling goes
/// through it.
pub trait Authenticate: Send + Sync {
    /// Who sends a request from `client` with `headers`. Counts as activity of the session.
    fn caller<'a>(
        &'a self,
        headers: &'a HeaderMap,
        client: &'a Client,
        accepts: Accepts,
    ) -> AuthFuture<'a, Caller>;

    /// The account of an API token that came in a message and not in a header; `None` if the
    /// token is not valid.
    fn by_token<'a>(&'a self, token: &'a str) -> AuthFuture<'a, Option<Principal>>;

    /// Whether the session that `principal` came by has not ended since. Exact, and without
    /// waiting.
    ///
    /// Code that opens something in the name of a session (a socket) asks after putting it
    /// where the end of a session will find it: the session may have ended between
    /// authentication and then.
    fn is_current(&self, principal: &Principal) -> bool;

    /// The caller as an administrator, `None` if it is none.
    fn staff<'a>(&'a self, caller: &'a Caller) -> AuthFuture<'a, Option<Staff>>;
}
