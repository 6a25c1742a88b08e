//! Hashing passwords: Argon2id on threads of its own.
//!
//! Invariants: never more hashes at once than there are cores, so that sign-ins
//! cost 19 MiB each and never the room's time slices on a runtime thread; at most
//! [`MAX_WAITING`] wait, and one more is refused ([`HashError::Busy`]); whoever has
//! hung up is skipped. Verifying for an account that does not exist takes as long as
//! for one that does.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use base::Random;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The most passwords that wait for a thread; some two seconds of work.
pub(crate) const MAX_WAITING: usize = 64;

/// KiB of memory, passes and lanes: the OWASP Password Storage Cheat Sheet's choice.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Bytes of salt (RFC 9106, section 3.1).
const SALT_BYTES: usize = 16;

/// A hash that no password has, with the parameters of real ones.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$cGFja2V0Ym9hdC1ub2JvZHk\
                       $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many wait already.
    #[error("too many passwords wait to be hashed")]
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
    jobs: SyncSender<Job>,
    random: Arc<dyn Random>,
}

impl Hasher {
    /// One thread a core.
    pub(crate) fn new(random: Arc<dyn Random>) -> Self {
        let (jobs, waiting) = sync_channel::<Job>(MAX_WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..thread::available_parallelism().map_or(1, usize::from) {
            let waiting = Arc::clone(&waiting);
            let thread = thread::Builder::new().name(format!("password-{number}"));
            if let Err(error) = thread.spawn(move || work(&waiting)) {
                // With none at all, every hash is refused as busy: see `run`.
                tracing::error!(%error, "cannot start a thread for passwords");
            }
        }
        Self { jobs, random }
    }

    /// The PHC string to store for `password`.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, HashError> {
        let mut salt = [0_u8; SALT_BYTES];
        self.random.fill(&mut salt);
        let password = password.to_owned();
        self.run(move || hash(&password, &salt)).await
    }

    /// Compares `password` with what is stored, which may be nothing: that takes as
    /// long and is wrong.
    pub(crate) async fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
    ) -> Result<Verdict, HashError> {
        let password = password.to_owned();
        let stored = stored.map(str::to_owned);
        self.run(move || verify(&password, stored.as_deref())).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (done, result) = oneshot::channel();
        let job: Job = Box::new(move || {
            if !done.is_closed() {
                // It may hang up meanwhile; then nobody wants to know.
                let _ = done.send(work());
            }
        });
        self.jobs.try_send(job).map_err(|full| match full {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => HashError::Busy,
        })?;
        // A job is dropped without an answer only if its thread panicked.
        result.await.map_err(|_| HashError::Busy)
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        // Taking turns: one waits for a job holding the lock, the others for the lock.
        let next = waiting.lock().recv();
        match next {
            Ok(job) => job(),
            Err(_) => return,
        }
    }
}

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("OWASP's parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str, salt: &[u8]) -> String {
    let hash = argon2().hash_password_with_salt(password.as_bytes(), salt);
    hash.expect("a password of bounded length and a salt of 16 bytes can be hashed").to_string()
}

fn verify(password: &str, stored: Option<&str>) -> Verdict {
    let parsed = PasswordHash::new(stored.unwrap_or(NOBODYS));
    let Ok(parsed) = parsed else {
        // Nobody wrote this but us.
        tracing::error!("a stored password hash cannot be read");
        return Verdict::Wrong;
    };
    match argon2().verify_password(password.as_bytes(), &parsed) {
        Ok(()) if is_current(&parsed) => Verdict::Right,
        Ok(()) => Verdict::RightButOld,
        Err(_) => Verdict::Wrong,
    }
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

    fn hasher() -> Hasher {
        Hasher::new(Arc::new(OsRandom))
    }

    #[tokio::test]
    async fn a_password_is_recognised_and_another_is_not() {
        let hasher = hasher();
        let stored = hasher.hash("tide-lamp-9").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(hasher.verify("tide-lamp-9", Some(&stored)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify("tide-lamp-8", Some(&stored)).await.unwrap(), Verdict::Wrong);
        assert_ne!(hasher.hash("tide-lamp-9").await.unwrap(), stored, "salted");
    }

    #[tokio::test]
    async fn nobody_has_a_password_and_that_takes_a_real_verification() {
        assert!(PasswordHash::new(NOBODYS).is_ok_and(|hash| is_current(&hash)));
        assert_eq!(hasher().verify("", None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_with_other_parameters_is_recognised_and_old() {
        let params = Params::new(1_024, 1, 1, None).unwrap();
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let stored = weak.hash_password_with_salt(b"tide-lamp-9", &[7; 16]).unwrap().to_string();
        let hasher = hasher();
        assert_eq!(
            hasher.verify("tide-lamp-9", Some(&stored)).await.unwrap(),
            Verdict::RightButOld
        );
        assert_eq!(hasher.verify("other", Some(&stored)).await.unwrap(), Verdict::Wrong);
        assert_eq!(
            hasher.verify("other", Some("$argon2id$nonsense")).await.unwrap(),
            Verdict::Wrong
        );
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_recovers() {
        let hasher = hasher();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let (opener, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let mut blocked = Vec::new();
        // As many as can be at work or wait; threads take theirs in their own time.
        while blocked.len() < cores + MAX_WAITING {
            let gate = Arc::clone(&gate);
            let (done, result) = oneshot::channel::<()>();
            let job: Job = Box::new(move || {
                // Comes back once the opener is gone.
                let _ = gate.lock().recv();
                let _ = done.send(());
            });
            match hasher.jobs.try_send(job) {
                Ok(()) => blocked.push(result),
                Err(_) => thread::yield_now(),
            }
        }
        assert!(matches!(hasher.verify("x", None).await, Err(HashError::Busy)));
        drop(opener);
        for done in blocked {
            done.await.unwrap();
        }
        assert_eq!(hasher.verify("x", None).await.unwrap(), Verdict::Wrong);
    }
}
