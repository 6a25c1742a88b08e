//! How often who may try to come in, and write: every operation asks here, so that all
//! count together.
//!
//! By client address, refused tries of any kind, requests to reset a password and
//! registrations; by name, wrong passwords ([`Backoff`]). Whoever tries from a
//! browser or program with a valid session of the account, or from an address that
//! has one, is counted apart: nobody can keep the owner out by guessing.
//!
//! A try is charged before the password is hashed, and one network has few under way
//! ([`hasher`](crate::password::hasher)): any number at once gets no further than one
//! after the other.
//!
//! By account, what its owner writes ([`OfAccount`]): every write takes the one turn
//! that all share. Sign-ins are counted apart from the other writes, and ending sessions
//! is not counted (there is nothing to end that was not counted when it began): a thief
//! with a session cannot keep the owner from throwing them out. In memory only: a
//! restart forgives, and no client can cause one.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock};
use http_kit::{Buckets, Exempt, Quota, Throttle};
use tokio::sync::{MutexGuard, Semaphore, SemaphorePermit};

use crate::SignInError;
use crate::backoff::Backoff;
use crate::secret::SecretHash;

/// Registrations of one client address.
const REGISTRATIONS: Quota = Quota { burst: 30, refill: Duration::from_secs(10) };

/// Refused tries, and requests to reset a password, of one client address.
const REFUSALS: Quota = Quota { burst: 20, refill: Duration::from_secs(10) };

/// Names whose tries are looked at side by side; more than there are cores to hash.
const TURNS: usize = 64;

/// The most tries that have or await one turn: those of 32 addresses, and some four
/// seconds if every one is hashed.
const MAX_IN_LINE: usize = 128;

/// Changes of one account's password by its owner: each costs a hash and a mail. A new
/// password by a mailed link is not counted: the owner's way back stays open.
const PASSWORD_CHANGES: Quota = Quota { burst: 5, refill: Duration::from_secs(12 * 60) };

/// Writes of one account's owner, besides sign-ins: changes of the profile, of what
/// they sign in with, and new tokens.
const WRITES: Quota = Quota { burst: 30, refill: Duration::from_secs(1) };

/// Sessions opened of one account; only its owner can open any. At once, some more than
/// it may have.
const SIGN_INS: Quota = Quota { burst: 120, refill: Duration::from_secs(1) };

/// What is counted, and for whom.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// By address.
    pub(crate) registrations: Throttle,
    /// By address: charged for refused tries. By password, when the try begins, and
    /// given back unless it is refused.
    pub(crate) refusals: Throttle,
    /// By name: charged when a try begins.
    pub(crate) names: Backoff,
    /// Tries under one name take turns: then several right ones at once are not taken
    /// for guesses that have not failed yet. Names share these; a turn is short.
    turns: [Turn; TURNS],
    /// The same for known devices: a line of strangers does not keep the owner out.
    device_turns: [Turn; TURNS],
    /// Charged when a change of password is looked into.
    pub(crate) password_changes: OfAccount,
    /// Charged when a write is about to begin.
    pub(crate) writes: OfAccount,
    /// Charged when a session is about to be stored.
    pub(crate) sign_ins: OfAccount,
}

/// A rate limit for what each account's owner does.
#[derive(Debug)]
pub(crate) struct OfAccount {
    exempt: Exempt,
    buckets: Buckets<AccountId>,
}

#[derive(Debug)]
struct Turn {
    /// Places to have the turn or wait for it.
    line: Semaphore,
    turn: tokio::sync::Mutex<()>,
}

