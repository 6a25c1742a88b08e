//! Rooms, messages, order and history, and the dialects people speak to them.
//!
//! A message goes one way, from socket to socket: the handler ([`socket`]) has its
//! [`dialect`] decode it and puts it into the [`intake`]; the committer ([`commit`]) stores
//! it together with whatever else came in meanwhile, in one transaction for all rooms; the
//! [`room`] gives it its place in the recent history and in the topic's order; the
//! hub delivers it. The poster is acknowledged at that same place in the
//! order, so "acknowledged" means stored, and nothing is heard that was not.
//!
//! Invariants:
//! - Ids in a room rise without gaps, and are never given twice, not even after a
//!   crash: an id is delivered only after the commit that holds it.
//! - Everything that happens in a room has one order, for everybody: messages,
//!   arrivals, departures and acknowledgements.
//! - A [`room::Seat`] is a connection's place in the room; dropping it is leaving.
//!
//! Deliberately absent: accounts. Who is calling is told by
//! [`Authenticate`](http_kit::Authenticate); an ended session comes in by
//! [`Chat::session_ended`].

mod admin;
mod chat;
mod commit;
mod dialect;
mod intake;
mod message;
mod part;
mod people;
mod recent;
mod room;
mod rooms;
mod routes;
mod settings;
mod socket;
mod socketio;
mod store;
#[cfg(test)]
mod testing;

pub use chat::{Chat, LastKnownHead, STANDSTILL, Settings};
pub use message::{MAX_TEXT, Message, Text, TextError};
pub use part::CAPABILITY;
pub use people::MAX_CONNECTIONS;
pub use store::migrations;
