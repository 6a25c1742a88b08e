//! What a form carries: its fields, and the token that proves that it was sent from a page
//! of ours.
//!
//! For a signed-in caller the token is signed for their session. For a visitor it is signed
//! for a random cookie (the signed double-submit cookie of OWASP's CSRF sheet), so that another
//! site cannot log a visitor in to an account of its own choice unawares.

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, Request};
use base::{Random, SessionRef};
use http::StatusCode;
use http::request::Parts;
use http_kit::{ApiError, Purpose, TokenSigner};

/// The field of a form's token.
pub(super) const TOKEN_FIELD: &str = "csrf_token";

/// Characters of a visitor's random cookie (190 bits).
const COOKIE_LENGTH: usize = 32;

const SESSION: Purpose = Purpose("accounts page of a session");
const VISITOR: Purpose = Purpose("accounts page of a visitor");

/// Whose form it is.
#[derive(Clone, Debug)]
pub(super) enum Subject<'a> {
    /// A signed-in caller's.
    Session(SessionRef),
    /// A visitor's: the value of their cookie.
    Visitor(&'a str),
}

/// The form's token for `subject`: 64 hex characters.
pub(super) fn token(signer: &TokenSigner, subject: &Subject<'_>) -> String {
    match subject {
        Subject::Session(session) => signer.sign(SESSION, &session.0.to_be_bytes()),
        Subject::Visitor(cookie) => signer.sign(VISITOR, cookie.as_bytes()),
    }
}

/// Whether `token` is the form's for `subject`.
pub(super) fn verify(signer: &TokenSigner, subject: &Subject<'_>, token: &str) -> bool {
    match subject {
        Subject::Session(session) => signer.verify(SESSION, &session.0.to_be_bytes(), token),
        Subject::Visitor(cookie) => signer.verify(VISITOR, cookie.as_bytes(), token),
    }
}

/// A fresh value for a visitor's cookie.
pub(super) fn visitor_cookie(random: &dyn Random) -> String {
    base::alphanumeric(random, COOKIE_LENGTH)
}

/// Whether `cookie` can be one of [`visitor_cookie`]'s.
pub(super) fn is_visitor_cookie(cookie: &str) -> bool {
    cookie.len() == COOKIE_LENGTH && cookie.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_subjects_alone() {
        let signer = TokenSigner::new(&[1; 32]);
        let session = |number| Subject::Session(SessionRef(number));
        let mine = token(&signer, &session(7));
        assert!(verify(&signer, &session(7), &mine));
        assert!(!verify(&signer, &session(8), &mine));
        // A cookie of the same bytes is not that session.
        let bytes = String::from_utf8(7_i64.to_be_bytes().to_vec()).expect("ASCII");
        assert!(!verify(&signer, &Subject::Visitor(&bytes), &mine));
        assert!(!verify(&signer, &session(7), ""));
        assert!(!verify(&TokenSigner::new(&[2; 32]), &session(7), &mine));
    }

    #[test]
    fn a_cookie_made_here_is_one_that_is_accepted() {
        assert!(is_visitor_cookie(&visitor_cookie(&base::OsRandom)));
        assert!(!is_visitor_cookie(""));
        assert!(!is_visitor_cookie(&"-".repeat(COOKIE_LENGTH)));
    }
}
