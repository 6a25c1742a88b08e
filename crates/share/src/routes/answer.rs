//! Answers in the old service's form: JSON in a body of `text/plain`, because its web app
//! parses the text itself.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
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

/// `{"success": false, "message": "..."}`; where a file was not accepted
/// `{"success": false, "response": {"message", "file"}}`.
pub(super) struct Failure(pub(super) Refusal);

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self(Refusal { kind, sentence, retry_after, file }) = self;
        let body = match file {
            Some(file) => {
                json!({"success": false, "response": {"message": sentence, "file": file}})
            }
            None => json!({"success": false, "message": sentence}),
        };
        let mut response = text(status(kind), &body);
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

/// What the server itself refuses, in the same form: a request that is too large, or took too
/// long.
pub(super) fn error_form(error: &ApiError) -> (HeaderValue, Vec<u8>) {
    let body = json!({"success": false, "message": error.message()});
    (TEXT, body.to_string().into_bytes())
}

fn text(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body.to_string()).into_response()
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Unauthorized => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
    }
}
