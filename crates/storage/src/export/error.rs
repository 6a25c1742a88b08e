//! What stands in the way of an export or an import, in one line for the operator.

use std::io;
use std::path::{Path, PathBuf};

use crate::StorageError;

/// Why there is no export, or nothing was imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The folder for an export holds something.
    #[error("{} is not empty: name a folder that does not exist yet, or an empty one", .0.display())]
    FolderNotEmpty(PathBuf),

    /// A file or folder cannot be made or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// The folder has no manifest.
    #[error(
        "{} is no whole export: it has no manifest.json, which is written last; export again",
        .0.display()
    )]
    NoManifest(PathBuf),

    /// A file is not as it was written.
    #[error("{} is damaged ({problem}): nothing was imported; use another copy", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How that is known.
        problem: String,
    },

    /// A newer version made the export.
    #[error(
        "the export was made by a newer version of Packetboat ({found}): nothing was imported; \
         import it with that version"
    )]
    NewerExport {
        /// What this version does not know.
        found: String,
    },

    /// A line of a file that is whole, and still cannot be stored.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },

    /// The database to export has not the tables of this version.
    #[error(
        "the database is not of this version of Packetboat (it lacks migration \
         \"{migration}\"): start the server once with this version, or export with the version \
         that it is of"
    )]
    OlderDatabase {
        /// The first migration that is not on record there.
        migration: &'static str,
    },

    /// There is nothing of Packetboat in the database.
    #[error("the database holds nothing of Packetboat: is database.url the right one?")]
    NoPacketboat,

    /// The database to import into holds something.
    #[error(
        "the database is not empty (it has the table \"{table}\"): import into a new one, or \
         empty this one first (drop and create it; with SQLite, move the file away)"
    )]
    DatabaseNotEmpty {
        /// One of its tables.
        table: String,
    },

    /// The import was begun and did not come to its end.
    #[error(
        "{source}; the import is broken off, and no server starts on what is there: empty the \
         database (drop and create it; with SQLite, delete the file) and import again"
    )]
    BrokenOff {
        /// Why.
        source: Box<ExportError>,
    },

    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ExportError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }

    pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), problem: problem.into() }
    }
}

impl From<sea_orm::DbErr> for ExportError {
    fn from(error: sea_orm::DbErr) -> Self {
        Self::Storage(error.into())
    }
}
