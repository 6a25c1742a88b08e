//! What stands in the way of a statement, as far as an error tells: by the codes of SQLite,
//! PostgreSQL (SQLSTATE, appendix A of its manual) and MariaDB (its error reference).

use sea_orm::{DbErr, RuntimeErr};
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;

use crate::StorageError;

/// What stands in the way of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database file was deleted.
    Gone,
    /// The database file was replaced.
    Replaced,
    /// Another server has the database now.
    Taken,
    /// There is no room for it on the disk.
    Full,
    /// The database, its folder or its disk may not be written to.
    ReadOnly,
    /// Others have the database, or all of its connections, for too long.
    Busy,
    /// Another transaction was in the way, which a new one may not meet.
    Again,
    /// There is no connection to the database.
    Lost,
    /// Anything else.
    Other,
}

impl StorageError {
    /// What stands in the way.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Gone { .. } => Fault::Gone,
            Self::Replaced { .. } => Fault::Replaced,
            Self::Taken => Fault::Taken,
            Self::Busy => Fault::Busy,
            Self::Again(_) => Fault::Again,
            Self::Lost(_) => Fault::Lost,
            Self::ReadOnly(_) | Self::Standby => Fault::ReadOnly,
            Self::Database(error) | Self::Connect(error) => of(error),
            _ => Fault::Other,
        }
    }
}

/// What `error` says.
pub(crate) fn of(error: &DbErr) -> Fault {
    let cause = match error {
        DbErr::ConnectionAcquire(_) => return Fault::Busy,
        DbErr::Exec(cause) | DbErr::Query(cause) | DbErr::Conn(cause) => cause,
        _ => return Fault::Other,
    };
    let RuntimeErr::SqlxError(cause) = cause else { return Fault::Other };
    of_library(cause)
}

/// What an error of the library below says.
pub(crate) fn of_library(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => of_database(error.as_ref()),
        sqlx::Error::PoolTimedOut => Fault::Busy,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Fault::Lost,
        _ => Fault::Other,
    }
}

/// Whether `error` says that a database of a server has no such table.
pub(crate) fn is_missing_table(error: &DbErr) -> bool {
    let (DbErr::Exec(cause) | DbErr::Query(cause)) = error else { return false };
    let RuntimeErr::SqlxError(cause) = cause else { return false };
    let Some(error) = cause.as_database_error() else { return false };
    // The same SQLSTATE for "undefined table" in PostgreSQL; MariaDB's has a class of its own.
    error.code().is_some_and(|state| state == "42P01" || state == "42S02")
}

fn of_database(error: &dyn DatabaseError) -> Fault {
    if let Some(error) = error.try_downcast_ref::<PgDatabaseError>() {
        return of_postgres(error.code());
    }
    if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
        return of_mariadb(error.number());
    }
    of_sqlite(error.code().and_then(|code| code.parse().ok()))
}

/// By the primary result code, the low byte of the extended ones.
fn of_sqlite(code: Option<i32>) -> Fault {
    match code.map(|code| code & 0xff) {
        Some(5 | 6) => Fault::Busy,
        Some(8) => Fault::ReadOnly,
        Some(13) => Fault::Full,
        _ => Fault::Other,
    }
}

fn of_postgres(state: &str) -> Fault {
    match state {
        // Serialization failure, deadlock, no lock in time.
        "40001" | "40P01" | "55P03" => Fault::Again,
        // A statement that took too long; too many connections.
        "57014" | "53300" => Fault::Busy,
        "53100" => Fault::Full,
        "25006" => Fault::ReadOnly,
        // Ended by an administrator, by a crash or for being idle; starting up or going down.
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => Fault::Lost,
        state if state.starts_with("08") => Fault::Lost,
        _ => Fault::Other,
    }
}

fn of_mariadb(number: u16) -> Fault {
    match number {
        // A deadlock; no lock in time; the row changed since it was read.
        1213 | 1205 | 1020 => Fault::Again,
        // Too many connections, of all or of this user; a statement that took too long.
        1040 | 1203 | 1226 | 1969 | 3024 => Fault::Busy,
        1021 | 1041 | 1114 => Fault::Full,
        // The server, the transaction or the storage engine is read-only.
        1290 | 1792 | 1836 | 1874 => Fault::ReadOnly,
        // Going down; killed, or ended for being idle.
        1053 | 1077 | 1078 | 1079 | 1080 | 1927 | 4031 => Fault::Lost,
        _ => Fault::Other,
    }
}
