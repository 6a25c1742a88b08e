//! The data folder: made at first start, held by one server at a time.
//!
//! Its owner alone may read it (mode 0700); the secrets in it carry 0600 besides.
//! It notes what must be recognised at the next start: which database it belongs to, and
//! how far its parts had come.

mod notes;
mod secrets;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base::Random;
use capability::Secrets;
use storage::{FileLock, LockError};

pub(crate) use notes::{Note, Notes};
use secrets::Stored;
pub(crate) use secrets::TOKEN_SIGNING;

/// What is wrong with the data folder, in one line.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder is not there and could not be made.
    #[error("cannot make the data folder {}: {source}", path.display())]
    Make {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something in the folder could not be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Use {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server holds the lock.
    #[error(
        "the data folder {} is in use by another Packetboat{}",
        path.display(),
        storage::named(*holder)
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other server's process, if it left its number.
        holder: Option<u32>,
    },
    /// The secrets are there and not readable as such.
    #[error("{}: {problem}", path.display())]
    Secrets {
        /// The secrets file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// The data folder, held until dropped.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    stored: Stored,
    _lock: FileLock,
}

const LOCK: &str = "packetboat.lock";
const DATABASE: &str = "packetboat.db";

impl DataFolder {
    /// Opens the folder at `path`, making it and its secrets at first start.
    ///
    /// # Errors
    /// When it cannot be made, written to, or is held by another server.
    pub fn open(path: &Path, random: &dyn Random) -> Result<Self, DataError> {
        let make = |source| DataError::Make { path: path.into(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(make)?;
        // Absolute from here on: the database's URL has no working directory.
        let path = fs::canonicalize(path).map_err(make)?;
        let lock = FileLock::take(&path.join(LOCK)).map_err(|error| match error {
            LockError::Held { holder } => DataError::Locked { path: path.clone(), holder },
            LockError::Use { path, source } => DataError::Use { path, source },
        })?;
        let stored = secrets::load_or_make(&path, random)?;
        Ok(Self { path, stored, _lock: lock })
    }

    /// The server's own keys, the same since its first start.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.stored.keys
    }

    /// The identity of the database that belongs to the folder, once there was one.
    #[must_use]
    pub fn noted_database(&self) -> Option<&str> {
        self.stored.database.as_deref()
    }

    /// The same of the folder at `path`, which another process may hold.
    ///
    /// # Errors
    /// When what is noted there cannot be read.
    pub fn noted_database_in(path: &Path) -> Result<Option<String>, DataError> {
        Ok(secrets::load(path)?.and_then(|stored| stored.database))
    }

    /// Notes that the database `identity` belongs to the folder from now on. Survives
    /// power loss once this returns.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note_database(&mut self, identity: &str) -> Result<(), DataError> {
        secrets::note_database(&self.path, identity)?;
        self.stored.database = Some(identity.to_owned());
        Ok(())
    }

    /// The notes about the database `identity`, if it lasts; `before` is the one that was
    /// noted before this start.
    pub(crate) fn notes(&self, identity: Option<String>, before: Option<&str>) -> Notes {
        let is_other = identity.is_some() && before.is_some() && before != identity.as_deref();
        Notes { folder: self.path.clone(), identity, is_other }
    }

    /// Where it is, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The URL of the database in this folder.
    #[must_use]
    pub fn database_url(&self) -> String {
        url_of_database(&self.path)
    }

    /// The URL of the database in the folder at `path`, which another process may hold.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn database_url_in(path: &Path) -> Result<String, DataError> {
        let make = |source| DataError::Make { path: path.into(), source };
        Ok(url_of_database(&fs::canonicalize(path).map_err(make)?))
    }
}

fn url_of_database(folder: &Path) -> String {
    storage::sqlite_url(&folder.join(DATABASE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_folder_is_its_owners_alone() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b");
        let folder = DataFolder::open(&path, &OsRandom).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(folder.database_url().ends_with("/a/b/packetboat.db?mode=rwc"));
    }

    #[test]
    fn one_server_at_a_time() {
        let outer = tempfile::tempdir().unwrap();
        let first = DataFolder::open(outer.path(), &OsRandom).unwrap();
        let refused = DataFolder::open(outer.path(), &OsRandom).unwrap_err().to_string();
        let expected = format!("in use by another Packetboat (process {})", std::process::id());
        assert!(refused.ends_with(&expected), "{refused}");
        drop(first);
        assert!(DataFolder::open(outer.path(), &OsRandom).is_ok());
    }

    #[test]
    fn a_file_in_the_folders_place_is_named() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("file");
        fs::write(&path, "").unwrap();
        let refused = DataFolder::open(&path, &OsRandom).unwrap_err().to_string();
        assert!(refused.starts_with("cannot make the data folder"), "{refused}");
    }
}
