//! What a failure is: a status and one plain sentence, written as `{"error": "<sentence>"}`
//! unless its group of routes has a form of its own ([`error_form`](crate::error_form));
//! [`error_page`](crate::error_page) makes a page of it for a browser.
//!
//! Texts of 5xx answers are fixed; their cause goes to the log, once, here.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::body::Body as AnswerBody;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// When to try again what the database did not take. Service resumes as soon as the disk
/// does.
const STORAGE_RETRY: Duration = Duration::from_secs(5);

/// A failure as the caller sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    message: Cow<'static, str>,
    /// What to do about it: a person reads it, a program does not.
    advice: Option<&'static str>,
    retry_after: Option<Duration>,
    closes: bool,
    /// Others that belong to the answer.
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
}

impl ApiError {
    /// `status` with one plain sentence for the caller. The sentence must hold
    /// no secret and nothing of the server's inside.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        let (message, headers) = (message.into(), Vec::new());
        Self { status, message, advice: None, retry_after: None, closes: false, headers }
    }

    /// `500` with a fixed text; logs `cause`, so callers need not.
    pub fn internal(cause: impl Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on the server.")
    }

    /// `503`: the database cannot be read or written now (mostly a disk that is full or
    /// broken), try again soon; logs `cause`, so callers need not.
    pub fn storage_failed(cause: impl Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::unavailable(STORAGE_RETRY)
            .saying("The server cannot store or look up anything now: try again in a moment.")
    }

    /// `503`: not now, try again in `retry_after`.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server is not available now.");
        Self { retry_after: Some(retry_after), ..error }
    }

    /// The same failure with another sentence for the caller; see [`new`](Self::new).
    #[must_use]
    pub fn saying(self, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// `429` with `Retry-After` in whole seconds, rounded up, at least 1
    /// (RFC 6585, section 4).
    #[must_use]
    pub fn too_many(retry_after: Duration) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many attempts, try again later.");
        Self { retry_after: Some(retry_after), ..error }
    }

    /// `405`: the route has no such method, or not for this.
    #[must_use]
    pub fn method_not_allowed() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "This method is not allowed here.")
    }

    /// `413`: the body is over the route's limit.
    #[must_use]
    pub fn too_large() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.")
    }

    /// `408`, and the connection closes: what is still to come of the request
    /// must not be read as the next one (RFC 9110, section 15.5.9).
    #[must_use]
    pub fn timed_out() -> Self {
        let error = Self::new(StatusCode::REQUEST_TIMEOUT, "The request took too long.");
        Self { closes: true, ..error }
    }

    /// Adds what a person can do about it, in plain sentences: shown on the page that
    /// a browser gets, and not part of the JSON.
    #[must_use]
    pub fn advise(self, advice: &'static str) -> Self {
        Self { advice: Some(advice), ..self }
    }

    /// The same failure, to be tried again after `wait`: `Retry-After` in whole seconds, rounded
    /// up, at least 1.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same failure with these headers on its answer.
    #[must_use]
    pub fn with_headers(self, headers: Vec<(HeaderName, HeaderValue)>) -> Self {
        Self { headers, ..self }
    }

    /// The status this error answers with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The sentence for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn advice(&self) -> Option<&'static str> {
        self.advice
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(Body { error: &self.message })).into_response();
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
        }
        if self.closes {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response.headers_mut().extend(self.headers.iter().cloned());
        // For the edge, which gives it another form where the route or a browser asks for one.
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer of an error, in another form.
pub(crate) fn rewritten(
    response: Response,
    media_type: HeaderValue,
    body: impl Into<AnswerBody>,
) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, media_type);
    Response::from_parts(parts, body.into())
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn an_error_is_one_sentence_in_json() {
        let response = ApiError::new(StatusCode::CONFLICT, "Taken.").into_response();
        assert_eq!(response.status(), StatusCode::CONFLICT);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"error":"Taken."}"#);
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let header = |wait| ApiError::too_many(wait).into_response().headers()[RETRY_AFTER].clone();
        assert_eq!(header(Duration::from_millis(1)), "1");
        assert_eq!(header(Duration::from_secs(9)), "9");
        assert_eq!(header(Duration::from_millis(9_001)), "10");
        assert_eq!(header(Duration::ZERO), "1");
    }

    #[tokio::test]
    async fn causes_stay_inside() {
        let response = ApiError::internal("disk /dev/sda1 is full").into_response();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"error":"Something went wrong on the server."}"#);
    }
}
