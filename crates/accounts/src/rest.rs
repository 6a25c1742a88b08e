//! The token REST API, in the manner of Django REST framework, whose clients must
//! work unchanged: `/api/users/…` and `/api/auth/…`.
//!
//! Authenticated by `Authorization: Token <key>` or by the session cookie. A browser
//! sends a cookie along whichever page asked for the request, so with one, methods that
//! change something also need proof that our own page asked: `Origin` or
//! `Sec-Fetch-Site`, which the edge has judged by then, or the header `X-CSRFToken`
//! with the value of the cookie `csrftoken` that signing in sets.

mod auth;
mod error;
mod form;
mod users;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::routing::{any, delete, get, post};
use base::{Principal, SessionRef};
use http::header::{HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use http_kit::{
    Accepts, AuthError, Caller, Client, Credential, CrossOrigin, Purpose, Routes, TokenSigner,
    caller,
};

use self::error::RestError;
use crate::Accounts;

/// The cookie whose value scripts send back as `X-CSRFToken`.
const CSRF_COOKIE: &str = "csrftoken";

/// The header that hands a token's key over.
const X_TOKEN: HeaderName = HeaderName::from_static("x-token");

/// What the value of [`CSRF_COOKIE`] is signed for; its subject is a session.
const CSRF: Purpose = Purpose("accounts rest csrf");

/// What these routes stand on.
#[derive(Clone)]
struct Api {
    accounts: Accounts,
    csrf: Csrf,
}

impl FromRef<Api> for Accounts {
    fn from_ref(api: &Api) -> Self {
        api.accounts.clone()
    }
}

impl FromRef<Api> for Csrf {
    fn from_ref(api: &Api) -> Self {
        api.csrf.clone()
    }
}

/// These routes, without the trailing slash that the edge takes away. Those that need no
/// token are for named origins only, even if one is sent along.
pub(crate) fn routes(accounts: Accounts, signer: TokenSigner) -> Routes {
    let without_token = Router::new()
        .route("/api/users", post(users::register))
        .route("/api/users/reset-password", post(users::reset_password))
        .route("/api/auth/signin", post(auth::sign_in));
    let with_token = Router::new()
        .route("/api/users/{id}", get(users::read).put(users::update).patch(users::update))
        .route("/api/users/{id}/{*rest}", any(not_found))
        .route("/api/auth/token", get(auth::token))
        .route("/api/auth/logout", delete(auth::log_out))
        .route("/api/auth/{*rest}", any(not_found));
    let api = Api { accounts, csrf: Csrf(signer) };
    let ready = |router: Router<Api>| {
        router.method_not_allowed_fallback(method_not_allowed).with_state(api.clone())
    };
    Routes::default()
        .with(CrossOrigin::Named, ready(without_token))
        .with(CrossOrigin::Token, ready(with_token))
}

async fn not_found() -> RestError {
    RestError::not_found()
}

async fn method_not_allowed(method: Method) -> RestError {
    RestError::method_not_allowed(&method)
}

/// The caller: an extractor that answers in these routes' words.
struct Authenticated(Caller);

impl FromRequestParts<Api> for Authenticated {
    type Rejection = RestError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, RestError> {
        let caller = caller(parts, Accepts::TokenOrCookie).await?;
        let safe = [Method::GET, Method::HEAD].contains(&parts.method);
        if caller.by == Credential::Cookie
            && !safe
            && !names_its_page(&parts.headers)
            && !api.csrf.is_sent(&parts.headers, caller.principal.session)
        {
            return Err(RestError::csrf());
        }
        Ok(Self(caller))
    }
}

impl From<AuthError> for RestError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Malformed(why) => Self::unauthenticated(why),
            AuthError::Invalid(Credential::Token) => Self::unauthenticated("Invalid token."),
            AuthError::Missing | AuthError::Invalid(Credential::Cookie) => {
                Self::unauthenticated("Authentication credentials were not provided.")
            }
            AuthError::TooMany(wait) => Self::too_many(wait),
            AuthError::Storage(cause) => Self::storage_failed(cause),
            AuthError::Internal(cause) => Self::storage_failed(cause),
        }
    }
}

impl Authenticated {
    fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// Whether a program is calling, by a token, and not a browser.
    fn is_by_token(&self) -> bool {
        self.0.by == Credential::Token
    }
}

/// Whether a request says where it comes from. The edge refuses what these headers say
/// comes from elsewhere; what says nothing may be a browser too old to say it, and then
/// only the token counts.
fn names_its_page(headers: &HeaderMap) -> bool {
    headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site")
}

/// The tokens that a page's script sends back to show that it could read its site's
/// cookies.
#[derive(Clone)]
struct Csrf(TokenSigner);

impl Csrf {
    fn is_sent(&self, headers: &HeaderMap, session: SessionRef) -> bool {
        let sent = headers.get("x-csrftoken").and_then(|value| value.to_str().ok());
        sent.is_some_and(|sent| self.0.verify(CSRF, &session.0.to_be_bytes(), sent))
    }

    /// The `Set-Cookie` of [`CSRF_COOKIE`] for a session: readable by scripts, which is
    /// what it is for, and gone with the browser.
    fn cookie(&self, session: SessionRef, client: &Client) -> HeaderValue {
        let secure = if client.secure { "; Secure" } else { "" };
        let token = self.0.sign(CSRF, &session.0.to_be_bytes());
        let text = format!("{CSRF_COOKIE}={token}; SameSite=Lax; Path=/{secure}");
        HeaderValue::try_from(text).expect("hex is a plain token")
    }
}
