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

mod connect;
mod database;
mod error;
mod fault;
mod file;
mod health;
mod identity;
mod listing;
mod lock;
mod migrate;
mod probe;
mod turn;
mod write;

pub use database::{Database, PROBE_TIMEOUT};
pub use error::StorageError;
pub use fault::Fault;
pub use file::{Place, place};
pub use identity::IDENTITY_BYTES;
pub use listing::{containing, count_up_to};
pub use lock::{FileLock, LockError, named};
pub use migrate::{Migration, Step};
/// What statements run on: the pool, or a transaction. So that code which passes it on
/// to its store need not name the library.
pub use sea_orm::ConnectionTrait as Connection;
pub use turn::WRITE_TURN_TIMEOUT;
pub use write::WriteTransaction;
