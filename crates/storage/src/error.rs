//! What can go wrong with a database, in the words callers act on.

use std::path::PathBuf;

use sea_orm::{DbErr, SqlErr};

use crate::lock::named;

/// A failure of the database. The text is for logs and for the operator at
/// start; clients get a fixed answer instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The URL names a database this version cannot talk to. Only the scheme is
    /// kept: the rest of a URL may hold a password.
    #[error("databases of kind \"{scheme}\" are not supported yet; use sqlite://PATH?mode=rwc")]
    Unsupported {
        /// What stood before the first colon of the URL.
        scheme: String,
    },

    /// The database could not be opened.
    #[error("cannot open the database: {0}")]
    Connect(#[source] DbErr),

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

    /// Two migrations have the same name: a mistake in the program.
    #[error("two migrations are named \"{name}\"")]
    DuplicateMigration {
        /// The name used twice.
        name: &'static str,
    },

    /// A migration failed; the database is as it was before this migration.
    #[error("migration \"{name}\" failed: {source}")]
    Migration {
        /// Which one.
        name: &'static str,
        /// Why.
        source: DbErr,
    },

    /// Another server has the database; see [`Database::hold`](crate::Database::hold).
    #[error("the database {} is in use by another Packetboat{}", path.display(), named(*holder))]
    InUse {
        /// The database file.
        path: PathBuf,
        /// The other server's process, if it left its number.
        holder: Option<u32>,
    },

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

    /// A row with the same unique value exists.
    #[error("unique constraint violated: {0}")]
    UniqueViolation(#[source] DbErr),

    /// Any other failure of a statement or of the connection.
    #[error("{0}")]
    Database(#[source] DbErr),
}

impl StorageError {
    /// Whether a row with the same unique value was in the way: the one failure
    /// that a capability turns into an answer of its own ("taken").
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::UniqueViolation(_))
    }
}

impl From<DbErr> for StorageError {
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Self::UniqueViolation(error),
            _ => Self::Database(error),
        }
    }
}
