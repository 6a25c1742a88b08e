//! Putting a backup in the place of a SQLite database.
//!
//! A copy of it is made ready beside the database: found sound, brought up to date, its past
//! [left](crate::export). Only then the database that was there is set aside, together with
//! its log, and the copy takes its name.
//!
//! Invariant: whenever this is broken off, under the database's name is the one that was
//! there, none, which a server that knew one refuses to start on, or the one that was put
//! back, whole. Never one of the two with the other's log.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use base::{Clock, Random};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::backup::{BackupError, check_file, sidecar, sync_folder};
use crate::export::leave_past;
use crate::file::{lock_path, path_of};
use crate::{
    Database, ExportTable, FileLock, Kind, LockError, Migration, StorageError, schema, sqlite_url,
};

/// The first bytes of a SQLite database.
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// What is put back, and where.
#[derive(Debug)]
pub struct Restore<'a> {
    /// The backup.
    pub file: &'a Path,
    /// The URL of the database.
    pub url: &'a str,
    /// All tables of the program.
    pub tables: &'a [ExportTable],
    /// Its migrations.
    pub migrations: &'a [Migration],
    /// Whether nothing has happened since the backup, so that rows
    /// [of the moment](ExportTable::of_the_moment) stay.
    pub moves: bool,
}

/// A backup that was put back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Where the database is.
    pub path: PathBuf,
    /// Where the one is that was there.
    pub aside: Option<PathBuf>,
    /// Which database it is.
    pub identity: String,
    /// Tables whose rows were left out, with their number.
    pub left_out: Vec<(&'static str, u64)>,
}

/// Puts a backup in the place of the database, which no server may have open.
///
/// # Errors
/// [`BackupError`]; but for [`BackupError::NotInPlace`] the database is as it was.
pub async fn restore(
    restore: &Restore<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Restored, BackupError> {
    let path = path_of(restore.url).ok_or(BackupError::NotAFile(Kind::of_url(restore.url)))?;
    let path = fs::canonicalize(&path).unwrap_or(path);
    let _lock = hold(&path)?;
    check_header(restore.file)?;
    let draft = Draft(sidecar(&path, ".restoring"));
    draft.remove();
    let copied = copy(restore.file, &draft.0, &path).map_err(BackupError::write(&draft.0));
    let made = match copied {
        Ok(()) => make_ready(&draft.0, restore, clock, random).await,
        Err(error) => Err(error),
    };
    let placed = made.and_then(|(ready, time)| {
        let aside = sidecar(&path, &format!(".before-restore-{time}"));
        let aside = put_in_place(&draft.0, &path, &aside)?;
        Ok(Restored { path, aside, identity: ready.identity, left_out: ready.left_out })
    });
    if placed.is_err() {
        draft.remove();
    }
    placed
}

/// Takes the lock that a server holds while it has the database open.
fn hold(path: &Path) -> Result<FileLock, StorageError> {
    FileLock::take(&lock_path(path)).map_err(|error| match error {
        LockError::Held { holder } => StorageError::InUse { path: path.into(), holder },
        error @ LockError::Use { .. } => StorageError::Lock(error),
    })
}

fn check_header(file: &Path) -> Result<(), BackupError> {
    let mut start = [0; HEADER.len()];
    let read = File::open(file).and_then(|mut file| file.read_exact(&mut start));
    match read {
        Ok(()) if &start == HEADER => {}
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => {
            return Err(BackupError::read(file)(error));
        }
        _ => return Err(BackupError::NotPacketboat(file.into())),
    }
    let log = fs::metadata(sidecar(file, "-wal"));
    if log.is_ok_and(|log| log.len() > 0) {
        return Err(BackupError::InUse(file.into()));
    }
    Ok(())
}

/// The copy that is made ready, with what SQLite puts beside it.
struct Draft(PathBuf);

impl Draft {
    fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            // It is written over the next time, at the latest.
            let _ = fs::remove_file(sidecar(&self.0, suffix));
        }
    }
}

