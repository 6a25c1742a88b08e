//! How often who may try to come in: every way in asks here, so that all count
//! together.
//!
//! By client address, refused tries of any kind, requests to reset a password and
//! registrations; by name, wrong passwords ([`Backoff`]). Whoever tries from a
//! browser or program with a valid session of the account, or from an address that
//! has one, is counted apart: nobody can keep the owner out by guessing.
//!
//! A try is charged before the password is hashed, and one address has few under way:
//! any number at once gets no further than one after the other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock};
use http_kit::{Exempt, Quota, Throttle, counted_as};
use parking_lot::Mutex;
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

/// The most tries of one client address under way: sixteen of them fill the hasher's queue.
const MAX_UNDER_WAY: u32 = 4;

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
    /// Tries under way, by address; none is kept at zero.
    under_way: Mutex<HashMap<IpAddr, u32>>,
    exempt: Exempt,
}

#[derive(Debug)]
struct Turn {
    /// Places to have the turn or wait for it.
    line: Semaphore,
    turn: tokio::sync::Mutex<()>,
}

/// A place among those of one address that are under way; empty again when dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    of: &'a Mutex<HashMap<IpAddr, u32>>,
    /// `None` if it is not counted.
    address: Option<IpAddr>,
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
}

impl Attempts {
    /// Nobody has tried. By address, `exempt` networks are not counted.
    pub(crate) fn new(exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        let throttle = |quota| Throttle::new(quota, exempt.clone(), Arc::clone(clock));
        Self {
            registrations: throttle(REGISTRATIONS),
            refusals: throttle(REFUSALS),
            names: Backoff::new(Arc::clone(clock)),
            turns: std::array::from_fn(|_| Turn::new()),
            device_turns: std::array::from_fn(|_| Turn::new()),
            under_way: Mutex::default(),
            exempt: exempt.clone(),
        }
    }

    /// Begins a try from `address`, under way until the place is dropped.
    ///
    /// # Errors
    /// [`SignInError::Busy`] if [`MAX_UNDER_WAY`] are already.
    pub(crate) fn place(&self, address: IpAddr) -> Result<Place<'_>, SignInError> {
        let of = &self.under_way;
        if self.exempt.contains(address) {
            return Ok(Place { of, address: None });
        }
        let address = counted_as(address);
        let mut under_way = of.lock();
        let count = under_way.entry(address).or_default();
        if *count >= MAX_UNDER_WAY {
            return Err(SignInError::Busy);
        }
        *count += 1;
        Ok(Place { of, address: Some(address) })
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
            CountedAs::DeviceOf(_) => &self.device_turns,
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

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(address) = self.address else { return };
        let mut under_way = self.of.lock();
        if let Some(count) = under_way.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&address);
            }
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

    fn attempts(exempt: &Exempt) -> Attempts {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp(0)));
        Attempts::new(exempt, &clock)
    }

    #[test]
    fn one_address_has_few_tries_under_way_and_nothing_is_kept_of_them() {
        let attempts = attempts(&Exempt(vec!["127.0.0.0/8".parse().unwrap()]));
        let network = |host| format!("2001:db8::{host}").parse().unwrap();
        let places: Vec<_> = (0..MAX_UNDER_WAY).map(|n| attempts.place(network(n))).collect();
        assert!(places.iter().all(Result::is_ok));
        assert!(matches!(attempts.place(network(9)), Err(SignInError::Busy)));
        assert!(attempts.place([192, 0, 2, 1].into()).is_ok(), "others are not touched");
        let exempt: Vec<_> = (0..100).map(|_| attempts.place([127, 0, 0, 1].into())).collect();
        assert!(exempt.iter().all(Result::is_ok));
        drop(places);
        assert!(attempts.place(network(9)).is_ok());
        assert!(attempts.under_way.lock().is_empty());
    }

    #[tokio::test]
    async fn the_line_for_a_turn_is_bounded_and_moves_on() {
        let attempts = Arc::new(attempts(&Exempt::default()));
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
