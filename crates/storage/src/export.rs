//! The contents of a database as files that need no database tool: from one kind of
//! database to another, and a copy to keep.
//!
//! Owns the form of an export: a folder with a file `TABLE.jsonl` for each table, a row a
//! line, and `manifest.json`, which says what is there and is written last. What a table
//! holds is declared by the capability that owns it ([`ExportTable`]).
//!
//! Invariants:
//! - What is exported is one moment of the database, however long it takes and whatever is
//!   written meanwhile.
//! - Equal contents give equal bytes, whatever database they come from: rows in the order of
//!   their keys, one way to write a value, nothing about when or where. So exports can be
//!   compared by their digest.
//! - Nothing is written into a database before every file of the export was read to its end
//!   and found whole ([`check_export`]).
//! - A database into which an import was broken off is started by no version of the program:
//!   the record of its migrations says so until the last row is stored.
//! - No table is in memory as a whole.
//!
//! Files are written and read without leaving the thread: the commands that do so have
//! nothing else to do.
//!
//! Deliberately absent: what is of one database alone and made anew in another (its identity,
//! locks, leases, the record of its migrations), and merging into a database that holds
//! something.
//!
//! The form is that of `docs/decisions/0022-export.md`.

mod check;
mod error;
mod files;
mod import;
mod line;
mod manifest;
mod marker;
mod pages;
mod past;
mod progress;
mod table;
mod write;

pub use check::{CheckedExport, check_export};
pub use error::ExportError;
pub use import::{Import, ImportedTable, import};
pub use manifest::{ExportedTable, FORMAT, Manifest};
pub(crate) use marker::refusal;
pub(crate) use past::leave_past;
pub use progress::{Progress, Unseen};
pub use table::{ColumnKind, ExportColumn, ExportTable, Source};
pub use write::export;
