//! Group commit: what comes in while one transaction is being stored goes into the
//! next one, so that durability costs a disk sync a batch and not a message.
//!
//! Owns the tasks that store postings. A room is told what became of its postings once a
//! batch, and is asked for nothing but whether its delivery keeps up. With SQLite, which has
//! one writer, one task stores postings of many rooms at once ([`embedded`]); in a database of
//! a server rooms are stored side by side, each by one task at a time ([`server`]).
//!
//! Invariants: answers come in the order of a room's postings, and a posting is answered as
//! stored only once it is. After a panic it is not known what is stored, so no task is started
//! again: the server goes down in order, told by the [`Vital`](base::Vital) that each holds.

mod draft;
mod embedded;
mod server;

use std::sync::Arc;

use storage::Database;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::Message;
use crate::dialect::Refusal;
use crate::intake::{Batch, Outcome, Posting};
use crate::room::Services;
use crate::rooms::Rooms;
use crate::store::{EmbeddedLedger, ServerLedger};

#[cfg(test)]
pub(crate) use embedded::EmbeddedCommitter;
#[cfg(not(test))]
use embedded::EmbeddedCommitter;
pub(crate) use server::ServerCommitter;

/// Batches that are stored side by side in a database of a server: as many as there are
/// connections for urgent writes.
const SIDE_BY_SIDE: usize = 4;

/// What tasks are called whose panic is reported.
const TASK: &str = "committer";

/// The tasks that store what is posted.
#[derive(Debug)]
pub(crate) struct Committers {
    tasks: Vec<JoinHandle<()>>,
    /// Ends the task that watches the database, if there is one.
    watching: CancellationToken,
    watch: Option<JoinHandle<()>>,
}

impl Committers {
    /// Starts storing in `db`. `newest` are the newest messages of the default room.
    pub(crate) fn start(
        db: &Database,
        rooms: &Rooms,
        services: &Arc<Services>,
        newest: &[Arc<Message>],
    ) -> Self {
        let watching = CancellationToken::new();
        let (vitals, runtime) = (&services.vitals, &services.runtime);
        if !db.kind().is_server() {
            let (intake, clock) = (services.intake.clone(), services.clock.clone());
            let ledger = EmbeddedLedger::new(db.clone());
            let mut committer = EmbeddedCommitter::new(intake, rooms.clone(), ledger, clock);
            committer.remember(rooms.default_room().id(), newest);
            let tasks = vec![runtime.spawn(committer.run(vitals.watch(TASK)))];
            return Self { tasks, watching, watch: None };
        }
        let ledger = ServerLedger::new(db.clone(), services.random.as_ref());
        let committer = ServerCommitter::new(rooms.clone(), ledger, services.clone());
        let task = |_| runtime.spawn(committer.clone().run(vitals.watch(TASK)));
        let tasks = (0..SIDE_BY_SIDE).map(task).collect();
        let watch = committer.clone().watch(watching.clone(), vitals.watch("database watch"));
        Self { tasks, watching, watch: Some(runtime.spawn(watch)) }
    }

    /// Waits until all is stored that was taken in. The intake is closed by then.
    pub(crate) async fn finish(self) {
        self.watching.cancel();
        for task in self.tasks.into_iter().chain(self.watch) {
            if let Err(error) = task.await {
                tracing::error!(%error, "a committer ended badly");
            }
        }
    }
}

/// The answers to a batch of which nothing is stored.
fn refused(batch: &Batch) -> Vec<Outcome> {
    let refusal = |posting: &Posting| posting.text.as_ref().err().copied();
    let outcome = |posting| Outcome::Refused(refusal(posting).unwrap_or(Refusal::Unavailable));
    batch.postings.iter().map(outcome).collect()
}

fn count(outcomes: &[Outcome]) {
    for outcome in outcomes {
        match outcome {
            Outcome::Stored(_) => metrics::counter!("packetboat_messages_stored_total"),
            Outcome::Known(_) => metrics::counter!("packetboat_messages_repeated_total"),
            Outcome::Refused(refusal) => {
                metrics::counter!("packetboat_messages_refused_total", "code" => refusal.code())
            }
        }
        .increment(1);
    }
}
