//! The handle: reading, and writing in turns.

use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StorageError;
use crate::connect::connect;
use crate::migrate::{self, Migration};

/// How long [`Database::begin_write`] waits for other writers of this process
/// before it fails with [`StorageError::Busy`].
pub const WRITE_TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// The database of this process. Cloning is cheap; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Database {
    pool: DatabaseConnection,
    // One permit: SQLite has one writer at a time. Waiting here is fair, costs no
    // connection and no polling; waiting inside SQLite is and does neither.
    write_turn: Arc<Semaphore>,
}

impl Database {
    /// Opens the database at `url`: `sqlite://PATH?mode=rwc` for a file, made if
    /// missing (its folder must exist), or `sqlite::memory:` for tests.
    ///
    /// # Errors
    /// [`StorageError::Unsupported`] for any other scheme,
    /// [`StorageError::Connect`] if it cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        let pool = connect(url).await?;
        Ok(Self { pool, write_turn: Arc::new(Semaphore::new(1)) })
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
    /// [`StorageError::Busy`] after [`WRITE_TURN_TIMEOUT`];
    /// [`StorageError::Database`] if the database refuses.
    pub async fn begin_write(&self) -> Result<WriteTransaction, StorageError> {
        let turn = timeout(WRITE_TURN_TIMEOUT, Arc::clone(&self.write_turn).acquire_owned())
            .await
            .map_err(|_| StorageError::Busy)?
            // Nobody closes the semaphore; if somebody did, no turn will come.
            .map_err(|_| StorageError::Busy)?;
        // SQLite takes the write lock at BEGIN. A deferred transaction takes it at
        // its first write, and fails at once if another has written since its
        // first read, whatever the busy timeout says. Other databases ignore this.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.pool.begin_with_options(options).await?;
        Ok(WriteTransaction { transaction, _turn: turn })
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
        self.pool.close_by_ref().await.map_err(StorageError::from)
    }
}

/// A transaction that holds the turn to write. Dropping it without
/// [`commit`](Self::commit) rolls back, also when the task is cancelled.
#[derive(Debug)]
#[must_use = "a transaction that is not committed is rolled back"]
pub struct WriteTransaction {
    // Fields drop in this order: first the roll-back, then the turn.
    transaction: DatabaseTransaction,
    _turn: OwnedSemaphorePermit,
}

impl WriteTransaction {
    /// What statements of this transaction run on.
    #[must_use]
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Makes the changes permanent: once this returns, they survive power loss.
    ///
    /// # Errors
    /// [`StorageError::Database`] if the database could not; the changes are
    /// rolled back.
    pub async fn commit(self) -> Result<(), StorageError> {
        self.transaction.commit().await.map_err(StorageError::from)
    }
}
