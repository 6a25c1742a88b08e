//! Failures in the form of an interface whose clients do not know [`ApiError`]'s own.
//!
//! Such a form is for programs, whatever `Accept` says: what has it is no [`ApiError`] any
//! more, of which the edge would make a page.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;

use crate::ApiError;
use crate::error::rewritten;

/// How a group of routes writes a failure: the media type and the body. Status and headers
/// stay those of the [`ApiError`].
pub type ErrorForm = fn(&ApiError) -> (HeaderValue, Vec<u8>);

/// Middleware: gives every [`ApiError`] of a group its form.
pub(crate) async fn apply(State(form): State<ErrorForm>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => {
            let (media_type, body) = form(&error);
            rewritten(response, media_type, body)
        }
        None => response,
    }
}
