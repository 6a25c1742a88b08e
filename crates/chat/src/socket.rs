//! A WebSocket of the room: what a client sends, in whatever dialect, is carried out here.
//!
//! Owns the [`Seat`] for as long as the connection lives: however that ends, the handler is
//! dropped, and with it the seat.

use transport::{Handler, Message as Incoming};

use crate::dialect::Command;
use crate::room::Seat;

/// How a dialect reads a text message.
pub(crate) type Read = fn(&str) -> Command;

/// One connection, whatever its dialect.
pub(crate) struct ChatSocket {
    seat: Seat,
    read: Read,
}

impl ChatSocket {
    pub(crate) fn new(seat: Seat, read: Read) -> Self {
        Self { seat, read }
    }
}

impl Handler for ChatSocket {
    fn on_message(&mut self, incoming: Incoming<'_>) {
        let command = match incoming {
            Incoming::Text(text) => (self.read)(text),
            Incoming::Binary(_) => Command::MALFORMED,
        };
        match command {
            Command::Post { text, client_id } => self.seat.poster().post(text, client_id),
            Command::History { before, limit } => self.seat.history(before, limit),
            Command::Typing => self.seat.typing(),
            Command::Alive => self.seat.touch(),
        }
    }

    fn ready(&self) -> bool {
        self.seat.poster().ready()
    }
}
