//! The token that every form carries: proof that whoever sent it was shown it.
//!
//! For somebody signed in it is an HMAC over their session. For everybody else it is an
//! HMAC over a random cookie (the signed double-submit cookie of OWASP's CSRF sheet), so
//! that nobody can be logged in to somebody else's account unawares. Answers with a token
//! are not compressed, so there is nothing for BREACH to measure, and a token may stay the
//! same for as long as what it is made of.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base::{Random, SessionRef};

/// Characters of a visitor's random cookie (190 bits).
const LENGTH: usize = 32;

/// Whose form it is.
#[derive(Clone, Debug)]
pub(super) enum Holder<'a> {
    /// Somebody signed in.
    Session(SessionRef),
    /// The value of a visitor's cookie.
    Visitor(&'a str),
}

/// Makes and checks tokens.
pub(super) struct Csrf(hmac::Key);

impl Csrf {
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// 64 hex characters.
    pub(super) fn token(&self, holder: &Holder<'_>) -> String {
        // Named, so that no other use of the key makes our tokens, and neither kind
        // passes for the other.
        let said = match holder {
            Holder::Session(session) => format!("account pages\0session\0{session}"),
            Holder::Visitor(cookie) => format!("account pages\0visitor\0{cookie}"),
        };
        base::to_hex(hmac::sign(&self.0, said.as_bytes()).as_ref())
    }

    pub(super) fn holds(&self, holder: &Holder<'_>, token: &str) -> bool {
        verify_slices_are_equal(self.token(holder).as_bytes(), token.as_bytes()).is_ok()
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
    fn a_token_is_its_holders_alone() {
        let csrf = Csrf::new(&[1; 32]);
        let token = csrf.token(&Holder::Session(SessionRef(7)));
        assert!(csrf.holds(&Holder::Session(SessionRef(7)), &token));
        assert!(!csrf.holds(&Holder::Session(SessionRef(8)), &token));
        assert!(!csrf.holds(&Holder::Visitor("7"), &token));
        assert!(!csrf.holds(&Holder::Session(SessionRef(7)), ""));
        assert!(!Csrf::new(&[2; 32]).holds(&Holder::Session(SessionRef(7)), &token));
    }

    #[test]
    fn a_cookie_made_here_is_one_that_is_accepted() {
        assert!(is_visitor(&visitor(&base::OsRandom)));
        assert!(!is_visitor(""));
        assert!(!is_visitor(&"-".repeat(LENGTH)));
    }
}
