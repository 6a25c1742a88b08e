//! The handle: reading, and writing in turns.

use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{Clock, Random};
use parking_lot::Mutex;
use sea_orm::DatabaseConnection;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;
use tokio::time::timeout;

use crate::connect::Address;
use crate::connect::{self, Opened};
use crate::file::{DatabaseFile, is_in_memory};
use crate::health::Health;
use crate::lease::{Holder, Lease};
use crate::migrate::{self, Migration};
use crate::probe;
use crate::turn::Class;
use crate::write::{WriteTransaction, Writer};
use crate::{FileLock, Kind, LockError, StorageError, identity};

/// The most time that [`Database::probe_write`] takes.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections to a database server, unless it is said otherwise.
pub const CONNECTIONS: u32 = 16;

/// The database of this process. Cloning is cheap; all clones share one pool.
#[derive(Clone, Debug)]
pub struct Database {
    pool: DatabaseConnection,
    writer: Writer,
    /// Held until the pool is closed; see [`Opened::anchor`].
    anchor: Arc<Mutex<Option<SqliteConnection>>>,
    in_memory: bool,
    address: Address,
    held: Arc<Mutex<Option<FileLock>>>,
}

impl Database {
    /// Opens the database at `url`: `sqlite://PATH?mode=rwc` for a file, made if
    /// missing (its folder must exist), `sqlite::memory:` for tests,
    /// `postgres://USER:PASSWORD@HOST/NAME`, or `mariadb://…` for a database of a server,
    /// which must exist.
    ///
    /// # Errors
    /// [`StorageError::Unsupported`] for any other scheme,
    /// [`StorageError::Connect`] if it cannot be opened.
    pub async fn connect(url: &str) -> Result<Self, StorageError> {
        Self::connect_with(url, CONNECTIONS).await
    }

    /// The same, with up to `connections` to a database server; SQLite has its own number.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn connect_with(url: &str, connections: u32) -> Result<Self, StorageError> {
        let health = Arc::new(Health::default());
        let Opened { kind, pool, writing, anchor } =
            connect::connect(url, connections, &health).await?;
        let file = DatabaseFile::opened(url).map(Arc::new);
        let ordinary = if kind.is_server() { pool.clone() } else { writing.clone() };
        let writer = Writer::new(kind, ordinary, writing, health, file);
        let anchor = Arc::new(Mutex::new(anchor));
        let (in_memory, address) = (is_in_memory(url), Address::new(url));
        Ok(Self { pool, writer, anchor, in_memory, address, held: Arc::default() })
    }

    /// Takes the database for one server, `holder`, until it is [closed](Self::close):
    /// another that asks is refused, whatever path it came by. Programs that only work
    /// beside a server do not ask. A file is held by a lock of the operating system, a
    /// database of a server by a lease of [`LEASE`](crate::LEASE) that a task renews; a
    /// database in memory is not taken.
    ///
    /// # Errors
    /// [`StorageError::InUse`] or [`StorageError::InUseBy`] if another server has it,
    /// [`StorageError::Lock`] if the file beside the database that says so cannot be used.
    pub async fn hold(&self, holder: &Holder) -> Result<(), StorageError> {
        if self.kind().is_server() {
            self.writer.hold(Lease::take(self, holder).await?);
            return Ok(());
        }
        let Some(file) = self.writer.file() else { return Ok(()) };
        let lock = FileLock::take(&file.lock_path()).map_err(|error| match error {
            LockError::Held { holder } => StorageError::InUse { path: file.path().into(), holder },
            error @ LockError::Use { .. } => StorageError::Lock(error),
        })?;
        *self.held.lock() = Some(lock);
        Ok(())
    }

    /// What the database is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.writer.kind()
    }

    /// Waits until another server has taken the database that this one held. From then on
    /// nothing is stored; what this server knows is out of date.
    pub async fn taken(&self) {
        match self.writer.lost() {
            Some(mut lost) => {
                if lost.wait_for(|lost| *lost).await.is_err() {
                    pending::<()>().await; // It was given back.
                }
            }
            None => pending().await,
        }
    }

    /// One more connection to a database of a server, for work that takes long: it has none
    /// of the limits in time that others have. The caller closes it.
    pub(crate) async fn dedicated(&self) -> Result<DatabaseConnection, StorageError> {
        connect::dedicated(self.address.url()).await
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

    /// Begins a transaction that may write. With SQLite it waits for its turn, first come
    /// first served, and is the only one until its end; keep it short, everybody else's
    /// writes wait for it. A database server runs many side by side, each seeing what is
    /// committed when a statement of it begins (READ COMMITTED): what was read stays true
    /// until the end only of rows that were selected with a lock, or under a named
    /// [`lock`](crate::lock).
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

    /// What a statement runs on that many people wait for and that stores by itself, in a
    /// database of a server. The caller tells [`note_stored`](Self::note_stored) what became
    /// of it.
    ///
    /// # Errors
    /// [`StorageError::Taken`] if the database is not this server's any more.
    pub fn urgent_statement(&self) -> Result<&DatabaseConnection, StorageError> {
        self.writer.for_statement()
    }

    /// Whether a statement on [`urgent_statement`](Self::urgent_statement) was carried out:
    /// for [`last_write_failed`](Self::last_write_failed). After a failure connections that
    /// are open are not used again.
    pub fn note_stored(&self, stored: bool) {
        match stored {
            true => self.writer.health().succeeded(),
            false => self.writer.health().failed(),
        }
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
        self.writer.release().await;
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
