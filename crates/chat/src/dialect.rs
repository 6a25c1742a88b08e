//! The dialects of a room: bytes to commands, events to bytes, nothing else.
//!
//! Owns what differs between clients. The room knows no dialect by name: it asks one of
//! these methods. Each is a `match` without a catch-all arm, so a new dialect does not
//! compile until it has answered every question.
//!
//! Deliberately absent: connections and seats (`crate::socket`, `crate::socketio`).

mod command;
pub(crate) mod packetboat;
pub(crate) mod piratchat;
pub(crate) mod socketio;

use std::sync::Arc;

use base::{AccountId, Owner, Timestamp};
use bytes::{Bytes, BytesMut};
use hub::{Except, Format, MAX_FORMATS};
use serde::{Deserialize, Serialize};
use transport::frame;

use crate::message::Message;

pub(crate) use command::{Command, Refusal};
/// The encoding of a [`Opening::CatchUp`]. Its parts are shared among clients, so all
/// dialects that are caught up share this one encoding.
pub(crate) use packetboat::welcome;
pub(crate) use packetboat::{PAGE, PresenceState};

/// How one client speaks. The number of a variant is its [`Format`] in the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Sockets without a subprotocol.
    Piratchat,
    /// `packetboat.v1`.
    Packetboat,
    /// Socket.IO clients.
    Socketio,
}

/// One event in every dialect: whole frames, in the place of the dialect's [`Format`].
/// An empty one is not sent.
pub(crate) type Frames = [Bytes; MAX_FORMATS];

/// What a client hears first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// What happens next.
    Nothing,
    /// This frame.
    Frame(Bytes),
    /// A [`welcome`] with what it missed. It may have to wait for the memory that takes.
    CatchUp,
}

/// How a client of a large room, where changes of presence are collected, is told of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PresenceUpdates {
    /// Not at all.
    Nothing,
    /// Each arrival at once, each departure in a frame of its own.
    Each,
    /// The newest state, in one frame for many changes.
    Newest,
}

impl Dialect {
    const ALL: [Self; 3] = [Self::Piratchat, Self::Packetboat, Self::Socketio];

    /// The dialect's place in what the hub delivers.
    pub(crate) const fn format(self) -> Format {
        Format(self as usize)
    }

    /// What a client hears first.
    pub(crate) fn opening(self) -> Opening {
        match self {
            Self::Piratchat => Opening::Nothing,
            Self::Packetboat => Opening::CatchUp,
            Self::Socketio => Opening::Frame(socketio::welcome()),
        }
    }

    /// Whether one person may have only one such connection.
    pub(crate) fn is_exclusive(self) -> bool {
        match self {
            Self::Piratchat => true,
            Self::Packetboat | Self::Socketio => false,
        }
    }

    /// Which connection, or whose, does not hear a message that `author` posted by
    /// `connection`: one that gets the acknowledgement instead, or takes its own person's
    /// messages for another's.
    fn does_not_hear(self, author: AccountId, connection: u64) -> Except {
        match self {
            Self::Piratchat => Except::Owner(Owner::Account(author)),
            Self::Packetboat => Except::Connection(connection),
            Self::Socketio => Except::None,
        }
    }

    /// How it is told of changes of presence in a large room.
    pub(crate) fn presence_updates(self) -> PresenceUpdates {
        match self {
            Self::Piratchat => PresenceUpdates::Each,
            Self::Packetboat => PresenceUpdates::Newest,
            Self::Socketio => PresenceUpdates::Nothing,
        }
    }

    /// The acknowledgement of a stored message.
    pub(crate) fn ack(self, client_id: Option<&str>, id: i64, at: Timestamp) -> Bytes {
        match self {
            Self::Piratchat => piratchat::accepted(),
            Self::Packetboat => packetboat::ack(client_id.unwrap_or_default(), id, at),
            Self::Socketio => socketio::accepted(),
        }
    }

    /// The answer to what was not accepted.
    pub(crate) fn nack(self, client_id: Option<&str>, refusal: Refusal) -> Bytes {
        match self {
            Self::Piratchat => piratchat::refused(refusal),
            Self::Packetboat => packetboat::nack(client_id, refusal),
            Self::Socketio => socketio::refused(refusal),
        }
    }

    fn join(self, username: &str, online: usize) -> Bytes {
        match self {
            Self::Piratchat => piratchat::join(username),
            Self::Packetboat => packetboat::join(username, online),
            Self::Socketio => Bytes::new(),
        }
    }

    fn leave(self, username: &str, online: usize) -> Bytes {
        match self {
            Self::Piratchat => piratchat::leave(username),
            Self::Packetboat => packetboat::leave(username, online),
            Self::Socketio => Bytes::new(),
        }
    }

