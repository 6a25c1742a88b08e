//! One attempt to sign in, from being let in until it is settled: how often which
//! client may try under which name.
//!
//! Counted are, by client address, refused attempts of any kind; by name, wrong
//! passwords. A caller who comes from a browser or program with a valid session of the
//! account, or from an address that has one, is counted apart: the owner cannot be kept
//! out by guessing.
//!
//! A name is what was typed: an email address or a username, folded, whether an
//! account has it or not. So an attempt costs the same and answers the same for a name
//! that no account has, and failing with a person's username says nothing about which
//! address might be theirs. The price is that one account, having two names, can be
//! tried under each.
//!
//! An [`Attempt`] with a password is charged when it begins, before anything is hashed:
//! any number at once get no further than the same number one after the other. It is
//! settled once, as [succeeded](Attempt::succeeded), [refused](Attempt::refused) or
//! [failed](Attempt::failed) through no fault of the caller. One that is dropped instead,
//! because the caller hung up, stays charged.
//!
//! In memory only: a restart forgives, and no client can cause one. Waits are never for
//! ever, and only those who try wait: sessions are not looked at here.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock};
use limits::{Backoff, Charge, Escalation, Exempt, KeyThrottle, Quota, Throttle};
use tokio::sync::{MutexGuard, Semaphore, SemaphorePermit};

use crate::secret::SecretHash;
use crate::{SignInContext, SignInError};

/// Refused attempts, and requests to reset a password, of one client address.
const REFUSALS: Quota = Quota { burst: 20, refill: Duration::from_secs(10) };

/// Wrong passwords under one name: five, then a wait of 1 minute, then of 5, then of 60
/// after each. Forgotten half an hour after the last one, or after its wait.
const NAMES: Escalation = Escalation {
    free: 5,
    step: 1,
    waits: &[Duration::from_secs(60), Duration::from_secs(5 * 60), Duration::from_secs(60 * 60)],
    memory: Duration::from_secs(30 * 60),
};

/// Sessions opened of one account; only its owner can open any. At once, some more than
/// it may have.
const SIGN_INS: Quota = Quota { burst: 120, refill: Duration::from_secs(1) };

/// Names whose attempts are looked at side by side; more than there are cores to hash.
const TURNS: usize = 64;

/// The most attempts that have or await one turn: those of 32 addresses, and some four
/// seconds if every one is hashed.
const MAX_IN_QUEUE: usize = 128;

/// What is counted of attempts, and the turns they take.
#[derive(Debug)]
pub(crate) struct Attempts {
    refusals: Throttle,
    names: Backoff<SecretHash>,
    /// Attempts under one name take turns: then several right ones at once are not taken
    /// for guesses that have not failed yet. Names share these; a turn is short.
    turns: [Turn; TURNS],
    /// The same for known devices: a queue of strangers does not keep the owner out.
    device_turns: [Turn; TURNS],
    /// Charged when a session is about to be stored. Apart from the other writes
    /// ([`quotas`](crate::quotas)): a thief with a session who writes without end does not
    /// keep the owner from signing in.
    pub(crate) sign_ins: KeyThrottle<AccountId>,
}

#[derive(Debug)]
struct Turn {
    /// Slots to have the turn or wait for it.
    queue: Semaphore,
    turn: tokio::sync::Mutex<()>,
}

/// An attempt that has begun. The turn is held until it is settled.
#[derive(Debug)]
#[must_use = "dropped, it costs what a refused one does"]
pub(crate) struct Attempt<'a> {
    attempts: &'a Attempts,
    address: AddressCharge<'a>,
    name: Option<limits::Attempt<'a, SecretHash>>,
    _turn: Option<(MutexGuard<'a, ()>, SemaphorePermit<'a>)>,
}

/// How the client address pays for an attempt.
#[derive(Debug)]
enum AddressCharge<'a> {
    /// It has paid, and is paid back unless the attempt is refused.
    Paid(Charge<'a, IpAddr>),
    /// It has nothing left, and must wait this long unless it is the owner's device.
    Blocked(Duration),
    /// It pays when the attempt is refused.
    OnRefusal(IpAddr),
    /// It does not pay: the account alone counts.
    Free,
}

