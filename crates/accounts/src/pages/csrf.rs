//! The token that every form carries: proof that it was sent from a page of ours.
//!
//! For a signed-in caller it is signed for their session. For a visitor it is signed for a
//! random cookie (the signed double-submit cookie of OWASP's CSRF sheet), so that another site
//! cannot log a visitor in to an account of its own choice unawares.

use base::{Random, SessionRef};
use http_kit::{Purpose, TokenSigner};

/// Characters of a visitor's random cookie (190 bits).
const LENGTH: usize = 32;

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
pub(super) fn visitor(random: &dyn Random) -> String {
    base::alphanumeric(random, LENGTH)
}

/// Whether `cookie` can be one of [`visitor`]'s.
pub(super) fn is_visitor(cookie: &str) -> bool {
    cookie.len() == LENGTH && cookie.bytes().all(|byte| byte.is_ascii_alphanumeric())
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
        assert!(is_visitor(&visitor(&base::OsRandom)));
        assert!(!is_visitor(""));
        assert!(!is_visitor(&"-".repeat(LENGTH)));
    }
}
