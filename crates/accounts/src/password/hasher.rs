//! Hashing passwords: Argon2id on threads of its own.
//!
//! Invariants: never more hashes at once than there are cores, so that sign-ins
//! cost 19 MiB each and never the room's time slices on a runtime thread. Every hash,
//! of whatever operation, is made from a [`Place`], and so all count together: by
//! network, by site (the wider network) and by account, within bounds of their own
//! ([`HashError::TooMany`]) and all within [`MAX_WAITING`] ([`HashError::Busy`]). Who
//! is served next is fair: see [`line`](super::line). A caller that has hung up is
//! skipped, and its place is free when its job is gone from the line. A job that
//! panics, or finds no memory, is that job's failure: it says nothing about a password,
//! and the thread goes on. Verifying for an account that does not exist takes as long
//! as for one that does.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use argon2::password_hash::Error;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base::Random;
use http_kit::{Exempt, Share, UnderWay, counted_as, site_of};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::password::line::Line;
use crate::secret::SecretHash;

/// The most passwords that wait for a thread; some two seconds of work on two cores.
pub(crate) const MAX_WAITING: usize = 64;

/// The most operations with a password under way from one network. As many as an
/// address may try at once ([`attempts`](crate::attempts)), and some for other ends: an
/// office that comes to work behind one address is let in.
pub(crate) const MAX_OF_NETWORK: u32 = 24;

/// The same from one site, which may be many networks of one attacker.
pub(crate) const MAX_OF_SITE: u32 = 48;

/// The most hashes of one account that wait or are at work: its owner has no use for
/// more. Holds for exempt networks, too.
pub(crate) const MAX_OF_ACCOUNT: u32 = 2;

/// When to try again that was refused for having too much under way, or because too
/// much waits of all.
pub(crate) const RETRY: Duration = Duration::from_secs(2);

/// KiB of memory, passes and lanes: the OWASP Password Storage Cheat Sheet's choice.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Bytes of salt (RFC 9106, section 3.1).
const SALT_BYTES: usize = 16;

/// A hash that no password has, with the parameters of real ones.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGFja2V0Ym9hdC1ub2JvZHk\
                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

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

/// What came of verifying a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is not the one.
    Wrong,
    /// It is.
    Right,
    /// It is, and should be hashed anew: the parameters have changed since.
    RightButOld,
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads that hash. They end when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    threads: Arc<Threads>,
    random: Arc<dyn Random>,
    exempt: Exempt,
    networks: UnderWay<IpAddr>,
    sites: UnderWay<IpAddr>,
    accounts: UnderWay<SecretHash>,
}

/// A place among the operations with a password that are under way: what hashes are
/// made from. Empty again when it and the jobs it gave rise to are gone.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    hasher: &'a Hasher,
    /// `None`: staff or the server's operator.
    network: Option<IpAddr>,
    held: Arc<[Share<IpAddr>]>,
}

impl Hasher {
    /// One thread a core. `exempt` networks have no bounds of their own.
    pub(crate) fn new(random: Arc<dyn Random>, exempt: Exempt) -> Self {
        Self {
            threads: Arc::new(Threads::start()),
            random,
            exempt,
            networks: UnderWay::new(MAX_OF_NETWORK),
            sites: UnderWay::new(MAX_OF_SITE),
            accounts: UnderWay::new(MAX_OF_ACCOUNT),
        }
    }

    /// A place for an operation asked for from `address`; `None` is staff or the server's
    /// operator, who have no bound, and count as one network where turns are taken.
    ///
    /// # Errors
    /// [`HashError::TooMany`] beyond [`MAX_OF_NETWORK`] or [`MAX_OF_SITE`].
    pub(crate) fn place(&self, address: Option<IpAddr>) -> Result<Place<'_>, HashError> {
        let network = address.map(counted_as);
        let held: Arc<[Share<IpAddr>]> = match address {
            Some(address) if !self.exempt.contains(address) => {
                let of_network = self.networks.begin(counted_as(address));
                let of_site = self.sites.begin(site_of(address));
                let both = of_network.zip(of_site).ok_or(HashError::TooMany)?;
                [both.0, both.1].into()
            }
            _ => [].into(),
        };
        Ok(Place { hasher: self, network, held })
    }

    #[cfg(test)]
    fn is_idle(&self) -> bool {
        self.networks.keys() + self.sites.keys() + self.accounts.keys() == 0
    }
}

