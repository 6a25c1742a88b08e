//! An error as a page, for a browser that asked for one; every other client keeps the
//! JSON of [`ApiError`].
//!
//! A browser that follows a link or sends a form names `text/html` in `Accept` and
//! shows what comes to a person, who can do nothing with JSON. Clients of the API do
//! not name it, and where they do, they mean nothing by it: Java's `HttpURLConnection`
//! sends it unasked. So nothing under [`API`] becomes a page.
//!
//! The page stands on nothing but the stylesheets: it must work when the database, the
//! session or a capability does not.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::error::rewritten;
use crate::headers::ADDRESS_IS_SECRET;
use crate::{ApiError, accepts};

/// Where the API is: nothing there answers with an error page.
const API: &str = "/api/";

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What to do about a failure that does not say it itself.
const ADVICE: &str =
    "Go back and try again. If it stays like this, ask the person who runs this server.";

/// The same for a page that is not there.
const NOT_FOUND_ADVICE: &str = "Check the address, or begin at the start.";

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    /// Where the stylesheets are; empty if there are none.
    assets: &'a str,
    heading: &'a str,
    message: &'a str,
    advice: &'a str,
}

/// Middleware: makes a page of an [`ApiError`] for those who asked for one.
pub(crate) async fn show(State(assets): State<Arc<str>>, request: Request, next: Next) -> Response {
    let asked = !request.uri().path().starts_with(API) && asks_for_html(request.headers());
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) if asked && is_json(response.headers()) => as_page(&assets, &error, response),
        _ => response,
    }
}

fn as_page(assets: &str, error: &ApiError, response: Response) -> Response {
    let message = error.message();
    let not_found = error.status() == StatusCode::NOT_FOUND;
    let advice = error.advice().unwrap_or(if not_found { NOT_FOUND_ADVICE } else { ADVICE });
    let page = Page { assets, heading: heading(error.status()), message, advice };
    // A page that cannot be written leaves the answer as it was.
    let Ok(text) = page.render() else { return response };
    let mut page = rewritten(response, HTML, text);
    // The address may be that of a page whose form was refused, and hold a secret.
    page.headers_mut().extend([ADDRESS_IS_SECRET]);
    page
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json")
}

/// Whether HTML is named as acceptable and JSON is not.
fn asks_for_html(headers: &HeaderMap) -> bool {
    accepts(headers, "text/html") && !accepts(headers, "application/json")
}

fn heading(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "That was refused",
        StatusCode::NOT_FOUND => "Page not found",
        StatusCode::TOO_MANY_REQUESTS => "Too many tries",
        StatusCode::SERVICE_UNAVAILABLE => "Not available right now",
        status if status.is_server_error() => "Something went wrong",
        _ => "That did not work",
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT;

    use super::*;

    fn asks(accept: &[&str]) -> bool {
        let lines = accept.iter().map(|line| (ACCEPT, line.parse().unwrap()));
        asks_for_html(&lines.collect())
    }

    #[test]
    fn browsers_ask_for_html_when_they_go_somewhere() {
        assert!(asks(&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"]));
        assert!(asks(&["image/png", "Text/HTML; q=0.5"]));
        assert!(asks(&["application/json;q=0, text/html"]));
    }

    #[test]
    fn programs_do_not() {
        for accept in
            ["*/*", "application/json, text/plain, */*", "text/html;q=0, */*", "", "text/*"]
        {
            assert!(!asks(&[accept]), "{accept}");
        }
        assert!(!asks(&["application/json", "text/html;q=0.1"]));
        assert!(!asks(&[]));
    }

    #[test]
    fn what_is_said_is_escaped() {
        let page = Page { assets: "", heading: "x", message: "<script>", advice: "" };
        assert!(!page.render().unwrap().contains("<script"));
    }
}
