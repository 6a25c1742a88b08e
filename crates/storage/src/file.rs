//! The file that a SQLite database is: where it is, whether there is one, and whether
//! it, with its write-ahead log, is still the one that was opened.
//!
//! SQLite goes on reading and writing a file that was deleted or replaced, and what it
//! commits then is gone at the next start. So the file is looked at before and after
//! each write: a `stat` of each, microseconds beside a disk sync of milliseconds.
//!
//! Deliberately absent: opening the file. Closing any descriptor of it would drop the
//! locks that SQLite holds on it in this process (POSIX locks belong to the process).

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;

use sqlx::sqlite::SqliteConnectOptions;

/// What is in the place where a database should be, before anything is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The database is no file: it is in memory, or a server has it.
    NoFile,
    /// There is no file.
    Missing(PathBuf),
    /// There is a file without a single byte, which SQLite would take for a new database.
    Empty(PathBuf),
    /// There is a file.
    File(PathBuf),
}

/// What happened to a database file while it was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detached {
    /// It was deleted or moved away.
    Gone,
    /// There is another file in its place.
    Replaced,
}

/// Whether `url` is of a database in memory, which ends with its process.
pub(crate) fn is_in_memory(url: &str) -> bool {
    url.contains(":memory:") || url.contains("mode=memory")
}

/// What there is in the place that `url` names. Changes nothing.
#[must_use]
pub fn place(url: &str) -> Place {
    let Some(path) = path_of(url) else { return Place::NoFile };
    match fs::metadata(&path) {
        Ok(found) if found.len() == 0 => Place::Empty(path),
        Ok(_) => Place::File(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Place::Missing(path),
        // It cannot be looked at: opening it will say why.
        Err(_) => Place::File(path),
    }
}

/// The path in `url` as SQLite will use it, absolute; `None` if there is none.
pub(crate) fn path_of(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") || is_in_memory(url) {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    std::path::absolute(options.get_filename()).ok()
}

/// The URL of the SQLite database at `path`, which is absolute.
#[must_use]
pub fn sqlite_url(path: &Path) -> String {
    // What would end the path in a URL, escaped; `%` itself first.
    let escaped =
        path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite://{escaped}?mode=rwc")
}

/// Where the lock of the database at `path` is: beside the file that all links and spellings
/// of its path lead to.
pub(crate) fn lock_path(path: &Path) -> PathBuf {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = real.into_os_string();
    name.push(".lock");
    name.into()
}

/// An open database file.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    /// As the URL has it, so that a link that leads elsewhere now is noticed, too.
    path: PathBuf,
    /// Device and inode.
    number: (u64, u64),
    /// The same of its write-ahead log, once there was one. It is one file for as long as
    /// any connection is open, and one always is (see `connect`'s anchor).
    log: OnceLock<(u64, u64)>,
}

impl DatabaseFile {
    /// The file that was just opened by `url`; `None` if it is no file.
    pub(crate) fn opened(url: &str) -> Option<Self> {
        let path = path_of(url)?;
        let number = number(&fs::metadata(&path).ok()?);
        Some(Self { path, number, log: OnceLock::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the lock of the database is.
    pub(crate) fn lock_path(&self) -> PathBuf {
        lock_path(&self.path)
    }

    /// Whether it is still in its place, and its log, in which the newest commits are.
    pub(crate) fn check(&self) -> Result<(), Detached> {
        compare(&self.path, self.number)?;
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        match self.log.get() {
            Some(number) => compare(Path::new(&log), *number),
            None => {
                if let Ok(found) = fs::metadata(&log) {
                    self.log.get_or_init(|| number(&found));
                }
                Ok(())
            }
        }
    }
}

/// Whether `path` leads to the file `expected`. A place that cannot be looked at counts as
/// such: writing will show what is wrong there.
fn compare(path: &Path, expected: (u64, u64)) -> Result<(), Detached> {
    match fs::metadata(path) {
        Ok(found) if number(&found) == expected => Ok(()),
        Ok(_) => Err(Detached::Replaced),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Detached::Gone),
        Err(_) => Ok(()),
    }
}

fn number(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_has_a_place() {
        for url in ["sqlite::memory:", "sqlite://x?mode=memory", "postgres://h/db"] {
            assert_eq!(place(url), Place::NoFile, "{url}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b#1.db");
        let url = format!("sqlite://{}/a%20b%231.db?mode=rwc", folder.path().display());
        assert_eq!(place(&url), Place::Missing(path.clone()));
        fs::write(&path, "").unwrap();
        assert_eq!(place(&url), Place::Empty(path.clone()));
        fs::write(&path, "x").unwrap();
        assert_eq!(place(&url), Place::File(path));
    }

    #[test]
    fn a_file_that_is_gone_replaced_or_back_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        fs::write(&path, "x").unwrap();
        let file = DatabaseFile::opened(&format!("sqlite://{}", path.display())).unwrap();
        assert_eq!(file.check(), Ok(()));
        let aside = folder.path().join("aside.db");
        fs::rename(&path, &aside).unwrap();
        assert_eq!(file.check(), Err(Detached::Gone));
        fs::write(&path, "x").unwrap();
        assert_eq!(file.check(), Err(Detached::Replaced));
        fs::rename(&aside, &path).unwrap();
        assert_eq!(file.check(), Ok(()));
    }

    #[test]
    fn all_ways_to_a_file_lead_to_one_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        fs::write(&path, "x").unwrap();
        let link = folder.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let lock = |path: &Path| {
            let url = format!("sqlite://{}", path.display());
            DatabaseFile::opened(&url).unwrap().lock_path()
        };
        assert_eq!(lock(&path), lock(&link));
        assert_eq!(lock(&path), lock(&folder.path().join("./test.db")));
        assert!(lock(&path).ends_with("test.db.lock"));
    }
}
