//! What is measured, one module each.

pub(crate) mod broadcast;
pub(crate) mod idle;
pub(crate) mod mass;
mod room;
pub(crate) mod slow;
