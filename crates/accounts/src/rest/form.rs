//! Reading a body as Django REST framework's serializers do: a JSON object, unknown
//! fields ignored, numbers taken for texts, and every missing or odd field told at
//! once.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use super::error::RestError;

/// A body that is a JSON object; none at all is an empty one.
#[derive(Debug)]
pub(super) struct Form {
    fields: Map<String, Value>,
    errors: BTreeMap<&'static str, Vec<String>>,
}

/// What a field may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// There, and not empty.
    Required,
    /// Not there, or not empty.
    Optional,
    /// Not there, or whatever text.
    OptionalBlank,
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = RestError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RestError> {
        let body = Bytes::from_request(request, state).await.map_err(unread)?;
        Self::parse(&body)
    }
}

fn unread(rejection: BytesRejection) -> RestError {
    if rejection.status() == http::StatusCode::PAYLOAD_TOO_LARGE {
        RestError::too_large()
    } else {
        RestError::unreadable("The body could not be read to its end.")
    }
}

impl Form {
    pub(super) fn parse(body: &[u8]) -> Result<Self, RestError> {
        let value = if body.trim_ascii().is_empty() {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(body).map_err(|error| {
                // Where, and nothing of our parser's words.
                let (line, column) = (error.line(), error.column());
                RestError::unreadable(&format!("JSON parse error - line {line} column {column}"))
            })?
        };
        let kind = match value {
            Value::Object(fields) => return Ok(Self { fields, errors: BTreeMap::new() }),
            Value::Array(_) => "list",
            Value::String(_) => "str",
            Value::Number(_) => "number",
            Value::Bool(_) => "bool",
            Value::Null => "NoneType",
        };
        let text = format!("Invalid data. Expected a dictionary, but got {kind}.");
        Err(RestError::non_field(&text))
    }

    /// The text of a field; notes what is wrong with it.
    pub(super) fn text(&mut self, name: &'static str, rule: Rule) -> Option<String> {
        let read = match self.fields.remove(name) {
            None if rule == Rule::Required => Err("This field is required."),
            None => return None,
            Some(Value::Null) => Err("This field may not be null."),
            Some(Value::String(text)) => Ok(text),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(_) => Err("Not a valid string."),
        };
        let read = read.and_then(|text| {
            let blank = text.trim().is_empty();
            if text.contains('\0') {
                Err("Null characters are not allowed.")
            } else if blank && rule != Rule::OptionalBlank {
                Err("This field may not be blank.")
            } else {
                Ok(text)
            }
        });
        read.map_err(|text| self.errors.insert(name, vec![text.to_owned()])).ok()
    }

    /// Notes what else is wrong, where nothing is noted yet.
    pub(super) fn note(&mut self, problems: &[crate::Invalid]) {
        for problem in problems {
            self.errors.entry(problem.field()).or_insert_with(|| problem.messages());
        }
    }

    /// Everything noted, if anything is.
    pub(super) fn finish(self) -> Result<(), RestError> {
        if self.errors.is_empty() { Ok(()) } else { Err(RestError::Fields(self.errors)) }
    }
}
