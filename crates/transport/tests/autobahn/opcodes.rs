//! 4: opcodes that nothing is defined for.

use crate::case::{Case, case, run};
use crate::peer::{Chop, FIN, frame, ping, text};

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (section, opcodes) in [("4.1", 0x3..=0x7), ("4.2", 0xB..=0xF)] {
        for (n, opcode) in (1..).zip(opcodes) {
            cases.push(unknown(format!("{section}.{n}"), n, opcode));
        }
    }
    cases
}

/// The first two come alone, the others after a text, which is answered first (the suite
/// would also take silence). Three of them have a payload.
fn unknown(id: String, n: u8, opcode: u8) -> Case {
    let hello = "Hello, world!";
    let payload = if matches!(n, 2 | 4 | 5) { "reserved opcode payload" } else { "" };
    let reserved = frame(FIN | opcode, payload.as_bytes());
    match n {
        1 | 2 => case(id).send([reserved]).closed(1002),
        _ => case(id)
            .chopped(if n == 5 { Chop::Octets(1) } else { Chop::Whole })
            .send([text(hello), reserved, ping("")])
            .hear_text(hello)
            .closed(1002),
    }
}

#[tokio::test]
async fn section_4_opcodes() {
    run(cases()).await;
}
