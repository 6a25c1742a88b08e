//! Sending what waits: a few at a time, again and again until it left or time is up.
//!
//! Each attempt is on record before it is made, with a time at which the mail is due again
//! should its outcome never be recorded. So a mail is sent **at least once**: if the
//! process dies between the receiver's server accepting it and the row saying so, it is sent
//! a second time after [`CLAIM`], with the same Message-ID.
//!
//! As long as the process lives it is sent once: an attempt keeps its place, of
//! [`MAX_AT_ONCE`], until its outcome is on record, however often that has to be tried. So
//! while outcomes cannot be recorded, that many mails leave at most.
//!
//! A panic costs the item that panicked: an attempt counts as failed, a look at the queue is
//! repeated with the next tick.

mod clock_correction;

use std::collections::HashMap;
use std::time::Duration;

use base::{Random, Timestamp, Vitals, caught};
use storage::StorageError;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::clock_correction::ClockCorrection;
use crate::outcome::Failure;
use crate::record::MailState;
use crate::store::{self, Claimed};
use crate::{Mailer, SEND_TIMEOUT};

/// Mails that are being sent at once.
pub const MAX_AT_ONCE: usize = 4;

/// How long an attempt counts as under way whose outcome is not recorded. Longer than one can
/// take.
pub const CLAIM: Duration = Duration::from_secs(2 * SEND_TIMEOUT.as_secs());

/// The pause after the first failed attempt; four times as long after each further one.
pub const FIRST_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause between two attempts.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// How long a mail that has left stays on record, without its texts.
pub const KEEP_SENT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long a mail that was given up stays on record.
pub const KEEP_FAILED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The pause before an outcome that could not be recorded is recorded again; doubled each
/// time.
const FIRST_RECORD_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause.
const LONGEST_RECORD_PAUSE: Duration = Duration::from_secs(8);

/// How often the queue is looked at without a wake-up.
const TICK: Duration = Duration::from_secs(1);

/// Ticks between two counts for the metrics.
const MEASURE: u32 = 5;

/// Ticks between two looks for what is on record for too long.
const PURGE: u32 = 600;

/// Of the time for draining, what attempts under way may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

impl Mailer {
    /// Sends what is due until `stop` is cancelled; then gives attempts under way a
    /// second. One cut short then is made again after a restart. Panics are told to `vitals`.
    pub async fn run(self, stop: CancellationToken, vitals: Vitals) {
        let (queue, upkeep) = (vitals.watch("mail queue"), vitals.watch("mail upkeep"));
        let mut attempts = Attempts::default();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0_u32;
        let mut clock = ClockCorrection::new(self.0.clock.as_ref());
        while !stop.is_cancelled() {
            let look = async {
                clock.look(self.0.clock.as_ref());
                attempts.fill(&self).await
            };
            if let Some(Err(error)) = queue.survive(look).await {
                tracing::error!(%error, "cannot read the mail queue");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(()) = attempts.next() => {}
                () = self.0.wake.notified() => {}
                _ = ticks.tick() => {
                    if let Some(Err(error)) = upkeep.survive(clock.correct(&self)).await {
                        tracing::error!(%error, "cannot clean up the mail queue");
                    }
                    if let Some(Err(error)) = upkeep.survive(self.upkeep(count)).await {
                        tracing::error!(%error, "cannot clean up the mail queue");
                    }
                    count = count.wrapping_add(1);
                }
            }
        }
        let all = async { while attempts.next().await.is_some() {} };
        if timeout(DRAIN_LIMIT, all).await.is_err() {
            tracing::warn!("mails were being sent at the end and may be sent again");
        }
    }

    /// Makes one attempt at every mail that is due now, and returns when each has its
    /// outcome: how many there were. [`run`](Self::run) does this all the time.
    ///
    /// # Errors
    /// If the queue cannot be read; attempts under way are cut short.
    pub async fn send_due(&self) -> Result<usize, StorageError> {
        let mut attempts = Attempts::default();
        let mut made = 0;
        loop {
            attempts.fill(self).await?;
            if attempts.next().await.is_none() {
                return Ok(made);
            }
            made += 1;
        }
    }

