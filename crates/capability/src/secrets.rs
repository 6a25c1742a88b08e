//! Keys by purpose.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;

/// Separates our keys from those that others may derive from the same bytes.
const SALT: &[u8] = b"packetboat";

/// The server's keys: the same for the same purpose as long as the data folder lasts, and
/// independent of each other. Cheap to clone.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    master: [u8; KEY_BYTES],
    stored: Vec<(&'static str, [u8; KEY_BYTES])>,
}

impl Secrets {
    /// Keys derived from `master`, but for the purposes whose keys are `stored`.
    #[must_use]
    pub fn new(master: [u8; KEY_BYTES], stored: Vec<(&'static str, [u8; KEY_BYTES])>) -> Self {
        Self(Arc::new(Inner { master, stored }))
    }

    /// The key for `purpose`, such as `drops: links`. A purpose begins with the name of its
    /// capability, and no other asks for its key. Derived by HKDF-SHA-256 (RFC 5869) with the
    /// purpose as `info`.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn key(&self, purpose: &str) -> [u8; KEY_BYTES] {
        if let Some((_, key)) = self.0.stored.iter().find(|(stored, _)| *stored == purpose) {
            return *key;
        }
        let mut key = [0; KEY_BYTES];
        Salt::new(HKDF_SHA256, SALT)
            .extract(&self.0.master)
            .expand(&[purpose.as_bytes()], Length)
            .and_then(|derived| derived.fill(&mut key))
            .expect("HKDF-SHA-256 gives up to 255 blocks of 32 bytes, and this is one");
        key
    }
}

/// [`KEY_BYTES`].
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_purposes_and_its_masters_alone() {
        let secrets = Secrets::new([7; KEY_BYTES], vec![("stored", [9; KEY_BYTES])]);
        assert_eq!(secrets.key("links"), secrets.clone().key("links"));
        assert_ne!(secrets.key("links"), secrets.key("forms"));
        assert_ne!(secrets.key("links"), Secrets::new([8; KEY_BYTES], vec![]).key("links"));
        assert_eq!(secrets.key("stored"), [9; KEY_BYTES]);
        assert_eq!(format!("{secrets:?}"), "Secrets(hidden)");
    }

    /// Keys must stay what they are: what was signed with them is out there. The value is
    /// that of Python's `hmac`, extract and expand by hand.
    #[test]
    fn keys_never_change() {
        let key = Secrets::new([7; KEY_BYTES], vec![]).key("links");
        assert_eq!(
            base::to_hex(&key),
            "716b8ba2f9c83bb9058b026b9bd7700c325511e014bf3e423e8d7cb6b15f7b9d"
        );
    }
}
