//! 3: reserved bits, none of which an extension gives a meaning here.

use crate::case::{Case, case, run};
use crate::peer::{BINARY, CLOSE, Chop, FIN, PING, TEXT, frame, ping, text};

/// A whole frame with these reserved bits, 1 to 7.
fn with_bits(bits: u8, opcode: u8, payload: &[u8]) -> Vec<u8> {
    frame(FIN | bits << 4 | opcode, payload)
}

fn cases() -> Vec<Case> {
    let hello = b"Hello, world!";
    // What came before the violation is answered (the suite would also take silence).
    let after_a_text = |id: &str, bits| {
        case(id)
            .send([text(hello), with_bits(bits, TEXT, hello), ping("")])
            .hear_text(hello)
            .closed(1002)
    };
    vec![
        case("3.1, a short text").send([with_bits(1, TEXT, hello)]).closed(1002),
        after_a_text("3.2", 2),
        after_a_text("3.3", 3).chopped(Chop::Frames),
        after_a_text("3.4", 4).chopped(Chop::Octets(1)),
        case("3.5, binary").send([with_bits(5, BINARY, &[0x00, 0xFF, 0xFE])]).closed(1002),
        case("3.6, a ping").send([with_bits(6, PING, hello)]).closed(1002),
        case("3.7, a close frame")
            .send([with_bits(7, CLOSE, &1000_u16.to_be_bytes())])
            .closed(1002),
    ]
}

#[tokio::test]
async fn section_3_reserved_bits() {
    run(cases()).await;
}
