//! From a URL to a pool of connections, with the settings of each kind of
//! database.

use std::time::Duration;

use log::LevelFilter;
use sea_orm::{ConnectOptions, DatabaseConnection};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

use crate::StorageError;

/// Connections to a SQLite file: one writes at a time, the others read beside it.
const SQLITE_CONNECTIONS: u32 = 4;

/// How long SQLite waits for a lock held by another process (a backup, a shell)
/// before it gives up. Within this process writers take turns instead.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a statement waits for a free connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens the pool that `url` describes.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection, StorageError> {
    let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
    match scheme {
        "sqlite" => sqlite(url).await,
        other => Err(StorageError::Unsupported { scheme: other.to_owned() }),
    }
}

async fn sqlite(url: &str) -> Result<DatabaseConnection, StorageError> {
    // A database in memory lives and dies with its connection: exactly one,
    // never closed for being idle or old.
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let connections = if in_memory { 1 } else { SQLITE_CONNECTIONS };
    // The pool opens its least number of connections in the background, beside the one
    // it opens first. Two that turn a new file to WAL at the same time get in each
    // other's way, and SQLite does not wait there: "database is locked".
    let least = u32::from(in_memory);

    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(least)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // The database is in this process: a connection cannot have gone stale.
        .test_before_acquire(false)
        .sqlx_logging(false)
        // When a crowd comes back at once, each of them waits: no line for every one.
        // `log.level` can ask for them.
        .map_sqlx_sqlite_pool_opts(|pool| pool.acquire_slow_level(LevelFilter::Debug))
        .map_sqlx_sqlite_opts(|sqlite| {
            sqlite
                .journal_mode(SqliteJournalMode::Wal)
                // Acknowledged means it survives power loss. In WAL mode that takes
                // FULL; NORMAL may lose the last commits. Commits are grouped, so
                // one disk sync serves many messages.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(SQLITE_BUSY_TIMEOUT)
        });
    sea_orm::Database::connect(options).await.map_err(StorageError::Connect)
}
