//! The routes of usernames, keys and sessions: HTTP to commands and back, nothing
//! else. Those of email accounts and tokens: [`rest`].

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::{AccountId, Principal};
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{ApiError, Client, StrictJson, cookie};

use crate::admission::{SESSION_COOKIE, clear_session_cookie};
use crate::password::hasher;
use crate::wire::{Done, LogIn, Me, Online, Register, Registered, User};
use crate::{Accounts, RegisterError, SignInError, Username, rest};

/// Who is online: what these routes need to know of the room.
pub trait Presence: Send + Sync {
    /// The usernames of everybody online, each once, in any order.
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
/// `docs/PROTOCOL.md` has them. Requests must carry their [`Client`].
pub fn routes(accounts: Accounts, presence: Arc<dyn Presence>) -> Router {
    let rest = rest::routes(accounts.clone());
    let api = Api { accounts, presence };
    // On the methods, not on the paths: a wrong method is 405 for everybody.
    let signed_in = from_fn_with_state(api.clone(), require_session);
    Router::new()
        .route("/api/register", post(register))
        .route("/api/login", post(log_in))
        .route("/api/logout", get(log_out))
        .route("/api/online", get(online).route_layer(signed_in.clone()))
        .route("/api/user/@me", get(me).route_layer(signed_in.clone()))
        .route("/api/user/{username}", get(user).route_layer(signed_in))
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(api)
        .merge(rest)
        .layer(map_response(forbid_storing))
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

async fn online(State(api): State<Api>) -> Json<Online> {
    let mut online_clients = api.presence.online();
    online_clients.sort_unstable();
    Json(Online { online_clients })
}

async fn me(Extension(principal): Extension<Principal>) -> Response {
    Json(Me { username: &principal.username }).into_response()
}

async fn user(
    State(api): State<Api>,
    username: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::new(StatusCode::NOT_FOUND, "There is no user of this name.");
    let Path(username) = username.map_err(|_| unknown())?;
    // What cannot be a username is nobody's.
    let username: Username = username.parse().map_err(|_| unknown())?;
    let found = api.accounts.find(&username).await.map_err(ApiError::storage_failed)?;
    let found = found.ok_or_else(unknown)?;
    let online = api.presence.is_online(found.account);
    Ok(Json(User { username: &found.username, online }).into_response())
}

/// Middleware: lets a request with a valid session or token pass, with its
/// [`Principal`], and renews the cookie on the answer.
async fn require_session(
    State(api): State<Api>,
    client: Client,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = api.accounts.admit_caller(request.headers(), &client).await?;
    request.extensions_mut().insert(caller.principal);
    let mut response = next.run(request).await;
    if let Some(renewed) = caller.renewed {
        response.headers_mut().append(SET_COOKIE, renewed);
    }
    Ok(response)
}

async fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "This method is not allowed here.")
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
