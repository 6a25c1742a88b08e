//! Ids, time, randomness and the caller's identity: what every crate shares.
//!
//! Owns the few words that mean the same thing in every capability: an
//! [`AccountId`], a [`Principal`], a [`Timestamp`]. Time and randomness are
//! parameters ([`Clock`], [`Random`]), so that tests decide both.
//!
//! [`Vitals`] are how the tasks that live as long as the server say that they are there.
//!
//! Deliberately absent: everything else. No I/O beyond asking the operating
//! system for time and random bytes, no serde, no async runtime. It stays tiny, because
//! every crate is rebuilt when it changes.

mod clock;
mod identity;
mod random;
mod vitals;

pub use clock::{Clock, ClockWatch, Jump, MAX_AHEAD, ManualClock, SystemClock, Timestamp};
pub use identity::{AccountId, Activity, Owner, Principal, SessionRef};
pub use random::{OsRandom, Random, alphanumeric, hex, id53, to_hex};
pub use vitals::{Vital, Vitals, caught};
