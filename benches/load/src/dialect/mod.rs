//! How each measured server speaks: the path, who one is, and what a text frame means.
//!
//! A dialect knows bytes, not sockets; scenarios know meanings, not bytes.

mod packetboat;
mod packetboat_v1;
mod share;
mod socketio;
mod ws;

use std::net::SocketAddrV4;

use anyhow::bail;
use packetboat::Packetboat;

/// What a text frame from the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A person's message: the one thing that is counted as a delivery.
    Message,
    /// A message of this connection was accepted.
    Accepted,
    /// A message of this connection was not accepted.
    Refused,
    /// Another person left.
    Left,
    /// The connection may be used now.
    Ready,
    /// This text is expected in return, at once.
    Reply(&'static str),
    /// Of no interest.
    Other,
}

/// One server's words.
pub(crate) trait Dialect: Sync {
    /// Its name on the command line and in results.
    fn name(&self) -> &'static str;

    /// Where the hand-shake goes.
    fn path(&self) -> &'static str;

    /// Makes `count` identities, as header lines for the hand-shake.
    ///
    /// # Errors
    /// When the server does not give them.
    fn identities(&self, target: SocketAddrV4, count: usize) -> anyhow::Result<Vec<String>>;

    /// Whether [`Meaning::Ready`] must be waited for after the hand-shake.
    fn announces_ready(&self) -> bool;

    /// Whether a sender hears [`Meaning::Accepted`]; if not, it hears its own message.
    fn acknowledges(&self) -> bool;

    /// Understands one text frame.
    fn meaning(&self, payload: &[u8]) -> Meaning;

    /// The payload that posts `text`, which needs no escaping.
    fn post(&self, text: &str) -> String;
}

/// The dialect of `/ws` without a subprotocol.
pub(crate) const PACKETBOAT: &dyn Dialect = &Packetboat;

const ALL: [&dyn Dialect; 5] =
    [PACKETBOAT, &packetboat_v1::PacketboatV1, &ws::Ws, &socketio::SocketIo, &share::Share];

/// The dialect of this name.
pub(crate) fn named(name: &str) -> anyhow::Result<&'static dyn Dialect> {
    match ALL.into_iter().find(|dialect| dialect.name() == name) {
        Some(dialect) => Ok(dialect),
        None => bail!("unknown dialect {name:?}"),
    }
}
