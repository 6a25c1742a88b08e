//! `manifest.json`: what an export holds, and by what it is told to be whole.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::ExportError;

/// The version of the form in which exports are written.
pub const FORMAT: u32 = 1;

/// Its name in the folder.
pub(super) const FILE: &str = "manifest.json";

/// The most bytes of a manifest that are read: a few hundred a table.
const MAX_BYTES: u64 = 1024 * 1024;

/// What an export holds. Says nothing about when or from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`] of the version that wrote it.
    pub format: u32,
    /// The version of the program.
    pub program: String,
    /// The migrations of the database, in order.
    pub migrations: Vec<String>,
    /// Its tables, in the order in which they are imported.
    pub tables: Vec<ExportedTable>,
    /// SHA-256 of all the above, in hexadecimal; the digests of the files are part of it.
    pub digest: String,
}

/// A table of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportedTable {
    /// Its name; the file is `NAME.jsonl`.
    pub name: String,
    /// Its columns, as every line has them.
    pub columns: Vec<String>,
    /// Columns that it has besides, whose values an import makes anew.
    pub made_anew: Vec<String>,
    /// Rows, and lines of the file.
    pub rows: u64,
    /// The file's size.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
}

/// The one entry that every version reads, whatever else there is.
#[derive(Deserialize)]
struct AnyVersion {
    format: u32,
}

impl Manifest {
    /// Of an export of these tables.
    pub(super) fn new(
        program: &str,
        migrations: Vec<String>,
        tables: Vec<ExportedTable>,
    ) -> Result<Self, serde_json::Error> {
        let (format, program) = (FORMAT, program.to_owned());
        let unsigned = Self { format, program, migrations, tables, digest: String::new() };
        let digest = unsigned.compute_digest()?;
        Ok(Self { digest, ..unsigned })
    }

    fn compute_digest(&self) -> Result<String, serde_json::Error> {
        let all = (self.format, &self.program, &self.migrations, &self.tables);
        Ok(base::to_hex(digest(&SHA256, &serde_json::to_vec(&all)?).as_ref()))
    }

    pub(super) fn text(&self) -> Result<String, serde_json::Error> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// That of the export in `folder`, found whole and of a known form.
    pub(super) fn read(folder: &Path) -> Result<Self, ExportError> {
        let path = folder.join(FILE);
        let about = fs::metadata(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound if folder.is_dir() => ExportError::NoManifest(folder.into()),
            ErrorKind::NotFound => ExportError::read(folder)(error),
            _ => ExportError::read(&path)(error),
        })?;
        if about.len() > MAX_BYTES {
            return Err(ExportError::damaged(&path, "too long"));
        }
        let text = fs::read(&path).map_err(ExportError::read(&path))?;
        let damaged = |error: serde_json::Error| ExportError::damaged(&path, error.to_string());
        let AnyVersion { format } = serde_json::from_slice(&text).map_err(damaged)?;
        if format > FORMAT {
            return Err(ExportError::NewerExport { found: format!("its form is {format}") });
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(damaged)?;
        if manifest.compute_digest().map_err(damaged)? != manifest.digest {
            return Err(ExportError::damaged(&path, "its digest is not the one that it names"));
        }
        Ok(manifest)
    }
}