impl Place<'_> {
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
        self.run(account, move || hash(&password, &salt)).await
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
        self.run(account, move || verify(&password, stored.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        account: Option<SecretHash>,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let of_account = match account {
            Some(account) => Some(self.hasher.accounts.begin(account).ok_or(HashError::TooMany)?),
            None => None,
        };
        let held = Arc::clone(&self.held);
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            let result = (!done.is_closed()).then(work);
            // Before the answer: the next step of the same caller must find room.
            drop((held, of_account));
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

/// The threads and what waits for them; dropping it ends them.
#[derive(Debug)]
struct Threads {
    shared: Arc<Shared>,
    count: usize,
}

struct Shared {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

struct Waiting {
    line: Line<Option<IpAddr>, Option<SecretHash>, Job>,
    over: bool,
}

impl Threads {
    fn start() -> Self {
        let waiting = Mutex::new(Waiting { line: Line::new(MAX_WAITING), over: false });
        let shared = Arc::new(Shared { waiting, more: Condvar::new() });
        let mut count = 0;
        for number in 0..thread::available_parallelism().map_or(1, usize::from) {
            let of_thread = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("password-{number}"));
            match thread.spawn(move || of_thread.work()) {
                Ok(_) => count += 1,
                Err(error) => tracing::error!(%error, "cannot start a thread for passwords"),
            }
        }
        Self { shared, count }
    }

    fn push(
        &self,
        network: Option<IpAddr>,
        account: Option<SecretHash>,
        job: Job,
    ) -> Result<(), HashError> {
        if self.count == 0 {
            return Err(HashError::Busy);
        }
        let pushed = self.shared.waiting.lock().line.push(network, account, job);
        self.shared.more.notify_one();
        // What lost its place is dropped here, outside the lock: that answers it.
        pushed.map(drop).map_err(|_| HashError::Busy)
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.waiting.lock().over = true;
        self.shared.more.notify_all();
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            // One job's panic must not take the thread from all others.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("hashing a password panicked");
            }
        }
    }

    /// Waits for a job; `None` when there will be none any more.
    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.over {
                return None;
            }
            if let Some(job) = waiting.line.pop() {
                return Some(job);
            }
            self.more.wait(&mut waiting);
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("OWASP's parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str, salt: &[u8]) -> Result<String, HashError> {
    match argon2().hash_password_with_salt(password.as_bytes(), salt) {
        Ok(hash) => Ok(hash.to_string()),
        Err(error) => Err(failed(error)),
    }
}

fn verify(password: &str, stored: Option<&str>) -> Result<Verdict, HashError> {
    let parsed = PasswordHash::new(stored.unwrap_or(NOBODYS));
    let Ok(parsed) = parsed else {
        // Only this server wrote it, and no password fits it.
        tracing::error!("a stored password hash cannot be read");
        return Ok(Verdict::Wrong);
    };
    match argon2().verify_password(password.as_bytes(), &parsed) {
        Ok(()) if is_current(&parsed) => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(failed(error)),
    }
}

/// For want of memory, mostly; in any case no word about the password.
fn failed(error: Error) -> HashError {
    tracing::error!(%error, "a password could not be hashed");
    HashError::Busy
}

/// Whether a hash has today's parameters.
fn is_current(hash: &PasswordHash) -> bool {
    let is = |name: &str, value| hash.params.get_decimal(name) == Some(value);
    hash.algorithm.as_str() == "argon2id"
        && is("m", MEMORY_KIB)
        && is("t", PASSES)
        && is("p", LANES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;
    use std::sync::mpsc;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn hasher() -> Hasher {
        Hasher::new(Arc::new(OsRandom), Exempt::default())
    }

    async fn verify_from(
        hasher: &Hasher,
        address: IpAddr,
        password: &str,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        hasher.place(Some(address))?.verify(None, password, stored).await
    }

    /// Keeps every thread at work until the sender is dropped.
    fn occupy(hasher: &Hasher) -> mpsc::Sender<()> {
        let (opener, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let (begun, begins) = mpsc::channel();
        for number in 0..hasher.threads.count {
            let (gate, begun) = (Arc::clone(&gate), begun.clone());
            let job: Job = Box::new(move || {
                begun.send(()).unwrap();
                // Comes back once the opener is gone.
                let _ = gate.lock().recv();
            });
            let account = SecretHash::of(&number.to_string());
            hasher.threads.push(None, Some(account), job).unwrap();
        }
        for _ in 0..hasher.threads.count {
            begins.recv().unwrap();
        }
        opener
    }

    /// Begins hashes that wait for a thread; returns once they all do.
    async fn wait_in_line(
        hasher: &Hasher,
        address: IpAddr,
        account: Option<SecretHash>,
        count: usize,
    ) -> Vec<tokio::task::JoinHandle<Result<Verdict, HashError>>> {
        let waiting = || hasher.threads.shared.waiting.lock().line.len();
        let until = waiting() + count;
        let begin = || {
            let hasher = hasher.clone();
            tokio::spawn(
                async move { hasher.place(Some(address))?.verify(account, "", None).await },
            )
        };
        let begun = (0..count).map(|_| begin()).collect();
        while waiting() < until {
            tokio::task::yield_now().await;
        }
        begun
    }

    fn host(number: u8) -> IpAddr {
        [10, number, 0, 1].into()
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_another_is_not() {
        let hasher = hasher();
        let place = hasher.place(Some(HOME)).unwrap();
        let stored = place.hash(None, "tide-lamp-9").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let verify = async |password| place.verify(None, password, Some(&stored)).await;
        assert_eq!(verify("tide-lamp-9").await, Ok(Verdict::Right));
        assert_eq!(verify("tide-lamp-8").await, Ok(Verdict::Wrong));
        assert_ne!(place.hash(None, "tide-lamp-9").await.unwrap(), stored, "salted");
    }

    #[tokio::test]
    async fn nobody_has_a_password_and_that_takes_a_real_verification() {
        assert!(PasswordHash::new(NOBODYS).is_ok_and(|hash| is_current(&hash)));
        assert_eq!(verify_from(&hasher(), HOME, "", None).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_is_recognised_and_old() {
        let params = Params::new(1_024, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let stored = weak.hash_password_with_salt(b"tide-lamp-9", &[7; 16]).unwrap().to_string();
        let hasher = hasher();
        let verify =
            async |password, stored| verify_from(&hasher, HOME, password, Some(stored)).await;
        assert_eq!(verify("tide-lamp-9", &stored).await, Ok(Verdict::RightButOld));
        assert_eq!(verify("other", &stored).await, Ok(Verdict::Wrong));
        assert_eq!(verify("other", "$argon2id$nonsense").await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn without_memory_no_password_is_wrong() {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // A TiB: less than is asked for below, whatever the machine would promise.
        let maximum = getrlimit(Resource::As).maximum;
        setrlimit(Resource::As, Rlimit { current: Some(1 << 40), maximum }).unwrap();
        let stored = NOBODYS.replace("m=19456", "m=4294967295");
        let hasher = hasher();
        let verdict = verify_from(&hasher, HOME, "tide-lamp-9", Some(&stored)).await;
        assert_eq!(verdict, Err(HashError::Busy));
        assert_eq!(verify_from(&hasher, HOME, "", None).await, Ok(Verdict::Wrong));
    }

    #[tokio::test]
    async fn a_job_that_panics_takes_no_thread_along() {
        let hasher = hasher();
        let place = hasher.place(Some(HOME)).unwrap();
        for _ in 0..3 * hasher.threads.count {
            let broken = place.run(None, || -> Result<(), HashError> { panic!("on purpose") });
            assert_eq!(broken.await, Err(HashError::Busy));
        }
        assert_eq!(place.verify(None, "", None).await, Ok(Verdict::Wrong));
        drop(place);
        assert!(hasher.is_idle());
    }

    #[tokio::test]
    async fn networks_sites_and_accounts_have_bounds_of_their_own() {
        let hasher = hasher();
        let network = |number: u32| format!("2001:db8:1:{number:x}::1").parse::<IpAddr>().unwrap();
        let places: Vec<_> = (0..MAX_OF_NETWORK).map(|_| hasher.place(Some(network(1)))).collect();
        assert!(places.iter().all(Result::is_ok));
        assert!(hasher.place(Some(network(1))).is_err());
        let more: Vec<_> =
            (0..MAX_OF_SITE - MAX_OF_NETWORK).map(|n| hasher.place(Some(network(n + 2)))).collect();
        assert!(more.iter().all(Result::is_ok));
        assert!(hasher.place(Some(network(0xffff))).is_err(), "another network of the site");
        assert!(hasher.place(Some("2001:db8:2::1".parse().unwrap())).is_ok(), "another site");
        drop((places, more));

        let opener = occupy(&hasher);
        let ann = Some(SecretHash::of("ann"));
        let waiting = wait_in_line(&hasher, host(1), ann, MAX_OF_ACCOUNT as usize).await;
        let place = hasher.place(Some(host(2))).unwrap();
        assert_eq!(place.verify(ann, "", None).await, Err(HashError::TooMany));
        drop((opener, place));
        for one in waiting {
            assert_eq!(one.await.unwrap(), Ok(Verdict::Wrong));
        }
        assert!(hasher.is_idle(), "nothing is kept of what is over");
    }

    #[tokio::test]
    async fn exempt_networks_have_no_bound_but_that_of_all() {
        let exempt = Exempt(vec!["192.0.2.0/24".parse().unwrap()]);
        let hasher = Hasher::new(Arc::new(OsRandom), exempt);
        let places: Vec<_> = (0..200).map(|_| hasher.place(Some(HOME))).collect();
        assert!(places.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_full_line_refuses_who_has_most_and_lets_in_who_has_least() {
        let hasher = hasher();
        let opener = occupy(&hasher);
        let mut waiting = Vec::new();
        for number in 0..3 {
            waiting.extend(wait_in_line(&hasher, host(number), None, 21).await);
        }
        waiting.extend(wait_in_line(&hasher, host(0), None, MAX_WAITING - 63).await);
        // The line is full; of host 0 most waits.
        assert_eq!(verify_from(&hasher, host(0), "", None).await, Err(HashError::Busy));
        let stranger = tokio::spawn({
            let hasher = hasher.clone();
            async move { verify_from(&hasher, host(9), "", None).await }
        });
        let displaced = async {
            while !waiting.iter().any(tokio::task::JoinHandle::is_finished) {
                tokio::task::yield_now().await;
            }
        };
        displaced.await;
        drop(opener);
        assert_eq!(stranger.await.unwrap(), Ok(Verdict::Wrong));
        let mut busy = 0;
        for one in waiting {
            busy += usize::from(one.await.unwrap() == Err(HashError::Busy));
        }
        assert_eq!(busy, 1);
        assert!(hasher.is_idle());
    }

    #[tokio::test]
    async fn who_hangs_up_keeps_its_place_until_its_job_is_gone() {
        let hasher = hasher();
        let opener = occupy(&hasher);
        let waiting = wait_in_line(&hasher, HOME, None, MAX_OF_NETWORK as usize).await;
        for one in waiting {
            one.abort();
            assert!(one.await.unwrap_err().is_cancelled());
        }
        assert_eq!(hasher.place(Some(HOME)).map(drop), Err(HashError::TooMany));
        drop(opener);
        while !hasher.is_idle() {
            tokio::task::yield_now().await;
        }
        assert!(hasher.place(Some(HOME)).is_ok());
    }
}
