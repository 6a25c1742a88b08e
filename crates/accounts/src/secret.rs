//! What is kept of a secret.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base::Random;

/// Random bytes in an access key, an API token and a mailed link.
const BYTES: usize = 32;

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
/// that look-up could tell is about hashes, and nobody can steer the hash of a
/// guess towards a stored one.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha_256() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(SecretHash::of("abc").to_hex(), expected);
    }
}
