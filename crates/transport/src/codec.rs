//! Client frames, decoded and checked (RFC 6455 section 5).
//!
//! Owns the rules a client's bytes must keep: masked, no reserved bits, known
//! opcodes, whole control frames, fragments in sequence, valid UTF-8, and our limits.
//! Works in place on whatever buffer the bytes arrived in; keeps a buffer of its own
//! only while a message is fragmented. Text is checked as it comes in: bytes that make it
//! invalid are refused with the fragment, or the part of one, that they arrive in.

use std::borrow::Cow;

use crate::frame::{BINARY, CLOSE, CONTINUATION, CloseCode, MAX_CONTROL, PING, PONG, TEXT};
use crate::utf8::Utf8;

/// Fragments of one message. Each costs a few bytes on the wire and none of payload,
/// so without a limit a peer could keep a connection busy for ever with nothing.
pub const MAX_FRAGMENTS: usize = 1_024;

/// What a frame turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    /// Nothing for anyone to act on: a pong, or a fragment that is not the last.
    Nothing,
    /// The peer closes; the code to answer with, if it gave one.
    Close(Option<u16>),
}

/// The peer broke a rule: the close code that says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) code: CloseCode,
    pub(crate) reason: Cow<'static, str>,
}

const fn protocol(reason: &'static str) -> Violation {
    Violation { code: CloseCode::Protocol, reason: Cow::Borrowed(reason) }
}

/// The result of looking at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decoded<'a> {
    /// The frame is not complete yet.
    Incomplete,
    /// It was this, and took so many bytes.
    Frame(usize, Event<'a>),
}

/// The state between frames: a message whose fragments are still coming in.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The longest message, in bytes.
    max_message: usize,
    opcode: Option<u8>,
    message: Vec<u8>,
    fragments: usize,
    /// Of the payload of the frame at the start of the buffer, so many bytes have been
    /// unmasked, and checked if they are text.
    seen: usize,
    /// The check of a text that is not complete.
    utf8: Utf8,
}

#[derive(Clone, Copy)]
struct Header {
    fin: bool,
    opcode: u8,
    mask: [u8; 4],
    size: usize,
    payload: usize,
}

impl Decoder {
    /// Takes messages of up to `max_message` bytes.
    pub(crate) fn new(max_message: usize) -> Self {
        let (opcode, message, utf8) = (None, Vec::new(), Utf8::default());
        Self { max_message, opcode, message, fragments: 0, seen: 0, utf8 }
    }

    /// Decodes the frame at the start of `buffer`, in place. After
    /// [`Decoded::Incomplete`], the next `buffer` starts with the bytes that this call left
    /// there.
    pub(crate) fn decode<'a>(&'a mut self, buffer: &'a mut [u8]) -> Result<Decoded<'a>, Violation> {
        let Some(header) = Header::parse(buffer, self.max_message)? else {
            return Ok(Decoded::Incomplete);
        };
        self.check(header)?;
        let total = header.size.saturating_add(header.payload);
        if buffer.len() < total {
            self.begin(header, &mut buffer[header.size..])?;
            return Ok(Decoded::Incomplete);
        }
        let payload = &mut buffer[header.size..total];
        let seen = std::mem::take(&mut self.seen);
        unmask_from(seen, payload, header.mask);
        let event = match header.opcode {
            PING => Event::Ping(payload),
            PONG => Event::Nothing,
            CLOSE => Event::Close(close_code(payload)?),
            _ => self.data(header, payload, seen)?,
        };
        Ok(Decoded::Frame(total, event))
    }

    /// Unmasks what has come of a payload, and checks it if it is text.
    fn begin(&mut self, header: Header, payload: &mut [u8]) -> Result<(), Violation> {
        unmask_from(self.seen, payload, header.mask);
        if self.is_text(header.opcode) {
            self.utf8.take(&payload[self.seen..]).map_err(not_utf8)?;
        }
        self.seen = payload.len();
        Ok(())
    }

    fn is_text(&self, opcode: u8) -> bool {
        opcode == TEXT || (opcode == CONTINUATION && self.opcode == Some(TEXT))
    }

    /// What can be told from the header alone, before the payload has arrived.
    fn check(&self, header: Header) -> Result<(), Violation> {
        match header.opcode {
            PING | PONG | CLOSE if !header.fin => Err(protocol("a control frame in fragments")),
            PING | PONG | CLOSE if header.payload > MAX_CONTROL => {
                Err(protocol("a control frame over 125 bytes"))
            }
            PING | PONG | CLOSE => Ok(()),
            CONTINUATION if self.opcode.is_none() => Err(protocol("a continuation of nothing")),
            TEXT | BINARY if self.opcode.is_some() => {
                Err(protocol("a new message inside a fragmented one"))
            }
            CONTINUATION | TEXT | BINARY
                if self.message.len().saturating_add(header.payload) > self.max_message =>
            {
                Err(too_big(self.max_message))
            }
            CONTINUATION | TEXT | BINARY if self.fragments >= MAX_FRAGMENTS => {
                Err(Violation { code: CloseCode::TooBig, reason: "over 1,024 fragments".into() })
            }
            CONTINUATION | TEXT | BINARY => Ok(()),
            _ => Err(protocol("an unknown opcode")),
        }
    }

