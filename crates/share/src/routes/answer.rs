//! Answers in the old service's form: JSON in a body of `text/plain`, because its web app
//! parses the text itself.
//!
//! A refusal is an [`ApiError`], to which the group's form ([`error_form`]) is given like to
//! those of the server itself: a request that is too large, or took too long.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use http_kit::ApiError;
use serde::Serialize;
use serde_json::json;

use crate::refusal::{Kind, Refusal};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// `{"success": true, "response": ...}`.
pub(super) fn success(status: StatusCode, response: impl Serialize) -> Response {
    text(status, &json!({"success": true, "response": response}))
}

/// `{"success": false, "response": {"message", "file"}}`: a file that was not accepted.
pub(super) fn file_refused(sentence: &str, file: &str) -> Response {
    let response = json!({"message": sentence, "file": file});
    text(StatusCode::BAD_REQUEST, &json!({"success": false, "response": response}))
}

/// `{"success": false, "message": "..."}`.
pub(super) fn error_form(error: &ApiError) -> (HeaderValue, Vec<u8>) {
    let body = json!({"success": false, "message": error.message()});
    (TEXT, body.to_string().into_bytes())
}

fn text(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body.to_string()).into_response()
}

impl From<Refusal> for ApiError {
    fn from(Refusal { kind, sentence, retry_after, .. }: Refusal) -> Self {
        let status = match kind {
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        };
        let error = Self::new(status, sentence);
        match retry_after {
            Some(wait) => error.retry_after(wait),
            None => error,
        }
    }
}
