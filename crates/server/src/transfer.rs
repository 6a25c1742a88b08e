//! `packetboat export DIR` and `packetboat import DIR`: everything in the database as files,
//! and back into an empty database of any kind.
//!
//! An export works beside a running server and changes nothing, so it neither holds the
//! database nor brings it up to date. An import takes data folder and database as a server
//! does, and notes the database as the folder's own: a server that is then started on the
//! one before is refused.

use std::path::{Path, PathBuf};

use base::Vitals;
use storage::{
    Database, ExportError, Import, ImportedTable, Manifest, Place, Progress, StorageError, place,
};

use crate::data::{DataError, DataFolder};
use crate::{Environment, Settings, capabilities, database};

/// Why nothing was exported or imported. One line each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// There is no database to export.
    #[error("there is no database at {}", .0.display())]
    NoDatabase(PathBuf),
    /// The export cannot be written or read, or not be imported here.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The database fails, or a server has it.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Everything was imported, and which database it is cannot be noted.
    #[error(
        "everything was imported, but the data folder does not know this database yet: {0}; \
         start once with \"packetboat serve --new-database\""
    )]
    NotNoted(#[source] DataError),
}

/// Exports the database of `settings` into `folder`.
///
/// # Errors
/// [`TransferError`]; there is no export then.
pub async fn export(
    settings: &Settings,
    folder: &Path,
    progress: &mut dyn Progress,
) -> Result<Manifest, TransferError> {
    let url = database::url_of(settings)?;
    if let Place::Missing(path) | Place::Empty(path) = place(&url) {
        return Err(TransferError::NoDatabase(path));
    }
    let database = Database::connect_with(&url, settings.database_connections).await?;
    let (tables, migrations) = (capabilities::tables(), capabilities::migrations());
    let program = env!("CARGO_PKG_VERSION");
    let exported =
        storage::export(&database, folder, &tables, &migrations, program, progress).await;
    database.close().await?;
    Ok(exported?)
}

/// Imports the export in `folder` into the database of `settings`; `moves` says that nothing
/// has happened since it was made. Returns what it is and what became of each table.
///
/// # Errors
/// [`TransferError`]; a database with a part of the export is refused by every server.
pub async fn import(
    settings: &Settings,
    folder: &Path,
    moves: bool,
    progress: &mut dyn Progress,
) -> Result<(Manifest, Vec<ImportedTable>), TransferError> {
    let environment = Environment::default();
    let (tables, migrations) = (capabilities::tables(), capabilities::migrations());
    let export = storage::check_export(folder, &tables, &migrations)?;
    let random = environment.random.as_ref();
    let mut data = DataFolder::open(&settings.data, random)?;
    let url = database::url_of(settings)?;
    let database = Database::connect_with(&url, settings.database_connections).await?;
    // The task that renews the lease is lost: the database refuses what comes after it.
    let holder = database::holder(&data, random, Vitals::new(|_| {}));
    let import = Import { export: &export, tables: &tables, migrations: &migrations, moves };
    let filled = async {
        database.hold(&holder).await?;
        let clock = environment.clock.as_ref();
        let imported = storage::import(&database, &import, clock, random, progress).await?;
        Ok::<_, TransferError>((imported, database.make_identity(random).await?))
    };
    let filled = filled.await;
    // Also if it failed: the lease ends with it.
    let closed = database.close().await;
    let (imported, identity) = filled?;
    closed?;
    data.note_database(&identity).map_err(TransferError::NotNoted)?;
    Ok((export.manifest().clone(), imported))
}
