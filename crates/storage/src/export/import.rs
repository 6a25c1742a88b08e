//! Importing: from files that were checked into a database that is empty.
//!
//! The database is brought to the version of the export, then filled, then brought up to
//! date: what a later migration does to the rows it finds, it does to these.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use base::{Clock, Random};
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Query, SimpleExpr, Value};

use super::check::CheckedTable;
use super::table::Anew;
use super::{CheckedExport, ExportColumn, ExportError, ExportTable, Progress, line, marker};
use crate::{Database, Migration, StorageError};

/// Rows of one transaction.
const BATCH_ROWS: usize = 1_000;

/// Values of one statement: SQLite takes 32,766, the others 65,535.
const BATCH_VALUES: usize = 16_000;

/// Bytes of lines of one statement: MariaDB takes 16 MiB unless it is set otherwise.
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// Bytes of a line: the longest rows, of mails, have about 100 KiB.
const MAX_LINE: u64 = 16 * 1024 * 1024;

/// What is imported, and how.
#[derive(Debug)]
pub struct Import<'a> {
    /// The export.
    pub export: &'a CheckedExport,
    /// All tables of the program.
    pub tables: &'a [ExportTable],
    /// Its migrations.
    pub migrations: &'a [Migration],
    /// Whether nothing has happened since the export, so that rows
    /// [of the moment](ExportTable::of_the_moment) are imported, too.
    pub moves: bool,
}

/// A table that was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportedTable {
    /// Its name.
    pub name: &'static str,
    /// Rows that it has in the export.
    pub rows: u64,
    /// Whether they were left out, as rows of the moment are.
    pub left_out: bool,
}

/// Fills `database`, which is held and must be empty, from an export.
///
/// # Errors
/// [`ExportError::DatabaseNotEmpty`] and [`StorageError::ImportBrokenOff`] before anything
/// is written; [`ExportError::BrokenOff`] if it fails after that, with the reason.
pub async fn import(
    database: &Database,
    import: &Import<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
    progress: &mut dyn Progress,
) -> Result<Vec<ImportedTable>, ExportError> {
    marker::set(database, import.tables, clock).await?;
    let filled = fill(database, import, clock, random, progress).await;
    filled.map_err(|source| ExportError::BrokenOff { source: Box::new(source) })
}

async fn fill(
    database: &Database,
    import: &Import<'_>,
    clock: &dyn Clock,
    random: &dyn Random,
    progress: &mut dyn Progress,
) -> Result<Vec<ImportedTable>, ExportError> {
    let mut of_export = import.export.migrations.clone();
    of_export.push(marker::MARKER);
    database.migrate(&of_export, clock).await?;
    let mut imported = Vec::new();
    for table in &import.export.tables {
        let left_out = table.table.is_of_the_moment && !import.moves;
        if !left_out {
            progress.begin(table.table.name, table.exported.rows);
            load(database, table, random, progress).await?;
            progress.end();
        }
        let (name, rows) = (table.table.name, table.exported.rows);
        imported.push(ImportedTable { name, rows, left_out });
    }
    marker::clear(database).await?;
    database.migrate(import.migrations, clock).await?;
    Ok(imported)
}

async fn load(
    database: &Database,
    table: &CheckedTable,
    random: &dyn Random,
    progress: &mut dyn Progress,
) -> Result<(), ExportError> {
    let path = &table.path;
    let mut file = BufReader::new(File::open(path).map_err(ExportError::read(path))?);
    let mut batch = Batch::new(table);
    let (mut line, mut number) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if read.map_err(ExportError::read(path))? == 0 {
            break;
        }
        number += 1;
        let problem = batch.add(&line, random).err();
        if let Some(problem) = problem {
            return Err(ExportError::Line { path: path.clone(), line: number, problem });
        }
        if batch.is_full() {
            progress.done(batch.store(database).await?);
        }
    }
    progress.done(batch.store(database).await?);
    Ok(())
}

/// Rows that are stored together.
struct Batch {
    table: &'static str,
    carried: Vec<&'static ExportColumn>,
    made_anew: Vec<Anew>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
}

impl Batch {
    fn new(CheckedTable { table, exported, .. }: &CheckedTable) -> Self {
        let of_export = |names: &[String], name: &str| names.iter().any(|known| known == name);
        Self {
            table: table.name,
            carried: table.carried().filter(|it| of_export(&exported.columns, it.name)).collect(),
            // By what is made anew today: an export may have carried what no longer is.
            made_anew: table
                .made_anew()
                .filter(|(name, _)| of_export(&exported.made_anew, name))
                .collect(),
            rows: Vec::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, line: &[u8], random: &dyn Random) -> Result<(), String> {
        let mut row = line::read(line, &self.carried)?;
        row.extend(self.made_anew.iter().map(|(_, make)| Value::from(make(random))));
        self.rows.push(row);
        self.bytes += line.len();
        Ok(())
    }

    fn columns(&self) -> usize {
        self.carried.len() + self.made_anew.len()
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS.min(BATCH_VALUES / self.columns().max(1))
            || self.bytes >= BATCH_BYTES
    }

    /// Stores the rows in a transaction of their own; returns how many.
    async fn store(&mut self, database: &Database) -> Result<u64, StorageError> {
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        if rows.is_empty() {
            return Ok(0);
        }
        let stored = rows.len() as u64;
        let mut insert = Query::insert();
        let carried = self.carried.iter().map(|column| column.name);
        insert.into_table(self.table);
        insert.columns(carried.chain(self.made_anew.iter().map(|(name, _)| *name)));
        for row in rows {
            // Cannot panic: as many values as columns.
            insert.values_panic(row.into_iter().map(SimpleExpr::from));
        }
        let transaction = database.begin_write().await?;
        transaction.connection().execute(&insert).await?;
        transaction.commit().await?;
        Ok(stored)
    }
}
