//! `packetboat.v1` (`docs/PROTOCOL.md`): the dialect of our own clients.

pub(crate) mod welcome;

use std::borrow::Cow;

use base::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Command, Refusal, decode, encode};
use crate::{Message, Text};

/// The subprotocol's name.
pub(crate) const SUBPROTOCOL: &str = "packetboat.v1";

/// Messages a client may ask for at once.
pub(crate) const MAX_PAGE: usize = 100;
/// Messages in a page when the client does not say, and on a first visit.
pub(crate) const PAGE: usize = 50;
/// Characters of a client's own id for a message.
pub(crate) const MAX_CLIENT_ID: usize = 64;

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Frame<'a> {
    Post {
        #[serde(borrow)]
        client_id: Cow<'a, str>,
        #[serde(borrow)]
        text: Cow<'a, str>,
    },
    History {
        before: i64,
        limit: Option<usize>,
    },
    Typing,
    Alive,
}

#[derive(Serialize)]
struct MessageView<'a> {
    id: i64,
    at: i64,
    author: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    removed: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'a> From<&'a Message> for MessageView<'a> {
    fn from(message: &'a Message) -> Self {
        let Message { id, at, author_name, text, .. } = message;
        Self { id: *id, at: at.0, author: author_name, text, removed: text.is_empty() }
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    Presence {
        online_count: usize,
        #[serde(skip_serializing_if = "<[&str]>::is_empty")]
        joined: &'a [&'a str],
        #[serde(skip_serializing_if = "<[&str]>::is_empty")]
        left: &'a [&'a str],
        #[serde(skip_serializing_if = "Option::is_none")]
        online: Option<&'a [&'a str]>,
    },
    Removed {
        id: i64,
    },
    Message(MessageView<'a>),
    Ack {
        client_id: &'a str,
        id: i64,
        at: i64,
    },
    Nack {
        client_id: &'a str,
        code: &'static str,
        error: &'static str,
    },
    History {
        before: i64,
        messages: Vec<MessageView<'a>>,
        more: bool,
    },
    Join {
        username: &'a str,
        online_count: usize,
    },
    Leave {
        username: &'a str,
        online_count: usize,
    },
    Typing {
        username: &'a str,
    },
    Error {
        code: &'static str,
        error: &'static str,
    },
}

/// The state of a large room's presence, as far as it is told.
#[derive(Debug, Default)]
pub(crate) struct PresenceState<'a> {
    pub(crate) online_count: usize,
    /// Who of those that changed is here now.
    pub(crate) joined: Vec<&'a str>,
    /// Who of those that changed is not.
    pub(crate) left: Vec<&'a str>,
    /// All names, in the place of those told before.
    pub(crate) online: Option<Vec<&'a str>>,
}

pub(crate) fn presence(state: &PresenceState<'_>) -> Bytes {
    let PresenceState { online_count, joined, left, online } = state;
    encode(&Event::Presence {
        online_count: *online_count,
        joined,
        left,
        online: online.as_deref(),
    })
}

pub(crate) fn message(message: &Message) -> Bytes {
    encode(&Event::Message(message.into()))
}

/// An admin took the text of message `id` away.
pub(crate) fn removed(id: i64) -> Bytes {
    encode(&Event::Removed { id })
}

pub(crate) fn ack(client_id: &str, id: i64, at: Timestamp) -> Bytes {
    encode(&Event::Ack { client_id, id, at: at.0 })
}

/// The refusal of a post, or of something without a client id.
pub(crate) fn nack(client_id: Option<&str>, refusal: Refusal) -> Bytes {
    let (code, error) = (refusal.code(), refusal.sentence());
    match client_id {
        Some(client_id) => encode(&Event::Nack { client_id, code, error }),
        None => encode(&Event::Error { code, error }),
    }
}

pub(crate) fn history<'a>(
    before: i64,
    messages: impl Iterator<Item = &'a Message>,
    more: bool,
) -> Bytes {
    encode(&Event::History { before, messages: messages.map(MessageView::from).collect(), more })
}

pub(crate) fn join(username: &str, online_count: usize) -> Bytes {
    encode(&Event::Join { username, online_count })
}

pub(crate) fn leave(username: &str, online_count: usize) -> Bytes {
    encode(&Event::Leave { username, online_count })
}

pub(crate) fn typing(username: &str) -> Bytes {
    encode(&Event::Typing { username })
}

/// Printable ASCII, so that every database compares it the same way.
fn is_client_id(text: &str) -> bool {
    (1..=MAX_CLIENT_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads what a client sent.
pub(crate) fn read(text: &str) -> Command {
    match decode(text) {
        Some(Frame::Post { client_id, text }) if is_client_id(&client_id) => Command::Post {
            text: Text::new(&text).map_err(Refusal::from),
            client_id: Some(client_id.as_ref().into()),
        },
        Some(Frame::Post { .. }) | None => Command::MALFORMED,
        Some(Frame::History { before, limit }) => {
            Command::History { before, limit: limit.unwrap_or(PAGE).clamp(1, MAX_PAGE) }
        }
        Some(Frame::Typing) => Command::Typing,
        Some(Frame::Alive) => Command::Alive,
    }
}

#[cfg(test)]
mod tests {
    use base::AccountId;

    use super::*;

    fn json(frame: &Bytes) -> serde_json::Value {
        serde_json::from_slice(&frame[2..]).expect("a short text frame of JSON")
    }

    #[test]
    fn events_carry_their_type() {
        let posted = Message {
            id: 3,
            at: Timestamp(1_000),
            author: AccountId(1),
            author_name: "ann".into(),
            text: "hi".into(),
            client_id: Some("secret to others".into()),
        };
        let expected = r#"{"type":"message","id":3,"at":1000,"author":"ann","text":"hi"}"#;
        assert_eq!(
            json(&message(&posted)),
            serde_json::from_str::<serde_json::Value>(expected).expect("JSON")
        );
        assert_eq!(json(&nack(None, Refusal::Malformed))["type"], "error");
        assert_eq!(json(&nack(Some("x"), Refusal::TooLong))["client_id"], "x");
    }

    #[test]
    fn commands_may_carry_fields_we_do_not_know() {
        let command = read(r#"{"type":"post","client_id":"a","text":"b","x":1}"#);
        assert!(matches!(command, Command::Post { text: Ok(_), client_id: Some(_) }));
        assert_eq!(read(r#"{"type":"dance"}"#), Command::MALFORMED);
        assert_eq!(read(r#"{"type":"post","text":"b"}"#), Command::MALFORMED);
    }

    #[test]
    fn client_ids_are_short_and_plain() {
        assert!(is_client_id("a-1"));
        for wrong in ["", "a b", "é", &"x".repeat(65)] {
            assert!(!is_client_id(wrong), "{wrong}");
        }
    }
}
