//! The threads that hash passwords, one a core, and the queue before them.
//!
//! Invariants: a job that panics is that job's failure, and the thread goes on; at most
//! [`MAX_WAITING`] jobs wait, in the order of the [`FairQueue`].

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::{Condvar, Mutex};

use super::HashError;
use super::fair_queue::FairQueue;
use crate::secret::SecretHash;

/// The most passwords that wait for a thread; some two seconds of work on two cores.
pub(super) const MAX_WAITING: usize = 64;

/// What a thread does; dropped undone if it loses its place in the queue.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The threads and what waits for them. Dropping it ends them.
#[derive(Debug)]
pub(super) struct Threads {
    pub(super) shared: Arc<Shared>,
    pub(super) count: usize,
}

pub(super) struct Shared {
    pub(super) waiting: Mutex<Waiting>,
    more: Condvar,
}

pub(super) struct Waiting {
    pub(super) queue: FairQueue<Option<IpAddr>, Option<SecretHash>, Job>,
    over: bool,
}

impl Threads {
    pub(super) fn start() -> Self {
        let waiting = Mutex::new(Waiting { queue: FairQueue::new(MAX_WAITING), over: false });
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

    pub(super) fn push(
        &self,
        network: Option<IpAddr>,
        account: Option<SecretHash>,
        job: Job,
    ) -> Result<(), HashError> {
        if self.count == 0 {
            return Err(HashError::Busy);
        }
        let pushed = self.shared.waiting.lock().queue.push(network, account, job);
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
            if let Some(job) = waiting.queue.pop() {
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
