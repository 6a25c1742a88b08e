//! Correcting the times in the queue that were noted while the clock was ahead.

use base::{Clock, ClockWatch};
use storage::StorageError;

use super::LONGEST_PAUSE;
use crate::{Mailer, store};

/// What there is to correct because the clock was ahead: at the start whatever an earlier
/// process noted, later what this one noted before the clock went back.
pub(super) struct ClockCorrection {
    jumps: ClockWatch,
    is_due: bool,
    went_back: bool,
}

impl ClockCorrection {
    pub(super) fn new(clock: &dyn Clock) -> Self {
        Self { jumps: ClockWatch::new(clock), is_due: true, went_back: false }
    }

    /// Called before each use of the clock for the queue: what was noted by a clock that
    /// was ahead for less than a second is put right, too.
    pub(super) fn look(&mut self, clock: &dyn Clock) {
        self.went_back |= self.jumps.jump(clock).is_some_and(|jump| jump.as_millis() < 0);
    }

    /// Called every second; does something only when there may be something to do.
    pub(super) async fn correct(&mut self, mailer: &Mailer) -> Result<(), StorageError> {
        let clock = mailer.0.clock.as_ref();
        self.look(clock);
        if !self.is_due && !self.went_back {
            return Ok(());
        }
        let transaction = mailer.0.db.begin_write().await?;
        let (on, now) = (transaction.connection(), clock.now());
        let mails = store::cut_ahead(on, now, LONGEST_PAUSE, self.went_back).await?;
        transaction.commit().await?;
        if mails > 0 {
            tracing::warn!(mails, "cut what was noted while the clock was ahead");
            mailer.0.wake.notify_one();
        }
        (self.is_due, self.went_back) = (false, false);
        Ok(())
    }
}
