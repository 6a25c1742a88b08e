//! Numbers noted beside the database: how far a part had come when the server was last
//! seen alive.
//!
//! A database that lost its end (a write-ahead log that was deleted or damaged, a backup
//! put back) gives ids out again that clients know as others. From within it cannot be
//! told; a note can: a newest id below the noted one is another past.
//!
//! A note is never synced, so after a power loss it may be old, and says nothing wrong
//! then: it is written after the database, and a note that is too low only notices less.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use capability::Noted;

/// The notes in the data folder about the database of this start.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    pub(super) folder: PathBuf,
    /// Which database; `None` if it ends with this process, and nothing is noted.
    pub(super) identity: Option<String>,
    /// Whether it is another one than at the last start.
    pub(super) is_other: bool,
}

impl Notes {
    /// The note with this label, to be renewed; `None` if the database is not one to note.
    pub(crate) fn open(&self, label: &str) -> Option<Note> {
        self.identity.as_deref().map(|identity| Note::open(&self.folder, label, identity))
    }
}

impl capability::Notes for Notes {
    fn read(&self, label: &str) -> Noted {
        if self.is_other {
            return Noted::OtherDatabase;
        }
        self.open(label).and_then(|note| note.number()).map_or(Noted::Nothing, Noted::Number)
    }
}

/// One note.
#[derive(Debug)]
pub(crate) struct Note {
    path: PathBuf,
    identity: String,
    written: Option<i64>,
}

impl Note {
    /// The note `label` in `folder` about the database `identity`, read.
    fn open(folder: &Path, label: &str, identity: &str) -> Self {
        let path = folder.join(format!("packetboat.{label}"));
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let written = parse(&text).filter(|(_, of)| *of == identity).map(|(number, _)| number);
        Self { path, identity: identity.to_owned(), written }
    }

    /// The number noted; `None` if there is none, of this database.
    pub(crate) fn number(&self) -> Option<i64> {
        self.written
    }

    /// Notes `number`, if that is news. Blocks on the disk, but does not wait for it.
    ///
    /// # Errors
    /// If it cannot be written; the next call tries again.
    pub(crate) fn write(&mut self, number: i64) -> io::Result<()> {
        if self.written == Some(number) {
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
        file.write_all(format(number, &self.identity).as_bytes())?;
        self.written = Some(number);
        Ok(())
    }
}

/// The number stands at both ends: if they differ, one half is of another note.
fn format(number: i64, identity: &str) -> String {
    format!("{number:020} {identity} {number:020}\n")
}

fn parse(text: &str) -> Option<(i64, &str)> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (first, identity, last) = (words.next()?, words.next()?, words.next()?);
    let whole = words.next().is_none() && first == last && first.len() == 20;
    first.parse().ok().filter(|_| whole).map(|number| (number, identity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_again_for_its_database_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut note = Note::open(folder.path(), "head", "aa");
        assert_eq!(note.number(), None);
        note.write(1_234).unwrap();
        note.write(7).unwrap();
        assert_eq!(Note::open(folder.path(), "head", "aa").number(), Some(7));
        assert_eq!(Note::open(folder.path(), "head", "bb").number(), None);
    }

    #[test]
    fn a_torn_note_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packetboat.head");
        let (old, new) = (format(99, "aa"), format(100, "aa"));
        for cut in 0..new.len() {
            std::fs::write(&path, &new[..cut]).unwrap();
            assert_eq!(Note::open(folder.path(), "head", "aa").number(), None, "{cut}");
            // The beginning of one over the end of the other.
            std::fs::write(&path, format!("{}{}", &new[..cut], &old[cut..])).unwrap();
            let read = Note::open(folder.path(), "head", "aa").number();
            assert!(matches!(read, None | Some(99 | 100)), "{cut}: {read:?}");
        }
        for damaged in ["\0\0\0", "", "\n", "x y z\n", "1 aa 1\n"] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(Note::open(folder.path(), "head", "aa").number(), None);
        }
    }
}
