//! How a transport frames bytes, as far as the way out must know: where a frame ends, how a
//! connection is closed, what keeps an idle one alive.

use bytes::Bytes;

/// How a transport frames what it sends.
#[derive(Debug)]
pub struct Framing {
    /// Given a segment that starts at a frame boundary and an offset into it: where
    /// the frame that holds the byte before the offset ends.
    pub frame_end: fn(&[u8], usize) -> usize,
    /// The last frame of a connection, whole: says a code (RFC 6455 section 7.4), where the
    /// transport has such, and a reason.
    pub close: fn(u16, &str) -> Bytes,
    /// A whole frame that says nothing, so that an idle connection is not taken for dead.
    pub keep_alive: &'static [u8],
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// As in RFC 6455 section 7.4.
    pub code: u16,
    /// For people; at most 123 bytes.
    pub reason: &'a str,
}
