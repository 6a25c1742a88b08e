//! `packetboat.v1` (`docs/PROTOCOL.md`): the dialect of our own clients.

use std::borrow::Cow;
use std::sync::Arc;

use base::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use transport::{Handler, Message as Incoming, frame};

use super::{Refusal, decode, encode, json};
use crate::room::Seat;
use crate::{MAX_TEXT, Message, Text};

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
enum Command<'a> {
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
struct Shown<'a> {
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

impl<'a> From<&'a Message> for Shown<'a> {
    fn from(message: &'a Message) -> Self {
        let Message { id, at, author_name, text, .. } = message;
        Self { id: *id, at: at.0, author: author_name, text, removed: text.is_empty() }
    }
}

#[derive(Serialize)]
struct Bounds {
    text: usize,
    history: usize,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event<'a> {
    Welcome {
        you: &'a str,
        epoch: &'a str,
        recovered: bool,
        more: bool,
        online: &'a [&'a str],
        online_count: usize,
        limits: Bounds,
        #[serde(skip_serializing_if = "<[i64]>::is_empty")]
        removed: &'a [i64],
    },
    Presence {
        online_count: usize,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        joined: Vec<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        left: Vec<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        online: Option<Vec<&'a str>>,
    },
    Removed {
        id: i64,
    },
    Message(Shown<'a>),
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
        messages: Vec<Shown<'a>>,
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

/// What a newcomer is told besides messages.
pub(crate) struct Greeting<'a> {
    pub(crate) you: &'a str,
    pub(crate) epoch: &'a str,
    pub(crate) recovered: bool,
    pub(crate) more: bool,
    pub(crate) online: Vec<&'a str>,
    pub(crate) online_count: usize,
    /// Of the messages it may know already, those that were removed lately.
    pub(crate) removed: &'a [i64],
}

/// The first frame of a welcome: the whole of it if it is the `only` one, else a fragment
/// behind which come [`welcome_part`]s and a [`welcome_ending`].
pub(crate) fn welcome_opening(greeting: &Greeting<'_>, only: bool) -> Bytes {
    let Greeting { you, epoch, recovered, more, online, online_count, removed } = greeting;
    let mut json = json(&Event::Welcome {
        you,
        epoch,
        recovered: *recovered,
        more: *more,
        online,
        online_count: *online_count,
        limits: Bounds { text: MAX_TEXT, history: MAX_PAGE },
        removed,
    });
    json.pop(); // The object is not over yet: its last field is the messages.
    json.extend_from_slice(b",\"messages\":[");
    if only {
        json.extend_from_slice(b"]}");
        return frame::text(&json);
    }
    frame::text_opening(&json)
}

/// A fragment of a welcome: messages behind which come others.
pub(crate) fn welcome_part<'a>(messages: impl Iterator<Item = &'a Message>) -> Bytes {
    let mut part = Vec::new();
    for message in messages {
        part.append(&mut json(&Shown::from(message)));
        part.push(b',');
    }
    frame::text_part(&part)
}

/// The last fragment of a welcome: the newest message.
pub(crate) fn welcome_ending(newest: &Message) -> Bytes {
    let mut ending = json(&Shown::from(newest));
    ending.extend_from_slice(b"]}");
    frame::text_ending(&ending)
}

/// Who came to a large room and who left it since this was last told.
pub(crate) fn presence_changes(online_count: usize, joined: Vec<&str>, left: Vec<&str>) -> Bytes {
    encode(&Event::Presence { online_count, joined, left, online: None })
}

/// How many are in a large room, while more change than there are names told.
pub(crate) fn presence_count(online_count: usize) -> Bytes {
    presence_changes(online_count, Vec::new(), Vec::new())
}

/// Who is in a large room: the names take the place of those told before.
pub(crate) fn presence_list(online_count: usize, online: Vec<&str>) -> Bytes {
    let (joined, left) = (Vec::new(), Vec::new());
    encode(&Event::Presence { online_count, joined, left, online: Some(online) })
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

pub(crate) fn history(before: i64, messages: &[Arc<Message>], more: bool) -> Bytes {
    encode(&Event::History { before, messages: shown(messages), more })
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

fn shown(messages: &[Arc<Message>]) -> Vec<Shown<'_>> {
    messages.iter().map(|message| message.as_ref().into()).collect()
}

/// Printable ASCII, so that every database compares it the same way.
fn is_client_id(text: &str) -> bool {
    (1..=MAX_CLIENT_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A Packetboat client's connection.
pub(crate) struct Packetboat(pub(crate) Seat);

impl Packetboat {
    fn run(&self, command: Command<'_>) {
        let seat = &self.0;
        match command {
            Command::Post { client_id, text } if is_client_id(&client_id) => {
                let text = Text::new(&text).map_err(Refusal::from);
                seat.post(text, Some(client_id.as_ref().into()));
            }
            Command::Post { .. } => seat.post(Err(Refusal::Malformed), None),
            Command::History { before, limit } => {
                seat.history(before, limit.unwrap_or(PAGE).clamp(1, MAX_PAGE));
            }
            Command::Typing => seat.typing(),
            Command::Alive => seat.touch(),
        }
    }
}

impl Handler for Packetboat {
    fn on_message(&mut self, incoming: Incoming<'_>) {
        let command = match incoming {
            Incoming::Text(text) => decode(text),
            Incoming::Binary(_) => None,
        };
        match command {
            Some(command) => self.run(command),
            None => self.0.post(Err(Refusal::Malformed), None),
        }
    }

    fn ready(&self) -> bool {
        self.0.ready()
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
        let command = serde_json::from_str(r#"{"type":"post","client_id":"a","text":"b","x":1}"#);
        assert!(matches!(command, Ok(Command::Post { .. })));
        assert!(serde_json::from_str::<Command<'_>>(r#"{"type":"dance"}"#).is_err());
        assert!(serde_json::from_str::<Command<'_>>(r#"{"type":"post","text":"b"}"#).is_err());
    }

    #[test]
    fn client_ids_are_short_and_plain() {
        assert!(is_client_id("a-1"));
        for wrong in ["", "a b", "é", &"x".repeat(65)] {
            assert!(!is_client_id(wrong), "{wrong}");
        }
    }
}
