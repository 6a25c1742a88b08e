//! The description of the REST routes, for programs (`/api/openapi.json`) and for
//! people (`/api/docs`, the same document as a page: no script, no third party).
//!
//! The document is one file beside this module, written by hand, because it is a
//! contract: what clients in the field rely on is not derived from whatever the code
//! does today. `tests/openapi.rs` holds it against the routes that exist.

mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_kit::ApiError;

/// OpenAPI 3.1.
const DOCUMENT: &str = include_str!("api/openapi.json");

/// `GET /api/openapi.json` and `GET /api/docs`. `assets` is where the page's styles are.
pub(crate) fn routes(assets: &str) -> Router {
    // That it can be shown is held by a test, so the error is not reached.
    let page = page::render(DOCUMENT, assets).map_err(|error| error.to_string());
    let json = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    Router::new()
        .route("/api/openapi.json", get(async move || (json, DOCUMENT)))
        .route("/api/docs", get(show))
        .with_state(page.map(Arc::from).map_err(Arc::from))
}

/// The page, or why there is none.
type Page = Result<Arc<str>, Arc<str>>;

async fn show(State(page): State<Page>) -> Result<Response, ApiError> {
    let page = page.map_err(ApiError::internal)?;
    Ok(([(CACHE_CONTROL, "no-cache")], Html(page.to_string())).into_response())
}
