//! What is measured, one module each.

pub(crate) mod broadcast;
pub(crate) mod handoff;
pub(crate) mod idle;
pub(crate) mod mass;
pub(crate) mod members;
mod others;
mod room;
mod settled;
pub(crate) mod slow;
pub(crate) mod storm;
pub(crate) mod trickle;
pub(crate) mod vanish;
