//! The account pages: log in, sign up, confirm, reset, settings. Rendered here, so that
//! they work without JavaScript; scripts only add comfort (`web/account.js`).
//!
//! Invariants:
//! - No page changes anything on `GET`. A link from a mail shows a form first: mail
//!   scanners and previews open links too.
//! - Every form carries a token ([`csrf`]); the edge's rule about origins stands
//!   before it.
//! - Nothing here tells whether an account exists.
//! - Secrets are shown on the answer to the form that made them, and nowhere else; every
//!   page is `no-store` and sends no referrer, which are the edge's defaults.
//!
//! Deliberately absent: rules about credentials (the handle's), styles and scripts
//! (`web/`), wording of mails (the server's).

mod confirm;
mod csrf;
mod device;
mod door;
mod errors;
mod fields;
mod login;
mod member;
mod next;
mod password;
mod register;
mod settings;
mod setup;
mod when;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::middleware::map_response_with_state;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use http_kit::ApiError;

use crate::Accounts;
use csrf::Csrf;
use door::Said;

/// What the pages need besides the accounts.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// Where the styles and scripts are: `/assets/<version>`.
    pub assets: String,
    /// Signs the forms' tokens.
    pub secret: [u8; 32],
}

/// What every page's handler has at hand; cheap to clone.
#[derive(Clone)]
struct Desk {
    accounts: Accounts,
    assets: Arc<str>,
    csrf: Arc<Csrf>,
}

/// What every page shows of itself.
struct Page {
    assets: Arc<str>,
    /// The token of this page's forms.
    csrf: String,
}

/// `/login`, `/logout`, `/register`, `/confirm/…`, `/password/reset…`, `/settings…` and
/// `/setup/{token}`. Requests must carry their [`Client`](http_kit::Client).
pub fn pages(accounts: Accounts, options: &PageOptions) -> Router {
    let desk = Desk {
        accounts,
        assets: options.assets.as_str().into(),
        csrf: Arc::new(Csrf::new(&options.secret)),
    };
    Router::new()
        .merge(login::routes())
        .merge(register::routes())
        .merge(confirm::routes())
        .merge(password::routes())
        .merge(settings::routes())
        .merge(setup::routes())
        .layer(map_response_with_state(desk.clone(), as_page))
        .with_state(desk)
}

/// A rendered page.
fn page(status: StatusCode, template: &impl Template) -> Result<Response, ApiError> {
    let text = template.render().map_err(ApiError::internal)?;
    Ok((status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// Leads to `path`, which is ours or a [`next::Next`].
fn redirect(status: StatusCode, path: &str) -> Response {
    // What is no header value leads home; a `Next` is one by its rules.
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (status, [(LOCATION, location)]).into_response()
}

/// Middleware: a failure is a page here, not JSON.
async fn as_page(State(desk): State<Desk>, response: Response) -> Response {
    let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if !json || !response.status().is_client_error() && !response.status().is_server_error() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let said = Said {
        page: Page { assets: Arc::clone(&desk.assets), csrf: String::new() },
        icon: "alert",
        heading: failure(parts.status),
        texts: &["Go back and try again. If it stays like this, ask whoever runs this server."],
        href: "/",
        link: "To the start",
    };
    let Ok(text) = said.render() else { return parts.status.into_response() };
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Response::from_parts(parts, text.into())
}

fn failure(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "This page is out of date.",
        StatusCode::TOO_MANY_REQUESTS => "Too many tries. Wait a while.",
        StatusCode::SERVICE_UNAVAILABLE => "The server is busy right now.",
        status if status.is_server_error() => "Something went wrong on the server.",
        _ => "That could not be read.",
    }
}
