//! The account pages: log in, sign up, confirm, reset, settings. Rendered here, so that
//! they work without JavaScript; scripts only add comfort (`web/account.js`).
//!
//! Invariants:
//! - No page changes anything on `GET`. A link from a mail shows a form first: mail
//!   scanners and previews open links too.
//! - Every form carries a token ([`form`]); the edge's rule about origins stands
//!   before it.
//! - Nothing here tells whether an account exists.
//! - Secrets are shown on the answer to the form that made them, and nowhere else; every
//!   page is `no-store`, which is the edge's default.
//! - Where a secret is in the address, requests from the page do not tell it
//!   ([`secret_address`]); those from other pages tell theirs to this server alone.
//!
//! Deliberately absent: rules about credentials (the handle's), styles and scripts
//! (`web/`), wording of mails (the server's).

mod confirm;
mod device;
mod errors;
mod form;
mod login;
mod password;
mod register;
mod settings;
mod setup;
mod signed_in;
mod visitor;
mod when;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use http_kit::{ADDRESS_IS_SECRET, ApiError, TokenSigner};

use crate::Accounts;

/// What the pages need besides the accounts.
#[derive(Clone, Debug)]
pub struct PageOptions {
    /// Where the styles and scripts are: `/assets/<version>`.
    pub assets: String,
    /// Signs the forms' tokens.
    pub signer: TokenSigner,
}

/// What every page's handler has at hand; cheap to clone.
#[derive(Clone)]
struct PageState {
    accounts: Accounts,
    assets: Arc<str>,
    signer: TokenSigner,
}

/// What every page shows of itself.
struct Page {
    assets: Arc<str>,
    /// The token of this page's forms.
    csrf: String,
}

/// `/login`, `/logout`, `/register`, `/confirm/…`, `/password/reset…`, `/settings…` and
/// `/setup/{token}`. For [`authenticated`](http_kit::authenticated) routes.
pub fn pages(accounts: Accounts, options: &PageOptions) -> Router {
    let state = PageState {
        accounts,
        assets: options.assets.as_str().into(),
        signer: options.signer.clone(),
    };
    Router::new()
        .merge(login::routes())
        .merge(register::routes())
        .merge(confirm::routes())
        .merge(password::routes())
        .merge(settings::routes())
        .merge(setup::routes())
        .with_state(state)
}

/// A rendered page.
fn page(status: StatusCode, template: &impl Template) -> Result<Response, ApiError> {
    let text = template.render().map_err(ApiError::internal)?;
    Ok((status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response())
}

/// Leads to `path`, which is ours or a [`login::Next`].
fn redirect(status: StatusCode, path: &str) -> Response {
    // What is no header value leads home; a `Next` is one by its rules.
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (status, [(LOCATION, location)]).into_response()
}

/// Routes whose address holds the secret of a link.
fn secret_address(routes: MethodRouter<PageState>) -> MethodRouter<PageState> {
    routes.layer(map_response(async |mut response: Response| {
        response.headers_mut().extend([ADDRESS_IS_SECRET]);
        response
    }))
}
