//! A connection: the WebSocket hand-shake, codec and loop over the hub's outbox.
//!
//! Owns what happens between an HTTP request that wants to become a WebSocket
//! (RFC 6455) and the socket's end: [`handshake`](handshake::accept), reading and
//! checking frames, pings, dead-lines, close codes. What a message *means* is a
//! [`Handler`]'s business.
//!
//! Invariants:
//! - One task a connection, which reads, writes and waits in one place, and holds no
//!   buffer while nothing is on its way.
//! - Dropping the [`Handler`] is how a capability learns that a connection is over,
//!   however it ended.
//! - No connection outlives [`Sockets::drain`].
//!
//! Deliberately absent: JSON, topics' meaning, sessions, compression
//! (permessage-deflate is not negotiated: frames are shared between receivers and
//! small; see `docs/decisions/0004-own-websocket-codec.md`).

mod codec;
mod connection;
pub mod frame;
pub mod handshake;
mod pongs;
mod sockets;
mod stall;
mod sweep;
mod utf8;
mod wire;

pub use codec::{MAX_FRAGMENTS, MAX_MESSAGE};
pub use connection::{Handler, Message};
pub use frame::CloseCode;
pub use sockets::{Drained, Guest, Limits, OpenSocket, Sockets};
