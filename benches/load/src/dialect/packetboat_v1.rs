//! Packetboat's `packetboat.v1`: the dialect of its own page, with catching up.

use std::net::SocketAddrV4;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Dialect, Meaning, Packetboat};

pub(crate) struct PacketboatV1;

impl Dialect for PacketboatV1 {
    fn name(&self) -> &'static str {
        "packetboat.v1"
    }

    fn path(&self) -> &'static str {
        "/ws"
    }

    fn identities(&self, target: SocketAddrV4, count: usize) -> anyhow::Result<Vec<String>> {
        let sessions = Packetboat.identities(target, count)?;
        let offer = "Sec-WebSocket-Protocol: packetboat.v1\r\n";
        Ok(sessions.into_iter().map(|session| session + offer).collect())
    }

    fn announces_ready(&self) -> bool {
        true
    }

    fn acknowledges(&self) -> bool {
        true
    }

    /// By the type, which comes first. A welcome in fragments is ready with its last one.
    fn meaning(&self, payload: &[u8]) -> Meaning {
        let kind = payload.strip_prefix(b"{\"type\":\"").unwrap_or_default();
        let is = |name: &str| kind.starts_with(name.as_bytes());
        match () {
            () if is("message\"") => Meaning::Message,
            () if is("ack\"") => Meaning::Accepted,
            () if is("nack\"") => Meaning::Refused,
            () if is("leave\"") => Meaning::Left,
            () if is("welcome\"") => Meaning::Ready,
            () => Meaning::Other,
        }
    }

    fn post(&self, text: &str) -> String {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        format!("{{\"type\":\"post\",\"client_id\":\"{number}\",\"text\":\"{text}\"}}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Dialect, Meaning, PacketboatV1};

    #[test]
    fn frames_are_told_apart_by_their_type() {
        let meaning = |text: &str| PacketboatV1.meaning(text.as_bytes());
        assert_eq!(meaning(r#"{"type":"message","id":1,"text":"ack"}"#), Meaning::Message);
        assert_eq!(meaning(r#"{"type":"welcome","you":"a"}"#), Meaning::Ready);
        assert_eq!(meaning(r#"{"type":"ack","client_id":"1"}"#), Meaning::Accepted);
        assert_eq!(meaning(r#"{"type":"presence","online_count":1}"#), Meaning::Other);
        assert_ne!(PacketboatV1.post("x"), PacketboatV1.post("x"), "never a repetition");
    }
}
