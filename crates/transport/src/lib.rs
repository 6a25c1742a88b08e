//! A connection: the WebSocket codec and loop, and server-sent events, over the hub's outbox.
//!
//! Owns what happens between an upgraded HTTP request (RFC 6455 section 5 on) and the
//! socket's end: reading and checking frames, pings, dead-lines, close codes; and the body
//! of an answer that is a stream of [events]. What a message *means*, and what more there is
//! to send when the peer has room, is a [`Handler`]'s business.
//!
//! Invariants:
//! - One task a connection, which reads, writes and waits in one place, and holds no
//!   buffer while nothing is on its way.
//! - A connection may be an account's, a guest's or no person's: nothing here presupposes one.
//! - Dropping the [`Handler`] is how a capability learns that a connection is over,
//!   however it ended.
//! - No connection outlives [`Sockets::drain`].
//!
//! Deliberately absent: the hand-shake (`http_kit`), JSON, topics' meaning, sessions, compression
//! (permessage-deflate is not negotiated: frames are shared between receivers and
//! small; see `docs/decisions/0004-own-websocket-codec.md`).

mod codec;
mod connection;
pub mod events;
pub mod frame;
mod handler;
mod limits;
mod pongs;
mod registry;
mod sockets;
mod stall;
mod sweep;
mod utf8;
mod wire;

pub use codec::MAX_FRAGMENTS;
pub use events::{EVENTS, EventStream};
pub use frame::{CloseCode, WEBSOCKET};
pub use handler::{Handler, Message, Reader};
pub use limits::Limits;
pub use registry::{Listed, OpenSocket};
pub use sockets::{Drained, Sockets};
