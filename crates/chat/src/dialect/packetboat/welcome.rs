//! What a client of `packetboat.v1` is told first: one message, in fragments.
//!
//! Only the opening is a client's own; the parts behind it are the same bytes for every
//! client that missed the same messages (`crate::room::welcome` keeps them).

use bytes::Bytes;
use serde::Serialize;
use transport::frame;

use super::super::json;
use super::{MAX_PAGE, MessageView};
use crate::{MAX_TEXT, Message};

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
}

/// What a client is told besides messages.
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
/// behind which come [`part`]s and a [`ending`].
pub(crate) fn opening(greeting: &Greeting<'_>, only: bool) -> Bytes {
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
pub(crate) fn part<'a>(messages: impl Iterator<Item = &'a Message>) -> Bytes {
    let mut part = Vec::new();
    for message in messages {
        part.append(&mut json(&MessageView::from(message)));
        part.push(b',');
    }
    frame::text_part(&part)
}

/// The last fragment of a welcome: the newest message.
pub(crate) fn ending(newest: &Message) -> Bytes {
    let mut ending = json(&MessageView::from(newest));
    ending.extend_from_slice(b"]}");
    frame::text_ending(&ending)
}
