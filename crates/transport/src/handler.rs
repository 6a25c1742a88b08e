//! What a capability gives a connection: it takes messages, says when more may come, and
//! hears when the peer has taken what waited for it.
//!
//! What is sent goes to the connection's outbox and is bounded there. A capability with
//! more to send than the outbox should hold (the chunks of a file) keeps the rest, and is
//! asked for it by `drained`: nothing of it needs a task, a timer or a look now and then.
//!
//! Invariants: dropped as soon as the connection is over or closing, however that came;
//! that is how a capability learns of it. No lock of this crate or the hub is held while a
//! method is called, so each may send to the outbox.

/// A whole message from the peer.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// Text, checked to be UTF-8.
    Text(&'a str),
    /// Anything.
    Binary(&'a [u8]),
}

/// What a capability does with a WebSocket. Bytes already queued, and the close frame, may
/// still be on their way when it is dropped.
pub trait Handler: Send + 'static {
    /// The peer may stop reading on purpose, for as long as it works off what it has
    /// (writes a file). While something waits for it, its silence says nothing, because its
    /// pongs wait behind what it has not read; it is cut off as slow once it has taken
    /// nothing for [`Limits::flow_blocked`](crate::Limits::flow_blocked).
    const FLOW_CONTROLLED: bool = false;

    /// Takes a message. Must not wait: work that waits goes elsewhere, and answers go
    /// to the connection's outbox.
    fn on_message(&mut self, message: Message<'_>);

    /// Whether another message may come now. After `false` nothing is read until the
    /// outbox is woken ([`Outbox::wake`](hub::Outbox::wake)).
    fn ready(&self) -> bool;

    /// All that waited in the outbox has been handed to the peer's socket, so there is room
    /// for more. Called only after something had to wait: not for what was
    /// [`Sent::Written`](hub::Sent::Written). May be called once more when the last frame is
    /// on its way and the outbox is closed. Must not wait.
    fn drained(&mut self) {}
}

/// What a capability opens with a stream of events, for the reader at its end. Dropped while
/// the reader takes nothing, which is when the listener does not ask for more, as soon as
/// the connection ends.
pub trait Reader: Send + Unpin + 'static {
    /// As of a [`Handler`]: the reader may stop reading on purpose, and is cut off once it has
    /// taken nothing for [`Limits::flow_blocked`](crate::Limits::flow_blocked).
    const FLOW_CONTROLLED: bool = false;

    /// The listener asks for more and the outbox is empty: called first when the stream
    /// begins, and then each time all that was sent has been taken. What is sent meanwhile is
    /// taken at once. Must not wait. How far that is ahead of the reader:
    /// [`EventStream`](crate::EventStream).
    fn drained(&mut self) {}
}
