//! What a capability and the server agree on: what one [declares](Declaration) before
//! anything is open, what it is [handed](Context) when it opens, and what it is asked to do
//! as long as the server runs ([`Part`]).
//!
//! A capability knows this crate and never the server. There is no state here: a context is
//! a bundle of handles of infrastructure, made by the server and taken apart by each
//! capability in its `open`.
//!
//! Deliberately absent: which capabilities there are, where settings come from, the order
//! and the limits of shutting down. All three are the server's.

mod context;
mod part;
mod secrets;
pub mod settings;

use std::sync::Arc;

use mail::Template;
use storage::{ExportTable, Migration, StorageError};

pub use context::{Context, Noted, Notes};
pub use part::{BoxFuture, Left, Part};
pub use secrets::{KEY_BYTES, Secrets};

/// What a capability brings with it, known before anything is open.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The history of its tables.
    pub migrations: fn() -> Vec<Migration>,
    /// What is exported of them: all of its tables, those that others refer to first.
    pub tables: &'static [ExportTable],
    /// What can be set about it.
    pub settings: Option<settings::Group>,
    /// The mails that it sends.
    pub mails: &'static [&'static Template],
}

/// A capability, as the server knows it.
#[derive(Clone, Copy, Debug)]
pub struct Capability {
    /// What it brings with it.
    pub declaration: Declaration,
    /// Opens it on what the server has.
    pub open: for<'a> fn(&'a Context) -> Opening<'a>,
}

/// A capability that opens, from what it is handed to a part that runs.
pub type Opening<'a> = BoxFuture<'a, Result<Arc<dyn Part>, OpenError>>;

/// Why a capability did not open. One line, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting has a value that it does not take.
    #[error(transparent)]
    Setting(#[from] settings::SettingError),
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
