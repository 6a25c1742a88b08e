//! 7: the closing hand-shake.

use crate::case::{Case, case, run};
use crate::peer::{BINARY, CLOSE, FIN, TEXT, close, fragments, frame, ping, text};

/// 7.1: after its close frame, nothing of a client counts.
fn order() -> Vec<Case> {
    let hello = "Hello World!";
    let [first, last] = fragments(TEXT, &["fragment1", "fragment2"]).try_into().expect("two");
    let mut late = vec![frame(FIN | BINARY, &[b'*'; 256 * 1024])];
    late.extend([text(hello), close(1000, ""), ping("")]);
    vec![
        case("7.1.1").send([text(hello), close(1000, "")]).hear_text(hello).closed(1000),
        case("7.1.2, two close frames").send([close(1000, ""), close(1000, "")]).closed(1000),
        case("7.1.3, a ping after it").send([close(1000, ""), ping("")]).closed(1000),
        case("7.1.4, a text after it").send([close(1000, ""), text(hello)]).closed(1000),
        case("7.1.5, inside a message").send([first, close(1000, ""), last]).closed(1000),
        // Of no consequence to the suite. Ours: a message over 64 KiB is refused.
        case("7.1.6, behind 256 KiB").send(late).closed(1009),
    ]
}

/// 7.3 and 7.5: the payload of a close frame.
fn payloads() -> Vec<Case> {
    let close_with = |payload: &[u8]| [frame(FIN | CLOSE, payload)];
    let reason = |length| [&1000_u16.to_be_bytes()[..], &vec![b'*'; length]].concat();
    let not_utf8 =
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80\x65\x64\x69\x74\x65\x64";
    vec![
        case("7.3.1, empty").send(close_with(b"")).closed_without_code(),
        case("7.3.2, half a code").send(close_with(b"a")).closed(1002),
        case("7.3.3, a code").send(close_with(&reason(0))).closed(1000),
        case("7.3.4, and a reason").send([close(1000, "Hello World!")]).closed(1000),
        case("7.3.5, of 123 octets").send(close_with(&reason(123))).closed(1000),
        case("7.3.6, of 124 octets").send(close_with(&reason(124))).closed(1002),
        case("7.5.1, not UTF-8").send([close(1000, not_utf8)]).closed(1007),
    ]
}

/// 7.7, 7.9 and 7.13: codes. A good one is answered in kind.
fn codes() -> Vec<Case> {
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
    let bad = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999];
    // Of no consequence to the suite.
    let beyond = [5000, 65_535];
    let row = |section: &str, n: usize, sent: u16, answered| {
        case(format!("{section}.{n}, {sent}")).send([close(sent, "")]).closed(answered)
    };
    let mut cases = Vec::new();
    cases.extend((1..).zip(good).map(|(n, code)| row("7.7", n, code, code)));
    cases.extend((1..).zip(bad).map(|(n, code)| row("7.9", n, code, 1002)));
    cases.extend((1..).zip(beyond).map(|(n, code)| row("7.13", n, code, 1002)));
    cases
}

#[tokio::test]
async fn section_7_closing() {
    run([order(), payloads(), codes()].concat()).await;
}
