//! 1: framing. Lengths at the edges of their encodings.

use crate::case::{Case, case, run};
use crate::peer::{BINARY, Chop, FIN, frame, text};

/// Payload sizes, and how they are chopped.
const SIZES: [(usize, Chop); 8] = [
    (0, Chop::Whole),
    (125, Chop::Whole),
    (126, Chop::Whole),
    (127, Chop::Whole),
    (128, Chop::Whole),
    (65_535, Chop::Whole),
    (65_536, Chop::Whole),
    (65_536, Chop::Octets(997)),
];

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, (size, chop)) in (1..).zip(SIZES) {
        let payload = "*".repeat(size);
        let texts = case(format!("1.1.{n}")).chopped(chop);
        cases.push(texts.send([text(&payload)]).hear_text(&payload));
        let payload = vec![0xFE; size];
        let binaries = case(format!("1.2.{n}")).chopped(chop);
        cases.push(binaries.send([frame(FIN | BINARY, &payload)]).hear_binary(&payload));
    }
    cases
}

#[tokio::test]
async fn section_1_framing() {
    run(cases()).await;
}