    /// A page of history, for a dialect with a word for asking for one.
    pub(crate) fn history<'a>(
        self,
        before: i64,
        messages: impl Iterator<Item = &'a Message>,
        more: bool,
    ) -> Bytes {
        match self {
            Self::Packetboat => packetboat::history(before, messages, more),
            Self::Piratchat | Self::Socketio => Bytes::new(),
        }
    }
}

/// An event in every dialect.
fn frames(encode: impl Fn(Dialect) -> Bytes) -> Frames {
    let mut frames = Frames::default();
    for dialect in Dialect::ALL {
        frames[dialect.format().0] = encode(dialect);
    }
    frames
}

/// What is in `first` and then what is in `second`.
pub(crate) fn joined(first: Frames, second: Frames) -> Frames {
    let mut frames = first;
    for (frame, second) in frames.iter_mut().zip(second) {
        if frame.is_empty() {
            *frame = second;
        } else if !second.is_empty() {
            *frame = [frame.as_ref(), &second].concat().into();
        }
    }
    frames
}

/// For each dialect, who does not hear a message; see [`Dialect::does_not_hear`].
pub(crate) fn except(author: AccountId, connection: u64) -> [Except; MAX_FORMATS] {
    let mut except = [Except::None; MAX_FORMATS];
    for dialect in Dialect::ALL {
        except[dialect.format().0] = dialect.does_not_hear(author, connection);
    }
    except
}

/// A message. `display_name` is for Socket.IO clients alone: it may be an email address.
pub(crate) fn message(message: &Message, display_name: &str) -> Frames {
    frames(|dialect| match dialect {
        Dialect::Piratchat => piratchat::message(message),
        Dialect::Packetboat => packetboat::message(message),
        Dialect::Socketio => socketio::message(display_name, &message.text),
    })
}

/// An arrival, after which `online` people are there.
pub(crate) fn join(username: &str, online: usize) -> Frames {
    frames(|dialect| dialect.join(username, online))
}

/// A departure, after which `online` people are there.
pub(crate) fn leave(username: &str, online: usize) -> Frames {
    frames(|dialect| dialect.leave(username, online))
}

/// An arrival in a large room, for those who are told of [each](PresenceUpdates::Each).
pub(crate) fn arrival(username: &str, online: usize) -> Frames {
    frames(|dialect| match dialect.presence_updates() {
        PresenceUpdates::Each => dialect.join(username, online),
        PresenceUpdates::Newest | PresenceUpdates::Nothing => Bytes::new(),
    })
}

/// Departures from a large room, for those who are told of [each](PresenceUpdates::Each).
pub(crate) fn departures(usernames: &[Arc<str>], online: usize) -> Frames {
    frames(|dialect| match dialect.presence_updates() {
        PresenceUpdates::Each => {
            let mut all = BytesMut::new();
            for username in usernames {
                all.extend_from_slice(&dialect.leave(username, online));
            }
            all.freeze()
        }
        PresenceUpdates::Newest | PresenceUpdates::Nothing => Bytes::new(),
    })
}

/// The newest state of a large room, for those who are told [that](PresenceUpdates::Newest).
pub(crate) fn presence(state: &PresenceState<'_>) -> Frames {
    frames(|dialect| match dialect.presence_updates() {
        PresenceUpdates::Newest => packetboat::presence(state),
        PresenceUpdates::Each | PresenceUpdates::Nothing => Bytes::new(),
    })
}

/// A person types.
pub(crate) fn typing(username: &str) -> Frames {
    frames(|dialect| match dialect {
        Dialect::Packetboat => packetboat::typing(username),
        Dialect::Piratchat | Dialect::Socketio => Bytes::new(),
    })
}

/// A message's removal.
pub(crate) fn removed(id: i64) -> Frames {
    frames(|dialect| match dialect {
        Dialect::Packetboat => packetboat::removed(id),
        Dialect::Piratchat | Dialect::Socketio => Bytes::new(),
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_has_a_place_of_its_own_in_what_is_delivered() {
        let places: Vec<_> = Dialect::ALL.iter().map(|dialect| dialect.format().0).collect();
        assert_eq!(places, (0..Dialect::ALL.len()).collect::<Vec<_>>());
        assert!(Dialect::ALL.len() <= MAX_FORMATS);
    }

    #[test]
    fn frames_that_are_joined_keep_their_order_in_each_dialect() {
        let one = frames(|dialect| match dialect {
            Dialect::Piratchat | Dialect::Packetboat => "1".into(),
            Dialect::Socketio => Bytes::new(),
        });
        let two = frames(|dialect| match dialect {
            Dialect::Piratchat | Dialect::Socketio => "2".into(),
            Dialect::Packetboat => Bytes::new(),
        });
        let both = joined(one, two);
        assert_eq!(both[..3], [Bytes::from("12"), Bytes::from("1"), Bytes::from("2")]);
    }
}
