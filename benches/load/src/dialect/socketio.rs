//! Socket.IO 4 over Engine.IO 4, on WebSocket from the first request.

use std::net::SocketAddrV4;

use super::{Dialect, Meaning};

pub(crate) struct SocketIo;

impl Dialect for SocketIo {
    fn name(&self) -> &'static str {
        "socketio"
    }

    fn path(&self) -> &'static str {
        "/socket.io/?EIO=4&transport=websocket"
    }

    fn identities(&self, _: SocketAddrV4, count: usize) -> anyhow::Result<Vec<String>> {
        Ok(vec![String::new(); count])
    }

    fn announces_ready(&self) -> bool {
        true
    }

    fn acknowledges(&self) -> bool {
        false
    }

    /// By Engine.IO packet type, and for type 4 (message) by Socket.IO packet type.
    fn meaning(&self, payload: &[u8]) -> Meaning {
        match payload {
            [b'4', b'2', ..] => Meaning::Message,
            [b'4', b'0', ..] => Meaning::Ready,
            [b'4', b'4', ..] => Meaning::Refused,
            [b'0', ..] => Meaning::Reply("40"),
            [b'2', ..] => Meaning::Reply("3"),
            _ => Meaning::Other,
        }
    }

    fn post(&self, text: &str) -> String {
        format!("42[\"msg\",\"{text}\"]")
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Meaning, SocketIo};

    #[test]
    fn packets_are_told_apart() {
        let meaning = |text: &str| SocketIo.meaning(text.as_bytes());
        assert_eq!(meaning(r#"0{"sid":"x","pingInterval":25000}"#), Meaning::Reply("40"));
        assert_eq!(meaning(r#"40{"sid":"y"}"#), Meaning::Ready);
        assert_eq!(meaning("2"), Meaning::Reply("3"));
        assert_eq!(meaning(r#"42["msg","@0"]"#), Meaning::Message);
        assert_eq!(meaning(r#"44{"message":"no"}"#), Meaning::Refused);
        assert_eq!(meaning("6"), Meaning::Other);
    }
}
