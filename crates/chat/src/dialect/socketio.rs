//! What Socket.IO clients are told and tell (`docs/PROTOCOL.md`).
//!
//! The library puts every event into its own envelope, socket by socket, so the frames
//! made here are not what goes over the wire: they carry the event through the hub, in
//! order with everything else, to the socket's [`Sink`](hub::Sink), which reads it back
//! by [`events`]. A frame is a text frame whose first byte says what it is. A message is
//! in it as the JSON that every client gets.
//!
//! That JSON is ASCII: clients 1.x, when polling, take text for UTF-8 encoded twice, and
//! would hang up at the first letter outside of it.

use std::io;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;
use serde_json::value::RawValue;
use transport::frame;

use super::Refusal;
use crate::Text;

const WELCOME: u8 = b'w';
const MESSAGE: u8 = b'm';
const ACCEPTED: u8 = b'+';
const REFUSED: u8 = b'-';

/// A client's socket is in the room: the first thing it hears.
pub(crate) fn welcome() -> Bytes {
    tagged(WELCOME, "")
}

pub(crate) fn message(display_name: &str, text: &str) -> Bytes {
    let message = format!("{display_name}: {text}");
    let mut frame = vec![MESSAGE];
    let mut encoder = serde_json::Serializer::with_formatter(&mut frame, Ascii);
    // A struct of one string always serialises, and writing to a Vec cannot fail.
    let _ = MessagePayload { message: &message }.serialize(&mut encoder);
    frame::text(&frame)
}

pub(crate) fn accepted() -> Bytes {
    tagged(ACCEPTED, "")
}

pub(crate) fn refused(refusal: Refusal) -> Bytes {
    tagged(REFUSED, refusal.code())
}

fn tagged(tag: u8, rest: &str) -> Bytes {
    let mut payload = Vec::with_capacity(1 + rest.len());
    payload.push(tag);
    payload.extend_from_slice(rest.as_bytes());
    frame::text(&payload)
}

/// JSON without a character outside ASCII.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        fragment.chars().try_for_each(|char| match char {
            '\0'..='\x7f' => writer.write_all(&[char as u8]),
            _ => {
                let mut units = [0; 2];
                let mut units = char.encode_utf16(&mut units).iter();
                units.try_for_each(|unit| write!(writer, "\\u{unit:04x}"))
            }
        })
    }
}

/// An event for one client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// It is in the room.
    Welcome,
    /// A message was posted: a [`MessagePayload`].
    Message(&'a RawValue),
    /// The oldest of its own postings without an answer is stored.
    Accepted,
    /// That posting is not stored, and why.
    Refused(&'a str),
    /// The connection is over.
    Over,
}

/// The events in a `segment` of whole frames.
pub(crate) fn events(segment: &[u8]) -> impl Iterator<Item = Event<'_>> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (frame, after) = rest.split_at(frame::end_of_frame(rest, 1));
        rest = after;
        Some(read(frame))
    })
}

/// Whatever is not one of the frames above ends the connection: the close frame does,
/// and there is no other.
fn read(frame: &[u8]) -> Event<'_> {
    let payload = frame::payload_of_text(frame).unwrap_or_default();
    let Some((tag, rest)) = payload.split_at_checked(1) else { return Event::Over };
    match tag.as_bytes() {
        [WELCOME] => Event::Welcome,
        [MESSAGE] => serde_json::from_str(rest).map_or(Event::Over, Event::Message),
        [ACCEPTED] => Event::Accepted,
        [REFUSED] => Event::Refused(rest),
        _ => Event::Over,
    }
}

/// The data of `news`, `unauthorized` and `server-got-message`.
#[derive(Serialize)]
pub(crate) struct MessagePayload<'a> {
    pub(crate) message: &'a str,
}

/// What an acknowledgement callback gets.
#[derive(Serialize)]
pub(crate) struct Answer<'a> {
    status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

impl<'a> Answer<'a> {
    pub(crate) const ACCEPTED: Self = Self { status: true, code: None };

    pub(crate) fn refused(code: &'a str) -> Self {
        Self { status: false, code: Some(code) }
    }
}

/// The token in the data of `authentication`.
pub(crate) fn token(data: Option<&Value>) -> Option<&str> {
    data?.get("token")?.as_str()
}

/// The text in the data of `client-sent-message`. Other fields are let pass: clients in
/// the field have been sending what they liked.
pub(crate) fn text(data: Option<&Value>) -> Result<Text, Refusal> {
    let text = data.and_then(|data| data.get("message")).and_then(Value::as_str);
    Ok(Text::new(text.ok_or(Refusal::Malformed)?)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use transport::CloseCode;

    use super::*;

    #[test]
    fn events_are_read_back_from_their_frames() {
        let frames = [
            welcome(),
            message("ann@example.org", "a\n\"b\""),
            accepted(),
            message("bob", &"é".repeat(300)),
            refused(Refusal::TooLong),
            frame::close(CloseCode::Policy, "the session ended"),
        ];
        let read = |event: Event<'_>| match event {
            Event::Welcome => "welcome".to_owned(),
            Event::Message(note) => {
                let note: Value = serde_json::from_str(note.get()).unwrap();
                note["message"].as_str().unwrap().to_owned()
            }
            Event::Accepted => "accepted".to_owned(),
            Event::Refused(code) => code.to_owned(),
            Event::Over => "over".to_owned(),
        };
        let expected = [
            "welcome",
            "ann@example.org: a\n\"b\"",
            "accepted",
            &format!("bob: {}", "é".repeat(300)),
            "message_too_long",
            "over",
        ];
        assert_eq!(events(&frames.concat()).map(read).collect::<Vec<_>>(), expected);
        assert_eq!(events(b"").count(), 0);
    }

    #[test]
    fn messages_are_encoded_in_ascii() {
        let frame = message("ann", "é🚀\u{7}\\");
        let json = r#"m{"message":"ann: \u00e9\ud83d\ude80\u0007\\"}"#;
        assert_eq!(frame::payload_of_text(&frame), Some(json));
    }

    #[test]
    fn only_a_string_called_message_is_a_text() {
        let read = |data: Value| text(Some(&data)).map(|text| text.as_str().to_owned());
        assert_eq!(read(json!({"message": "hi"})), Ok("hi".to_owned()));
        assert_eq!(read(json!({"message": "hi", "room": 1})), Ok("hi".to_owned()));
        assert_eq!(read(json!({"message": "é".repeat(301)})), Err(Refusal::TooLong));
        for wrong in [json!(null), json!("hi"), json!(["hi"]), json!({}), json!({"message": 1})] {
            assert_eq!(read(wrong.clone()), Err(Refusal::Malformed), "{wrong}");
        }
        assert_eq!(text(None), Err(Refusal::Malformed));
    }

    #[test]
    fn only_a_string_called_token_is_a_token() {
        assert_eq!(token(Some(&json!({"token": "abc"}))), Some("abc"));
        assert_eq!(token(Some(&json!({"token": 1}))), None);
        assert_eq!(token(Some(&json!("abc"))), None);
        assert_eq!(token(None), None);
    }
}
