//! What is looked at every second, whether anybody asks or not: the database's file and
//! its disk, how far the room has come, and the clock.
//!
//! A task of its own: what it looks at may hang, and nothing waits for it.

use std::sync::Arc;
use std::time::Duration;

use base::{Clock, ClockWatch, Vitals};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::data::HeadNote;
use crate::health::StorageHealth;
use crate::wiring::House;

const TICK: Duration = Duration::from_secs(1);

/// See the module's documentation.
pub(crate) struct Watch {
    house: House,
    storage: StorageHealth,
    /// None for a database that ends with this process.
    note: Option<HeadNote>,
    note_fails: bool,
    clock: Arc<dyn Clock>,
    jumps: ClockWatch,
}

impl Watch {
    pub(crate) fn new(
        house: House,
        storage: StorageHealth,
        note: Option<HeadNote>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let jumps = ClockWatch::new(&*clock);
        Self { house, storage, note, note_fails: false, clock, jumps }
    }

    /// Runs until `stop` is cancelled, which comes after the last message is stored: the
    /// note is right at the end.
    pub(crate) async fn run(mut self, stop: CancellationToken, vitals: Vitals) {
        let vital = vitals.watch("watch");
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
            }
            vital.survive(self.look()).await;
        }
        self.note_head().await;
    }

    async fn look(&mut self) {
        self.look_at_the_clock();
        self.storage.keep_watch().await;
        self.note_head().await;
    }

    /// A suspended machine looks the same: the monotonic clock stands still meanwhile.
    fn look_at_the_clock(&mut self) {
        if let Some(jump) = self.jumps.jump(&*self.clock) {
            let seconds = jump.as_millis() / 1_000;
            tracing::warn!(seconds, "the clock jumped, or the machine was suspended");
        }
    }

    async fn note_head(&mut self) {
        let Some(mut note) = self.note.take() else { return };
        let head = self.house.head();
        let noted = tokio::task::spawn_blocking(move || {
            let result = note.note(head);
            (note, result)
        });
        // A panic in there is logged by the runtime's hook, and ends the noting.
        let Ok((note, result)) = noted.await else { return };
        self.note = Some(note);
        // Once, not every second: what is wrong may be that the disk is full.
        if let (Err(error), false) = (&result, self.note_fails) {
            tracing::warn!(%error, "cannot note how far the room has come");
        }
        self.note_fails = result.is_err();
    }
}
