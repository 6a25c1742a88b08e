//! What a session is: its kind, how long it lasts, and how many there may be.

use std::net::IpAddr;
use std::time::Duration;

use base::{AccountId, Principal, SessionRef, Timestamp};

/// A browser's session ends after this long without activity.
pub const SESSION_INACTIVITY: Duration = Duration::from_secs(60 * 60);

/// The most browser sessions an account has at once. Signing in beyond it ends the
/// one that was not used for the longest time, so that a script that signs in
/// without end does not fill the disk.
pub const MAX_SESSIONS_PER_ACCOUNT: u64 = 100;

/// An API token ends after this long without use. Programs that run once a month
/// keep theirs; one that was forgotten does not stay valid for ever.
pub const TOKEN_INACTIVITY: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The most API tokens an account has at once. One more ends the one that was not
/// used for the longest time.
pub const MAX_TOKENS_PER_ACCOUNT: u64 = 100;

/// The most API tokens without a name that one session has asked for at once: asking again
/// and again for a token ends the session's own, not those that its owner made elsewhere.
pub const MAX_TOKENS_PER_SESSION: u64 = 10;

/// Characters of a token's name that are kept.
pub(crate) const MAX_TOKEN_NAME: usize = 64;

/// By what a caller acts. Whatever the kind, a [`SessionRef`] names it and ending it
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

/// From where and with what a session is opened; kept with the session, so that
/// its owner can tell their devices apart.
#[derive(Clone, Debug)]
pub struct SignInContext {
    /// The client's address.
    pub address: IpAddr,
    /// What the client says it is; the first 200 characters are kept.
    pub user_agent: Option<String>,
    /// The account that a still valid session or token that came along acts for: its owner is
    /// not kept waiting because others guess at their password.
    pub device: Option<Principal>,
}

impl SignInContext {
    pub(crate) fn stored_user_agent(&self) -> Option<String> {
        self.user_agent.as_ref().map(|text| text.chars().take(MAX_USER_AGENT).collect())
    }
}

/// Hears of every session and token that ends, for whatever reason (log-out, expiry,
/// revocation, one too many newer ones…): exactly once each, after it stopped being
/// valid.
pub trait SessionEnded: Send + Sync {
    /// `session` of `account` is over. Must not block; long work goes elsewhere.
    fn session_ended(&self, account: AccountId, session: SessionRef);
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn user_agents_are_cut_by_characters() {
        let user_agent = Some("ü".repeat(300));
        let address = [127, 0, 0, 1].into();
        let context = SignInContext { address, user_agent, device: None };
        assert_eq!(context.stored_user_agent().unwrap(), "ü".repeat(200));
    }
}
