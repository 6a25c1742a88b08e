//! `packetboat backup FILE` and `packetboat restore FILE`, for SQLite: a copy beside the
//! running server, and back into its place while no server runs.

use std::path::{Path, PathBuf};

use storage::{BackupError, Database, Kind, Place, Restore, Restored, StorageError, place};

use crate::data::{DataError, DataFolder};
use crate::{Environment, Settings, capabilities, database};

/// Why there is no backup, or none was put back. One line each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum BackupCommandError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no database to copy.
    #[error("there is no database at {}", .0.display())]
    NoDatabase(PathBuf),
    /// The copy cannot be made, or not be put back.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The database fails.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The backup is in its place, and which database it is cannot be noted.
    #[error(
        "the backup is in its place, but the data folder does not know it yet: {0}; start once \
         with \"packetboat serve --new-database\""
    )]
    NotNoted(#[source] DataError),
}

/// Copies the database of `settings` to `file`; returns its size.
///
/// # Errors
/// [`BackupCommandError`]; there is no file then.
pub async fn backup(settings: &Settings, file: &Path) -> Result<u64, BackupCommandError> {
    let environment = Environment::default();
    let url = database::url_of(settings)?;
    // Another kind has a sentence of its own, for which it need not be reached.
    match Kind::of_url(&url) {
        Some(kind) if kind.is_server() => return Err(BackupError::NotAFile(Some(kind)).into()),
        _ => {}
    }
    if let Place::Missing(path) | Place::Empty(path) = place(&url) {
        return Err(BackupCommandError::NoDatabase(path));
    }
    let database = Database::connect(&url).await?;
    let copied = storage::backup(&database, file, environment.random.as_ref()).await;
    database.close().await?;
    Ok(copied?)
}

/// Puts the backup `file` in the place of the database of `settings`; `moves` says that
/// nothing has happened since it was made.
///
/// # Errors
/// [`BackupCommandError`].
pub async fn restore(
    settings: &Settings,
    file: &Path,
    moves: bool,
) -> Result<Restored, BackupCommandError> {
    let environment = Environment::default();
    let random = environment.random.as_ref();
    let mut data = DataFolder::open(&settings.data, random)?;
    let (tables, migrations) = (capabilities::tables(), capabilities::migrations());
    let url = database::url_of(settings)?;
    let restore = Restore { file, url: &url, tables: &tables, migrations: &migrations, moves };
    let restored = storage::restore(&restore, environment.clock.as_ref(), random).await?;
    if data.noted_database() != Some(&restored.identity) {
        data.note_database(&restored.identity).map_err(BackupCommandError::NotNoted)?;
    }
    Ok(restored)
}
