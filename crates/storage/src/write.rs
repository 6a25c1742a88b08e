//! Writing: in turns, each in a transaction, and what is done when a commit fails.
//!
//! Invariants: a commit that returned `Ok` survives power loss. A commit that returned an
//! error is not stored **and does not come back**. The second takes work: SQLite writes a
//! transaction into its log, then syncs it. If the sync fails, SQLite forgets the
//! transaction, but all of it, a valid commit, is in the log's file. After a sudden end the
//! log is read from its start, and what was refused would be there. So before the caller is
//! told, and before another's turn, one row of our own is written
//! ([`probe`]): it takes the same place in the log, and as each frame's
//! checksum covers all frames before it, what follows is void. Should that fail too, it is
//! owed, and made up for before anything else is written. See
//! `docs/decisions/0010-failed-commits.md`.
//!
//! A commit runs to its end also when its caller goes away: the turn is not passed on
//! while the database is still at it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::file::{DatabaseFile, Detached};
use crate::health::Health;
use crate::lease::Lease;
use crate::probe;
use crate::turn::{Class, Turn, Turns};
use crate::{Kind, StorageError};

/// How often it is tried to write over what a failed commit left before its caller is told.
const OVERWRITE_TRIES: u32 = 3;

/// The pause between two such tries.
const OVERWRITE_PAUSE: Duration = Duration::from_millis(20);

/// How long a write waits for a connection to a database server, and for the server to
/// begin a transaction: below the limit of a request, which may write several times.
const SERVER_TURN_TIMEOUT: Duration = Duration::from_secs(4);

/// The most time that one such try takes.
const OVERWRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// What it takes to write. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    kind: Kind,
    /// For ordinary writes.
    ordinary: DatabaseConnection,
    /// For urgent writes; with SQLite, for all.
    urgent: DatabaseConnection,
    turns: Turns,
    health: Arc<Health>,
    file: Option<Arc<DatabaseFile>>,
    /// Of a database of a server, once it is held.
    lease: Arc<Mutex<Option<Lease>>>,
}

