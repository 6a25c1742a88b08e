//! The layer and the extractors of [`caller`](super).

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use parking_lot::Mutex;

use super::{Accepts, AuthError, Authenticate, Caller, Staff};
use crate::{ApiError, Client};

/// Has `authenticate` say who is calling wherever a handler of `routes` asks, and renews the
/// cookie of a session that was used. Requests must carry their [`Client`].
pub fn authenticated(routes: Router, authenticate: Arc<dyn Authenticate>) -> Router {
    routes.layer(from_fn_with_state(authenticate, remember))
}

async fn remember(
    State(authenticate): State<Arc<dyn Authenticate>>,
    mut request: Request,
    next: Next,
) -> Response {
    let lookups = Lookups(Arc::new(Found { authenticate, results: Mutex::default() }));
    request.extensions_mut().insert(lookups.clone());
    let mut response = next.run(request).await;
    if let Some(renewal) = lookups.finish()
        && !sets(response.headers(), &renewal)
    {
        response.headers_mut().append(SET_COOKIE, renewal);
    }
    response
}

/// Whether an answer sets the cookie that `renewal` would set.
fn sets(headers: &HeaderMap, renewal: &HeaderValue) -> bool {
    let name = |cookie: &HeaderValue| {
        cookie.as_bytes().split(|byte| *byte == b'=').next().map(<[u8]>::to_vec)
    };
    headers.get_all(SET_COOKIE).iter().any(|set| name(set) == name(renewal))
}

/// What has been looked up for one request.
#[derive(Clone)]
struct Lookups(Arc<Found>);

struct Found {
    authenticate: Arc<dyn Authenticate>,
    /// By [`Accepts`]: a route mostly asks for one kind.
    results: Mutex<[Option<Result<Caller, AuthError>>; 2]>,
}

impl Lookups {
    /// The `Set-Cookie` for the answer. Lets go of the callers: what keeps the request's
    /// extensions (a connection made of it) keeps no permit.
    fn finish(&self) -> Option<HeaderValue> {
        let results = std::mem::take(&mut *self.0.results.lock());
        let mut callers = results.into_iter().flatten().filter_map(Result::ok);
        let used = callers.find(|caller| caller.renewal.is_some())?;
        used.renewal.filter(|_| self.0.authenticate.is_current(&used.principal))
    }
}

/// Who sends the request of `parts`.
///
/// # Errors
/// [`AuthError`]; [`AuthError::Internal`] outside of [`authenticated`] routes.
pub async fn caller(parts: &Parts, accepts: Accepts) -> Result<Caller, AuthError> {
    let Some(Lookups(found)) = parts.extensions.get::<Lookups>() else {
        return Err(AuthError::Internal("the route is outside of the authenticated ones"));
    };
    let at = usize::from(accepts == Accepts::Cookie);
    let before = found.results.lock()[at].clone();
    if let Some(before) = before {
        return before;
    }
    let client = parts.extensions.get::<Client>();
    let client = client.ok_or(AuthError::Internal("the edge did not identify the client"))?;
    let result = found.authenticate.caller(&parts.headers, client, accepts).await;
    found.results.lock()[at] = Some(result.clone());
    result
}

/// By token or by cookie.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let accepts = Accepts::TokenOrCookie;
        caller(parts, accepts).await.map_err(|error| error.answer(accepts))
    }
}

/// A caller at a browser, by its session's cookie.
#[derive(Clone, Debug)]
pub struct SignedIn(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let accepts = Accepts::Cookie;
        caller(parts, accepts).await.map(Self).map_err(|error| error.answer(accepts))
    }
}

/// `None` without a valid session; an error if that cannot be looked up.
impl<S: Send + Sync> OptionalFromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, ApiError> {
        Self::optional(parts).await
    }
}

impl SignedIn {
    /// What the extractor `Option<SignedIn>` gives, for extractors that need it.
    ///
    /// # Errors
    /// The answer to give if it cannot be looked up.
    pub async fn optional(parts: &Parts) -> Result<Option<Self>, ApiError> {
        match caller(parts, Accepts::Cookie).await {
            Ok(caller) => Ok(Some(Self(caller))),
            Err(error @ (AuthError::Storage(_) | AuthError::Internal(_))) => {
                Err(error.answer(Accepts::Cookie))
            }
            Err(_) => Ok(None),
        }
    }
}

/// Why a request is not one of staff's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaffRejection {
    /// No session, or one that is over.
    NotSignedIn,
    /// A session of an account that is not staff.
    NotStaff,
    /// It could not be told: this answer.
    Failed(ApiError),
}

impl IntoResponse for StaffRejection {
    fn into_response(self) -> Response {
        match self {
            Self::NotSignedIn => super::invalid_session().into_response(),
            Self::NotStaff => {
                ApiError::new(StatusCode::FORBIDDEN, "This is for staff only.").into_response()
            }
            Self::Failed(error) => error.into_response(),
        }
    }
}

/// By the browser's session only: a token in a script is no person.
impl<S: Send + Sync> FromRequestParts<S> for Staff {
    type Rejection = StaffRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StaffRejection> {
        let failed = |error: AuthError| StaffRejection::Failed(error.answer(Accepts::Cookie));
        let caller = match caller(parts, Accepts::Cookie).await {
            Ok(caller) => caller,
            Err(AuthError::Missing | AuthError::Invalid(_)) => {
                return Err(StaffRejection::NotSignedIn);
            }
            Err(error) => return Err(failed(error)),
        };
        let Some(Lookups(found)) = parts.extensions.get::<Lookups>() else {
            return Err(StaffRejection::NotSignedIn); // Not reached: `caller` has found it.
        };
        let staff = found.authenticate.staff(&caller).await.map_err(failed)?;
        staff.ok_or(StaffRejection::NotStaff)
    }
}

#[cfg(test)]
mod tests;
