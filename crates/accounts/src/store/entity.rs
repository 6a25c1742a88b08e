//! The rows of this crate's tables.

pub(crate) mod account;
pub(crate) mod mailed_link;
pub(crate) mod session;
pub(crate) mod setup_link;
