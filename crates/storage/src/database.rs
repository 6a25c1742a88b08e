//! The handle: reading, and writing in turns.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Random};
use parking_lot::Mutex;
use sea_orm::DatabaseConnection;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::time::timeout;

use crate::connect::{self, Opened};
use crate::file::{DatabaseFile, is_in_memory};
use crate::health::Health;
use crate::migrate::{self, Migration};
use crate::probe;
use crate::turn::Class;
use crate::write::{WriteTransaction, Writer};
use crate::{FileLock, LockError, StorageError, identity};

/// The most time that [`Database::probe_write`] takes.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The database of this process. Cloning is cheap; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Database {
    pool: DatabaseConnection,
    writer: Writer,
    /// Held until the pool is closed; see [`Opened::anchor`].
    anchor: Arc<Mutex<Option<SqliteConnection>>>,
    in_memory: bool,
    held: Arc<Mutex<Option<FileLock>>>,
}

impl Database {
    /// Opens the database at `url`: `sqlite://PATH?mode=rwc` for a file, made if
    /// missing (its folder must exist), or `sqlite::memory:` for tests.
    ///
    /// # Errors
    /// [`StorageError::Unsupported`] for any other scheme,
    /// [`StorageError::Connect`] if it cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        let health = Arc::new(Health::default());
        let Opened { pool, writing, anchor } = connect::connect(url, &health).await?;
        let file = DatabaseFile::opened(url).map(Arc::new);
        let writer = Writer::new(writing, health, file);
        let anchor = Arc::new(Mutex::new(anchor));
        Ok(Self { pool, writer, anchor, in_memory: is_in_memory(url), held: Arc::default() })
    }

    /// Takes the database for one server until it is [closed](Self::close): another that
    /// asks is refused, whatever path it came by. Programs that only work beside a
    /// server do not ask. A database that is no file is not taken.
    ///
    /// # Errors
    /// [`StorageError::InUse`] if another process has it, [`StorageError::Lock`] if the
    /// file beside the database that says so cannot be used.
    pub fn hold(&self) -> Result<(), StorageError> {
        let Some(file) = self.writer.file() else { return Ok(()) };
        let lock = FileLock::take(&file.lock_path()).map_err(|error| match error {
            LockError::Held { holder } => StorageError::InUse { path: file.path().into(), holder },
            error @ LockError::Use { .. } => StorageError::Lock(error),
        })?;
        *self.held.lock() = Some(lock);
        Ok(())
    }

    /// The file that the database is; `None` if it is none.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.writer.file().map(DatabaseFile::path)
    }

    /// Whether the database ends with this process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.in_memory
    }

    /// Which database this is: 32 hexadecimal digits, made once; `None` if it has none.
    /// Changes nothing.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be asked.
    pub async fn identity(&self) -> Result<Option<String>, StorageError> {
        identity::find(self).await
    }

    /// The same; gives the database an identity if it has none.
    ///
    /// # Errors
    /// [`StorageError`] if the database cannot be asked or written.
    pub async fn make_identity(&self, random: &dyn Random) -> Result<String, StorageError> {
        identity::find_or_make(self, random).await
    }

    /// Whether the database's file is still in its place.
    ///
    /// # Errors
    /// [`StorageError::Gone`] or [`StorageError::Replaced`].
    pub fn check_file(&self) -> Result<(), StorageError> {
        self.writer.check_file()
    }

    /// The connections finders read through. A statement sees what was committed
    /// when it started.
    ///
    /// Never use it while holding a [`WriteTransaction`] in the same task: a
    /// database in memory has one connection, and the read would wait for it
    /// until it fails. Read through the transaction instead.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// Begins a transaction that may write. Waits for its turn, first come first
    /// served; keep it short, everybody else's writes wait for it.
    ///
    /// # Errors
    /// [`StorageError::Busy`] after [`WRITE_TURN_TIMEOUT`](crate::WRITE_TURN_TIMEOUT);
    /// [`StorageError::Gone`] or [`StorageError::Replaced`] if the file is not in its place
    /// any more; [`StorageError::Database`] if the database refuses.
    pub async fn begin_write(&self) -> Result<WriteTransaction, StorageError> {
        self.writer.begin(Class::Ordinary).await
    }

    /// The same for a write that many people wait for: its turn comes before those of
    /// [`begin_write`](Self::begin_write), but for one of them at most. They go on too,
    /// one after each such turn.
    ///
    /// # Errors
    /// Those of [`begin_write`](Self::begin_write).
    pub async fn begin_urgent_write(&self) -> Result<WriteTransaction, StorageError> {
        self.writer.begin(Class::Urgent).await
    }

    /// Stores a row of storage's own, to the disk: whether the database takes writes now.
    /// Takes [`PROBE_TIMEOUT`] at most, and a disk sync: the caller limits how often.
    /// Needs [`migrate`](Self::migrate) to have run.
    ///
    /// # Errors
    /// [`StorageError::Busy`] after the time limit; [`StorageError::Database`] if the
    /// database refuses.
    pub async fn probe_write(&self) -> Result<(), StorageError> {
        let write = async {
            let transaction = self.begin_urgent_write().await?;
            probe::write(transaction.connection()).await?;
            transaction.commit().await
        };
        timeout(PROBE_TIMEOUT, write).await.unwrap_or_else(|_| {
            self.writer.health().stalled();
            Err(StorageError::Busy)
        })
    }

    /// Whether the last write that was tried could not begin or could not be committed.
    /// Costs nothing.
    #[must_use]
    pub fn last_write_failed(&self) -> bool {
        self.writer.health().is_failing()
    }

    /// Whether the last write there was succeeded, and that within `span`.
    #[must_use]
    pub fn wrote_within(&self, span: Duration) -> bool {
        self.writer.health().wrote_within(span)
    }

    /// Brings the schema up to date: applies those of `migrations` that are not
    /// recorded yet, in the order of their names, each in a transaction of its
    /// own. Returns the names applied. Running it again does nothing; two
    /// processes doing it at once take turns.
    ///
    /// # Errors
    /// [`StorageError::NewerDatabase`] if a recorded migration is not among
    /// `migrations`: nothing was changed. [`StorageError::DuplicateMigration`] if
    /// two share a name. [`StorageError::Migration`] if one fails: it and those
    /// after it are not applied.
    pub async fn migrate(
        &self,
        migrations: &[Migration],
        clock: &dyn Clock,
    ) -> Result<Vec<&'static str>, StorageError> {
        migrate::run(self, migrations, clock).await
    }

    /// Asks the database for a sign of life. Unbounded in time: the caller sets
    /// the dead-line.
    ///
    /// # Errors
    /// [`StorageError::Database`] if there is none.
    pub async fn ping(&self) -> Result<(), StorageError> {
        self.pool.ping().await.map_err(StorageError::from)
    }

    /// Closes every connection once its current use ends, which also folds
    /// SQLite's write-ahead log back into the file. Later uses of any clone fail.
    ///
    /// # Errors
    /// [`StorageError::Database`] if closing fails.
    pub async fn close(&self) -> Result<(), StorageError> {
        let finished = self.writer.finish().await;
        self.writer.close().await?;
        self.pool.close_by_ref().await?;
        let anchor = self.anchor.lock().take();
        if let Some(anchor) = anchor {
            anchor.close().await.map_err(connect::failure)?;
        }
        // Nothing can be written any more, however recent the last write is.
        self.writer.health().stalled();
        *self.held.lock() = None;
        finished
    }
}
