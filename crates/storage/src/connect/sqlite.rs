//! SQLite: its pools and settings.
//!
//! sqlx counts how deep a connection is in transactions, and takes one off when a COMMIT or
//! ROLLBACK succeeds. SQLite rolls back by itself when a COMMIT fails, the ROLLBACK that
//! follows fails for there is nothing to roll back, and the count stays at one. The next
//! "begin" on such a connection would be a SAVEPOINT, its "commit" a RELEASE of it, and what
//! was acknowledged would be gone with the connection. So such a connection is closed.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectOptions, DbErr};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Executor};

use super::{ACQUIRE_TIMEOUT, Opened, failure, is_outside, open as open_pool, quiet};
use crate::file::is_in_memory;
use crate::health::Health;
use crate::{Kind, StorageError};

/// Connections to a SQLite file for reading.
const SQLITE_READERS: u32 = 4;

/// How long SQLite waits for a lock held by another process (a backup, a shell)
/// before it gives up. Within this process writers take turns instead.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether `url` wraps a URL that SQLite reads itself, `sqlite:file:…`.
pub(super) fn is_sqlite_uri(url: &str) -> bool {
    let path = url.strip_prefix("sqlite:").unwrap_or_default();
    path.strip_prefix("//").unwrap_or(path).starts_with("file:")
}

pub(super) async fn open(url: &str, health: &Arc<Health>) -> Result<Opened, StorageError> {
    // A database in memory lives and dies with its connection: exactly one,
    // never closed for being idle, old or suspect. No disk can fail under it.
    let in_memory = is_in_memory(url);
    if in_memory {
        let mut options = options(url, 1);
        // A database in memory is gone with its last connection.
        options.min_connections(1).map_sqlx_sqlite_opts(tuned);
        options.map_sqlx_sqlite_pool_opts(quiet);
        let pool = open_pool(options).await?;
        return Ok(Opened { kind: Kind::Sqlite, writing: pool.clone(), pool, anchor: None });
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
        open_pool(options)
    };
    let (pool, writing) = (guarded_pool(SQLITE_READERS).await?, guarded_pool(1).await?);
    Ok(Opened { kind: Kind::Sqlite, pool, writing, anchor })
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

async fn open_anchor(url: &str) -> Result<SqliteConnection, DbErr> {
    let open = async {
        tuned(SqliteConnectOptions::from_str(url)?).disable_statement_logging().connect().await
    };
    open.await.map_err(failure)
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

/// Whether SQLite agrees: it begins a transaction only outside of one. Reads and writes
/// nothing.
async fn autocommits(connection: &mut SqliteConnection) -> bool {
    connection.execute("BEGIN; ROLLBACK").await.is_ok()
}
