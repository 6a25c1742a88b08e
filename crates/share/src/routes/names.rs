//! Names in paths. Old pages put them there as they are: a `%` that begins no escape is
//! taken literally, and so is a `?`.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::id::SessionId;
use crate::refusal::Refusal;

/// The session that a path names, and what else may stand at its end.
pub(super) struct PathNames {
    session: Option<SessionId>,
    /// What the last segment may mean, the likeliest first.
    last: Vec<String>,
}

impl PathNames {
    pub(super) fn session(&self) -> Result<SessionId, Refusal> {
        self.session.ok_or_else(Refusal::no_such_session)
    }

    pub(super) fn last(&self) -> Vec<&str> {
        self.last.iter().map(String::as_str).collect()
    }

    /// The second segment names the session.
    fn of(uri: &Uri) -> Self {
        let segments: Vec<_> = uri.path().split('/').collect();
        let session = segments.get(2).and_then(|id| SessionId::parse(id));
        let raw = segments.last().copied().unwrap_or_default();
        let mut last = Vec::new();
        if let Some(query) = uri.query() {
            last.push(format!("{raw}?{query}"));
            last.push(format!("{}?{}", decoded(raw), decoded(query)));
        }
        last.push(decoded(raw));
        last.push(raw.to_owned());
        Self { session, last }
    }
}

/// `text` with its percent escapes decoded; as it is, if that makes no text.
fn decoded(text: &str) -> String {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

impl<S: Send + Sync> FromRequestParts<S> for PathNames {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(path: &'static str) -> Vec<String> {
        PathNames::of(&Uri::from_static(path)).last
    }

    #[test]
    fn escapes_are_decoded_and_what_is_none_is_taken_literally() {
        assert_eq!(last("/files/x/a%20b.txt")[0], "a b.txt");
        assert_eq!(last("/files/x/100%.txt")[0], "100%.txt");
        assert_eq!(last("/files/x/%ff.txt")[0], "%ff.txt", "no text");
        assert!(last("/files/x/a%41").contains(&"a%41".to_owned()), "an unencoded name");
        assert_eq!(last("/files/x/what?.txt")[0], "what?.txt");
    }

    #[test]
    fn a_session_is_named_by_its_id_alone() {
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let uri: Uri = format!("/files/{id}/name").parse().unwrap();
        assert_eq!(PathNames::of(&uri).session().unwrap().to_string(), id);
        let uri: Uri = format!("/session/{{{id}}}").parse().unwrap();
        assert!(PathNames::of(&uri).session().is_err());
    }
}
