//! The routes of usernames, keys and sessions: HTTP to commands and back, nothing
//! else. Those of email accounts and tokens: [`rest`].

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::AccountId;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Caller, Client, Routes, StrictJson, TokenSigner, cookie};

use crate::authentication::{SESSION_COOKIE, clear_session_cookie};
use crate::password::hasher;
use crate::wire::{Done, LogIn, Me, Online, Register, Registered, User};
use crate::{Accounts, RegisterError, SignInError, Username, rest};

/// Who is online: what these routes need to know of the room.
pub trait Presence: Send + Sync {
    /// The usernames of all who are online, each once, in any order.
    fn online(&self) -> Vec<String>;

    /// Whether `account` is online.
    fn is_online(&self, account: AccountId) -> bool;
}

#[derive(Clone)]
struct Api {
    accounts: Accounts,
    presence: Arc<dyn Presence>,
}

/// `/api/register`, `/api/login`, `/api/logout`, `/api/online`, `/api/user/@me`,
/// `/api/user/{username}`, and what is under `/api/users` and `/api/auth`, as
/// `docs/PROTOCOL.md` has them. `signer` makes the CSRF tokens of scripts. For
/// [`authenticated`](http_kit::authenticated) routes.
pub fn routes(accounts: Accounts, presence: Arc<dyn Presence>, signer: TokenSigner) -> Routes {
    let rest = rest::routes(accounts.clone(), signer);
    let api = Api { accounts, presence };
    let routes = Router::new()
        .route("/api/register", post(register))
        .route("/api/login", post(log_in))
        .route("/api/logout", get(log_out))
        .route("/api/online", get(online))
        .route("/api/user/@me", get(me))
        .route("/api/user/{username}", get(user))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(api);
    let routes = Routes::from(routes).merge(rest);
    routes.map(|router| router.layer(map_response(forbid_storing)))
}

async fn register(
    State(api): State<Api>,
    client: Client,
    StrictJson(body): StrictJson<Register>,
) -> Result<Response, ApiError> {
    let username: Username = body.username.parse().map_err(|_| invalid_username())?;
    match api.accounts.register_from(&username, client.address).await {
        Ok(key) => {
            let body = Json(Registered { key: key.expose() });
            Ok((StatusCode::CREATED, body).into_response())
        }
        Err(RegisterError::Taken) => {
            Err(ApiError::new(StatusCode::CONFLICT, "This username is taken."))
        }
        Err(RegisterError::TooMany(wait)) => Err(ApiError::too_many(wait)),
        Err(RegisterError::Storage(cause)) => Err(ApiError::storage_failed(cause)),
    }
}

async fn log_in(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    StrictJson(body): StrictJson<LogIn>,
) -> Result<Response, ApiError> {
    let context = api.accounts.sign_in_context(&headers, &client).await;
    let context = context.map_err(ApiError::storage_failed)?;
    match api.accounts.sign_in(&body.key, context).await {
        Ok(token) => {
            let cookie = api.accounts.session_cookie(&token, &client);
            Ok(([(SET_COOKIE, cookie)], Json(Done {})).into_response())
        }
        Err(SignInError::Refused) => {
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "No account has this key."))
        }
        Err(SignInError::TooMany(wait)) => Err(ApiError::too_many(wait)),
        Err(SignInError::Busy) => Err(ApiError::unavailable(hasher::RETRY)),
        Err(SignInError::Storage(cause)) => Err(ApiError::storage_failed(cause)),
    }
}

async fn log_out(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(token) = cookie(&headers, SESSION_COOKIE) {
        api.accounts.sign_out(token).await.map_err(ApiError::storage_failed)?;
    }
    Ok(([(SET_COOKIE, clear_session_cookie(&client))], Json(Done {})).into_response())
}

async fn online(State(api): State<Api>, _: Caller) -> Json<Online> {
    let mut online_clients = api.presence.online();
    online_clients.sort_unstable();
    Json(Online { online_clients })
}

async fn me(Caller { principal, .. }: Caller) -> Response {
    Json(Me { username: &principal.username }).into_response()
}

async fn user(
    State(api): State<Api>,
    _: Caller,
    username: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::new(StatusCode::NOT_FOUND, "There is no user of this name.");
    let Path(username) = username.map_err(|_| unknown())?;
    // What cannot be a username is not taken.
    let username: Username = username.parse().map_err(|_| unknown())?;
    let found = api.accounts.find(&username).await.map_err(ApiError::storage_failed)?;
    let found = found.ok_or_else(unknown)?;
    let online = api.presence.is_online(found.account);
    Ok(Json(User { username: &found.username, online }).into_response())
}

async fn method_not_allowed() -> ApiError {
    ApiError::method_not_allowed()
}

/// Middleware: these answers are for one client and hold secrets.
async fn forbid_storing(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn invalid_username() -> ApiError {
    let message = "A username is 1 to 32 letters (A to Z) and digits.";
    ApiError::new(StatusCode::BAD_REQUEST, message)
}
