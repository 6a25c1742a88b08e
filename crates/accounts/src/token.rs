//! API tokens: what programs act with, for as long as they are used.

use std::fmt;
use std::time::Duration;

use base::Random;

use crate::secret::{self, SecretHash};

/// An API token ends after this long without use. Programs that run once a month
/// keep theirs; one that was forgotten does not stay valid for ever.
pub const TOKEN_INACTIVITY: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The most API tokens an account has at once. One more ends the one that was not
/// used for the longest time.
pub const MAX_TOKENS_PER_ACCOUNT: u64 = 100;

/// The most API tokens without a name that one session has asked for at once: asking again and again
/// for a token ends the session's own, not those that its owner made elsewhere.
pub const MAX_TOKENS_PER_SESSION: u64 = 10;

/// Characters of a token's name that are kept.
pub(crate) const MAX_TOKEN_NAME: usize = 64;

/// An API token: 256 random bits as 64 lower-case hex characters. Shown to its
/// owner once; only its hash is kept.
pub struct ApiToken(String);

impl ApiToken {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self(secret::generate(random))
    }

    /// `None` if `text` cannot be a token, so that nothing need be looked up.
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

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(hidden)")
    }
}
