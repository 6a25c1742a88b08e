//! Sharing sessions: a host and guests hand files to each other, live. The server relays
//! ciphertext, holds a few chunks of each transfer, and never stores a file.
//!
//! A session is [`session`] with its [`files`] and [`member`]s; what members do with each
//! other's files is [`exchange`]; a [`transfer`] has its stage and a [`flow`] of chunks.
//! [`routes`], [`socket`] and [`stream`] speak the dialect of the service that this replaces
//! (`share.md` of the wire contract); [`share`] has the operations that they, and the admin
//! site, ask for.
//!
//! Invariants:
//! - Everything is in memory, and bounded by a named cap ([`caps`]).
//! - Nothing polls: what happens later is due at a time ([`timers`]), everything else follows
//!   from what a client does.
//! - A chunk is asked for only when there is room for it, from its sender to its receiver, so
//!   a slow receiver slows its sender down, and costs no memory.
//! - No name of a file, no code and no token is logged, or shown to an administrator.
//!
//! Deliberately absent: accounts. Who may do what is said by tokens of the session's own.

mod access_code;
mod admin;
mod caps;
mod command;
mod exchange;
mod files;
mod flow;
mod frames;
mod guessing;
mod id;
mod member;
mod part;
mod refusal;
mod registry;
mod routes;
mod services;
mod session;
mod session_name;
mod settings;
mod share;
mod socket;
mod stream;
mod timers;
mod token;
mod transfer;

pub use part::CAPABILITY;
