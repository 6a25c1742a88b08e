//! What a browser sees at the addresses of sharing sessions: a short page that says that
//! there is none for them yet.

use askama::Template;
use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http_kit::ApiError;

/// The page's own address, and that to which links of the original's web app lead.
const ADDRESSES: [&str; 2] = ["/share", "/join/{session}"];

#[derive(Template)]
#[template(path = "share.html")]
struct Page<'a> {
    /// Where the stylesheets are.
    assets: &'a str,
}

/// The page, with its styles under `assets`.
pub(super) fn routes(assets: &str) -> Router {
    let assets = assets.to_owned();
    let show = get(async move || show(&assets));
    ADDRESSES.iter().fold(Router::new(), |router, address| router.route(address, show.clone()))
}

fn show(assets: &str) -> Result<Response, ApiError> {
    let page = Page { assets }.render().map_err(ApiError::internal)?;
    Ok(Html(page).into_response())
}
