//! The data folder: made at first start, held by one server at a time.
//!
//! Its owner alone may read it (mode 0700); the secrets in it carry 0600 besides.
//! The lock is the operating system's, on an open file: it is gone with the
//! process, however that ended.

mod secrets;

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base::Random;

pub use secrets::Secrets;

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
    #[error("the data folder {} is in use by another Packetboat{holder}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// ` (process 123)`, or nothing if it left no number.
        holder: String,
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
    secrets: Secrets,
    _lock: File,
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
        let lock = lock(&path)?;
        let secrets = secrets::load_or_make(&path, random)?;
        Ok(Self { path, secrets, _lock: lock })
    }

    /// The keys made at first start.
    #[must_use]
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
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

    /// The URL of the database in the folder at `path`, which somebody else may hold.
    ///
    /// # Errors
    /// When there is no such folder.
    pub fn database_url_in(path: &Path) -> Result<String, DataError> {
        let make = |source| DataError::Make { path: path.into(), source };
        Ok(url_of_database(&fs::canonicalize(path).map_err(make)?))
    }
}

fn url_of_database(folder: &Path) -> String {
    let path = folder.join(DATABASE);
    // What would end the path in a URL, escaped; `%` itself first.
    let escaped =
        path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{escaped}?mode=rwc")
}

fn lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join(LOCK);
    let in_use = |source| DataError::Use { path: path.clone(), source };
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(in_use)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataError::Locked { path: folder.into(), holder: holder(&mut file) });
        }
        Err(TryLockError::Error(source)) => return Err(in_use(source)),
    }
    let note = file.set_len(0).and_then(|()| file.rewind());
    note.and_then(|()| writeln!(file, "{}", std::process::id())).map_err(in_use)?;
    Ok(file)
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // Only a help for the operator; without it the message is still right.
    let _ = file.take(20).read_to_string(&mut text);
    text.trim().parse::<u32>().map(|id| format!(" (process {id})")).unwrap_or_default()
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
