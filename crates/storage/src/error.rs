//! What can go wrong with a database, in the words callers act on.

use std::path::PathBuf;

use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::fault::{self, Fault};
use crate::lease::LEASE;
use crate::lock::named;

/// A failure of the database. The text is for logs and for the operator at
/// start; clients get a fixed answer instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The URL names a database this version cannot talk to. Only the scheme is
    /// kept: the rest of a URL may hold a password.
    #[error(
        "databases of kind \"{scheme}\" are not supported; use sqlite://PATH?mode=rwc, \
         postgres://USER:PASSWORD@HOST/NAME or mariadb://USER:PASSWORD@HOST/NAME"
    )]
    Unsupported {
        /// What stood before the first colon of the URL.
        scheme: String,
    },

    /// The database could not be opened.
    #[error("cannot open the database: {}", why(.0))]
    Connect(DbErr),

    /// The database server, or the database, is not one that can be used.
    #[error("the database cannot be used: {why}")]
    Unfit {
        /// Why, and what to do.
        why: String,
    },

    /// A newer version has migrated this database. Nothing was changed.
    #[error(
        "the database was written by a newer version of Packetboat (it has migration \
         \"{migration}\", which this version does not know); start that version, or restore a \
         backup from before the upgrade"
    )]
    NewerDatabase {
        /// The first recorded migration this binary does not know.
        migration: String,
    },

    /// An import into this database did not come to its end.
    #[error(
        "an import into this database was broken off, so it holds a part only: empty it (drop \
         and create it; with SQLite, delete the file) and import again"
    )]
    ImportBrokenOff,

    /// Two migrations have the same name: a mistake in the program.
    #[error("two migrations are named \"{name}\"")]
    DuplicateMigration {
        /// The name used twice.
        name: &'static str,
    },

    /// A migration failed; the database is as it was before this migration.
    #[error("migration \"{name}\" failed: {}", why(cause))]
    Migration {
        /// Which one.
        name: &'static str,
        /// Why.
        cause: DbErr,
    },

    /// Another server has the database; see [`Database::hold`](crate::Database::hold).
    #[error("the database {} is in use by another Packetboat{}", path.display(), named(*holder))]
    InUse {
        /// The database file.
        path: PathBuf,
        /// The other server's process, if it left its number.
        holder: Option<u32>,
    },

    /// Another server has the database of a database server; see
    /// [`Database::hold`](crate::Database::hold).
    #[error(
        "the database is in use by another Packetboat ({holder}, for {seconds} s); if that one \
         is gone, its lease ends within {} s", LEASE.as_secs()
    )]
    InUseBy {
        /// Its host and process.
        holder: String,
        /// For how long it has had the database.
        seconds: i64,
    },

    /// This process had the database, and another server has it now, or may have it: its
    /// lease could not be renewed in time.
    #[error("another server has taken the database, or this one could not renew its lease on it")]
    Taken,

    /// The file that says who has the database cannot be used.
    #[error(transparent)]
    Lock(crate::LockError),

    /// The database file was deleted while it was in use. What is written now would be
    /// lost, so nothing is.
    #[error("the database file {} is gone", path.display())]
    Gone {
        /// Where it was.
        path: PathBuf,
    },

    /// The database file was replaced while it was in use. What is written now would be
    /// lost, so nothing is.
    #[error("the database file {} was replaced by another one", path.display())]
    Replaced {
        /// Where it was.
        path: PathBuf,
    },

    /// Other writers held their turn for too long; see
    /// [`WRITE_TURN_TIMEOUT`](crate::WRITE_TURN_TIMEOUT).
    #[error("the database is busy: no turn to write within the time limit")]
    Busy,

    /// Another transaction was in the way, by a deadlock or by a lock that it held for too
    /// long. Nothing was done; the same may succeed in a new transaction.
    #[error("another transaction was in the way: {}", why(.0))]
    Again(DbErr),

    /// The connection to the database broke, or the database is going down. What was being
    /// committed is stored or is not.
    #[error("the connection to the database was lost: {}", why(.0))]
    Lost(DbErr),

    /// The database, its folder or its disk may not be written to: a standby, for example.
    #[error("the database is read-only: {}", why(.0))]
    ReadOnly(DbErr),

    /// The database server that answers now is not to be written to; see
    /// [`ReadOnly`](Self::ReadOnly) for one that says so to a statement.
    #[error("the database server is a standby, or is set to be read-only")]
    Standby,

    /// A row with the same unique value exists.
    #[error("unique constraint violated: {}", why(.0))]
    UniqueViolation(DbErr),

    /// Any other failure of a statement or of the connection.
    #[error("{}", why(.0))]
    Database(DbErr),
}

impl StorageError {
    /// Whether a row with the same unique value was in the way: the one failure
    /// that a capability turns into an answer of its own ("taken").
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::UniqueViolation(_))
    }
}

/// What is at the bottom of `error`, without the words that each layer puts before it.
fn why(error: &DbErr) -> String {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause))
        | DbErr::Conn(RuntimeErr::SqlxError(cause)) => match cause.as_ref() {
            sqlx::Error::Database(error) => match error.code() {
                Some(code) => format!("{} (code {code})", error.message()),
                None => error.message().to_owned(),
            },
            sqlx::Error::Io(error) => error.to_string(),
            other => other.to_string(),
        },
        other => other.to_string(),
    }
}

impl From<DbErr> for StorageError {
    fn from(error: DbErr) -> Self {
        if let Some(SqlErr::UniqueConstraintViolation(_)) = error.sql_err() {
            return Self::UniqueViolation(error);
        }
        match fault::of(&error) {
            Fault::Again => Self::Again(error),
            Fault::Lost => Self::Lost(error),
            Fault::ReadOnly => Self::ReadOnly(error),
            _ => Self::Database(error),
        }
    }
}
