//! The old service's HTTP routes and sockets. Pages of every origin may use them: their secret
//! is in the message, never in a cookie.

mod answer;
mod events;
mod files;
mod names;
mod sessions;
mod socket;
mod token;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use http_kit::{ApiError, Client, CrossOrigin, Routes, SocketOrigins, SocketPolicy, by_upgrade};

use crate::share::Share;

/// The longest frame, in bytes: an `add-chunk` frame has up to 71 KB.
const MAX_MESSAGE: usize = 128 * 1024;

pub(crate) fn routes(share: &Share) -> Routes {
    let policy =
        SocketPolicy { origins: SocketOrigins::Any, max_message: MAX_MESSAGE, subprotocols: &[] };
    let opening = http_kit::socket(policy, get(socket::open)).with_state(share.clone());
    let session = get(sessions::metadata).put(sessions::rename).delete(sessions::end);
    let router = Router::new()
        .route("/session", post(sessions::create).get(sessions::renew_code).head(no_head))
        .route("/idForName/{name}", get(sessions::id_for_name))
        .route("/access/{id}", get(sessions::join).head(no_head))
        .route("/session/{id}/{filename}", get(events::open).head(no_head))
        .route("/files/{id}", get(files::list).post(files::add))
        .route("/files/{id}/{name}", get(files::show).delete(files::remove))
        .route("/session/{id}", by_upgrade(session, opening))
        .layer(from_fn_with_state(share.clone(), count))
        .with_state(share.clone());
    Routes::default().with_errors(CrossOrigin::Open, answer::error_form, router)
}

/// `HEAD` where `GET` is more than a question: axum would answer it by doing the same.
async fn no_head() -> ApiError {
    ApiError::method_not_allowed()
}

/// Middleware: counts the requests of an address.
async fn count(
    State(share): State<Share>,
    client: Client,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    share.services().caps.request(client.address)?;
    Ok(next.run(request).await)
}
