//! Exports, imports, backups and what is restored from them, as an operator meets them: by
//! the command, beside servers that run. Imports are into a database of the kind that the
//! run is for.

mod backups;
mod exports;
mod kit;
mod refusals;
mod restores;
