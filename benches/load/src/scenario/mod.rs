//! What is measured, one module each.

pub(crate) mod broadcast;
pub(crate) mod idle;
pub(crate) mod mass;
mod others;
mod room;
pub(crate) mod slow;
pub(crate) mod storm;
pub(crate) mod vanish;
