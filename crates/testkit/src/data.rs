//! A data folder and the database that belongs to it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use testdb::TestDatabase;

/// How the command is told its database by the environment.
const DATABASE_URL: &str = "PACKETBOAT_DATABASE__URL";

/// A temporary folder with a data folder in it, and a database of the kind that the run is
/// for ([`testdb::Kind::chosen`]). Servers started on it one after another find what the one
/// before has left. Both are removed when it is dropped.
#[derive(Debug)]
pub struct Data {
    // Removed first: a SQLite file is in the folder.
    database: TestDatabase,
    folder: TempDir,
}

impl Data {
    /// A fresh one; there is no data folder in it yet.
    ///
    /// # Panics
    /// If the database cannot be made.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default that makes a database surprises")]
    pub fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let database = TestDatabase::at(folder.path().join("packetboat").join("packetboat.db"));
        Self { database, folder }
    }

    /// The temporary folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder in it, made by the first server.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().join("packetboat")
    }

    /// The database, which a server fills when it first starts.
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// The URL that a server must be told; none if it finds the database by itself, which a
    /// SQLite file in the data folder is.
    #[must_use]
    pub fn database_url(&self) -> Option<&str> {
        self.database.kind().is_server().then(|| self.database.url())
    }

    /// The environment by which the command finds the database.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.database_url().map(|url| (DATABASE_URL, url)).into_iter()
    }
}

/// Where [`Binary`](crate::Binary) keeps its data: [`Data`], or a folder alone for tests of
/// what only SQLite does.
#[derive(Debug)]
pub struct Place<'a> {
    pub(crate) folder: PathBuf,
    pub(crate) database: Option<(&'a str, &'a str)>,
}

impl<'a> From<&'a Data> for Place<'a> {
    fn from(data: &'a Data) -> Self {
        Self { folder: data.folder(), database: data.environment().next() }
    }
}

impl From<&Path> for Place<'_> {
    fn from(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), database: None }
    }
}

impl From<&PathBuf> for Place<'_> {
    fn from(folder: &PathBuf) -> Self {
        Self::from(folder.as_path())
    }
}
