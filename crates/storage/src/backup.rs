//! A copy of a SQLite database beside the server that has it open, in one file.
//!
//! `VACUUM INTO` reads one moment of the database, as any reader does, and keeps no writer
//! waiting. What it writes has no log beside it, and holds the database's identity, so that a
//! server knows it again.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base::Random;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::connect::failure;
use crate::{Database, Kind, StorageError, schema};

/// Why there is no backup, or none was put back. One line for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The database is not a file.
    #[error("{}", not_a_file(*.0))]
    NotAFile(Option<Kind>),

    /// The file for the backup is there.
    #[error("{} exists: name a file that does not", .0.display())]
    Exists(PathBuf),

    /// The path cannot be handed to SQLite.
    #[error("the path {} is not UTF-8, which SQLite needs", .0.display())]
    NotUtf8(PathBuf),

    /// A file cannot be made or written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// It is a file of something else.
    #[error("{} is not a database of Packetboat", .0.display())]
    NotPacketboat(PathBuf),

    /// The file is damaged.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What SQLite says.
        problem: String,
    },

    /// The file to put back was in use, or was copied while it was.
    #[error(
        "{} is a database in use, or was copied while it was in use: its newest part is in {}; \
         make a backup of it with \"packetboat backup\" first",
        .0.display(),
        sidecar(.0, "-wal").display()
    )]
    InUse(PathBuf),

    /// The database that was there is set aside, and the backup is not in its place.
    #[error(
        "cannot put the backup in its place: {source}; the database that was there is {}",
        aside.display()
    )]
    NotInPlace {
        /// The database that was there.
        aside: PathBuf,
        /// Why.
        source: std::io::Error,
    },

    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

fn not_a_file(kind: Option<Kind>) -> &'static str {
    match kind {
        Some(Kind::Postgres) => {
            "backup and restore are for SQLite: with PostgreSQL, use pg_dump and pg_restore, or \
             packetboat export and import"
        }
        Some(Kind::MariaDb) => {
            "backup and restore are for SQLite: with MariaDB, use mariadb-dump \
             --single-transaction and mariadb, or packetboat export and import"
        }
        _ => "backup and restore are for a database that is a file",
    }
}

impl BackupError {
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Write { path: path.into(), source }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Read { path: path.into(), source }
    }
}

/// Writes a copy of `database` to `file`, which must not exist; returns its size. Once this
/// returns, the copy was read to its end, found sound, and is on the disk.
///
/// # Errors
/// [`BackupError`]; there is no file then.
pub async fn backup(
    database: &Database,
    file: &Path,
    random: &dyn Random,
) -> Result<u64, BackupError> {
    if database.file().is_none() {
        return Err(BackupError::NotAFile(Some(database.kind())));
    }
    if fs::symlink_metadata(file).is_ok() {
        return Err(BackupError::Exists(file.into()));
    }
    if schema::migrations(database.reader()).await.map_err(StorageError::from)?.is_empty() {
        return Err(BackupError::NotPacketboat(database.file().unwrap_or(file).into()));
    }
    let draft = sidecar(file, &format!(".{}", base::hex(random, 4)));
    let written = write(database, &draft, file).await;
    if written.is_err() {
        // A courtesy: it is not under its name.
        let _ = fs::remove_file(&draft);
        let _ = fs::remove_file(sidecar(&draft, "-journal"));
    }
    written
}

async fn write(database: &Database, draft: &Path, file: &Path) -> Result<u64, BackupError> {
    let path = draft.to_str().ok_or_else(|| BackupError::NotUtf8(draft.into()))?;
    // SQLite would make it readable to all; an empty file it takes as it is.
    let made = File::options().write(true).create_new(true).mode(0o600).open(draft);
    made.map_err(BackupError::write(file))?;
    let copy = Statement::from_sql_and_values(DbBackend::Sqlite, "VACUUM INTO ?", [path.into()]);
    database.reader().execute_raw(copy).await.map_err(StorageError::from)?;
    check_file(draft).await?;
    let sync = || {
        let copy = File::open(draft)?;
        copy.sync_all()?;
        fs::rename(draft, file)?;
        sync_folder(file)?;
        copy.metadata().map(|about| about.len())
    };
    sync().map_err(BackupError::write(file))
}

/// Reads the database file at `path`, which must not be in use, and finds it sound.
pub(crate) async fn check_file(path: &Path) -> Result<(), BackupError> {
    let check = async {
        // Immutable: no lock, no log, nothing written beside it.
        let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
        let mut connection = options.connect().await?;
        let query = sqlx::query_scalar("PRAGMA integrity_check(1)");
        let found: String = query.fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok::<_, sqlx::Error>(found)
    };
    let damaged = |problem| BackupError::Damaged { path: path.into(), problem };
    let found = check.await.map_err(|error| damaged(DbErr::to_string(&failure(error))))?;
    if found == "ok" { Ok(()) } else { Err(damaged(found)) }
}

/// `path` with `suffix` at its end.
pub(crate) fn sidecar(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(suffix);
    name.into()
}

/// Has what was renamed in the folder of `path` survive power loss.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}
