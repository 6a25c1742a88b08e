//! Hashing passwords: Argon2id on threads of its own.
//!
//! Invariants: never more hashes at once than there are cores, so that sign-ins
//! cost 19 MiB each and never the room's time slices on a runtime thread. Every hash,
//! of whatever operation, is made from a [`HashPermit`], and so all count together: by
//! network, by site (the wider network) and by account, within bounds of their own
//! ([`HashError::TooMany`]) and all within the bound of the queue ([`HashError::Busy`]),
//! which is fair ([`fair_queue`]). The job of a caller that has hung up is skipped, and
//! its permit is free when the job is gone from the queue. A job that
//! panics, or finds no memory, is that job's failure: it says nothing about a password,
//! and the thread goes on. Verifying for an account that does not exist takes as long
//! as for one that does.

mod argon;
mod fair_queue;
mod threads;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Random;
use limits::{Exempt, NetworkSlot, NetworkSlots, Slots, network_of};
use tokio::sync::oneshot;

use crate::secret::SecretHash;
use argon::SALT_BYTES;
use threads::{Job, Threads};

pub(crate) use argon::Verdict;

/// The most operations with a password under way from one network. As many as an
/// address may try at once ([`attempt`](crate::sign_in::attempt)), and some for other ends: an
/// office that comes to work behind one address is let in.
pub(crate) const MAX_OF_NETWORK: u32 = 24;

/// The same from one site, which may be many networks of one attacker.
pub(crate) const MAX_OF_SITE: u32 = 48;

/// The most hashes of one account that wait or are at work: its owner has no use for
/// more. Holds for exempt networks, too.
pub(crate) const MAX_OF_ACCOUNT: u32 = 2;

/// When a caller may try again who had too much under way, or who came while too much
/// of all waited.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// Why there is no hash. Says nothing about the password. Worth another try after
/// [`RETRY`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum HashError {
    /// The caller's network or account has too much under way.
    #[error("too many passwords of this caller are being hashed")]
    TooMany,
    /// Too many wait already, or there is no memory for it.
    #[error("passwords cannot be hashed now")]
    Busy,
}

/// The threads that hash. They end when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    threads: Arc<Threads>,
    random: Arc<dyn Random>,
    networks: NetworkSlots,
    sites: NetworkSlots,
    accounts: Slots<SecretHash>,
}

/// A permit for one operation with a password: what hashes are made from. Its slots are
/// free when it and the jobs it gave rise to are gone.
#[derive(Debug)]
pub(crate) struct HashPermit<'a> {
    hasher: &'a Hasher,
    /// `None`: staff or the server's operator.
    network: Option<IpAddr>,
    slots: Arc<[NetworkSlot]>,
}

impl Hasher {
    /// One thread a core. `exempt` networks have no bounds of their own.
    pub(crate) fn new(random: Arc<dyn Random>, exempt: Exempt) -> Self {
        Self {
            threads: Arc::new(Threads::start()),
            random,
            networks: NetworkSlots::new(MAX_OF_NETWORK, exempt.clone()),
            sites: NetworkSlots::of_sites(MAX_OF_SITE, exempt),
            accounts: Slots::new(MAX_OF_ACCOUNT),
        }
    }

    /// A permit for an operation asked for from `address`; `None` is staff or the server's
    /// operator, who have no bound, and count as one network where turns are taken.
    ///
    /// # Errors
    /// [`HashError::TooMany`] beyond [`MAX_OF_NETWORK`] or [`MAX_OF_SITE`].
    pub(crate) fn permit(&self, address: Option<IpAddr>) -> Result<HashPermit<'_>, HashError> {
        let slots: Arc<[NetworkSlot]> = match address {
            Some(address) => {
                let of_network = self.networks.take(address).ok_or(HashError::TooMany)?;
                let of_site = self.sites.take(address).ok_or(HashError::TooMany)?;
                [of_network, of_site].into()
            }
            None => [].into(),
        };
        Ok(HashPermit { hasher: self, network: address.map(network_of), slots })
    }

    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.networks.networks() + self.sites.networks() + self.accounts.keys() == 0
    }
}

impl HashPermit<'_> {
    /// The PHC string to store for `password`. `account` is the one it is for, if that is
    /// known: any hash that names an account or what was typed for one.
    pub(crate) async fn hash(
        &self,
        account: Option<SecretHash>,
        password: &str,
    ) -> Result<String, HashError> {
        let mut salt = [0_u8; SALT_BYTES];
        self.hasher.random.fill(&mut salt);
        let password = password.to_owned();
        self.run(account, move || argon::hash(&password, &salt)).await
    }

    /// Compares `password` with what is stored, which may be nothing: that takes as
    /// long and is wrong. `account` as for [`hash`](Self::hash).
    pub(crate) async fn verify(
        &self,
        account: Option<SecretHash>,
        password: &str,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let password = password.to_owned();
        let stored = stored.map(str::to_owned);
        self.run(account, move || argon::verify(&password, stored.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        account: Option<SecretHash>,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let of_account = match account {
            Some(account) => Some(self.hasher.accounts.take(account).ok_or(HashError::TooMany)?),
            None => None,
        };
        let slots = Arc::clone(&self.slots);
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            let result = (!done.is_closed()).then(work);
            // Before the answer: the next step of the same caller must find room.
            drop((slots, of_account));
            if let Some(result) = result {
                // The caller may have hung up meanwhile.
                let _ = done.send(result);
            }
        });
        self.hasher.threads.push(self.network, account, job)?;
        // A job is dropped without an answer if it panicked or lost its place.
        result.await.unwrap_or(Err(HashError::Busy))
    }
}

#[cfg(test)]
mod tests;
