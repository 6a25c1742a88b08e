//! What a session is: its kind, its token, and how long it lasts.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use base::{AccountId, Principal, Random, SessionRef, Timestamp};

use crate::secret::SecretHash;
use crate::token::{MAX_TOKENS_PER_ACCOUNT, TOKEN_INACTIVITY};

/// A browser's session ends after this long without activity.
pub const SESSION_INACTIVITY: Duration = Duration::from_secs(60 * 60);

/// The most browser sessions an account has at once. Signing in beyond it ends the
/// one that was not used for the longest time, so that a script that signs in
/// without end does not fill the disk.
pub const MAX_SESSIONS_PER_ACCOUNT: u64 = 100;

/// By what somebody acts. Whatever the kind, a [`SessionRef`] names it and ending it
/// ends what it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A browser's session: its token is in a cookie.
    Browser,
    /// An API token: a program sends it in a header.
    Token,
}

impl SessionKind {
    /// All there are.
    pub(crate) const ALL: [Self; 2] = [Self::Browser, Self::Token];

    /// How long one lasts without activity.
    pub(crate) fn inactivity(self) -> Duration {
        match self {
            Self::Browser => SESSION_INACTIVITY,
            Self::Token => TOKEN_INACTIVITY,
        }
    }

    /// The most of one account.
    pub(crate) fn limit(self) -> u64 {
        match self {
            Self::Browser => MAX_SESSIONS_PER_ACCOUNT,
            Self::Token => MAX_TOKENS_PER_ACCOUNT,
        }
    }
}

/// Characters in a session token.
const TOKEN_LENGTH: usize = 32;

/// Characters of a user agent that are kept.
const MAX_USER_AGENT: usize = 200;

/// Whether a session last used at `last_used` is still valid at `now`. One used in the
/// future is: the clock was wrong, and the next use or sweep puts that right.
pub(crate) fn is_live(kind: SessionKind, last_used: Timestamp, now: Timestamp) -> bool {
    now < expiry(kind, last_used)
}

/// When a session ends that is not used again after `last_used`.
pub(crate) fn expiry(kind: SessionKind, last_used: Timestamp) -> Timestamp {
    last_used.plus(kind.inactivity())
}

/// The secret of a session: 32 random characters of `[A-Za-z0-9]` (190 bits).
/// Only its hash is kept.
pub struct SessionToken(String);

impl SessionToken {
    pub(crate) fn generate(random: &dyn Random) -> Self {
        Self(base::alphanumeric(random, TOKEN_LENGTH))
    }

    /// `None` if `text` cannot be a token, so that nothing need be looked up.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == TOKEN_LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned()))
    }

    /// The secret itself, for the cookie and nothing else: never log it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(hidden)")
    }
}

/// From where and with what somebody signs in; kept with the session, so that
/// its owner can tell their devices apart.
#[derive(Clone, Debug)]
pub struct SignInContext {
    /// The client's address.
    pub address: IpAddr,
    /// What the client says it is; the first 200 characters are kept.
    pub user_agent: Option<String>,
    /// Whom a still valid session or token that came along acts for: its owner is
    /// not kept waiting because somebody else guesses at their password.
    pub device: Option<Principal>,
}

impl SignInContext {
    pub(crate) fn stored_user_agent(&self) -> Option<String> {
        self.user_agent.as_ref().map(|text| text.chars().take(MAX_USER_AGENT).collect())
    }
}

/// Told of every session and token that ends, for whatever reason (log-out, expiry,
/// revocation, one too many newer ones…): exactly once each, after it stopped being
/// valid.
pub trait SessionEnded: Send + Sync {
    /// `session` of `account` is over. Must not block; long work goes elsewhere.
    fn session_ended(&self, account: AccountId, session: SessionRef);
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;

    #[test]
    fn a_session_lasts_exactly_one_hour() {
        let last_used = Timestamp(5_000);
        assert!(is_live(SessionKind::Browser, last_used, Timestamp(5_000 + 3_599_999)));
        assert!(!is_live(SessionKind::Browser, last_used, Timestamp(5_000 + 3_600_000)));
    }

    #[test]
    fn a_token_lasts_ninety_days() {
        let last = 90 * 24 * 3_600_000;
        assert!(is_live(SessionKind::Token, Timestamp(0), Timestamp(last - 1)));
        assert!(!is_live(SessionKind::Token, Timestamp(0), Timestamp(last)));
    }

    #[test]
    fn a_token_made_here_is_one_that_is_accepted() {
        let token = SessionToken::generate(&OsRandom);
        assert_eq!(SessionToken::parse(token.expose()).unwrap().hash(), token.hash());
        for text in ["", "abc", &"a".repeat(31), &"a".repeat(33), &"-".repeat(32), &"é".repeat(16)]
        {
            assert!(SessionToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn user_agents_are_cut_by_characters() {
        let user_agent = Some("ü".repeat(300));
        let address = [127, 0, 0, 1].into();
        let context = SignInContext { address, user_agent, device: None };
        assert_eq!(context.stored_user_agent().unwrap(), "ü".repeat(200));
    }
}
