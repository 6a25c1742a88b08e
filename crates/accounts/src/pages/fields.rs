//! The fields of a form or a query: texts by name, whatever was sent.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use http::StatusCode;
use http::request::Parts;
use http_kit::ApiError;

/// Names and values as they came, at most the edge's body limit.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The value of a field as typed, empty if there is none.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The value of a field without space around it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    pub(super) async fn of_form(request: Request) -> Result<Self, ApiError> {
        match Form::from_request(request, &()).await {
            Ok(Form(pairs)) => Ok(Self(pairs)),
            Err(rejection) => Err(unreadable(&rejection)),
        }
    }
}

/// Those of the query.
impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let query = Query::from_request_parts(parts, state).await;
        // What is no query asks for nothing.
        Ok(query.map_or_else(|_| Self::default(), |Query(pairs)| Self(pairs)))
    }
}

fn unreadable(rejection: &FormRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
        _ => ApiError::new(StatusCode::BAD_REQUEST, "This is not a form."),
    }
}