/// Under what the tries at one account's password are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CountedAs<'a> {
    /// Anybody's, by the name they typed.
    Name(&'a str),
    /// Those from an address where the account has a valid session.
    KnownAddress(&'a str, IpAddr),
    /// Those along with any valid session of the account: whoever has one
    /// can make more.
    DeviceOf(AccountId),
    /// Those with a mailed link, which are right ones.
    ResetOf(AccountId),
}

impl Attempts {
    /// No tries yet. What comes from `exempt` networks is counted by name only.
    pub(crate) fn new(exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        let of_account = |quota| OfAccount {
            exempt: exempt.clone(),
            buckets: Buckets::new(quota, Arc::clone(clock)),
        };
        let throttle = |quota| Throttle::new(quota, exempt.clone(), Arc::clone(clock));
        Self {
            registrations: throttle(REGISTRATIONS),
            refusals: throttle(REFUSALS),
            names: Backoff::new(Arc::clone(clock)),
            turns: std::array::from_fn(|_| Turn::new()),
            device_turns: std::array::from_fn(|_| Turn::new()),
            password_changes: of_account(PASSWORD_CHANGES),
            writes: of_account(WRITES),
            sign_ins: of_account(SIGN_INS),
        }
    }

    /// Waits for the turn of a try that will be `counted`.
    ///
    /// # Errors
    /// [`SignInError::Busy`] if [`MAX_IN_LINE`] are before it.
    pub(crate) async fn turn(
        &self,
        counted: CountedAs<'_>,
    ) -> Result<(MutexGuard<'_, ()>, SemaphorePermit<'_>), SignInError> {
        let turns = match counted {
            CountedAs::Name(_) | CountedAs::KnownAddress(..) => &self.turns,
            CountedAs::DeviceOf(_) | CountedAs::ResetOf(_) => &self.device_turns,
        };
        let Turn { line, turn } = &turns[counted.hash().stripe(TURNS)];
        let place = line.try_acquire().map_err(|_| SignInError::Busy)?;
        Ok((turn.lock().await, place))
    }
}

impl Turn {
    fn new() -> Self {
        Self { line: Semaphore::new(MAX_IN_LINE), turn: tokio::sync::Mutex::default() }
    }
}

impl OfAccount {
    /// Takes one of what `account` may do, at the request of `from`.
    ///
    /// # Errors
    /// How long to wait, when it has none left; nothing is taken then.
    pub(crate) fn consume(&self, account: AccountId, from: IpAddr) -> Result<(), Duration> {
        if self.exempt.contains(from) {
            return Ok(());
        }
        self.buckets.consume(account)
    }

    /// Gives back what was taken for something that came to nothing.
    pub(crate) fn refund(&self, account: AccountId, from: IpAddr) {
        if !self.exempt.contains(from) {
            self.buckets.refund(account);
        }
    }
}

impl CountedAs<'_> {
    /// The key in [`Backoff`]: names are of any length, and are not kept.
    pub(crate) fn hash(self) -> SecretHash {
        match self {
            Self::Name(name) => SecretHash::of(&format!("name {}", fold(name))),
            Self::KnownAddress(name, address) => {
                SecretHash::of(&format!("address {address} {}", fold(name)))
            }
            Self::DeviceOf(account) => SecretHash::of(&format!("device {account}")),
            Self::ResetOf(account) => SecretHash::of(&format!("reset {account}")),
        }
    }
}

/// One spelling for all that find the same account.
fn fold(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};

    #[tokio::test]
    async fn the_line_for_a_turn_is_bounded_and_moves_on() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(0)));
        let attempts = Arc::new(Attempts::new(&Exempt::default(), &clock));
        let ann = CountedAs::Name("ann");
        let first = attempts.turn(ann).await.unwrap();
        let waiting: Vec<_> = (1..MAX_IN_LINE)
            .map(|_| {
                let attempts = Arc::clone(&attempts);
                tokio::spawn(async move { attempts.turn(ann).await.map(drop) })
            })
            .collect();
        let line = &attempts.turns[ann.hash().stripe(TURNS)].line;
        while line.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let full = attempts.turn(CountedAs::Name("ANN")).await;
        assert!(matches!(full, Err(SignInError::Busy)));
        for account in (0..200).map(AccountId) {
            assert!(attempts.turn(CountedAs::DeviceOf(account)).await.is_ok(), "known devices");
        }
        drop(first);
        for waited in waiting {
            waited.await.unwrap().unwrap();
        }
        assert!(attempts.turn(ann).await.is_ok());
    }
}
