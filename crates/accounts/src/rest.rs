//! The token REST API, in the manner of Django REST framework, whose clients must
//! work unchanged: `/api/users/…` and `/api/auth/…`.
//!
//! Authenticated by `Authorization: Token <key>` or by the session cookie. A browser
//! sends a cookie along whoever asked for the request, so with one, methods that
//! change something also need proof that our own page asked: `Origin` or
//! `Sec-Fetch-Site`, which the edge has judged by then, or the header `X-CSRFToken`
//! with the value of the cookie `csrftoken` that signing in sets.

mod auth;
mod error;
mod form;
mod users;

use aws_lc_rs::constant_time;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, delete, get, post};
use base::Principal;
use http::header::{HeaderName, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use http_kit::{Client, cookie};

use self::error::RestError;
use crate::admission::{SESSION_COOKIE, Shown, csrf_token, shown};
use crate::session::SessionKind;
use crate::{Accounts, Caller};

/// The cookie whose value scripts send back as `X-CSRFToken`.
const CSRF_COOKIE: &str = "csrftoken";

/// The header that hands a token's key over.
const X_TOKEN: HeaderName = HeaderName::from_static("x-token");

/// These routes, without the trailing slash that the edge takes away.
pub(crate) fn routes(accounts: Accounts) -> Router {
    Router::new()
        .route("/api/users", post(users::register))
        .route("/api/users/reset-password", post(users::reset_password))
        .route("/api/users/{id}", get(users::read).put(users::update).patch(users::update))
        .route("/api/users/{id}/{*rest}", any(not_found))
        .route("/api/auth/signin", post(auth::sign_in))
        .route("/api/auth/token", get(auth::token))
        .route("/api/auth/logout", delete(auth::log_out))
        .route("/api/auth/{*rest}", any(not_found))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(accounts)
}

async fn not_found() -> RestError {
    RestError::not_found()
}

async fn method_not_allowed(method: Method) -> RestError {
    RestError::method_not_allowed(&method)
}

/// Who sends the request: an extractor that refuses whom it does not know.
struct Signed(Caller);

impl FromRequestParts<Accounts> for Signed {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, accounts: &Accounts) -> Result<Self, RestError> {
        let client = Client::from_request_parts(parts, accounts).await;
        let client = client
            .map_err(|_| RestError::storage_failed("the edge did not identify the client"))?;
        let headers = &parts.headers;
        let refusal = match shown(headers) {
            Shown::Malformed(why) => return Err(RestError::unauthenticated(why)),
            Shown::Token(_) => "Invalid token.",
            Shown::Cookie(_) | Shown::Nothing => "Authentication credentials were not provided.",
        };
        let caller = accounts.caller(headers, &client).await?;
        let caller = caller.ok_or_else(|| RestError::unauthenticated(refusal))?;
        let safe = [Method::GET, Method::HEAD].contains(&parts.method);
        if caller.by == SessionKind::Browser && !safe && !is_from_own_page(headers) {
            return Err(RestError::csrf());
        }
        Ok(Self(caller))
    }
}

impl Signed {
    fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// Whether a program is calling, by a token, and nobody at a browser.
    fn is_by_token(&self) -> bool {
        self.0.by == SessionKind::Token
    }

    /// The answer to this caller: with their cookie renewed.
    fn answer(&self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Some(renewed) = &self.0.renewed {
            response.headers_mut().append(SET_COOKIE, renewed.clone());
        }
        response
    }
}

/// Whether a request with a cookie shows where it comes from. The edge refuses what
/// these headers say comes from elsewhere; what says nothing may be a browser too old
/// to say it, and then only the token counts.
fn is_from_own_page(headers: &HeaderMap) -> bool {
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return true;
    }
    let sent = headers.get("x-csrftoken").map(HeaderValue::as_bytes).unwrap_or_default();
    let expected = cookie(headers, SESSION_COOKIE).map(csrf_token).unwrap_or_default();
    constant_time::verify_slices_are_equal(sent, expected.as_bytes()).is_ok() && !sent.is_empty()
}

/// The `Set-Cookie` of [`CSRF_COOKIE`] for a session: readable by scripts, which is
/// what it is for, and gone with the browser.
fn csrf_cookie(session_token: &str, client: &Client) -> HeaderValue {
    let secure = if client.secure { "; Secure" } else { "" };
    let token = csrf_token(session_token);
    let text = format!("{CSRF_COOKIE}={token}; SameSite=Lax; Path=/{secure}");
    HeaderValue::try_from(text).expect("hex is a plain token")
}
