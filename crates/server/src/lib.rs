//! Packetboat: chat, file hand-off, gated downloads and phone linking in one
//! self-hosted binary.
//!
//! This crate is the composition root: settings, data folder, listeners, which
//! capabilities there are (`wiring.rs`) and how they start and drain. The binary
//! adds the process around it: arguments, logs, signals.
//!
//! Deliberately absent: rules of any capability.

mod bind;
pub mod cli;
pub mod config;
mod data;
mod health;
pub mod logging;
mod metrics;
mod pages;
mod running;
mod start;
mod ticker;
mod wiring;

pub use bind::BindError;
pub use config::Settings;
pub use data::{DataError, DataFolder, Secrets};
pub use running::{DRAIN_LIMIT, Drained, Running};
pub use start::{Environment, StartError, start};
pub use wiring::Left;
