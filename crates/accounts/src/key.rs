//! Access keys: the credential that a username comes with.

use std::fmt;

use base::Random;

use crate::secret::{self, SecretHash};

/// An access key: 256 random bits as 64 lower-case hex characters. Shown to its
/// owner once; only its hash is kept.
pub struct AccessKey(String);

impl AccessKey {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self(secret::generate(random))
    }

    /// `None` if `text` cannot be a key, so that the database need not be asked.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        secret::is_well_formed(text).then(|| Self(text.to_owned()))
    }

    /// The secret itself, for its owner and nobody else: never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;

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
}
