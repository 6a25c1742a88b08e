//! The dialects of the room: bytes to commands, events to bytes, nothing else.

pub(crate) mod packetboat;
pub(crate) mod piratchat;
pub(crate) mod socketio;

use base::Timestamp;
use bytes::Bytes;
use hub::{Format, MAX_FORMATS};
use serde::{Deserialize, Serialize};
use transport::frame;

use crate::{Message, TextError};

/// The format of sockets without a subprotocol.
pub(crate) const PIRATCHAT: Format = Format(0);
/// The format of `packetboat.v1`.
pub(crate) const PACKETBOAT: Format = Format(1);
/// The format of Socket.IO clients.
pub(crate) const SOCKETIO: Format = Format(2);

/// Why something a client sent was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooLong,
    Malformed,
    RateLimited,
    Unavailable,
}

impl Refusal {
    /// The stable code on the wire.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLong => "message_too_long",
            Self::Malformed => "malformed_message",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }

    /// What a person may be told.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "A message may have at most 300 characters.",
            Self::Malformed => "This is not a message the server understands.",
            Self::RateLimited => "That was too fast: wait a moment and try again.",
            Self::Unavailable => "The message could not be stored: try again.",
        }
    }
}

impl From<TextError> for Refusal {
    fn from(error: TextError) -> Self {
        match error {
            TextError::TooLong => Self::TooLong,
            TextError::Empty | TextError::Unstorable => Self::Malformed,
        }
    }
}

/// A message in every format. `display_name` is for Socket.IO clients alone: it may
/// be an email address.
pub(crate) fn message(message: &Message, display_name: &str) -> [Bytes; MAX_FORMATS] {
    let mut frames = both(piratchat::message(message), packetboat::message(message));
    frames[SOCKETIO.0] = socketio::message(display_name, &message.text);
    frames
}

/// An arrival in every format.
pub(crate) fn join(username: &str, online: usize) -> [Bytes; MAX_FORMATS] {
    both(piratchat::join(username), packetboat::join(username, online))
}

/// A departure in every format.
pub(crate) fn leave(username: &str, online: usize) -> [Bytes; MAX_FORMATS] {
    both(piratchat::leave(username), packetboat::leave(username, online))
}

/// An arrival in a large room, for the dialect that is told of each: our own is told
/// by [`crowd`].
pub(crate) fn joined_crowd(username: &str) -> [Bytes; MAX_FORMATS] {
    both(piratchat::join(username), Bytes::new())
}

/// What a large room is told of who came and went, as frames of each dialect.
pub(crate) fn crowd(piratchat: Bytes, packetboat: Bytes) -> [Bytes; MAX_FORMATS] {
    both(piratchat, packetboat)
}

/// Somebody types: only our own dialect has a word for it.
pub(crate) fn typing(username: &str) -> [Bytes; MAX_FORMATS] {
    both(Bytes::new(), packetboat::typing(username))
}

/// A message's removal: only our own dialect has a word for it.
pub(crate) fn removed(id: i64) -> [Bytes; MAX_FORMATS] {
    both(Bytes::new(), packetboat::removed(id))
}

/// The acknowledgement of a stored message.
pub(crate) fn ack(format: Format, client_id: Option<&str>, id: i64, at: Timestamp) -> Bytes {
    match format {
        PACKETBOAT => packetboat::ack(client_id.unwrap_or_default(), id, at),
        SOCKETIO => socketio::accepted(),
        _ => piratchat::accepted(),
    }
}

/// The answer to what was not accepted.
pub(crate) fn nack(format: Format, client_id: Option<&str>, refusal: Refusal) -> Bytes {
    match format {
        PACKETBOAT => packetboat::nack(client_id, refusal),
        SOCKETIO => socketio::refused(refusal),
        _ => piratchat::refused(refusal),
    }
}

/// What the two dialects of `/ws` say and Socket.IO has no word for.
fn both(piratchat: Bytes, packetboat: Bytes) -> [Bytes; MAX_FORMATS] {
    let mut frames: [Bytes; MAX_FORMATS] = Default::default();
    frames[PIRATCHAT.0] = piratchat;
    frames[PACKETBOAT.0] = packetboat;
    frames
}

/// Reads a command. Only a JSON object is one: serde alone would also take an array of
/// the fields' values for it.
fn decode<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    is_object.then(|| serde_json::from_str(text).ok()).flatten()
}

/// A text frame of `event` as JSON.
fn encode(event: &impl Serialize) -> Bytes {
    frame::text(&json(event))
}

fn json(event: &impl Serialize) -> Vec<u8> {
    // The events here are structs of strings, numbers and lists, which always
    // serialise; if one ever did not, an empty frame says less than a panic costs.
    serde_json::to_vec(event).unwrap_or_default()
}