impl Writer {
    pub(crate) fn new(
        kind: Kind,
        ordinary: DatabaseConnection,
        urgent: DatabaseConnection,
        health: Arc<Health>,
        file: Option<Arc<DatabaseFile>>,
    ) -> Self {
        let (turns, lease) = (Turns::new(), Arc::default());
        Self { kind, ordinary, urgent, turns, health, file, lease }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// From now on nothing is written unless `lease` is good.
    pub(crate) fn hold(&self, lease: Lease) {
        *self.lease.lock() = Some(lease);
    }

    /// Gives the lease back, if there is one: nothing is written from now on.
    pub(crate) async fn release(&self) {
        let lease = self.lease.lock().take();
        if let Some(lease) = lease {
            lease.release().await;
        }
    }

    /// Turns true when another server has taken the database.
    pub(crate) fn lost(&self) -> Option<watch::Receiver<bool>> {
        self.lease.lock().as_ref().map(Lease::lost)
    }

    fn check_lease(&self) -> Result<(), StorageError> {
        self.lease.lock().as_ref().map_or(Ok(()), Lease::check)
    }

    /// Where a statement that stores by itself, without a transaction around it, goes to:
    /// the connections of urgent writes.
    pub(crate) fn for_statement(&self) -> Result<&DatabaseConnection, StorageError> {
        self.check_lease().inspect_err(|_| self.health.stalled())?;
        Ok(&self.urgent)
    }

    /// The file that is written to, if it is one.
    pub(crate) fn file(&self) -> Option<&DatabaseFile> {
        self.file.as_deref()
    }

    /// Whether the file is still in its place.
    pub(crate) fn check_file(&self) -> Result<(), StorageError> {
        let Some(file) = self.file() else { return Ok(()) };
        let path = file.path().to_owned();
        file.check().map_err(|detached| match detached {
            Detached::Gone => StorageError::Gone { path },
            Detached::Replaced => StorageError::Replaced { path },
        })
    }

    pub(crate) fn health(&self) -> &Health {
        &self.health
    }

    pub(crate) async fn begin(&self, class: Class) -> Result<WriteTransaction, StorageError> {
        if self.kind.is_server() {
            return self.begin_on_server(class).await;
        }
        let turn = self.turns.take(class).await.inspect_err(|_| self.health.stalled())?;
        self.check_file().inspect_err(|_| self.health.stalled())?;
        self.make_up().await?;
        let transaction = self.transaction().await.inspect_err(|_| self.health.failed())?;
        Ok(WriteTransaction { transaction, writer: self.clone(), turn: Some(turn) })
    }

    /// A database server has many writers, and tells them to wait where they must.
    async fn begin_on_server(&self, class: Class) -> Result<WriteTransaction, StorageError> {
        self.check_lease().inspect_err(|_| self.health.stalled())?;
        let pool = match class {
            Class::Urgent => &self.urgent,
            Class::Ordinary => &self.ordinary,
        };
        let begin = timeout(SERVER_TURN_TIMEOUT, pool.begin()).await;
        let transaction = begin
            .map_err(|_| match self.health.is_standby() {
                true => StorageError::Standby,
                false => StorageError::Busy,
            })
            .inspect_err(|_| self.health.stalled())?
            .inspect_err(|_| self.health.failed())?;
        Ok(WriteTransaction { transaction, writer: self.clone(), turn: None })
    }

    async fn transaction(&self) -> Result<DatabaseTransaction, DbErr> {
        // SQLite takes the write lock at BEGIN. A deferred transaction takes it at
        // its first write, and fails at once if another has written since its
        // first read, whatever the busy timeout says.
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.urgent.begin_with_options(options).await
    }

    /// Writes over what a failed commit left, if that is owed. Needs the turn.
    async fn make_up(&self) -> Result<(), StorageError> {
        if self.health.is_owed() {
            self.overwrite().await?;
            tracing::info!("what a failed commit left has been written over");
        }
        Ok(())
    }

    /// The same, for the last time.
    pub(crate) async fn finish(&self) -> Result<(), StorageError> {
        let _turn = self.turns.take(Class::Urgent).await?;
        self.make_up().await
    }

    /// Closes the connection that writes, once its current use ends.
    pub(crate) async fn close(&self) -> Result<(), StorageError> {
        self.urgent.close_by_ref().await.map_err(StorageError::from)
    }

    /// One try to write over what a failed commit left. Needs the turn.
    async fn overwrite(&self) -> Result<(), StorageError> {
        let write = async {
            let transaction = self.transaction().await?;
            probe::write(&transaction).await?;
            transaction.commit().await
        };
        let result = match timeout(OVERWRITE_TIMEOUT, write).await {
            Ok(result) => result.map_err(StorageError::from),
            Err(_) => Err(StorageError::Busy),
        };
        self.health.set_owed(result.is_err());
        result.inspect_err(|_| self.health.failed())
    }

    /// After a failed commit, still in its turn.
    async fn settle(&self) {
        self.health.failed();
        if self.kind.is_server() {
            return; // What it kept of the transaction it knows alone.
        }
        self.health.set_owed(true);
        for tried in 1..=OVERWRITE_TRIES {
            match self.overwrite().await {
                Ok(()) => return,
                Err(error) if tried == OVERWRITE_TRIES => {
                    tracing::error!(%error, "what a failed commit left could not be written over yet");
                }
                Err(_) => sleep(OVERWRITE_PAUSE).await,
            }
        }
    }
}

/// A transaction that holds the turn to write. Dropping it without
/// [`commit`](Self::commit) rolls back, also when the task is cancelled.
#[derive(Debug)]
#[must_use = "a transaction that is not committed is rolled back"]
pub struct WriteTransaction {
    // Fields drop in this order: first the roll-back, then the turn.
    transaction: DatabaseTransaction,
    writer: Writer,
    turn: Option<Turn>,
}

impl WriteTransaction {
    /// What statements of this transaction run on.
    #[must_use]
    pub fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Makes the changes permanent: once this returns, they survive power loss. Dropping
    /// the future does not stop it.
    ///
    /// # Errors
    /// [`StorageError::Database`] if the database could not; the changes are rolled back,
    /// and will not come back at a restart either. [`StorageError::Gone`] or
    /// [`StorageError::Replaced`] if they went into a file that is not in its place any
    /// more: the next start will not have them, unless the file comes back.
    pub async fn commit(self) -> Result<(), StorageError> {
        let commit = tokio::spawn(async move {
            let Self { transaction, writer, turn } = self;
            let result = transaction.commit().await.map_err(StorageError::from);
            match result {
                Ok(()) => writer.health.succeeded(),
                Err(_) => writer.settle().await,
            }
            let result =
                result.and_then(|()| writer.check_file().inspect_err(|_| writer.health.stalled()));
            drop(turn);
            result
        });
        commit.await.unwrap_or_else(|error| Err(DbErr::Custom(error.to_string()).into()))
    }
}
