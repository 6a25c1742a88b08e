//! WebSocket frames (RFC 6455 section 5.2), as a client meets them.
//!
//! Reading walks the headers in the read buffer and lends out the payloads; nothing is
//! copied. Fragments are told apart from whole messages, and not put together. Extensions
//! are an error, because they would be counted wrongly.

/// What follows the first fragment of a message.
pub(crate) const CONTINUATION: u8 = 0;
/// Text message.
pub(crate) const TEXT: u8 = 1;
/// The peer says goodbye.
pub(crate) const CLOSE: u8 = 8;
/// Are you there?
pub(crate) const PING: u8 = 9;
/// The answer to it.
pub(crate) const PONG: u8 = 10;

/// A client must mask (section 5.3). The key need not be secret between two programs on
/// one machine, but it is not zero, so that the server does the work of unmasking.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// One frame in the read buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame<'b> {
    pub(crate) opcode: u8,
    /// It is the last or only one of its message.
    pub(crate) last: bool,
    pub(crate) payload: &'b [u8],
    /// Bytes of header and payload: where the next frame starts.
    pub(crate) length: usize,
}

/// The first frame of `bytes`; `None` while it is not all there.
///
/// # Errors
/// Says what is wrong with a frame that is masked or uses extension bits.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Frame<'_>>, &'static str> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err("extension bits set");
    }
    if second & 0x80 != 0 {
        return Err("masked by the server");
    }
    let (header, size) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        (126 | 127, _) => return Ok(None),
        (size, _) => (2, u64::from(size)),
    };
    let size = usize::try_from(size).map_err(|_| "frame larger than memory")?;
    let length = size.checked_add(header).ok_or("frame larger than memory")?;
    let (opcode, last) = (first & 0x0f, first & 0x80 != 0);
    Ok(bytes.get(header..length).map(|payload| Frame { opcode, last, payload, length }))
}

/// Appends a client's frame to `out`.
pub(crate) fn append(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        size @ ..126 => out.push(0x80 | size as u8),
        size @ 126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(size as u16).to_be_bytes());
        }
        size => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(size as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ MASK[at % MASK.len()]));
}

/// The code in the payload of a close frame; 1005 stands for none (section 7.1.5).
pub(crate) fn close_code(payload: &[u8]) -> u16 {
    match payload {
        [high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 1005,
    }
}

#[cfg(test)]
mod tests {
    use super::{CLOSE, Frame, TEXT, append, close_code, first};

    /// A server's frame of `size` bytes, with the shortest header.
    fn served(opcode: u8, size: usize) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match size {
            0..126 => bytes.push(size as u8),
            126..65536 => bytes.extend([&[126][..], &(size as u16).to_be_bytes()].concat()),
            _ => bytes.extend([&[127][..], &(size as u64).to_be_bytes()].concat()),
        }
        bytes.resize(bytes.len() + size, b'x');
        bytes
    }

    #[test]
    fn every_size_of_header_is_walked() {
        for size in [0, 1, 125, 126, 127, 65535, 65536, 70000] {
            let bytes = served(TEXT, size);
            let frame = first(&bytes).unwrap().unwrap();
            assert_eq!((frame.opcode, frame.payload.len()), (TEXT, size));
            assert_eq!(frame.length, bytes.len());
        }
    }

    #[test]
    fn a_frame_cut_anywhere_is_not_there_yet() {
        for size in [0, 5, 126, 65536] {
            let bytes = served(TEXT, size);
            for cut in (0..bytes.len()).take(20).chain([bytes.len() - 1]) {
                assert_eq!(first(&bytes[..cut]), Ok(None), "{size} cut at {cut}");
            }
        }
    }

    #[test]
    fn frames_follow_each_other() {
        let bytes = [served(TEXT, 3), served(CLOSE, 0), served(TEXT, 200)].concat();
        let (mut at, mut seen) = (0, Vec::new());
        while let Some(Frame { opcode, payload, length, .. }) = first(&bytes[at..]).unwrap() {
            seen.push((opcode, payload.len()));
            at += length;
        }
        assert_eq!(seen, [(TEXT, 3), (CLOSE, 0), (TEXT, 200)]);
        assert_eq!(at, bytes.len());
    }

    #[test]
    fn what_would_be_counted_wrongly_is_an_error() {
        assert_eq!(first(&[0xc1, 0x01, b'a']), Err("extension bits set"));
        assert_eq!(first(&[0x81, 0x81, 0, 0, 0, 0, b'a']), Err("masked by the server"));
        let endless = [0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(first(&endless), Err("frame larger than memory"));
    }

    #[test]
    fn a_client_frame_unmasks_to_what_went_in() {
        for (size, header) in [(0, 2), (4, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let payload: Vec<u8> = (0..size).map(|byte: usize| byte as u8).collect();
            let mut bytes = Vec::new();
            append(TEXT, &payload, &mut bytes);
            assert_eq!(bytes[0], 0x81);
            assert_eq!(bytes[1] & 0x80, 0x80);
            let (key, masked) = bytes[header..].split_at(4);
            let plain: Vec<u8> =
                masked.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k).collect();
            assert_eq!(plain, payload);
        }
    }

    #[test]
    fn close_codes_are_read() {
        assert_eq!(close_code(&[0x03, 0xf5, b'h', b'i']), 1013);
        assert_eq!(close_code(&[]), 1005);
    }
}
