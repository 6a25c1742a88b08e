//! Packetboat's `/ws` without a subprotocol: JSON objects, session by cookie.

use std::net::SocketAddrV4;

use super::{Dialect, Meaning};
use crate::sign_up;

pub(crate) struct Packetboat;

impl Dialect for Packetboat {
    fn name(&self) -> &'static str {
        "packetboat"
    }

    fn path(&self) -> &'static str {
        "/ws"
    }

    fn identities(&self, target: SocketAddrV4, count: usize) -> anyhow::Result<Vec<String>> {
        let sessions = sign_up::sessions(target, count)?;
        Ok(sessions.iter().map(|session| format!("Cookie: session={session}\r\n")).collect())
    }

    fn announces_ready(&self) -> bool {
        false
    }

    fn acknowledges(&self) -> bool {
        true
    }

    /// By the name of the first field, so that no JSON is parsed a million times a second.
    fn meaning(&self, payload: &[u8]) -> Meaning {
        let says = |word: &[u8]| payload.windows(word.len()).any(|window| window == word);
        if payload.starts_with(b"{\"message\"") {
            Meaning::Message
        } else if payload.starts_with(b"{\"status\"") {
            if says(b"true") { Meaning::Accepted } else { Meaning::Refused }
        } else if payload.starts_with(b"{\"event\"") && says(b"\"leave\"") {
            Meaning::Left
        } else {
            Meaning::Other
        }
    }

    fn post(&self, text: &str) -> String {
        format!("{{\"message\":\"{text}\"}}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Meaning, Packetboat};

    #[test]
    fn frames_are_told_apart_with_and_without_spaces() {
        let meaning = |text: &str| Packetboat.meaning(text.as_bytes());
        for text in [r#"{"message":"a","author":"b"}"#, r#"{"message": "true", "author": "b"}"#] {
            assert_eq!(meaning(text), Meaning::Message);
        }
        assert_eq!(meaning(r#"{"status": true}"#), Meaning::Accepted);
        assert_eq!(meaning(r#"{"status":false,"code":"rate_limited"}"#), Meaning::Refused);
        assert_eq!(meaning(r#"{"event":"leave","username":"b"}"#), Meaning::Left);
        assert_eq!(meaning(r#"{"event":"join","username":"b"}"#), Meaning::Other);
    }
}
