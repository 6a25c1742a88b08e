//! Exporting: one moment of a database, table by table, into a folder.

use std::path::Path;

use sea_orm::sea_query::{Asterisk, Expr, ExprTrait, Query};
use sea_orm::{
    AccessMode, ConnectionTrait, DatabaseTransaction, DbErr, IsolationLevel, TransactionTrait,
};

use super::files::ExportFolder;
use super::pages::Pages;
use super::{ExportError, ExportTable, ExportedTable, Manifest, Progress, line};
use crate::{Database, Kind, Migration, StorageError, schema};

/// Writes the rows of `tables`, as they are at one moment, into the folder at `path`, which
/// is made, or is there and empty. `migrations` are those of the program, called `program`.
/// Others may go on writing to the database meanwhile; nothing in it is changed. Once this
/// returns, everything is on the disk.
///
/// The database's log of changes cannot be cleared meanwhile, so it grows.
///
/// # Errors
/// [`ExportError`]; the folder is as it was before.
pub async fn export(
    database: &Database,
    path: &Path,
    tables: &[ExportTable],
    migrations: &[Migration],
    program: &str,
    progress: &mut dyn Progress,
) -> Result<Manifest, ExportError> {
    // A transaction sees one moment throughout: any of SQLite, and at this level any of the
    // others, on a connection without limits in time.
    let connection = match database.kind() {
        Kind::Sqlite => None,
        Kind::Postgres | Kind::MariaDb => Some(database.dedicated().await?),
    };
    let snapshot = match &connection {
        None => database.reader().begin().await?,
        Some(connection) => {
            let (level, mode) = (IsolationLevel::RepeatableRead, AccessMode::ReadOnly);
            connection.begin_with_config(Some(level), Some(mode)).await?
        }
    };
    let recorded = check_version(&snapshot, migrations).await?;
    let mut folder = ExportFolder::make(path)?;
    let written = write(&snapshot, &mut folder, tables, recorded, program, progress).await;
    if written.is_err() {
        folder.discard();
    }
    drop(snapshot);
    if let Some(connection) = connection {
        // Nothing hangs on it any more.
        let _ = connection.close().await;
    }
    written
}

/// The migrations on record, which must be all that this program knows and no others.
async fn check_version(
    on: &DatabaseTransaction,
    migrations: &[Migration],
) -> Result<Vec<String>, ExportError> {
    let recorded = schema::migrations(on).await?;
    if recorded.is_empty() {
        return Err(ExportError::NoPacketboat);
    }
    let is_known = |name: &String| migrations.iter().any(|known| known.name == name);
    if let Some(newer) = recorded.iter().find(|name| !is_known(name)) {
        return Err(super::refusal(newer).into());
    }
    let is_missing = |known: &&Migration| !recorded.iter().any(|name| name == known.name);
    match migrations.iter().find(is_missing) {
        Some(missing) => Err(ExportError::OlderDatabase { migration: missing.name }),
        None => Ok(recorded),
    }
}

async fn write(
    snapshot: &DatabaseTransaction,
    folder: &mut ExportFolder,
    tables: &[ExportTable],
    migrations: Vec<String>,
    program: &str,
    progress: &mut dyn Progress,
) -> Result<Manifest, ExportError> {
    let mut exported = Vec::new();
    for table in tables {
        progress.begin(table.name, count(snapshot, table.name).await?);
        exported.push(write_table(snapshot, folder, *table, progress).await?);
        progress.end();
    }
    let json = |error: serde_json::Error| StorageError::from(DbErr::Json(error.to_string()));
    let manifest = Manifest::new(program, migrations, exported).map_err(json)?;
    folder.finish(&manifest.text().map_err(json)?)?;
    Ok(manifest)
}

async fn count(on: &DatabaseTransaction, table: &'static str) -> Result<u64, DbErr> {
    let count = Query::select().expr(Expr::col(Asterisk).count()).from(table).to_owned();
    let row = on.query_one(&count).await?;
    let count = row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?;
    Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
}

async fn write_table(
    snapshot: &DatabaseTransaction,
    folder: &mut ExportFolder,
    table: ExportTable,
    progress: &mut dyn Progress,
) -> Result<ExportedTable, ExportError> {
    let columns: Vec<_> = table.carried().collect();
    let mut pages = Pages::new(table, columns.clone());
    let mut file = folder.file(&format!("{}.jsonl", table.name))?;
    let (mut rows, mut lines) = (0, Vec::new());
    while let Some(page) = pages.next(snapshot).await? {
        lines.clear();
        for row in &page {
            line::write(row, &columns, &mut lines)?;
        }
        file.write(&lines)?;
        rows += page.len() as u64;
        progress.done(page.len() as u64);
    }
    let (bytes, sha256) = file.finish()?;
    Ok(ExportedTable {
        name: table.name.to_owned(),
        columns: columns.iter().map(|column| column.name.to_owned()).collect(),
        made_anew: table.made_anew().map(|(name, _)| name.to_owned()).collect(),
        rows,
        bytes,
        sha256,
    })
}
