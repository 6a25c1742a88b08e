//! Who has a database of a database server: one row with a lease, in the time of the
//! database.
//!
//! A server takes the row when it starts, and renews its lease as long as it runs. Another
//! one that starts meanwhile is refused. A server that starts on the data folder of the one
//! that has the row, whose lock it holds, takes it over at once: that one is gone. A server
//! that could not renew in time stores nothing until it can; one that finds the row taken
//! stores nothing any more, and is told so ([`Lease::lost`]).
//!
//! Invariant: as long as [`Lease::check`] agrees, no other server was given the row. It goes
//! by a clock of this machine that goes on while the machine is suspended, from before the
//! renewal was asked for.
//!
//! Deliberately absent: guarding a single statement. One that was sent while the lease was
//! good may be carried out later; what must not be done by two is guarded where it is done.

mod row;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::Vitals;
use rustix::time::{ClockId, clock_gettime};
use sea_orm::DatabaseConnection;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::{Database, StorageError};

/// How long the row is a server's without being renewed.
pub const LEASE: Duration = Duration::from_secs(15);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(3);

/// How long the database may take to renew it.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(4);

/// The server that takes a database.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Which server: the same for all starts on one data folder, and for no other. Up to 64
    /// ASCII characters.
    pub server: String,
    /// This start of it: never the same twice. Up to 32 ASCII characters.
    pub incarnation: String,
    /// For the operator: its host and process. Up to 100 characters.
    pub name: String,
    /// Hears of it if the task that renews the lease is lost.
    pub vitals: Vitals,
}

/// What those who store share with the task that renews.
#[derive(Debug, Default)]
struct State {
    /// Until when the lease holds, in milliseconds of [`now`].
    until: AtomicU64,
    taken: AtomicBool,
}

/// A database that is held. Dropping it stops renewing; [`Lease::release`] gives it back.
#[derive(Debug)]
pub(crate) struct Lease {
    state: Arc<State>,
    lost: watch::Receiver<bool>,
    task: JoinHandle<()>,
    connection: DatabaseConnection,
    incarnation: String,
}

impl Lease {
    /// Takes the row for `holder`.
    ///
    /// # Errors
    /// [`StorageError::InUseBy`] if another server has it.
    pub(crate) async fn take(database: &Database, holder: &Holder) -> Result<Self, StorageError> {
        let asked = now();
        let connection = row::take(database, holder).await?;
        let state = Arc::new(State::default());
        state.until.store(asked + millis(LEASE), Ordering::Release);
        let (tell, lost) = watch::channel(false);
        let task = tokio::spawn(renew(
            connection.clone(),
            holder.incarnation.clone(),
            Arc::clone(&state),
            tell,
            holder.vitals.clone(),
        ));
        Ok(Self { state, lost, task, connection, incarnation: holder.incarnation.clone() })
    }

    /// Whether this server may store now.
    ///
    /// # Errors
    /// [`StorageError::Taken`] if not.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        let is_good = now() < self.state.until.load(Ordering::Acquire)
            && !self.state.taken.load(Ordering::Acquire);
        if is_good { Ok(()) } else { Err(StorageError::Taken) }
    }

    /// Turns true when another server has taken the row.
    pub(crate) fn lost(&self) -> watch::Receiver<bool> {
        self.lost.clone()
    }

    /// Gives the row back, so that another server need not wait.
    pub(crate) async fn release(self) {
        self.task.abort();
        self.state.until.store(0, Ordering::Release);
        // Should it fail, the lease runs out.
        let _ = timeout(RENEWAL_TIMEOUT, row::release(&self.connection, &self.incarnation)).await;
        let _ = self.connection.close_by_ref().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn renew(
    connection: DatabaseConnection,
    incarnation: String,
    state: Arc<State>,
    lost: watch::Sender<bool>,
    vitals: Vitals,
) {
    let vital = vitals.watch("lease");
    let mut ticks = interval(RENEWAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let asked = now();
        let renewal = timeout(RENEWAL_TIMEOUT, row::renew(&connection, &incarnation));
        match vital.survive(renewal).await {
            Some(Ok(Ok(true))) => state.until.store(asked + millis(LEASE), Ordering::Release),
            Some(Ok(Ok(false))) => {
                state.taken.store(true, Ordering::Release);
                tracing::error!(
                    "another server has taken the database: nothing is stored any more"
                );
                lost.send_replace(true);
                return;
            }
            // The database is away or slow: it is asked again. Meanwhile the lease runs.
            Some(Ok(Err(error))) => tracing::debug!(%error, "the lease was not renewed"),
            Some(Err(_)) | None => tracing::debug!("the lease was not renewed in time"),
        }
    }
}

/// Milliseconds since this machine was started, those in which it was suspended included.
fn now() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    seconds * 1_000 + u64::try_from(now.tv_nsec).unwrap_or_default() / 1_000_000
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
