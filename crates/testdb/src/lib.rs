//! A fresh database for a test, of the kind that the run is for.
//!
//! `TEST_DATABASE` says which kind: `sqlite` (without it), `postgres` or `mariadb`. The
//! servers are found by [`POSTGRES_URL`] and [`MARIADB_URL`], URLs of an administrator who
//! may create databases; `scripts/databases` starts both and prints these variables.
//!
//! Owns the making, looking into and removing of [`TestDatabase`]s, by SQL alone: what is
//! tested against is made without the code under test. Each is a database of its own on its
//! server, so that nothing one test locks or names is seen by another; MariaDB's is made with
//! the character set latin1, which a server of an operator may have as well.
//!
//! Everything here blocks, and may be called inside and outside of a runtime.
//!
//! Deliberately absent: tables. A database is empty until a test migrates it.

mod blocking;
mod database;
mod kind;
mod look;
mod server;

/// Carries out a statement, or several with `;` between them, at the database that `url` names.
///
/// # Panics
/// If the database refuses.
pub fn execute_at(url: &str, sql: &str) {
    blocking::execute(url, &[sql]).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

pub use database::TestDatabase;
pub use kind::{CHOICE, Kind};
pub use server::{MARIADB_URL, POSTGRES_URL};
