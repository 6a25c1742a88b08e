//! Whether things can be stored now.
//!
//! What shows without a write is looked at every second by [`Watch`](crate::watch::Watch):
//! whether the database's file is in its place and its disk has room. Whether it takes a
//! write is tried when `/ready` asks, and every second while something is wrong: at most
//! one probe a second, and none if a write has just succeeded. An idle server
//! whose `/ready` is not asked writes nothing.
//!
//! A change is logged, once, with what the database said; an answer says no more than
//! one sentence.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::fs::statvfs;
use rustix::process::geteuid;
use storage::{Database, Fault, StorageError};
use tokio::time::timeout;

/// How long a look at the disk may take. A probe has a limit of its own.
const LIMIT: Duration = Duration::from_secs(2);

/// How long what was found out holds.
const FRESH: Duration = Duration::from_secs(1);

/// The least room on the disk, in bytes: what SQLite's write-ahead log grows to before it
/// is written into the database (1,000 pages of 4 KiB).
const LEAST_ROOM: u64 = 4 * 1024 * 1024;

/// Why nothing can be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageProblem {
    /// The database was deleted under the server.
    Gone,
    /// The database was replaced under the server.
    Replaced,
    /// The disk is full.
    Full,
    /// The database may not be written to.
    ReadOnly,
    /// The database, or its disk, does not answer in time.
    NoAnswer,
    /// There is no connection to the database.
    Away,
    /// Another server has the database now.
    Taken,
    /// Writing fails.
    Failing,
}

impl StorageProblem {
    /// The same for a client that asks for `/ready`: nothing about the server's inside.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Gone => "The database is gone.",
            Self::Replaced => "The database was replaced by another one.",
            Self::Full => "The disk is full.",
            Self::ReadOnly => "The database cannot be written to.",
            Self::NoAnswer => "The database does not answer.",
            Self::Away => "The database cannot be reached.",
            Self::Taken => "Another server has taken the database.",
            Self::Failing => "The database fails.",
        }
    }

    fn of(error: &StorageError) -> Self {
        match error.fault() {
            Fault::Gone => Self::Gone,
            Fault::Replaced => Self::Replaced,
            Fault::Full => Self::Full,
            Fault::ReadOnly => Self::ReadOnly,
            Fault::Busy | Fault::Again => Self::NoAnswer,
            Fault::Lost => Self::Away,
            Fault::Taken => Self::Taken,
            Fault::Other => Self::Failing,
        }
    }
}

/// A problem, and what the log says of it.
struct Diagnosis {
    problem: StorageProblem,
    details: String,
}

impl From<StorageError> for Diagnosis {
    fn from(error: StorageError) -> Self {
        Self { problem: StorageProblem::of(&error), details: error.to_string() }
    }
}

/// Cheap to clone; all clones share what was found out.
#[derive(Clone, Debug)]
pub(crate) struct StorageHealth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    /// Held while it is found out, so that those who ask at once share one answer.
    checked: tokio::sync::Mutex<Option<(Instant, Result<(), StorageProblem>)>>,
    /// What the log said last.
    logged: Mutex<Result<(), StorageProblem>>,
}

impl StorageHealth {
    pub(crate) fn new(database: Database) -> Self {
        let (checked, logged) = (tokio::sync::Mutex::default(), Mutex::new(Ok(())));
        Self(Arc::new(Inner { database, checked, logged }))
    }

    /// Whether a write succeeds, as it was within the last second.
    ///
    /// # Errors
    /// Why not.
    pub(crate) async fn check(&self) -> Result<(), StorageProblem> {
        let mut checked = self.0.checked.lock().await;
        if let Some((at, verdict)) = *checked
            && at.elapsed() < FRESH
        {
            return verdict;
        }
        let verdict = self.note(self.examine().await);
        *checked = Some((Instant::now(), verdict));
        verdict
    }

    /// Notices what can be seen without a write, and the end of any problem: called every
    /// second.
    pub(crate) async fn check_every_second(&self) {
        let well = self.0.logged.lock().is_ok();
        if !well || self.look().await.is_err() {
            // The verdict is logged if it is news.
            let _ = self.check().await;
        }
    }

    async fn examine(&self) -> Result<(), Diagnosis> {
        self.look().await?;
        if self.0.database.wrote_within(FRESH) {
            return Ok(());
        }
        Ok(self.0.database.probe_write().await?)
    }

    /// Looks at the file and at its disk, which may hang: on a thread of its own.
    async fn look(&self) -> Result<(), Diagnosis> {
        let database = self.0.database.clone();
        let look = move || {
            database.check_file()?;
            room(&database)
        };
        match timeout(LIMIT, tokio::task::spawn_blocking(look)).await {
            Ok(Ok(looked)) => looked,
            // Only the runtime's end keeps it from its own.
            Ok(Err(ended)) => Err(no_answer(&ended.to_string())),
            Err(_) => Err(no_answer("the disk does not answer")),
        }
    }

    fn note(&self, verdict: Result<(), Diagnosis>) -> Result<(), StorageProblem> {
        let known = verdict.as_ref().map_err(|diagnosis| diagnosis.problem).copied();
        if std::mem::replace(&mut *self.0.logged.lock(), known) != known {
            match verdict {
                Ok(()) => tracing::info!("ready again: the database takes writes"),
                Err(Diagnosis { problem, details }) => {
                    tracing::error!(error = details, "not ready: {}", problem.sentence());
                }
            }
        }
        known
    }
}

fn no_answer(details: &str) -> Diagnosis {
    Diagnosis { problem: StorageProblem::NoAnswer, details: details.to_owned() }
}

/// Whether there is room for the database on its disk, and a disk that may be written to.
fn room(database: &Database) -> Result<(), Diagnosis> {
    let Some(folder) = database.file().and_then(|file| file.parent()) else { return Ok(()) };
    // A folder that cannot be looked at: writing will show what is wrong.
    let Ok(disk) = statvfs(folder) else { return Ok(()) };
    // What is kept for root is room only for root.
    let free = if geteuid().is_root() { disk.f_bfree } else { disk.f_bavail };
    let free = free.saturating_mul(disk.f_frsize);
    // Some file systems count no blocks at all.
    if disk.f_blocks > 0 && free < LEAST_ROOM {
        let details = format!("{free} bytes are free, {LEAST_ROOM} are needed");
        return Err(Diagnosis { problem: StorageProblem::Full, details });
    }
    Ok(())
}