    async fn upkeep(&self, count: u32) -> Result<(), StorageError> {
        let now = self.0.clock.now();
        if count.is_multiple_of(MEASURE) {
            let on = self.0.db.reader();
            let oldest = store::oldest_waiting(on).await?;
            let age = oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0).max(0) / 1_000);
            // Gauges are floating point; a queue is far too short to notice.
            #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
            {
                metrics::gauge!("packetboat_mails_waiting").set(store::waiting(on).await? as f64);
                metrics::gauge!("packetboat_mails_waiting_oldest_seconds").set(age as f64);
            }
        }
        if count.is_multiple_of(PURGE) {
            for (state, kept) in [(MailState::Sent, KEEP_SENT), (MailState::Failed, KEEP_FAILED)] {
                let transaction = self.0.db.begin_write().await?;
                store::purge(transaction.connection(), state, now.minus(kept)).await?;
                transaction.commit().await?;
            }
        }
        Ok(())
    }

    async fn attempt(self, claimed: Claimed) {
        let outcome = if self.0.clock.now() > claimed.give_up_at {
            Err(Failure::Permanent("it waited for too long to be of use".to_owned()))
        } else {
            let delivered = caught(self.0.delivery.deliver(&claimed.mail)).await;
            let panicked = || Err(Failure::Temporary("sending it failed inside".to_owned()));
            delivered.unwrap_or_else(panicked).map(drop)
        };
        let mut pause = FIRST_RECORD_PAUSE;
        loop {
            match caught(self.record(&claimed, &outcome)).await {
                Some(Ok(())) => return,
                Some(Err(error)) => {
                    let mail = claimed.mail.id;
                    tracing::error!(mail, %error, "cannot record what became of a mail");
                }
                None => {} // Logged by the process's panic hook.
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_RECORD_PAUSE);
        }
    }

    async fn record(
        &self,
        claimed: &Claimed,
        outcome: &Result<(), Failure>,
    ) -> Result<(), StorageError> {
        let Claimed { mail, kind, attempts, give_up_at } = claimed;
        let (id, to, now) = (mail.id, &mail.to, self.0.clock.now());
        let next = now.plus(pause(*attempts, self.0.random.as_ref()));
        let error = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
        let over = matches!(outcome, Err(Failure::Permanent(_))) || next > *give_up_at;

        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        match outcome {
            Ok(()) => store::sent(on, id, now).await?,
            Err(_) if over => store::failed(on, id, now, &error).await?,
            Err(_) => store::put_off(on, id, next, &error).await?,
        }
        transaction.commit().await?;

        let result = match outcome {
            Ok(()) => {
                tracing::info!(mail = id, kind, %to, attempts, "mail sent");
                "sent"
            }
            Err(_) if over => {
                tracing::error!(mail = id, kind, %to, attempts, error, "mail given up");
                "failed"
            }
            Err(_) => {
                tracing::warn!(mail = id, kind, %to, attempts, error, "mail put off");
                "put_off"
            }
        };
        metrics::counter!("packetboat_mail_attempts_total", "result" => result).increment(1);
        Ok(())
    }
}

/// How long to wait after the `attempts`-th attempt failed: 1, 4, 16, 64 minutes, then six
/// hours, each up to a quarter shorter so that what failed together is not tried together.
fn pause(attempts: u32, random: &dyn Random) -> Duration {
    let factor = 4_u32.saturating_pow(attempts.saturating_sub(1).min(8));
    let full = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
    let mut byte = [0_u8];
    random.fill(&mut byte);
    full - full / 4 * u32::from(byte[0]) / 255
}

/// The attempts under way.
#[derive(Default)]
struct Attempts {
    tasks: JoinSet<()>,
    /// Which task tries which mail, so that none is tried twice at once, whatever the clock
    /// does meanwhile.
    mails: HashMap<Id, i64>,
}

impl Attempts {
    /// Starts as many as are due and allowed.
    async fn fill(&mut self, mailer: &Mailer) -> Result<(), StorageError> {
        let room = MAX_AT_ONCE.saturating_sub(self.tasks.len());
        let in_flight: Vec<i64> = self.mails.values().copied().collect();
        let now: Timestamp = mailer.0.clock.now();
        // Most of the time nothing is due: then no turn to write is taken.
        if room == 0 || !store::is_any_due(mailer.0.db.reader(), now, &in_flight).await? {
            return Ok(());
        }
        let transaction = mailer.0.db.begin_write().await?;
        let on = transaction.connection();
        let claimed = store::claim(on, now, now.plus(CLAIM), &in_flight, room as u64).await?;
        transaction.commit().await?;
        for claimed in claimed {
            let id = claimed.mail.id;
            let task = self.tasks.spawn(mailer.clone().attempt(claimed));
            self.mails.insert(task.id(), id);
        }
        Ok(())
    }

    /// Waits for one to end; `None` if there is none.
    async fn next(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        // Should an attempt panic nevertheless, the mail is due again by itself.
        let task = ended.map_or_else(|error: JoinError| error.id(), |(id, ())| id);
        self.mails.remove(&task);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;

    #[derive(Debug)]
    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn pauses_grow_to_six_hours() {
        let minutes = |n| pause(n, &Fixed(0)).as_secs() / 60;
        let pauses = [1, 2, 3, 4, 5, 6, 100].map(minutes);
        assert_eq!(pauses, [1, 4, 16, 64, 256, 360, 360]);
        assert_eq!(pause(1, &Fixed(255)), Duration::from_secs(45));
        for n in 0..50 {
            let random = pause(n, &OsRandom);
            assert!(random >= Duration::from_secs(45) && random <= LONGEST_PAUSE);
        }
    }
}
