//! Topics, outboxes and presence: who hears what, in which order.
//!
//! The hub owns the way out of the server. A [`Topic`] keeps the members of one
//! room and delivers what is published to it; an [`Outbox`] holds what one
//! connection has still to be sent; [`Presence`] counts who is there.
//!
//! Invariants:
//! - Every member of a topic receives its publications in the order in which they
//!   were submitted; a reply to one member keeps its place in that order.
//! - Publishing never waits for a receiver. A receiver that does not keep up is cut
//!   off by its own byte cap ([`Policy::cap`]), never at another's cost.
//! - A frame is encoded before it comes here, once for each [`Format`], and shared. How a
//!   transport frames it is told by each outbox's [`Framing`].
//! - A connection may belong to a person or to none; the hub compares owners and knows
//!   nothing else of them.
//!
//! The delivery path, which is why this crate exists: each partition of a topic has
//! one task that takes everything submitted since its last round, joins the frames
//! of each format into one buffer, and hands that same buffer to every member in
//! one non-blocking write. Under load many messages share one system call; when
//! nothing is queued nothing is copied, allocated or woken for a receiver.
//!
//! Deliberately absent: serde, HTTP, SQL, sockets, and any capability.

mod budget;
mod framing;
mod op;
mod outbox;
mod presence;
mod topic;

pub use budget::{Budget, Reservation};
pub use framing::{Close, Framing};
pub use op::{Except, Format, MAX_FORMATS, Member, Op, Publication};
pub use outbox::{Drained, Outbox, Policy, Sent, Sink, Status};
pub use presence::{Arrival, Departure, Presence};
pub use topic::{SMALL, Topic};
