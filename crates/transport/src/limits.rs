//! The bounds that connections are held to.

use std::time::Duration;

/// The bounds every connection is held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; more are refused.
    pub connections: usize,
    /// Bytes waiting for one peer before it is cut off.
    pub outbox: usize,
    /// Bytes waiting for all peers before the worst are cut off.
    pub budget: usize,
    /// How long a peer may take nothing while something waits.
    pub blocked: Duration,
    /// The same of a peer that may stop reading on purpose
    /// ([`Handler::FLOW_CONTROLLED`](crate::Handler::FLOW_CONTROLLED)).
    pub flow_blocked: Duration,
    /// Silence after which a peer is pinged.
    pub ping_after: Duration,
    /// Silence after which a peer is taken for dead.
    pub dead_after: Duration,
    /// How long a stream of events may say nothing before it is kept alive by a comment.
    pub comment_after: Duration,
    /// How long a message may take from its first byte to its last.
    pub message: Duration,
    /// How long a closing connection may take over it.
    pub linger: Duration,
    /// How long one that was cut off may: it has yet to read what was sent before.
    pub cut: Duration,
    /// How long the answer to the hand-shake may take to leave.
    pub upgrade: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 200_000,
            outbox: 1024 * 1024,
            budget: 256 * 1024 * 1024,
            blocked: Duration::from_secs(10),
            flow_blocked: Duration::from_secs(60),
            ping_after: Duration::from_secs(10),
            dead_after: Duration::from_secs(25),
            comment_after: Duration::from_secs(15),
            message: Duration::from_secs(30),
            linger: Duration::from_secs(5),
            cut: Duration::from_secs(30),
            upgrade: Duration::from_secs(10),
        }
    }
}