/// Under what the attempts at one account's password are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CountedAs<'a> {
    /// Any client's, by the name that was typed.
    Name(&'a str),
    /// Those from an address where the account has a valid session.
    KnownAddress(&'a str, IpAddr),
    /// Those along with any valid session of the account: a caller who has one
    /// can make more.
    DeviceOf(AccountId),
    /// Those with a mailed link, which are right ones.
    ResetOf(AccountId),
}

impl Attempts {
    /// No attempts yet. What comes from `exempt` networks is counted by name only.
    pub(crate) fn new(exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        Self {
            refusals: Throttle::new(REFUSALS, exempt.clone(), Arc::clone(clock)),
            names: Backoff::new(NAMES, Arc::clone(clock)),
            turns: std::array::from_fn(|_| Turn::new()),
            device_turns: std::array::from_fn(|_| Turn::new()),
            sign_ins: KeyThrottle::new(SIGN_INS, exempt.clone(), Arc::clone(clock)),
        }
    }

    /// Begins an attempt with an access key from the client at `from`. It is charged
    /// when it is refused: right ones may come in any number.
    ///
    /// # Errors
    /// [`SignInError::TooMany`] if the address has to wait.
    pub(crate) fn begin_with_key(&self, from: IpAddr) -> Result<Attempt<'_>, SignInError> {
        match self.refusals.wait(from) {
            Some(wait) => Err(SignInError::TooMany(wait)),
            None => Ok(self.begin(AddressCharge::OnRefusal(from))),
        }
    }

    /// Begins an attempt with a password, charged to the client's address.
    ///
    /// # Errors
    /// [`SignInError::TooMany`] if that has to wait. With a device it may still go on:
    /// whose device it is shows when the name is looked up
    /// ([`refuse_blocked`](Attempt::refuse_blocked)).
    pub(crate) fn begin_with_password(
        &self,
        context: &SignInContext,
    ) -> Result<Attempt<'_>, SignInError> {
        match self.refusals.consume(context.address) {
            Ok(charge) => Ok(self.begin(AddressCharge::Paid(charge))),
            Err(wait) if context.device.is_some() => Ok(self.begin(AddressCharge::Blocked(wait))),
            Err(wait) => Err(SignInError::TooMany(wait)),
        }
    }

    /// Begins an attempt at the password of `account` by a caller who has a session of
    /// it, as for changing the password.
    ///
    /// # Errors
    /// How long such callers have to wait.
    pub(crate) fn begin_with_session(&self, account: AccountId) -> Result<Attempt<'_>, Duration> {
        let name = self.names.begin(CountedAs::DeviceOf(account).hash())?;
        Ok(Attempt { name: Some(name), ..self.begin(AddressCharge::Free) })
    }

    /// Charges the client at `from` what a refused attempt costs.
    ///
    /// # Errors
    /// How long it has to wait.
    pub(crate) fn charge_refusal(&self, from: IpAddr) -> Result<(), Duration> {
        self.refusals.consume(from).map(drop)
    }

    /// Holds nothing against the name any more.
    pub(crate) fn forgive(&self, name: &str) {
        self.names.forgive(CountedAs::Name(name).hash());
    }

    fn begin<'a>(&'a self, address: AddressCharge<'a>) -> Attempt<'a> {
        Attempt { attempts: self, address, name: None, _turn: None }
    }

    async fn turn(
        &self,
        counted: CountedAs<'_>,
    ) -> Result<(MutexGuard<'_, ()>, SemaphorePermit<'_>), SignInError> {
        let turns = match counted {
            CountedAs::Name(_) | CountedAs::KnownAddress(..) => &self.turns,
            CountedAs::DeviceOf(_) | CountedAs::ResetOf(_) => &self.device_turns,
        };
        let Turn { queue, turn } = &turns[counted.hash().stripe(TURNS)];
        let slot = queue.try_acquire().map_err(|_| SignInError::Busy)?;
        Ok((turn.lock().await, slot))
    }
}

impl Attempt<'_> {
    /// Waits for its turn among those that will be `counted` alike.
    ///
    /// # Errors
    /// [`SignInError::Busy`] if [`MAX_IN_QUEUE`] are before it.
    pub(crate) async fn take_turn(&mut self, counted: CountedAs<'_>) -> Result<(), SignInError> {
        self._turn = Some(self.attempts.turn(counted).await?);
        Ok(())
    }

    /// Lets nothing but the owner's device pass if the client's address has to wait.
    ///
    /// # Errors
    /// [`SignInError::TooMany`].
    pub(crate) fn refuse_blocked(&self) -> Result<(), SignInError> {
        match self.address {
            AddressCharge::Blocked(wait) => Err(SignInError::TooMany(wait)),
            _ => Ok(()),
        }
    }

    /// Charges it to what it is `counted` as; gives back the key of that.
    ///
    /// # Errors
    /// [`SignInError::TooMany`] if those have to wait.
    pub(crate) fn charge(&mut self, counted: CountedAs<'_>) -> Result<SecretHash, SignInError> {
        let counted = counted.hash();
        self.name = Some(self.attempts.names.begin(counted).map_err(SignInError::TooMany)?);
        Ok(counted)
    }

    /// It succeeded: it costs nothing, and what failed before is forgiven.
    pub(crate) fn succeeded(self) {
        if let Some(name) = self.name {
            name.succeeded();
        }
        self.address.give_back();
    }

    /// It failed through no fault of the caller: it costs nothing.
    pub(crate) fn failed(self) {
        if let Some(name) = self.name {
            name.withdraw();
        }
        self.address.give_back();
    }

    /// The credentials were wrong: it costs what was charged.
    ///
    /// # Errors
    /// How long the client has to wait instead of hearing so: many attempts at once all
    /// begin before the first of them is refused and charged.
    pub(crate) fn refused(self) -> Result<(), Duration> {
        if let Some(name) = self.name {
            name.failed();
        }
        match self.address {
            AddressCharge::OnRefusal(from) => self.attempts.charge_refusal(from),
            AddressCharge::Paid(_) | AddressCharge::Blocked(_) | AddressCharge::Free => Ok(()),
        }
    }
}

impl AddressCharge<'_> {
    fn give_back(self) {
        if let Self::Paid(charge) = self {
            charge.refund();
        }
    }
}

impl Turn {
    fn new() -> Self {
        Self { queue: Semaphore::new(MAX_IN_QUEUE), turn: tokio::sync::Mutex::default() }
    }
}

impl CountedAs<'_> {
    /// The key to count by: names are of any length, and are not kept.
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
mod tests;
