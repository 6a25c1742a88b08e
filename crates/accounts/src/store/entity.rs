//! The rows of this crate's tables.

pub(crate) mod account;
pub(crate) mod session;
