//! Who is calling.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::Timestamp;

/// A person, in every table and every log line. Random, never sequential, and
/// below 2^53 so that it survives a trip through JSON and JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub i64);

/// Names a session without being its secret: safe in logs and lists, useless as
/// a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionRef(pub i64);

/// The person that a connection belongs to, where it belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// A person with an account.
    Account(AccountId),
    /// A guest without one, by a number that is theirs among the guests of one capability.
    Guest(u64),
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a session was last used. Shared between what keeps the session and
/// what acts on its behalf, so that noting an activity on the message path is
/// one atomic store and no look-up.
#[derive(Debug)]
pub struct Activity(AtomicI64);

impl Activity {
    /// Last used at `at`.
    #[must_use]
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Notes a use. A slightly earlier time than the one noted changes nothing: those who
    /// note at once read the clock one after another. A time more than [`MAX_AHEAD`](crate::MAX_AHEAD) ahead
    /// of `at` was noted by a clock that was wrong, and gives way.
    pub fn touch(&self, at: Timestamp) {
        let last = self.last();
        if at > last || last.is_ahead_of(at) {
            self.0.store(at.0, Ordering::Relaxed);
        }
    }

    /// The last noted use.
    #[must_use]
    pub fn last(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// An authenticated caller: which account, under which name, by which session.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The account acting.
    pub account: AccountId,
    /// Its username, spelled as registered.
    pub username: Arc<str>,
    /// What dialects that know no usernames show: the email address, or the
    /// username where there is no address or its owner does not want it shown.
    /// Never for clients of other dialects.
    pub display_name: Arc<str>,
    /// The session it acts by; ending that session ends what it opened.
    pub session: SessionRef,
    /// The session's last use; touch it on every act.
    pub activity: Arc<Activity>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_never_goes_back_but_from_a_wrong_future() {
        let activity = Activity::new(Timestamp(10));
        activity.touch(Timestamp(60_020));
        activity.touch(Timestamp(20));
        assert_eq!(activity.last(), Timestamp(60_020));
        activity.touch(Timestamp(19));
        assert_eq!(activity.last(), Timestamp(19));
    }
}
