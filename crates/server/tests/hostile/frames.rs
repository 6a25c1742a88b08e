//! Frames that no client library would make.

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8A;

/// A frame's first bytes, which claim `length` bytes of payload.
pub(crate) fn claim(first_byte: u8, length: u64) -> Vec<u8> {
    [&[first_byte, 0x80 | 127][..], &length.to_be_bytes(), &[0; 4]].concat()
}

/// A short frame, masked with zeros.
pub(crate) fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    assert!(length < 126);
    [&[first_byte, 0x80 | length, 0, 0, 0, 0][..], payload].concat()
}
