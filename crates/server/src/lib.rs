//! Packetboat: chat, file hand-off, gated downloads and phone linking in one
//! self-hosted binary.
//!
//! This crate is the composition root: settings, data folder, listeners, which
//! capabilities there are (`capabilities.rs`), what one needs of another (`services.rs`)
//! and how they start and drain (`parts.rs`). The binary
//! adds the process around it: arguments, logs, signals.
//!
//! Deliberately absent: rules of any capability.

mod administration;
mod api;
mod backup;
mod bind;
mod capabilities;
pub mod cli;
pub mod config;
mod data;
mod database;
mod first_admin;
mod health;
pub mod logging;
mod mail_setup;
mod metrics;
mod pages;
mod parts;
mod running;
mod services;
mod start;
mod ticker;
mod transfer;
pub mod url;
mod watch;

pub use backup::{BackupCommandError, backup, restore};
pub use bind::BindError;
pub use capabilities::{migrations, tables};
pub use config::Settings;
pub use data::{DataError, DataFolder};
pub use database::{OpenError, UnexpectedDatabase};
pub use first_admin::{AdminCreateError, AdminCreated, admin_create};
pub use mail_setup::{MailSetupError, MailTestError, mail_test};
pub use pages::PagesError;
pub use running::{DRAIN_LIMIT, Drained, Running};
pub use start::{Environment, StartError, start};
pub use transfer::{TransferError, export, import};
