//! Server frames, encoded (RFC 6455 section 5). Server frames are not masked, so one
//! encoded frame serves every receiver.

use bytes::{BufMut, Bytes, BytesMut};
use hub::{Close, Framing};

const FIN: u8 = 0x80;
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;

/// The longest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub const MAX_CONTROL: usize = 125;

/// Why a connection is closed (RFC 6455 section 7.4 and the IANA registry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The conversation is over.
    Normal = 1000,
    /// The server is going away; reconnect.
    GoingAway = 1001,
    /// The peer broke the protocol.
    Protocol = 1002,
    /// Text that is not UTF-8.
    InvalidData = 1007,
    /// What the connection stood on is gone (its session ended).
    Policy = 1008,
    /// A message larger than is accepted.
    TooBig = 1009,
    /// Too slow; reconnect and catch up.
    TryAgainLater = 1013,
}

impl CloseCode {
    /// With the reason that the peer is told.
    #[must_use]
    pub fn because(self, reason: &str) -> Close<'_> {
        Close { code: self as u16, reason }
    }
}

/// How a WebSocket's outbox is framed.
pub static WEBSOCKET: Framing =
    Framing { frame_end: end_of_frame, close: raw_close, keep_alive: &PING_FRAME };

/// A ping without payload.
const PING_FRAME: [u8; 2] = [FIN | PING, 0];

/// A text frame of `payload`, which must be UTF-8.
#[must_use]
pub fn text(payload: &[u8]) -> Bytes {
    data(TEXT, payload)
}

/// The first fragment of a text message whose other fragments follow (RFC 6455 section
/// 5.4). Control frames may come in between, other messages may not. Fragments of one
/// message may be split inside a character; the whole message must be UTF-8.
#[must_use]
pub fn text_opening(payload: &[u8]) -> Bytes {
    encoded(TEXT, payload)
}

/// A further fragment of a message, and not its last.
#[must_use]
pub fn text_part(payload: &[u8]) -> Bytes {
    encoded(CONTINUATION, payload)
}

/// The last fragment of a message.
#[must_use]
pub fn text_ending(payload: &[u8]) -> Bytes {
    data(CONTINUATION, payload)
}

/// Appends the answer to a ping with this payload, which fits a control frame.
pub(crate) fn put_pong(frames: &mut BytesMut, payload: &[u8]) {
    frames.reserve(payload.len() + 2);
    put(frames, FIN | PONG, payload);
}

/// A close frame. A reason longer than fits is cut at a character.
#[must_use]
pub fn close(code: CloseCode, reason: &str) -> Bytes {
    raw_close(code as u16, reason)
}

/// A close frame without a code: the answer to one without.
pub(crate) fn empty_close() -> Bytes {
    Bytes::from_static(&[FIN | CLOSE, 0])
}

/// A close frame with whatever code the peer gave.
pub(crate) fn raw_close(code: u16, reason: &str) -> Bytes {
    let mut end = reason.len().min(MAX_CONTROL - 2);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = Vec::with_capacity(2 + end);
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(&reason.as_bytes()[..end]);
    data(CLOSE, &payload)
}

/// The last or only frame of a message.
fn data(opcode: u8, payload: &[u8]) -> Bytes {
    encoded(FIN | opcode, payload)
}

fn encoded(first: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    put(&mut frame, first, payload);
    frame.freeze()
}

fn put(frame: &mut BytesMut, first: u8, payload: &[u8]) {
    frame.put_u8(first);
    match payload.len() {
        // The guards make these conversions exact.
        length @ 0..=125 => frame.put_u8(length as u8),
        length @ 126..=0xFFFF => {
            frame.put_u8(126);
            frame.put_u16(length as u16);
        }
        length => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    frame.put_slice(payload);
}

/// Where the frame that holds the byte before `offset` ends, in a `segment` of whole
/// server frames. A segment that is not (which would be a bug) counts as one frame.
#[must_use]
pub fn end_of_frame(segment: &[u8], offset: usize) -> usize {
    let mut end = 0;
    while end < offset {
        match length_of_frame(&segment[end..]) {
            Some(length) => end += length,
            None => return segment.len(),
        }
    }
    end.min(segment.len())
}

/// The payload of a whole server frame, if it is a text frame.
#[must_use]
pub fn payload_of_text(frame: &[u8]) -> Option<&str> {
    let header = match *frame.get(1)? {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    let is_text = frame[0] == FIN | TEXT;
    is_text.then(|| std::str::from_utf8(frame.get(header..)?).ok()).flatten()
}

/// Header and payload of the unmasked frame at the start of `bytes`.
fn length_of_frame(bytes: &[u8]) -> Option<usize> {
    match *bytes.get(1)? & 0x7F {
        126 => Some(4 + usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            usize::try_from(length).ok()?.checked_add(10)
        }
        length => Some(2 + usize::from(length)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        assert_eq!(&text(&[b'x'; 125])[..2], &[0x81, 125]);
        assert_eq!(&text(&[b'x'; 126])[..4], &[0x81, 126, 0, 126]);
        assert_eq!(&text(&vec![b'x'; 65_536])[..10], &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn the_payload_of_a_text_frame_is_read_back() {
        for length in [0, 125, 126, 65_536] {
            let payload = "x".repeat(length);
            assert_eq!(payload_of_text(&text(payload.as_bytes())), Some(payload.as_str()));
        }
        assert_eq!(payload_of_text(&close(CloseCode::Normal, "")), None);
        assert_eq!(payload_of_text(&PING_FRAME), None);
        assert_eq!(payload_of_text(&[0x81]), None);
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let frame = close(CloseCode::Normal, &"é".repeat(100));
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[test]
    fn the_end_of_a_frame_is_found_from_any_offset_inside_it() {
        let frames = [text(b"a"), text(&[b'b'; 300]), text(&vec![b'c'; 70_000])];
        let segment: Vec<u8> = frames.iter().flat_map(|frame| frame.to_vec()).collect();
        let mut start = 0;
        for frame in &frames {
            let end = start + frame.len();
            for offset in [start + 1, start + frame.len() / 2 + 1, end] {
                assert_eq!(end_of_frame(&segment, offset), end);
            }
            start = end;
        }
        assert_eq!(end_of_frame(&segment, 0), 0);
        assert_eq!(end_of_frame(&[0x81], 1), 1);
    }
}
