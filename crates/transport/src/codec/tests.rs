//! The decoder against RFC 6455 and against an independent implementation.

use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use super::*;

const MAX_MESSAGE: usize = 64 * 1024;

const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// A client frame, made by hand.
fn client(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![if fin { 0x80 } else { 0 } | opcode];
    match payload.len() {
        length @ 0..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

fn violation(bytes: &[u8]) -> CloseCode {
    Decoder::new(MAX_MESSAGE).decode(&mut bytes.to_vec()).expect_err("a violation").code
}

#[test]
fn the_example_of_the_rfc() {
    // RFC 6455 section 5.7: a single-frame masked text message "Hello".
    let mut bytes = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    let decoded =
        Decoder::new(MAX_MESSAGE).decode(&mut bytes).map(|decoded| format!("{decoded:?}"));
    assert_eq!(decoded, Ok(r#"Frame(11, Text("Hello"))"#.to_owned()));
}

#[test]
fn what_the_rfc_forbids_is_answered_with_its_code() {
    assert_eq!(violation(&[0x81, 0x05, 1, 2, 3, 4, 5]), CloseCode::Protocol, "not masked");
    assert_eq!(violation(&[0xC1, 0x80, 1, 2, 3, 4]), CloseCode::Protocol, "a reserved bit");
    assert_eq!(violation(&client(true, 0x3, b"")), CloseCode::Protocol, "an unknown opcode");
    assert_eq!(violation(&client(false, PING, b"")), CloseCode::Protocol, "a fragmented ping");
    assert_eq!(violation(&client(true, PING, &[0; 126])), CloseCode::Protocol, "a long ping");
    assert_eq!(violation(&client(true, CONTINUATION, b"x")), CloseCode::Protocol);
    assert_eq!(violation(&client(true, TEXT, &[0xFF])), CloseCode::InvalidData);
    assert_eq!(violation(&client(true, CLOSE, &[3])), CloseCode::Protocol, "half a code");
    assert_eq!(violation(&client(true, CLOSE, &[3, 0xED])), CloseCode::Protocol, "1005");
    assert_eq!(violation(&client(true, CLOSE, &[3, 0xE8, 0xFF])), CloseCode::InvalidData);
}

#[test]
fn a_length_beyond_the_limit_is_refused_from_the_header_alone() {
    let mut claim = vec![0x82, 0xFF];
    claim.extend((1_u64 << 63).to_be_bytes());
    assert_eq!(violation(&claim), CloseCode::Protocol, "2^63: the highest bit is set");
    let mut claim = vec![0x82, 0xFF];
    claim.extend((1_u64 << 62).to_be_bytes());
    assert_eq!(violation(&claim), CloseCode::TooBig);
    assert_eq!(violation(&client(true, TEXT, &[b'x'; MAX_MESSAGE + 1])), CloseCode::TooBig);
}

#[test]
fn fragments_join_and_control_frames_pass_between_them() {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let mut first = client(false, TEXT, "né".as_bytes().split_at(2).0);
    let mut ping = client(true, PING, b"?");
    let mut last = client(true, CONTINUATION, "né".as_bytes().split_at(2).1);
    assert!(matches!(decoder.decode(&mut first), Ok(Decoded::Frame(_, Event::Nothing))));
    assert!(matches!(decoder.decode(&mut ping), Ok(Decoded::Frame(_, Event::Ping(b"?")))));
    assert!(matches!(decoder.decode(&mut last), Ok(Decoded::Frame(_, Event::Text("né")))));
    decoder.release();
    assert_eq!(decoder.message.capacity(), 0, "an idle decoder holds nothing");
}

#[test]
fn a_new_message_inside_another_is_refused() {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    assert!(decoder.decode(&mut client(false, TEXT, b"a")).is_ok());
    let error = decoder.decode(&mut client(true, TEXT, b"b")).expect_err("refused");
    assert_eq!(error.code, CloseCode::Protocol);
}

#[test]
fn fragments_without_end_end_at_the_limit() {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    assert!(decoder.decode(&mut client(false, TEXT, b"")).is_ok());
    let refused_at =
        (1..100_000).find(|_| decoder.decode(&mut client(false, CONTINUATION, b"")).is_err());
    assert_eq!(refused_at, Some(MAX_FRAGMENTS));
}

#[test]
fn fragments_cannot_add_up_beyond_the_limit() {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    assert!(decoder.decode(&mut client(false, BINARY, &[0; MAX_MESSAGE])).is_ok());
    let error = decoder.decode(&mut client(true, CONTINUATION, &[0])).expect_err("refused");
    assert_eq!(error.code, CloseCode::TooBig);
}

/// What a stream of bytes says, however it is cut into pieces.
fn read_in_pieces(bytes: &[u8], piece: usize) -> Result<Vec<String>, Violation> {
    let mut decoder = Decoder::new(MAX_MESSAGE);
    let mut buffer = Vec::new();
    let mut events = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            let used = match decoder.decode(&mut buffer)? {
                Decoded::Incomplete => break,
                Decoded::Frame(used, event) => {
                    events.push(format!("{event:?}"));
                    used
                }
            };
            decoder.release();
            buffer.drain(..used);
        }
    }
    Ok(events)
}

fn frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let payload = proptest::collection::vec(any::<u8>(), 0..300);
    let text = ".{0,90}".prop_map(String::into_bytes);
    let frame = prop_oneof![
        (Just(TEXT), text),
        (Just(BINARY), payload),
        (Just(PING), proptest::collection::vec(any::<u8>(), 0..=MAX_CONTROL)),
    ];
    proptest::collection::vec(frame, 0..12)
}

proptest! {
    #[test]
    fn pieces_do_not_matter(frames in frames(), piece in 1_usize..200) {
        let bytes: Vec<u8> =
            frames.iter().flat_map(|(opcode, payload)| client(true, *opcode, payload)).collect();
        let whole = read_in_pieces(&bytes, bytes.len()).unwrap();
        prop_assert_eq!(whole.len(), frames.len());
        prop_assert_eq!(read_in_pieces(&bytes, piece).unwrap(), whole);
    }

    #[test]
    fn frames_of_tungstenite_are_understood(frames in frames()) {
        for (opcode, payload) in frames {
            let code = match opcode {
                TEXT => OpCode::Data(Data::Text),
                BINARY => OpCode::Data(Data::Binary),
                _ => OpCode::Control(Control::Ping),
            };
            let header = FrameHeader {
                is_final: true, rsv1: false, rsv2: false, rsv3: false,
                opcode: code, mask: Some(MASK),
            };
            let mut theirs = Vec::new();
            Frame::from_payload(header, payload.clone().into()).format(&mut theirs).unwrap();
            let mut ours = Decoder::new(MAX_MESSAGE);
            let decoded = ours.decode(&mut theirs).unwrap();
            let expected = match opcode {
                TEXT => Event::Text(std::str::from_utf8(&payload).unwrap()),
                BINARY => Event::Binary(&payload),
                _ => Event::Ping(&payload),
            };
            prop_assert!(matches!(decoded, Decoded::Frame(_, event) if event == expected));
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), piece in 1_usize..64) {
        let _ = read_in_pieces(&bytes, piece);
    }
}

#[test]
fn each_connection_has_its_own_limit() {
    for kib in [64, 128] {
        let most = kib * 1024;
        let mut decoder = Decoder::new(most);
        assert!(decoder.decode(&mut client(true, BINARY, &vec![0; most])).is_ok());
        let mut long = client(true, BINARY, &vec![0; most + 1]);
        let beyond = decoder.decode(&mut long);
        let reason = format!("a message over {kib} KiB").into();
        assert_eq!(beyond, Err(Violation { code: CloseCode::TooBig, reason }));
    }
}
