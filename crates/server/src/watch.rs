//! What is looked at every second, whether a client asks or not: the database's file and
//! its disk, how far the parts have come, and the clock.
//!
//! A task of its own: what it looks at may hang, and nothing waits for it.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ClockWatch, Vitals};
use capability::Part;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::data::{Note, Notes};
use crate::health::StorageHealth;
use crate::parts::Parts;

const TICK: Duration = Duration::from_secs(1);

/// How far a part has come, and the note of it.
struct Progress {
    part: Arc<dyn Part>,
    /// `None` once writing it has panicked.
    note: Option<Note>,
    fails: bool,
}

/// See the module's documentation.
pub(crate) struct Watch {
    storage: StorageHealth,
    progress: Vec<Progress>,
    clock: Arc<dyn Clock>,
    jumps: ClockWatch,
}

impl Watch {
    pub(crate) fn new(
        parts: &Parts,
        storage: StorageHealth,
        notes: &Notes,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let jumps = ClockWatch::new(&*clock);
        let progress = parts.iter().filter_map(|part| {
            let note = Some(notes.open(part.noted()?.0)?);
            Some(Progress { part: part.clone(), note, fails: false })
        });
        Self { storage, progress: progress.collect(), clock, jumps }
    }

    /// Runs until `stop` is cancelled, which comes after the last work is stored: the notes
    /// are right at the end.
    pub(crate) async fn run(mut self, stop: CancellationToken, vitals: Vitals) {
        let vital = vitals.watch("watch");
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            vital.survive(self.check()).await;
        }
        self.note_progress().await;
    }

    async fn check(&mut self) {
        self.check_clock();
        self.storage.check_every_second().await;
        self.note_progress().await;
    }

    /// A suspended machine looks the same: the monotonic clock stands still meanwhile.
    fn check_clock(&mut self) {
        if let Some(jump) = self.jumps.jump(&*self.clock) {
            let seconds = jump.as_millis() / 1_000;
            tracing::warn!(seconds, "the clock jumped, or the machine was suspended");
        }
    }

    async fn note_progress(&mut self) {
        for progress in &mut self.progress {
            progress.renew().await;
        }
    }
}

impl Progress {
    async fn renew(&mut self) {
        let (Some(mut note), Some((_, number))) = (self.note.take(), self.part.noted()) else {
            return;
        };
        let noted = tokio::task::spawn_blocking(move || {
            let result = note.write(number);
            (note, result)
        });
        // A panic in there is logged by the runtime's hook, and ends the noting.
        let Ok((note, result)) = noted.await else { return };
        self.note = Some(note);
        // Once, not every second: what is wrong may be that the disk is full.
        if let (Err(error), false) = (&result, self.fails) {
            tracing::warn!(part = self.part.name(), %error, "cannot note how far it has come");
        }
        self.fails = result.is_err();
    }
}
