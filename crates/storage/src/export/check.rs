//! Reading an export to its end before anything of it is used.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};

use super::{ExportError, ExportTable, ExportedTable, Manifest};
use crate::Migration;

/// Bytes that are read at a time.
const BUFFER: usize = 256 * 1024;

/// An export that was found whole and of a version that can be imported.
#[derive(Debug)]
pub struct CheckedExport {
    pub(super) manifest: Manifest,
    /// The migrations that its database had, of those that this program knows.
    pub(super) migrations: Vec<Migration>,
    pub(super) tables: Vec<CheckedTable>,
}

/// A table of it.
#[derive(Debug)]
pub(super) struct CheckedTable {
    pub(super) table: ExportTable,
    pub(super) exported: ExportedTable,
    pub(super) path: PathBuf,
}

impl CheckedExport {
    /// What it holds.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }
}

/// Reads the export in `folder` and compares every file with the manifest. `tables` and
/// `migrations` are those that the program knows; an export of an older version has some of
/// them only.
///
/// # Errors
/// [`ExportError::NoManifest`], [`ExportError::Damaged`], [`ExportError::NewerExport`], and
/// [`ExportError::Read`] if a file cannot be read.
pub fn check_export(
    folder: &Path,
    tables: &[ExportTable],
    migrations: &[Migration],
) -> Result<CheckedExport, ExportError> {
    let manifest = Manifest::read(folder)?;
    let newer = |found: String| ExportError::NewerExport { found };
    let known = |name: &String| {
        let found = migrations.iter().find(|known| known.name == name).copied();
        found.ok_or_else(|| newer(format!("it has migration \"{name}\"")))
    };
    let of_export: Vec<_> = manifest.migrations.iter().map(known).collect::<Result<_, _>>()?;
    for exported in &manifest.tables {
        let table = tables.iter().find(|table| table.name == exported.name);
        let table = table.ok_or_else(|| newer(format!("it has table \"{}\"", exported.name)))?;
        let mut columns = exported.columns.iter().chain(&exported.made_anew);
        if let Some(unknown) = columns.find(|name| table.column(name).is_none()) {
            return Err(newer(format!("it has column \"{}.{unknown}\"", exported.name)));
        }
    }
    let in_order = tables.iter().filter_map(|table| {
        let exported = manifest.tables.iter().find(|exported| exported.name == table.name)?;
        Some(check_table(folder, *table, exported))
    });
    let tables = in_order.collect::<Result<_, _>>()?;
    Ok(CheckedExport { manifest, migrations: of_export, tables })
}

fn check_table(
    folder: &Path,
    table: ExportTable,
    exported: &ExportedTable,
) -> Result<CheckedTable, ExportError> {
    let path = folder.join(format!("{}.jsonl", table.name));
    let damaged = |problem: String| Err(ExportError::damaged(&path, problem));
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return damaged("it is missing".into());
        }
        opened => opened.map_err(ExportError::read(&path))?,
    };
    let (mut buffer, mut digest) = (vec![0; BUFFER], Context::new(&SHA256));
    let (mut bytes, mut lines) = (0, 0);
    loop {
        let length = file.read(&mut buffer).map_err(ExportError::read(&path))?;
        let read = &buffer[..length];
        if read.is_empty() {
            break;
        }
        digest.update(read);
        bytes += read.len() as u64;
        lines += read.iter().filter(|byte| **byte == b'\n').count() as u64;
    }
    if bytes != exported.bytes {
        return damaged(format!("it has {bytes} bytes in place of {}", exported.bytes));
    }
    if base::to_hex(digest.finish().as_ref()) != exported.sha256 {
        return damaged("its digest is not the one in manifest.json".into());
    }
    if lines != exported.rows {
        return damaged(format!("it has {lines} lines in place of {}", exported.rows));
    }
    Ok(CheckedTable { table, exported: exported.clone(), path })
}
