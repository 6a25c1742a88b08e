//! Signed tokens: proof that this server handed a value out, for one purpose and to one
//! subject, without storing anything.
//!
//! A token is the HMAC-SHA-256 (RFC 2104) of its purpose, its subject and, if it has one,
//! its expiry, under a key of the server's own. Forms carry one against cross-site
//! requests (OWASP's HMAC-based token pattern). Each field goes in with its length, so no
//! two combinations say the same, and a token of another purpose, subject or time never
//! holds. Purposes are named by the code that uses them.
//!
//! Answers with such a token are not compressed, so there is nothing for BREACH to
//! measure, and a token may stay the same for as long as what it is made of.
//!
//! Deliberately absent: secrets. A token says nothing and hides nothing.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base::Timestamp;

/// What a token is for. Two purposes of one name share their tokens: name them after the
/// crate and what they protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose(pub &'static str);

/// Makes and checks signed tokens. Cheap to clone.
#[derive(Clone)]
pub struct TokenSigner(Arc<hmac::Key>);

impl TokenSigner {
    /// Signs by `key`, which must stay the same for tokens to hold after a restart.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// A token without an end: 64 hex characters.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, subject: &[u8]) -> String {
        self.tag(purpose, subject, None)
    }

    /// Whether `token` was signed for this purpose and subject. In constant time.
    #[must_use]
    pub fn verify(&self, purpose: Purpose, subject: &[u8], token: &str) -> bool {
        is_equal(&self.sign(purpose, subject), token)
    }

    /// A token that holds until `expiry`, which stands in it: `<milliseconds>.<64 hex>`.
    #[must_use]
    pub fn sign_until(&self, purpose: Purpose, subject: &[u8], expiry: Timestamp) -> String {
        format!("{}.{}", expiry.0, self.tag(purpose, subject, Some(expiry)))
    }

    /// Whether `token` is one of [`sign_until`](Self::sign_until)'s for this purpose and
    /// subject, and has not expired at `now`.
    #[must_use]
    pub fn verify_at(&self, purpose: Purpose, subject: &[u8], token: &str, now: Timestamp) -> bool {
        let Some((expiry, tag)) = token.split_once('.') else { return false };
        let Ok(expiry) = expiry.parse().map(Timestamp) else { return false };
        now < expiry && is_equal(&self.tag(purpose, subject, Some(expiry)), tag)
    }

    fn tag(&self, purpose: Purpose, subject: &[u8], expiry: Option<Timestamp>) -> String {
        let mut signing = hmac::Context::with_key(&self.0);
        for field in [purpose.0.as_bytes(), subject] {
            signing.update(&(field.len() as u64).to_be_bytes());
            signing.update(field);
        }
        if let Some(expiry) = expiry {
            signing.update(&expiry.0.to_be_bytes());
        }
        base::to_hex(signing.sign().as_ref())
    }
}

fn is_equal(expected: &str, token: &str) -> bool {
    verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
}

impl fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSigner(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Purpose = Purpose("form");
    const OTHER: Purpose = Purpose("other form");

    #[test]
    fn a_token_is_its_purposes_and_its_subjects_alone() {
        let signer = TokenSigner::new(&[1; 32]);
        let token = signer.sign(FORM, b"ann");
        assert_eq!(token.len(), 64);
        assert!(signer.verify(FORM, b"ann", &token));
        assert!(!signer.verify(FORM, b"bob", &token));
        assert!(!signer.verify(OTHER, b"ann", &token));
        assert!(!signer.verify(FORM, b"ann", ""));
        assert!(!signer.verify(FORM, b"ann", &token.to_uppercase()));
        assert!(!TokenSigner::new(&[2; 32]).verify(FORM, b"ann", &token));
    }

    #[test]
    fn what_moves_from_one_field_to_the_next_is_another_token() {
        let signer = TokenSigner::new(&[1; 32]);
        assert_ne!(signer.sign(Purpose("ab"), b"c"), signer.sign(Purpose("a"), b"bc"));
    }

    #[test]
    fn a_token_with_an_end_holds_until_then_and_for_no_other_end() {
        let signer = TokenSigner::new(&[1; 32]);
        let token = signer.sign_until(FORM, b"ann", Timestamp(1_000));
        let holds = |token: &str, now| signer.verify_at(FORM, b"ann", token, Timestamp(now));
        assert!(holds(&token, 999));
        assert!(!holds(&token, 1_000));
        let (_, tag) = token.split_once('.').expect("an end and a tag");
        assert!(!holds(&format!("2000.{tag}"), 999), "a later end");
        assert!(!holds(tag, 999) && !holds("", 999) && !holds("x.y", 999));
        assert!(!holds(&format!("1000.{}", signer.sign(FORM, b"ann")), 999), "one without an end");
        assert!(!signer.verify(FORM, b"ann", tag), "nor the other way round");
        assert!(!signer.verify_at(OTHER, b"ann", &token, Timestamp(0)));
        assert!(!signer.verify_at(FORM, b"bob", &token, Timestamp(0)));
    }
}
