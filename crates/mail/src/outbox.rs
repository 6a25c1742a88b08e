//! A folder in the place of an SMTP server: each mail becomes an `.eml` file that any
//! mail program opens. For trying things out, for tests, and for a server whose operator
//! hands links over by other means.
//!
//! The files hold links that are as good as passwords: folder 0700, files 0600.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::address::Sender;
use crate::message::{OutgoingMail, bytes};
use crate::outcome::{Failure, Receipt};

/// The most mails kept in the folder; the oldest give way.
pub const MAX_OUTBOX_FILES: usize = 1_000;

#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    folder: PathBuf,
}

impl Outbox {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Writes `mail`. Doing it again overwrites the same file.
    pub(crate) async fn put(&self, mail: &OutgoingMail, from: &Sender) -> Result<Receipt, Failure> {
        let message = bytes(mail, from).map_err(Failure::Permanent)?;
        let name = format!("{:014}-{}.eml", mail.created_at.0, mail.id);
        let folder = self.folder.clone();
        let write = tokio::task::spawn_blocking(move || {
            let path = write(&folder, &name, &message)?;
            make_room(&folder)?;
            Ok::<_, io::Error>(path)
        });
        let cannot = |why: &dyn std::fmt::Display| {
            Failure::Temporary(format!("cannot write to {}: {why}", self.folder.display()))
        };
        match write.await {
            Ok(Ok(path)) => {
                tracing::info!(file = %path.display(), "mail put into the outbox, no mail.smtp_url");
                Ok(Receipt(path.display().to_string()))
            }
            Ok(Err(error)) => Err(cannot(&error)),
            Err(error) => Err(cannot(&error)),
        }
    }
}

/// Complete or not at all: who watches the folder sees no half mail. When this returns,
/// the mail survives power loss: its bytes, its name, and the folder's.
fn write(folder: &Path, name: &str, message: &[u8]) -> io::Result<PathBuf> {
    make(folder)?;
    let path = folder.join(name);
    let draft = folder.join(format!(".{name}.new"));
    let mut file =
        File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(message)?;
    file.sync_all()?;
    fs::rename(&draft, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// Sees to it that there is a folder.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Removes the oldest beyond [`MAX_OUTBOX_FILES`]; names begin with the time.
fn make_room(folder: &Path) -> io::Result<()> {
    let mut mails: Vec<PathBuf> = fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    mails.sort_unstable();
    let surplus = mails.len().saturating_sub(MAX_OUTBOX_FILES);
    mails[..surplus].iter().try_for_each(fs::remove_file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Timestamp;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn mails_are_files_for_their_owner_alone_and_the_oldest_give_way() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("outbox");
        let outbox = Outbox::new(folder.clone());
        let from = "boat@example.org".parse().unwrap();
        let mail = |id| OutgoingMail {
            id,
            created_at: Timestamp(1_790_000_000_000 + id),
            to: "ann@example.org".parse().unwrap(),
            subject: "Hello".to_owned(),
            text: "Hello".to_owned(),
            html: "<p>Hello".to_owned(),
        };
        outbox.put(&mail(1), &from).await.unwrap();
        let first = folder.join("01790000000001-1.eml");
        assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);

        for id in 2..=MAX_OUTBOX_FILES {
            fs::write(folder.join(format!("01790000000001-{id}.eml")), "").unwrap();
        }
        outbox.put(&mail(2_000), &from).await.unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), MAX_OUTBOX_FILES);
        assert!(!first.exists());
    }
}
