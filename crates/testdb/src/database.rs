//! The database of a test.

use std::path::{Path, PathBuf};

use sea_orm::{QueryResult, TryGetable};
use tempfile::TempDir;

use crate::Kind;
use crate::blocking::{execute, rows};
use crate::server::OnServer;

/// A database for one test, empty at first. Removed when dropped, whether the test has failed
/// or not; what is connected to it then is cut off.
#[derive(Debug)]
pub struct TestDatabase {
    kind: Kind,
    url: String,
    place: Place,
    /// Removed at the end, with the file in it.
    _folder: Option<TempDir>,
}

#[derive(Debug)]
enum Place {
    Memory,
    File(PathBuf),
    Server(OnServer),
}

impl TestDatabase {
    /// One of the kind that the run is for; a file if that is SQLite.
    ///
    /// # Panics
    /// If it cannot be made; says what to run if it is for a server that is not there.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that makes a database surprises")]
    pub fn new() -> Self {
        if Kind::chosen().is_server() { Self::on_server() } else { Self::sqlite() }
    }

    /// The same, but memory of the process if the run is for SQLite: quick, and gone with
    /// its last connection, so that only the code under test can look into it.
    ///
    /// # Panics
    /// Those of [`new`](Self::new).
    #[must_use]
    pub fn in_memory() -> Self {
        if Kind::chosen().is_server() {
            return Self::on_server();
        }
        Self::of("sqlite::memory:".to_owned(), Kind::Sqlite, Place::Memory, None)
    }

    /// The same as [`new`](Self::new), but the file at `path` if the run is for SQLite. It is
    /// the test's to remove, and need not be there yet.
    ///
    /// # Panics
    /// Those of [`new`](Self::new).
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        if Kind::chosen().is_server() { Self::on_server() } else { Self::file(path, None) }
    }

    /// A SQLite file, whatever the run is for: for tests of what only SQLite does.
    ///
    /// # Panics
    /// If there is no temporary folder.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self::file(folder.path().join("test.db"), Some(folder))
    }

    fn file(path: PathBuf, folder: Option<TempDir>) -> Self {
        let url = format!("sqlite://{}?mode=rwc", path.display());
        Self::of(url, Kind::Sqlite, Place::File(path), folder)
    }

    fn on_server() -> Self {
        let kind = Kind::chosen();
        let server = OnServer::create(kind);
        Self::of(server.url(), kind, Place::Server(server), None)
    }

    fn of(url: String, kind: Kind, place: Place, folder: Option<TempDir>) -> Self {
        Self { kind, url, place, _folder: folder }
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its URL, as `database.url` takes it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file that it is.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Memory | Place::Server(_) => None,
        }
    }

    /// Carries out a statement of SQL, or several with `;` between them.
    ///
    /// # Panics
    /// If the database refuses.
    pub fn execute(&self, sql: &str) {
        self.others_see_it();
        execute(&self.url, &[sql]).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The one number that `select` finds: a `COUNT(*)`, or a column of 64 bits.
    ///
    /// # Panics
    /// If the database refuses, or finds none or anything else.
    #[must_use]
    pub fn number(&self, select: &str) -> i64 {
        *self.column(select).first().unwrap_or_else(|| panic!("{select}: nothing found"))
    }

    /// The texts that `select` finds, in its order.
    ///
    /// # Panics
    /// If the database refuses, or the first column is no text.
    #[must_use]
    pub fn texts(&self, select: &str) -> Vec<String> {
        self.column(select)
    }

    /// The first column of what `select` finds.
    fn column<T: TryGetable + Send>(&self, select: &str) -> Vec<T> {
        self.others_see_it();
        rows(&self.url, select, |row: &QueryResult| row.try_get_by_index(0))
            .unwrap_or_else(|error| panic!("{select}: {error}"))
    }

    fn others_see_it(&self) {
        let is_memory = matches!(self.place, Place::Memory);
        assert!(!is_memory, "a database in memory is seen by its own connection alone");
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Server(server) = &self.place else { return };
        let Err(error) = server.remove() else { return };
        // The test may have failed already, and a second panic would hide why.
        if std::thread::panicking() {
            eprintln!("{} is left behind: {error}", self.url);
        } else {
            panic!("{} is left behind: {error}", self.url);
        }
    }
}
