//! How often who may try to come in: every way in asks here, so that all count
//! together.
//!
//! By client address, refused tries of any kind, requests to reset a password and
//! registrations; by name, wrong passwords ([`Backoff`]). Whoever tries from a
//! browser or program with a valid session of the account, or from an address that
//! has one, is counted apart: nobody can keep the owner out by guessing.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, SessionRef};
use http_kit::{Exempt, Quota, Throttle};
use tokio::sync::{Mutex, MutexGuard};

use crate::backoff::Backoff;
use crate::secret::SecretHash;

/// Registrations of one client address.
const REGISTRATIONS: Quota = Quota { burst: 30, refill: Duration::from_secs(10) };

/// Refused tries, and requests to reset a password, of one client address.
const REFUSALS: Quota = Quota { burst: 20, refill: Duration::from_secs(10) };

/// Names whose tries are looked at side by side; more than there are cores to hash.
const TURNS: usize = 64;

/// What is counted, and for whom.
#[derive(Debug)]
pub(crate) struct Attempts {
    /// By address.
    pub(crate) registrations: Throttle,
    /// By address: charged when a try was refused.
    pub(crate) refusals: Throttle,
    /// By name: charged when a try begins.
    pub(crate) names: Backoff,
    /// Tries under one name take turns: then several right ones at once are not taken
    /// for guesses that have not failed yet. Names share these; a turn is short.
    turns: [Mutex<()>; TURNS],
}

/// Under what the tries at one account's password are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CountedAs<'a> {
    /// Anybody's, by the name they typed.
    Name(&'a str),
    /// Those from an address where the account has a valid session.
    KnownAddress(&'a str, IpAddr),
    /// Those along with a valid session of the account.
    KnownDevice(SessionRef),
}

impl Attempts {
    /// Nobody has tried. By address, `exempt` networks are not counted.
    pub(crate) fn new(exempt: &Exempt, clock: &Arc<dyn Clock>) -> Self {
        let throttle = |quota| Throttle::new(quota, exempt.clone(), Arc::clone(clock));
        Self {
            registrations: throttle(REGISTRATIONS),
            refusals: throttle(REFUSALS),
            names: Backoff::new(Arc::clone(clock)),
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Waits for the turn of a try under `name`.
    pub(crate) async fn turn(&self, name: &str) -> MutexGuard<'_, ()> {
        let stripe = CountedAs::Name(name).hash().stripe(TURNS);
        self.turns[stripe].lock().await
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
            Self::KnownDevice(session) => SecretHash::of(&format!("device {session}")),
        }
    }
}

/// One spelling for all that find the same account.
fn fold(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}
