//! Piratchat's dialect (`docs/PROTOCOL.md`): what its clients in the field speak.
//! They receive the frames below and nothing else, ever.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Command, Refusal, decode, encode};
use crate::{Message, Text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Post<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Event<'a> {
    Message { message: &'a str, author: &'a str },
    Presence { event: &'static str, username: &'a str },
    Refused { status: bool, code: &'static str },
}

/// Reads what a client sent: it can do nothing but post.
pub(crate) fn read(text: &str) -> Command {
    Command::Post { text: posted(text), client_id: None }
}

fn posted(text: &str) -> Result<Text, Refusal> {
    let post: Post<'_> = decode(text).ok_or(Refusal::Malformed)?;
    Ok(Text::new(&post.message)?)
}

pub(crate) fn message(message: &Message) -> Bytes {
    encode(&Event::Message { message: &message.text, author: &message.author_name })
}

pub(crate) fn join(username: &str) -> Bytes {
    encode(&Event::Presence { event: "join", username })
}

pub(crate) fn leave(username: &str) -> Bytes {
    encode(&Event::Presence { event: "leave", username })
}

pub(crate) fn accepted() -> Bytes {
    // The one frame that never differs: final, text, 15 bytes.
    Bytes::from_static(b"\x81\x0f{\"status\":true}")
}

pub(crate) fn refused(refusal: Refusal) -> Bytes {
    encode(&Event::Refused { status: false, code: refusal.code() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_field_is_a_message() {
        assert_eq!(
            posted(r#"{"message":"hi"}"#).map(|text| text.as_str().to_owned()),
            Ok("hi".into())
        );
        assert_eq!(
            posted(r#" { "message" : "\u0068i" } "#).map(|text| text.as_str().to_owned()),
            Ok("hi".into())
        );
        for wrong in [
            "",
            "hi",
            "null",
            "[]",
            r#"["hi"]"#,
            "{}",
            r#""hi""#,
            r#"{"message":1}"#,
            r#"{"message":""}"#,
            r#"{"message":"a","to":"b"}"#,
            r#"{"message":"a"} x"#,
            r#"{"Message":"a"}"#,
            r#"{"message":"a","message":"b"}"#,
            r#"{"message":"\ud800"}"#,
        ] {
            assert_eq!(posted(wrong), Err(Refusal::Malformed), "{wrong}");
        }
        let long = format!(r#"{{"message":"{}"}}"#, "é".repeat(301));
        assert_eq!(posted(&long), Err(Refusal::TooLong));
    }

    #[test]
    fn frames_are_the_contract_s() {
        assert_eq!(accepted(), transport::frame::text(br#"{"status":true}"#));
        assert_eq!(
            &refused(Refusal::TooLong)[2..],
            br#"{"status":false,"code":"message_too_long"}"#
        );
        assert_eq!(&join("ann")[2..], br#"{"event":"join","username":"ann"}"#);
        assert_eq!(&leave("ann")[2..], br#"{"event":"leave","username":"ann"}"#);
    }
}
