//! What stands in the way of a write, as far as an error tells.

use sea_orm::{DbErr, RuntimeErr};

use crate::StorageError;

/// What stands in the way of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database file was deleted.
    Gone,
    /// The database file was replaced.
    Replaced,
    /// There is no room for it on the disk.
    Full,
    /// The database, its folder or its disk may not be written to.
    ReadOnly,
    /// Another writer has it.
    Busy,
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
            Self::Busy => Fault::Busy,
            Self::Database(error) | Self::Connect(error) => fault_of(error),
            _ => Fault::Other,
        }
    }
}

/// By the primary result code of SQLite, the low byte of the extended ones.
fn fault_of(error: &DbErr) -> Fault {
    let (DbErr::Exec(cause) | DbErr::Query(cause) | DbErr::Conn(cause)) = error else {
        return Fault::Other;
    };
    let RuntimeErr::SqlxError(cause) = cause else { return Fault::Other };
    let code = cause.as_database_error().and_then(|error| error.code());
    match code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => Fault::Busy,
        Some(8) => Fault::ReadOnly,
        Some(13) => Fault::Full,
        _ => Fault::Other,
    }
}
