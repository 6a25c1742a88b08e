//! What can be submitted to a topic: members that come and go, and what they hear.

use std::sync::Arc;

use base::Owner;
use bytes::Bytes;

use crate::{Close, Outbox, Reservation};

/// Wire formats a topic can be heard in. A publication carries each of them, encoded.
pub const MAX_FORMATS: usize = 4;

/// A wire format by its number, below [`MAX_FORMATS`]. The capability that owns the
/// topic decides what each number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format(pub usize);

/// One connection in a topic.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
    /// The format it hears.
    pub format: Format,
}

/// Which members do not hear a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Except {
    /// Everyone hears it.
    None,
    /// Not this connection.
    Connection(u64),
    /// No connection of this person.
    Owner(Owner),
}

/// Something to be heard by all members.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The whole frame in each format; an empty one is not sent.
    pub frames: [Bytes; MAX_FORMATS],
    /// For each format, who is left out.
    pub except: [Except; MAX_FORMATS],
    /// Dropped for members that have something waiting, and not ordered against the
    /// other publications: typing and the like.
    pub volatile: bool,
}

/// What can be submitted.
#[derive(Clone, Debug)]
pub enum Op {
    /// The member hears everything from here on, after `first` (whole frames).
    Join {
        /// The new member.
        member: Member,
        /// What it is sent before anything else: segments of whole frames; may be empty.
        first: Vec<Bytes>,
        /// What was set aside for `first`, given back once that is in the outbox.
        reserved: Option<Arc<Reservation>>,
    },
    /// The connection hears nothing from here on.
    Leave(u64),
    /// Everyone hears it.
    Publish(Publication),
    /// One connection hears it, at this place in the order.
    Reply {
        /// The connection.
        to: u64,
        /// Whole frames.
        frame: Bytes,
    },
    /// All who are members at this place in the order are closed, after what they have heard.
    CloseAll(Close<'static>),
}
