//! Secrets that open something: access keys, session tokens, API tokens, and the links
//! that are mailed ([`link`](crate::link)). Each is random, shown once, and kept as a hash
//! only ([`SecretHash`]).

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base::Random;

/// Random bytes in an access key, an API token and a mailed link.
const BYTES: usize = 32;

/// Characters in a session token.
const TOKEN_LENGTH: usize = 32;

/// A new secret: 256 random bits as 64 lower-case hex characters.
pub(crate) fn generate(random: &dyn Random) -> String {
    base::hex(random, BYTES)
}

/// Whether `text` has the form of what [`generate`] makes; if not, nothing need be
/// looked up.
pub(crate) fn is_well_formed(text: &str) -> bool {
    let hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 2 * BYTES && text.bytes().all(hex)
}

/// The SHA-256 of a key, a token or a link's secret: all that is ever stored.
///
/// A fast hash is enough because the secrets are random and long (190 bits and
/// more): there is nothing to guess. A secret is found by its hash through a
/// unique index, and no constant-time comparison is needed: what the timing of
/// that look-up could tell is about hashes, and the hash of a guess
/// cannot be steered towards a stored one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }

    /// One of `count` numbers from 0, each as likely.
    pub(crate) fn stripe(self, count: usize) -> usize {
        usize::from(self.0[0]) % count
    }

    /// The form in the database: 64 lower-case hex characters, which every
    /// database stores and compares alike.
    pub(crate) fn to_hex(self) -> String {
        base::to_hex(&self.0)
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(hidden)")
    }
}

/// A type for one kind of secret: how it is made, and what a text must be like to be one.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $generate:path, $is_well_formed:path) => {
        $(#[$doc])*
        pub struct $name(String);

        impl $name {
            pub(crate) fn generate(random: &dyn Random) -> Self {
                Self($generate(random))
            }

            /// `None` if `text` cannot be one, so that nothing need be looked up.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                $is_well_formed(text).then(|| Self(text.to_owned()))
            }

            /// The secret itself, for its owner alone: never log it.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            pub(crate) fn hash(&self) -> SecretHash {
                SecretHash::of(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(hidden)"))
            }
        }
    };
}

secret! {
    /// An access key: 256 random bits as 64 lower-case hex characters. Shown to its
    /// owner once; only its hash is kept.
    AccessKey, generate, is_well_formed
}

secret! {
    /// An API token: 256 random bits as 64 lower-case hex characters. Shown to its
    /// owner once; only its hash is kept.
    ApiToken, generate, is_well_formed
}

secret! {
    /// The secret of a browser session, for its cookie: 32 random characters of
    /// `[A-Za-z0-9]` (190 bits). Only its hash is kept.
    SessionToken, generate_session_token, is_session_token
}

fn generate_session_token(random: &dyn Random) -> String {
    base::alphanumeric(random, TOKEN_LENGTH)
}

fn is_session_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;

    #[test]
    fn it_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(SecretHash::of("abc").to_hex(), expected);
    }

    #[test]
    fn a_key_made_here_is_one_that_is_accepted() {
        let key = AccessKey::generate(&OsRandom);
        let parsed = AccessKey::parse(key.expose()).unwrap();
        assert_eq!(parsed.hash(), key.hash());
        assert_ne!(AccessKey::generate(&OsRandom).hash(), key.hash());
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "abc", &"a".repeat(63), &"a".repeat(65), &"A".repeat(64), &"é".repeat(32)]
        {
            assert!(AccessKey::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = AccessKey::generate(&OsRandom);
        assert!(!format!("{key:?}").contains(key.expose()));
    }

    #[test]
    fn a_session_token_made_here_is_one_that_is_accepted() {
        let token = SessionToken::generate(&OsRandom);
        assert_eq!(SessionToken::parse(token.expose()).unwrap().hash(), token.hash());
        for text in ["", "abc", &"a".repeat(31), &"a".repeat(33), &"-".repeat(32), &"é".repeat(16)]
        {
            assert!(SessionToken::parse(text).is_none(), "{text}");
        }
    }
}
