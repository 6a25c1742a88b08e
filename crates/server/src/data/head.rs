//! How far the room had come when the server was last seen alive, beside the database.
//!
//! A database that lost its end (a write-ahead log that was deleted or damaged, a backup
//! put back) gives ids out again that clients know as other messages. From within it
//! cannot be told; this note can: a head below the noted one is another past.
//!
//! The note is never synced, so after a power loss it may be old, and says nothing wrong
//! then: it is written after the database, and a note that is too low only notices less.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FILE: &str = "packetboat.head";

/// The note of one database's head.
#[derive(Debug)]
pub struct HeadNote {
    path: PathBuf,
    identity: String,
    written: Option<i64>,
}

impl HeadNote {
    /// The note in `folder` about the database `identity`, read.
    pub(super) fn open(folder: &Path, identity: &str) -> Self {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let written = parse(&text).filter(|(_, of)| *of == identity).map(|(head, _)| head);
        Self { path, identity: identity.to_owned(), written }
    }

    /// The newest id noted; `None` if nothing is, of this database.
    #[must_use]
    pub fn head(&self) -> Option<i64> {
        self.written
    }

    /// Notes `head`, if that is news. Blocks on the disk, but does not wait for it.
    ///
    /// # Errors
    /// If it cannot be written; the next call tries again.
    pub fn note(&mut self, head: i64) -> io::Result<()> {
        if self.written == Some(head) {
            return Ok(());
        }
        // Written over in place, all notes being equally long: no new file each second,
        // which file systems sync by themselves, and no room needed on a full disk.
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        file.write_all(format(head, &self.identity).as_bytes())?;
        self.written = Some(head);
        Ok(())
    }
}

/// The head stands at both ends: if they differ, one half is of another note.
fn format(head: i64, identity: &str) -> String {
    format!("{head:020} {identity} {head:020}\n")
}

fn parse(text: &str) -> Option<(i64, &str)> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (first, identity, last) = (words.next()?, words.next()?, words.next()?);
    let whole = words.next().is_none() && first == last && first.len() == 20;
    first.parse().ok().filter(|_| whole).map(|head| (head, identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again_for_its_database_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut note = HeadNote::open(folder.path(), "aa");
        assert_eq!(note.head(), None);
        note.note(1_234).unwrap();
        note.note(7).unwrap();
        assert_eq!(HeadNote::open(folder.path(), "aa").head(), Some(7));
        assert_eq!(HeadNote::open(folder.path(), "bb").head(), None);
    }

    #[test]
    fn a_torn_note_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let (old, new) = (format(99, "aa"), format(100, "aa"));
        for cut in 0..new.len() {
            std::fs::write(&path, &new[..cut]).unwrap();
            assert_eq!(HeadNote::open(folder.path(), "aa").head(), None, "{cut}");
            // The beginning of one over the end of the other.
            std::fs::write(&path, format!("{}{}", &new[..cut], &old[cut..])).unwrap();
            let read = HeadNote::open(folder.path(), "aa").head();
            assert!(matches!(read, None | Some(99 | 100)), "{cut}: {read:?}");
        }
        for damaged in ["\0\0\0", "", "\n", "x y z\n", "1 aa 1\n"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(HeadNote::open(folder.path(), "aa").head(), None);
        }
    }
}
