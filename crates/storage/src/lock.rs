//! Lock files: who has something, told by the operating system.
//!
//! The lock is on an open file and gone with the process, however that ended: after
//! `kill -9` a restart does not wait, and no row or number has to be cleaned up. The
//! file holds the number of the process for the operator to read, and is left behind.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// A lock file, held until dropped.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

/// Why a lock file could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("held by another process")]
    Held {
        /// Its number, if it left one.
        holder: Option<u32>,
    },
    /// It could not be made, locked or written.
    #[error("cannot use {}: {source}", path.display())]
    Use {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FileLock {
    /// Takes the lock file at `path`, made if missing. Never waits.
    ///
    /// # Errors
    /// [`LockError`]; nothing is held then.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let in_use = |source| LockError::Use { path: path.into(), source };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(in_use)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LockError::Held { holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(in_use(source)),
        }
        let note = file.set_len(0).and_then(|()| file.rewind());
        // The number only helps the operator: on a full disk the lock is as good without.
        let _ = note.and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// ` (process 123)`, or nothing: how an error names who holds a lock.
#[must_use]
pub fn named(holder: Option<u32>) -> String {
    holder.map(|id| format!(" (process {id})")).unwrap_or_default()
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    // Without the number the message is still right.
    let _ = file.take(20).read_to_string(&mut text);
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_its_number_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = FileLock::take(&path).unwrap();
        let own = Some(std::process::id());
        let refused = FileLock::take(&path).unwrap_err();
        assert!(matches!(refused, LockError::Held { holder } if holder == own), "{refused}");
        drop(first);
        FileLock::take(&path).unwrap();
    }

    #[test]
    fn a_lock_file_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = FileLock::take(&folder.path().join("missing/lock")).unwrap_err();
        assert!(refused.to_string().contains("missing/lock"), "{refused}");
    }
}
