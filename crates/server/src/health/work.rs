//! Whether the server does its work: every task is there, and what people post is answered.

use std::sync::Arc;

use base::Vitals;
use parking_lot::Mutex;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct WorkHealth {
    vitals: Vitals,
    stands_still: Arc<dyn Fn() -> bool + Send + Sync>,
    /// What was found out last: a change is logged, and no more than that.
    last: Arc<Mutex<Result<(), &'static str>>>,
}

impl WorkHealth {
    /// By the `vitals` of all tasks, and by asking whether what people post
    /// `stands_still`: waits, and none of it is stored or refused.
    pub(crate) fn new(
        vitals: Vitals,
        stands_still: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { vitals, stands_still: Arc::new(stands_still), last: Arc::new(Mutex::new(Ok(()))) }
    }

    /// Logs what is wrong, once.
    ///
    /// # Errors
    /// One sentence for the client that asks, with nothing about the server's inside.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let missing = self.vitals.missing();
        let found = if !missing.is_empty() {
            Err("A part of the server has failed.")
        } else if (self.stands_still)() {
            Err("The server stores nothing at the moment.")
        } else {
            Ok(())
        };
        if std::mem::replace(&mut *self.last.lock(), found) != found {
            match found {
                Ok(()) => tracing::info!("ready again: every task works"),
                Err(error) => tracing::warn!(error, ?missing, "not ready: the server falters"),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn it_takes_every_task_and_that_storing_goes_on() {
        let still = Arc::new(AtomicBool::new(false));
        let stands_still = still.clone();
        let vitals = Vitals::default();
        let health = WorkHealth::new(vitals.clone(), move || stands_still.load(Ordering::Relaxed));
        let sweep = vitals.watch("sweep");
        assert_eq!(health.check(), Ok(()));
        sweep.set_well(false);
        assert_eq!(health.check(), Err("A part of the server has failed."));
        sweep.set_well(true);
        assert_eq!(health.check(), Ok(()));
        still.store(true, Ordering::Relaxed);
        assert_eq!(health.check(), Err("The server stores nothing at the moment."));
    }
}
