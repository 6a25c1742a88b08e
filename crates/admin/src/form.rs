//! Reading a form: its bytes, its token, its fields.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use http_kit::ApiError;

use crate::routes::{AdminError, StaffContext};
use crate::{Field, FieldError, FieldKind};

/// The largest form that is read, in bytes: [`MAX_SELECTED`](crate::MAX_SELECTED) ids
/// fit.
pub const MAX_FORM: usize = 128 * 1024;

/// The name of the field that holds the form's token.
pub(crate) const TOKEN_FIELD: &str = "seal";

/// What was entered, checked against the description: every field asked for is here,
/// trimmed, and within its bounds.
#[derive(Clone, Debug, Default)]
pub struct Input(BTreeMap<&'static str, String>);

impl Input {
    /// The text of a field; empty if it was left so.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }

    /// The text of a field, if it was not left empty.
    #[must_use]
    pub fn filled(&self, field: &str) -> Option<&str> {
        Some(self.text(field)).filter(|text| !text.is_empty())
    }

    /// Whether a flag was set.
    #[must_use]
    pub fn flag(&self, field: &str) -> bool {
        !self.text(field).is_empty()
    }

    /// Name and value of each, to show the form again.
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        self.0.iter().map(|(name, value)| (*name, value.clone())).collect()
    }
}

/// A form whose token holds: it was sent from a page of ours. The only way to read one.
#[derive(Debug)]
pub(crate) struct SignedForm(Vec<(String, String)>);

impl SignedForm {
    pub(crate) fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(sent, _)| sent == name).map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        let named = self.0.iter().filter(|(sent, _)| sent == name);
        named.map(|(_, value)| value.clone()).collect()
    }

    /// The input of `fields`, and what is wrong with it.
    pub(crate) fn input<'a>(
        &self,
        fields: impl Iterator<Item = &'a Field>,
    ) -> (Input, Vec<FieldError>) {
        let (mut input, mut errors) = (Input::default(), Vec::new());
        for field in fields {
            let text = self.value(field.name).trim().replace("\r\n", "\n");
            if let Some(problem) = problem(field, &text) {
                errors.push(FieldError::new(field.name, problem));
            }
            input.0.insert(field.name, text);
        }
        (input, errors)
    }
}

/// What the description alone can say against `text`.
fn problem(field: &Field, text: &str) -> Option<String> {
    if text.is_empty() {
        return field.required.then(|| "This field is required.".to_owned());
    }
    let too_long = |max: usize| {
        (text.chars().count() > max).then(|| format!("At most {max} characters fit here."))
    };
    let multiline = matches!(field.kind, FieldKind::Multiline(_));
    if text.chars().any(|c| c.is_control() && !(multiline && (c == '\n' || c == '\t'))) {
        return Some("This holds a character that cannot be used here.".to_owned());
    }
    match &field.kind {
        FieldKind::Text(max) | FieldKind::Multiline(max) => too_long(*max),
        FieldKind::Email => too_long(254).or_else(|| {
            let plausible = text.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty() && !host.is_empty() && !text.contains(char::is_whitespace)
            });
            (!plausible).then(|| "Enter a valid email address.".to_owned())
        }),
        FieldKind::Flag => (text != "on").then(|| "This is neither yes nor no.".to_owned()),
        FieldKind::Choice(choices) => (!choices.iter().any(|(value, _)| *value == text))
            .then(|| "Choose one of the list.".to_owned()),
    }
}

impl<S: Send + Sync> FromRequest<S> for SignedForm {
    type Rejection = AdminError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, AdminError> {
        let context = request.extensions().get::<StaffContext>().cloned();
        let context =
            context.ok_or_else(|| AdminError::failed("the route is not behind the staff check"))?;
        let bytes = match Limited::new(request.into_body(), MAX_FORM).collect().await {
            Ok(whole) => whole.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(AdminError::Failed(ApiError::too_large()));
            }
            Err(_) => return Err(AdminError::Token),
        };
        let pairs = form_urlencoded::parse(&bytes);
        let form = Self(pairs.map(|(name, value)| (name.into(), value.into())).collect());
        if context.verifies(form.value(TOKEN_FIELD)) { Ok(form) } else { Err(AdminError::Token) }
    }
}