    fn data<'a>(
        &'a mut self,
        header: Header,
        payload: &'a [u8],
        seen: usize,
    ) -> Result<Event<'a>, Violation> {
        let Header { fin, opcode, .. } = header;
        if fin && opcode != CONTINUATION {
            if seen > 0 {
                self.utf8 = Utf8::default();
            }
            return message(opcode, payload);
        }
        if opcode != CONTINUATION {
            self.opcode = Some(opcode);
            self.message = Vec::new(); // The last message's buffer is not kept.
        }
        self.fragments += 1;
        self.message.extend_from_slice(payload);
        if !fin {
            if self.is_text(opcode) {
                self.utf8.take(&payload[seen..]).map_err(not_utf8)?;
            }
            return Ok(Event::Nothing);
        }
        self.fragments = 0;
        self.utf8 = Utf8::default();
        // `check` let a continuation through only while a message is open.
        let opcode = self.opcode.take().unwrap_or(BINARY);
        message(opcode, &self.message)
    }

    /// Whether a message's fragments are still coming in.
    pub(crate) fn is_open(&self) -> bool {
        self.opcode.is_some()
    }

    /// Gives back the buffer of a message that has been handled.
    pub(crate) fn release(&mut self) {
        if self.opcode.is_none() && self.message.capacity() > 0 {
            self.message = Vec::new();
        }
    }
}

impl Header {
    fn parse(buffer: &[u8], max_message: usize) -> Result<Option<Self>, Violation> {
        let [first, second, ..] = *buffer else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(protocol("a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(protocol("a frame that is not masked"));
        }
        let (payload, size) = match second & 0x7F {
            126 => match buffer.get(2..4) {
                Some(bytes) => (u64::from(u16::from_be_bytes([bytes[0], bytes[1]])), 8),
                None => return Ok(None),
            },
            127 => match buffer.get(2..10).and_then(|bytes| bytes.try_into().ok()) {
                Some(bytes) => (u64::from_be_bytes(bytes), 14),
                None => return Ok(None),
            },
            length => (u64::from(length), 6),
        };
        if payload >> 63 == 1 {
            return Err(protocol("a length with its highest bit set"));
        }
        // Told from the header, without waiting or making room for 2^62 bytes.
        let payload = usize::try_from(payload).unwrap_or(usize::MAX - size);
        let Some(mask) = buffer.get(size - 4..size).and_then(|mask| mask.try_into().ok()) else {
            // A length that is refused anyway is refused without waiting for the mask.
            return if first & 0x08 == 0 && payload > max_message {
                Err(too_big(max_message))
            } else {
                Ok(None)
            };
        };
        Ok(Some(Self { fin: first & 0x80 != 0, opcode: first & 0x0F, mask, size, payload }))
    }
}

fn message(opcode: u8, payload: &[u8]) -> Result<Event<'_>, Violation> {
    if opcode == BINARY {
        return Ok(Event::Binary(payload));
    }
    std::str::from_utf8(payload).map(Event::Text).map_err(not_utf8)
}

fn not_utf8<E>(_: E) -> Violation {
    Violation { code: CloseCode::InvalidData, reason: "text that is not UTF-8".into() }
}

fn too_big(max_message: usize) -> Violation {
    let reason = format!("a message over {} KiB", max_message / 1024).into();
    Violation { code: CloseCode::TooBig, reason }
}

/// Checks a close frame's payload (RFC 6455 sections 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(protocol("half a close code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(protocol("a close code that must not be sent"));
            }
            if std::str::from_utf8(reason).is_err() {
                let reason = "a close reason that is not UTF-8".into();
                return Err(Violation { code: CloseCode::InvalidData, reason });
            }
            Ok(Some(code))
        }
    }
}

/// Undoes the client's masking (RFC 6455 section 5.3), eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// The same, but for the bytes before `start`, which have been unmasked.
fn unmask_from(start: usize, payload: &mut [u8], mut mask: [u8; 4]) {
    if start == 0 {
        return unmask(payload, mask); // Nearly always: a branch costs less than a rotation.
    }
    mask.rotate_left(start % 4);
    unmask(&mut payload[start..], mask);
}

#[cfg(test)]
mod tests;
