//! From a URL to a pool of connections, with the settings of each kind of database, and
//! what a connection must be to go back to its pool.
//!
//! Invariant: a connection in the pool is in no transaction. sqlx counts how deep a
//! connection is in transactions, and takes one off when a COMMIT or ROLLBACK succeeds.
//! SQLite rolls back by itself when a COMMIT fails, the ROLLBACK that follows fails for
//! there is nothing to roll back, and the count stays at one. The next "begin" on such a
//! connection would be a SAVEPOINT, its "commit" a RELEASE of it, and what was
//! acknowledged would be gone with the connection. So such a connection is closed.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection, Executor};

use crate::StorageError;
use crate::file::is_in_memory;
use crate::health::Health;

/// Connections to a SQLite file for reading.
const SQLITE_READERS: u32 = 4;

/// How long SQLite waits for a lock held by another process (a backup, a shell)
/// before it gives up. Within this process writers take turns instead.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement waits for a free connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// An open database.
pub(crate) struct Opened {
    /// For reading.
    pub(crate) pool: DatabaseConnection,
    /// For writing: a connection that no reader takes. When thousands come back at once,
    /// each waits for a connection to read its session by, and messages must not stand in
    /// that line. A database in memory has one connection for both.
    pub(crate) writing: DatabaseConnection,
    /// One more connection to a SQLite file, for nothing but to be open. When the last
    /// connection to a file closes, SQLite forgets where its log ends, and the next one
    /// finds out by reading it: there it would find a commit that failed, see
    /// [`write`](crate::write).
    pub(crate) anchor: Option<SqliteConnection>,
}

/// Opens the pool that `url` describes; failures of writing are told by `health`.
pub(crate) async fn connect(url: &str, health: &Arc<Health>) -> Result<Opened, StorageError> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    match scheme {
        // SQLite's own form of URL: it would lead past the lock and past the look at
        // whether the file is in its place, which know the path by ours.
        "sqlite" if is_sqlite_uri(url) => {
            Err(StorageError::Unsupported { scheme: "sqlite:file".to_owned() })
        }
        "sqlite" => sqlite(url, health).await,
        other => Err(StorageError::Unsupported { scheme: other.to_owned() }),
    }
}

/// Whether `url` wraps a URL that SQLite reads itself, `sqlite:file:…`.
fn is_sqlite_uri(url: &str) -> bool {
    let path = url.strip_prefix("sqlite:").unwrap_or_default();
    path.strip_prefix("//").unwrap_or(path).starts_with("file:")
}

async fn sqlite(url: &str, health: &Arc<Health>) -> Result<Opened, StorageError> {
    // A database in memory lives and dies with its connection: exactly one,
    // never closed for being idle, old or suspect. No disk can fail under it.
    let in_memory = is_in_memory(url);
    if in_memory {
        let mut options = options(url, 1);
        // A database in memory is gone with its last connection.
        options.min_connections(1).map_sqlx_sqlite_opts(tuned);
        options.map_sqlx_sqlite_pool_opts(quiet);
        let pool = open(options).await?;
        return Ok(Opened { writing: pool.clone(), pool, anchor: None });
    }
    // Opened before the pools: connections that turn a new file to WAL at the same
    // time get in each other's way, and SQLite does not wait there ("database is
    // locked"). And only this one may make the file: one that is gone later was
    // deleted, and an empty one in its place would be worse than an error.
    let anchor = Some(open_anchor(url).await.map_err(StorageError::Connect)?);
    let guarded_pool = |connections| {
        let mut options = options(url, connections);
        options.map_sqlx_sqlite_opts(|sqlite| tuned(sqlite).create_if_missing(false));
        let health = Arc::clone(health);
        options.map_sqlx_sqlite_pool_opts(move |pool| guarded(pool, &health));
        open(options)
    };
    let (pool, writing) = (guarded_pool(SQLITE_READERS).await?, guarded_pool(1).await?);
    Ok(Opened { pool, writing, anchor })
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(0)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The database is in this process: a connection cannot have gone stale.
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

async fn open(options: ConnectOptions) -> Result<DatabaseConnection, StorageError> {
    sea_orm::Database::connect(options).await.map_err(StorageError::Connect)
}

async fn open_anchor(url: &str) -> Result<SqliteConnection, DbErr> {
    let open = async {
        tuned(SqliteConnectOptions::from_str(url)?).disable_statement_logging().connect().await
    };
    open.await.map_err(failure)
}

/// A failure of a connection that is not the pool's.
pub(crate) fn failure(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

fn tuned(sqlite: SqliteConnectOptions) -> SqliteConnectOptions {
    sqlite
        .journal_mode(SqliteJournalMode::Wal)
        // Acknowledged means it survives power loss. In WAL mode that takes
        // FULL; NORMAL may lose the last commits. Commits are grouped, so
        // one disk sync serves many messages.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY_TIMEOUT)
}

/// When a crowd comes back at once, each of them waits for a connection: no line for
/// every one. `log.level` can ask for them.
fn quiet(pool: SqlitePoolOptions) -> SqlitePoolOptions {
    pool.acquire_slow_level(LevelFilter::Debug)
}

/// Lets only sound connections into the pool and out of it.
fn guarded(pool: SqlitePoolOptions, health: &Arc<Health>) -> SqlitePoolOptions {
    let (on_release, on_acquire) = (Arc::clone(health), Arc::clone(health));
    quiet(pool)
        .after_release(move |connection, about| {
            let is_old = on_release.distrusts(about.age);
            Box::pin(async move {
                Ok(!is_old && autocommits(connection).await && is_outside(connection))
            })
        })
        .before_acquire(move |connection, about| {
            let is_sound = is_outside(connection) && !on_acquire.distrusts(about.age);
            Box::pin(async move { Ok(is_sound) })
        })
}

/// Whether `connection`, of any kind of database, is in no transaction by sqlx's count.
/// Asked after a round trip to it: a roll-back that was only queued is carried out by then.
fn is_outside(connection: &impl Connection) -> bool {
    !connection.is_in_transaction()
}

/// Whether SQLite agrees: it begins a transaction only outside of one. Reads and writes
/// nothing.
async fn autocommits(connection: &mut SqliteConnection) -> bool {
    connection.execute("BEGIN; ROLLBACK").await.is_ok()
}
