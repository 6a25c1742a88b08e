//! Failures in the form and the words of Django REST framework.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Method, StatusCode};
use http_kit::ApiError;
use serde::Serialize;

use crate::invalid::Invalid;
use crate::password::hasher;
use crate::{ChangeError, ResetError, SignInError, SignUpError};

/// What a second account with the same address hears.
const EMAIL_TAKEN: &str = "user with this email address already exists.";

/// A failure as the caller sees it.
#[derive(Debug)]
pub(super) enum RestError {
    /// 400: texts by field; what is about no field in particular is under
    /// `non_field_errors`.
    Fields(BTreeMap<&'static str, Vec<String>>),
    /// Any status: one text.
    Detail(StatusCode, String),
    /// 429 or 503: one text, and when to try again.
    Later(ApiError, String),
}

#[derive(Serialize)]
struct Detail<'a> {
    detail: &'a str,
}

impl RestError {
    pub(super) fn field(name: &'static str, text: &str) -> Self {
        Self::Fields(BTreeMap::from([(name, vec![text.to_owned()])]))
    }

    pub(super) fn non_field(text: &str) -> Self {
        Self::field("non_field_errors", text)
    }

    pub(super) fn invalid(problems: &[Invalid]) -> Self {
        Self::Fields(problems.iter().map(|one| (one.field(), one.messages())).collect())
    }

    fn detail(status: StatusCode, text: impl Into<String>) -> Self {
        Self::Detail(status, text.into())
    }

    pub(super) fn unreadable(why: &str) -> Self {
        Self::detail(StatusCode::BAD_REQUEST, why)
    }

    pub(super) fn too_large() -> Self {
        Self::detail(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large.")
    }

    pub(super) fn unauthenticated(why: &str) -> Self {
        Self::detail(StatusCode::UNAUTHORIZED, why)
    }

    pub(super) fn forbidden() -> Self {
        let text = "You do not have permission to perform this action.";
        Self::detail(StatusCode::FORBIDDEN, text)
    }

    pub(super) fn csrf() -> Self {
        Self::detail(StatusCode::FORBIDDEN, "CSRF Failed: CSRF token missing or incorrect.")
    }

    pub(super) fn not_found() -> Self {
        Self::detail(StatusCode::NOT_FOUND, "Not found.")
    }

    pub(super) fn method_not_allowed(method: &Method) -> Self {
        let text = format!("Method \"{method}\" not allowed.");
        Self::detail(StatusCode::METHOD_NOT_ALLOWED, text)
    }

    pub(super) fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        let unit = if seconds == 1 { "second" } else { "seconds" };
        let text = format!("Request was throttled. Expected available in {seconds} {unit}.");
        Self::Later(ApiError::too_many(wait), text)
    }

    fn busy() -> Self {
        let text = "Service temporarily unavailable, try again later.";
        Self::Later(ApiError::unavailable(hasher::RETRY), text.to_owned())
    }

    /// The database failed: logs `cause`; the caller hears nothing of it.
    pub(super) fn storage_failed(cause: impl Display) -> Self {
        let text = "Service temporarily unavailable, try again later.";
        Self::Later(ApiError::storage_failed(cause), text.to_owned())
    }
}

impl From<SignInError> for RestError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => Self::non_field("Invalid username or password."),
            SignInError::TooMany(wait) => Self::too_many(wait),
            SignInError::Busy => Self::busy(),
            SignInError::Storage(cause) => Self::storage_failed(cause),
        }
    }
}

impl From<SignUpError> for RestError {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Invalid(problems) => Self::invalid(&problems),
            SignUpError::Taken => Self::field("email", EMAIL_TAKEN),
            SignUpError::TooMany(wait) => Self::too_many(wait),
            SignUpError::Busy => Self::busy(),
            SignUpError::Storage(cause) => Self::storage_failed(cause),
        }
    }
}

impl From<ResetError> for RestError {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::InvalidEmail => Self::field("email", "Enter a valid email address."),
            ResetError::TooMany(wait) => Self::too_many(wait),
            ResetError::Busy => Self::busy(),
        }
    }
}

impl From<ChangeError> for RestError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Invalid(problems) => Self::invalid(&problems),
            ChangeError::EmailTaken => Self::field("email", EMAIL_TAKEN),
            // Its session has ended with it.
            ChangeError::Gone => {
                Self::unauthenticated("Authentication credentials were not provided.")
            }
            ChangeError::TooMany(wait) => Self::too_many(wait),
            ChangeError::Busy => Self::busy(),
            // These answer what these routes do not ask for.
            ChangeError::WrongPassword | ChangeError::UsernameTaken | ChangeError::Unconfirmed => {
                Self::forbidden()
            }
            ChangeError::Storage(cause) => Self::storage_failed(cause),
        }
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        match self {
            Self::Fields(fields) => (StatusCode::BAD_REQUEST, Json(fields)).into_response(),
            Self::Later(error, text) => {
                // The status and `Retry-After` are those of any route, the words are not.
                let common = error.into_response();
                let retry = common.headers().get(http::header::RETRY_AFTER).cloned();
                let mut response =
                    (common.status(), Json(Detail { detail: &text })).into_response();
                if let Some(retry) = retry {
                    response.headers_mut().insert(http::header::RETRY_AFTER, retry);
                }
                response
            }
            Self::Detail(status, text) => {
                let mut response = (status, Json(Detail { detail: &text })).into_response();
                if status == StatusCode::UNAUTHORIZED {
                    let scheme = HeaderValue::from_static("Token");
                    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
                }
                response
            }
        }
    }
}