/// Copies `file`, for the owner of the database at `path` alone.
fn copy(file: &Path, draft: &Path, path: &Path) -> io::Result<()> {
    let mut from = File::open(file)?;
    let mut to = File::options().write(true).create_new(true).mode(0o600).open(draft)?;
    if let Ok(before) = fs::metadata(path) {
        // A command that root runs must not take the database away from the server's user.
        fchown(&to, Some(before.uid()), Some(before.gid()))?;
    }
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// A copy that is ready.
struct Ready {
    identity: String,
    left_out: Vec<(&'static str, u64)>,
}

/// Brings the copy up to date and has it leave its past. Also returns the time, as names of
/// files have it.
async fn make_ready(
    draft: &Path,
    restore: &Restore<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<(Ready, String), BackupError> {
    let as_file = |error| match error {
        BackupError::Damaged { problem, .. } => {
            BackupError::Damaged { path: restore.file.into(), problem }
        }
        other => other,
    };
    check_file(draft).await.map_err(as_file)?;
    let database = Database::connect(&sqlite_url(draft)).await?;
    let ready = change(&database, restore, clock, random).await;
    // Also if that failed: what SQLite has put beside it goes.
    let closed = database.close().await;
    let ready = ready?;
    closed?;
    let log = fs::metadata(sidecar(draft, "-wal"));
    if log.is_ok_and(|log| log.len() > 0) {
        let problem = "its log could not be folded into it".to_owned();
        return Err(BackupError::Damaged { path: draft.into(), problem });
    }
    let sync = File::open(draft).and_then(|file| file.sync_all());
    sync.map_err(BackupError::write(draft))?;
    Ok(ready)
}

async fn change(
    database: &Database,
    restore: &Restore<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<(Ready, String), BackupError> {
    if schema::migrations(database.reader()).await.map_err(StorageError::from)?.is_empty() {
        return Err(BackupError::NotPacketboat(restore.file.into()));
    }
    database.migrate(restore.migrations, clock).await?;
    let identity = database.make_identity(random).await?;
    let transaction = database.begin_write().await?;
    let (on, tables) = (transaction.connection(), restore.tables);
    let left_out = leave_past(on, tables, restore.moves, random).await;
    let left_out = left_out.map_err(StorageError::from)?;
    transaction.commit().await?;
    let time = time_in_names(database, clock).await?;
    Ok((Ready { identity, left_out }, time))
}

/// `20261128T010203Z`. SQLite knows the calendar.
async fn time_in_names(database: &Database, clock: &dyn Clock) -> Result<String, StorageError> {
    let sql = "SELECT strftime('%Y%m%dT%H%M%SZ', ?, 'unixepoch')";
    let seconds = clock.now().0 / 1_000;
    let time = Statement::from_sql_and_values(DbBackend::Sqlite, sql, [seconds.into()]);
    let row = database.reader().query_one_raw(time).await?;
    let time: Option<String> = row.map(|row| row.try_get_by_index(0)).transpose()?;
    Ok(time.unwrap_or_else(|| seconds.to_string()))
}

/// Sets the database at `path` aside and gives `draft` its name. Returns where the one is
/// that was there.
fn put_in_place(draft: &Path, path: &Path, aside: &Path) -> Result<Option<PathBuf>, BackupError> {
    if fs::symlink_metadata(aside).is_ok() {
        return Err(BackupError::Exists(aside.into()));
    }
    let is_there = move_if_there(path, aside).map_err(BackupError::write(aside))?;
    let place = || {
        // In this order: the log is never beside another database than its own.
        let has_log = move_if_there(&sidecar(path, "-wal"), &sidecar(aside, "-wal"))?;
        remove_if_there(&sidecar(path, "-shm"))?;
        sync_folder(path)?;
        fs::rename(draft, path)?;
        sync_folder(path)?;
        Ok(has_log)
    };
    let has_log =
        place().map_err(|source| BackupError::NotInPlace { aside: aside.into(), source })?;
    Ok((is_there || has_log).then(|| aside.into()))
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::rename(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
