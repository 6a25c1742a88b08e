//! Whether the server does its work: every task is there, and what people post is answered.

use std::sync::Arc;

use base::Vitals;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct WorkHealth {
    vitals: Vitals,
    stands_still: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl WorkHealth {
    /// By the `vitals` of all tasks, and by asking whether what people post
    /// `stands_still`: waits, and none of it is stored or refused.
    pub(crate) fn new(
        vitals: Vitals,
        stands_still: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { vitals, stands_still: Arc::new(stands_still) }
    }

    /// Logs what is wrong.
    ///
    /// # Errors
    /// One sentence for whoever asks, with nothing about the server's inside.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let missing = self.vitals.missing();
        if !missing.is_empty() {
            tracing::warn!(?missing, "not ready: a task has panicked");
            return Err("A part of the server has failed.");
        }
        if (self.stands_still)() {
            tracing::warn!("not ready: messages wait, and none is stored or refused");
            return Err("The server stores nothing at the moment.");
        }
        Ok(())
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
