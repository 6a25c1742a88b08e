//! From a URL to pools of connections, and what a connection must be to go back to its pool.
//!
//! Invariant: a connection in a pool is in no transaction. What a transaction needs of the
//! session (time limits, isolation, character set) is set when the connection is opened, and
//! is the same for every connection. Each kind of database has a file of its own for it.

mod check;
mod mariadb;
mod postgres;
mod server;
mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use log::LevelFilter;
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr, RuntimeErr};
use sqlx::Connection;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::SqliteConnection;

use crate::health::Health;
use crate::{Kind, StorageError};

/// How long a statement waits for a free connection before it fails.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// An open database.
pub(crate) struct Opened {
    pub(crate) kind: Kind,
    /// For reading, and for writing to a database server.
    pub(crate) pool: DatabaseConnection,
    /// For writing to a SQLite file, and for urgent writing to a server: connections that no
    /// reader takes. When thousands come back at once, each waits for a connection to read
    /// its session by, and messages must not stand in that line. A database in memory has
    /// one connection for both.
    pub(crate) writing: DatabaseConnection,
    /// One more connection to a SQLite file, for nothing but to be open. When the last
    /// connection to a file closes, SQLite forgets where its log ends, and the next one
    /// finds out by reading it: there it would find a commit that failed, see
    /// [`write`](crate::write).
    pub(crate) anchor: Option<SqliteConnection>,
}

/// Opens the pools that `url` describes, for a server of databases with up to `connections`
/// in all; failures of writing are told by `health`.
pub(crate) async fn connect(
    url: &str,
    connections: u32,
    health: &Arc<Health>,
) -> Result<Opened, StorageError> {
    match Kind::of_url(url) {
        // SQLite's own form of URL: it would lead past the lock and past the look at
        // whether the file is in its place, which know the path by ours.
        Some(Kind::Sqlite) if sqlite::is_sqlite_uri(url) => {
            Err(StorageError::Unsupported { scheme: "sqlite:file".to_owned() })
        }
        Some(Kind::Sqlite) => sqlite::open(url, health).await,
        Some(Kind::Postgres) => postgres::open(url, connections, health).await,
        Some(Kind::MariaDb) => mariadb::open(url, connections, health).await,
        None => {
            let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
            Err(StorageError::Unsupported { scheme: scheme.to_owned() })
        }
    }
}

/// Where a database is. Not shown: it may hold a password.
#[derive(Clone)]
pub(crate) struct Address(Arc<str>);

impl Address {
    pub(crate) fn new(url: &str) -> Self {
        Self(url.into())
    }

    pub(crate) fn url(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(hidden)")
    }
}

/// One connection to the database server of `url`, without limits in time.
pub(crate) async fn dedicated(url: &str) -> Result<DatabaseConnection, StorageError> {
    match Kind::of_url(url) {
        Some(Kind::MariaDb) => mariadb::dedicated(url).await,
        _ => postgres::dedicated(url).await,
    }
}

async fn open(options: ConnectOptions) -> Result<DatabaseConnection, StorageError> {
    sea_orm::Database::connect(options).await.map_err(StorageError::Connect)
}

/// A failure of a connection that is not the pool's.
pub(crate) fn failure(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

/// When a crowd comes back at once, each of them waits for a connection: no line for
/// every one. `log.level` can ask for them.
fn quiet<D: sqlx::Database>(pool: PoolOptions<D>) -> PoolOptions<D> {
    pool.acquire_slow_level(LevelFilter::Debug)
}

/// Whether `connection`, of any kind of database, is in no transaction by sqlx's count.
/// Asked after a round trip to it: a roll-back that was only queued is carried out by then.
fn is_outside(connection: &impl Connection) -> bool {
    !connection.is_in_transaction()
}
