//! Connecting to the database, transactions, constraint errors and running
//! migrations.
//!
//! Owns the one [`Database`] of the process and the promises every capability
//! builds on: a committed transaction survives power loss, one whose commit failed does
//! not come back, writers never fail with "database is locked", foreign keys are
//! enforced, a database written by a newer version is refused before anything in it
//! is touched, and nothing is written into a file that is not in its place any more.
//!
//! Deliberately absent: tables and queries. Each capability owns its own, with
//! its [`Migration`]s; the server merges them into one list. Everything goes
//! through SeaORM and sea_query statements, so that PostgreSQL and
//! MySQL/MariaDB can join without a second copy of any query.

mod backup;
mod connect;
mod database;
mod error;
mod export;
mod fault;
mod file;
mod health;
mod identity;
mod kind;
mod lease;
mod listing;
mod lock;
mod migrate;
mod named_lock;
mod probe;
mod restore;
mod schema;
mod search;
mod table;
mod time;
mod turn;
mod write;

pub use backup::{BackupError, backup};
pub use database::{CONNECTIONS, Database, PROBE_TIMEOUT};
pub use error::StorageError;
pub use export::{
    CheckedExport, ColumnKind, ExportColumn, ExportError, ExportTable, ExportedTable, FORMAT,
    Import, ImportedTable, Manifest, Progress, Source, Unseen, check_export, export, import,
};
pub use fault::Fault;
pub use file::{Place, place, sqlite_url};
pub use identity::IDENTITY_BYTES;
pub use kind::Kind;
pub use lease::{Holder, LEASE};
pub use listing::count_up_to;
pub use lock::{FileLock, LockError, named};
pub use migrate::{Migration, Step, add_column};
pub use named_lock::lock;
pub use restore::{Restore, Restored, restore};
/// What statements run on: the pool, or a transaction. So that code which passes it on
/// to its store need not name the library.
pub use sea_orm::ConnectionTrait as Connection;
pub use search::contains;
pub use time::now_millis;
pub use turn::WRITE_TURN_TIMEOUT;
pub use write::WriteTransaction;
