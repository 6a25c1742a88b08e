//! The routes of accounts and sessions: HTTP to commands and back, nothing else.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Request, State};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base::{AccountId, Clock, Principal};
use http::header::{CACHE_CONTROL, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_kit::{
    ApiError, Client, Exempt, Quota, StrictJson, Throttle, clear_cookie, cookie, set_cookie,
};

use crate::wire::{Done, LogIn, Me, Online, Register, Registered, User};
use crate::{Accounts, Admitted, RegisterError, SignInContext, SignInError, Username, session};

/// The name of the cookie that holds a session's token.
pub const SESSION_COOKIE: &str = "session";

/// Registrations of one client address.
const REGISTRATIONS: Quota = Quota { burst: 30, refill: Duration::from_secs(10) };

/// Refused log-ins of one client address.
const REFUSED_SIGN_INS: Quota = Quota { burst: 20, refill: Duration::from_secs(10) };

/// Who is online: what these routes need to know of the room.
pub trait Presence: Send + Sync {
    /// The usernames of everybody online, each once, in any order.
    fn online(&self) -> Vec<String>;

    /// Whether `account` is online.
    fn is_online(&self, account: AccountId) -> bool;
}

/// How often one client address may try.
#[derive(Debug)]
pub struct Throttles {
    registrations: Throttle,
    refused_sign_ins: Throttle,
}

impl Throttles {
    /// 30 registrations at once, then one in 10 s; 20 refused log-ins at once,
    /// then one in 10 s. Not for `exempt` networks.
    #[must_use]
    pub fn new(exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        let throttle = |quota| Throttle::new(quota, exempt.clone(), Arc::clone(clock));
        Self {
            registrations: throttle(REGISTRATIONS),
            refused_sign_ins: throttle(REFUSED_SIGN_INS),
        }
    }
}

#[derive(Clone)]
struct Api {
    accounts: Accounts,
    presence: Arc<dyn Presence>,
    throttles: Arc<Throttles>,
}

/// `/api/register`, `/api/login`, `/api/logout`, `/api/online`, `/api/user/@me`
/// and `/api/user/{username}`, as `docs/PROTOCOL.md` has them. Requests must
/// carry their [`Client`].
pub fn routes(accounts: Accounts, presence: Arc<dyn Presence>, throttles: Throttles) -> Router {
    let api = Api { accounts, presence, throttles: Arc::new(throttles) };
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
        .layer(map_response(forbid_storing))
        .with_state(api)
}

async fn register(
    State(api): State<Api>,
    client: Client,
    StrictJson(body): StrictJson<Register>,
) -> Result<Response, ApiError> {
    let username: Username = body.username.parse().map_err(|_| invalid_username())?;
    api.throttles.registrations.consume(client.address).map_err(ApiError::too_many)?;
    match api.accounts.register(&username).await {
        Ok(key) => {
            let body = Json(Registered { key: key.expose() });
            Ok((StatusCode::CREATED, body).into_response())
        }
        Err(RegisterError::Taken) => {
            Err(ApiError::new(StatusCode::CONFLICT, "This username is taken."))
        }
        Err(RegisterError::Storage(cause)) => Err(ApiError::internal(cause)),
    }
}

async fn log_in(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
    StrictJson(body): StrictJson<LogIn>,
) -> Result<Response, ApiError> {
    let refused = &api.throttles.refused_sign_ins;
    if let Some(wait) = refused.blocked(client.address) {
        return Err(ApiError::too_many(wait));
    }
    let user_agent = headers.get(USER_AGENT).and_then(|text| text.to_str().ok());
    let context =
        SignInContext { address: client.address, user_agent: user_agent.map(str::to_owned) };
    match api.accounts.sign_in(&body.key, context).await {
        Ok(token) => {
            let expires = session::expiry(api.accounts.now());
            let cookie = set_cookie(SESSION_COOKIE, token.expose(), client.secure, expires);
            Ok(([(SET_COOKIE, cookie)], Json(Done {})).into_response())
        }
        Err(SignInError::UnknownKey) => {
            // Many attempts at once all pass the look above; those beyond the
            // burst are told so here.
            refused.consume(client.address).map_err(ApiError::too_many)?;
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "No account has this key."))
        }
        Err(SignInError::Storage(cause)) => Err(ApiError::internal(cause)),
    }
}

async fn log_out(
    State(api): State<Api>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if let Some(token) = cookie(&headers, SESSION_COOKIE) {
        api.accounts.sign_out(token).await.map_err(ApiError::internal)?;
    }
    let cleared = clear_cookie(SESSION_COOKIE, client.secure);
    Ok(([(SET_COOKIE, cleared)], Json(Done {})).into_response())
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
    let found = api.accounts.find(&username).await.map_err(ApiError::internal)?;
    let found = found.ok_or_else(unknown)?;
    let online = api.presence.is_online(found.account);
    Ok(Json(User { username: &found.username, online }).into_response())
}

/// Middleware: lets a request with a valid session pass, with its [`Principal`],
/// and renews the cookie on the answer.
async fn require_session(
    State(api): State<Api>,
    client: Client,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let Admitted { principal, renewed } = api.accounts.admit(request.headers(), &client).await?;
    request.extensions_mut().insert(principal);
    let mut response = next.run(request).await;
    response.headers_mut().append(SET_COOKIE, renewed);
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
