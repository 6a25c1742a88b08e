//! 6: UTF-8 in text messages.

mod sequences;

use crate::case::{Case, case, run};
use crate::peer::{Chop, FIN, TEXT, fragments, frame, ping, text};

/// Greek for "cosmos", in 11 octets.
const COSMOS: &[u8] = "κ\u{1f79}σμε".as_bytes();

const VALID: &str = "Hello-µ@ßöäüàá-UTF-8!!";

fn octets(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.chunks(1).collect()
}

/// 6.1 to 6.3: whole, in fragments, and in fragments of one octet.
fn fragmented() -> Vec<Case> {
    let spoilt = [COSMOS, b"\xed\xa0\x80", b"edited"].concat();
    let (first, last) = VALID.split_at(VALID.find('ö').expect("an ö"));
    vec![
        case("6.1.1, nothing").send([text("")]).hear_text(""),
        case("6.1.2, nothing three times").send(fragments(TEXT, &["", "", ""])).hear_text(""),
        case("6.1.3, something between two nothings")
            .send(fragments(TEXT, &["", "middle frame payload", ""]))
            .hear_text("middle frame payload"),
        case("6.2.1").send([text(VALID)]).hear_text(VALID),
        case("6.2.2, between characters").send(fragments(TEXT, &[first, last])).hear_text(VALID),
        case("6.2.3").send(fragments(TEXT, &octets(VALID.as_bytes()))).hear_text(VALID),
        case("6.2.4").send(fragments(TEXT, &octets(COSMOS))).hear_text(COSMOS),
        case("6.3.1").send([text(&spoilt)]).closed(1007),
        case("6.3.2").send(fragments(TEXT, &octets(&spoilt))).closed(1007),
    ]
}

/// 6.4: the octet that spoils a text (the second of F4 90, which would be over U+10FFFF) is
/// noticed in the fragment, or the piece of a frame, in which it comes. What would make the
/// message whole is never sent.
fn noticed_at_once() -> Vec<Case> {
    let payload = [COSMOS, b"\xf4\x90\x80\x80", b"edited"].concat();
    let mut cases = Vec::new();
    for (n, first, spoilt) in [(1, 0..11, 11..15), (2, 0..12, 12..13)] {
        // The pong shows that the first fragment was taken.
        cases.push(
            case(format!("6.4.{n}, in fragments"))
                .send([frame(TEXT, &payload[first.clone()]), ping("so far, so good")])
                .hear_pong("so far, so good")
                .send([frame(0, &payload[spoilt.clone()])])
                .closed(1007),
        );
        let whole = text(&payload);
        let header = whole.len() - payload.len();
        cases.push(
            case(format!("6.4.{}, in pieces of a frame", n + 2))
                .send([whole[..header + first.end].to_vec()])
                .send([whole[header + spoilt.start..header + spoilt.end].to_vec()])
                .closed(1007),
        );
    }
    // The same beginnings with a proper end are no mistake.
    let good = [&payload[..11], b"\xf4\x8f\xbf\xbf"].concat();
    cases.push(
        case("6.4, a good end")
            .send([frame(TEXT, &good[..12])])
            .send([frame(FIN, &good[12..])])
            .hear_text(&good),
    );
    cases.push(
        case("6.4, a good end").chopped(Chop::Octets(1)).send([text(&good)]).hear_text(&good),
    );
    // Nor is it a mistake of the next message that this one breaks off inside a character.
    cases.push(
        case("6.4, broken off").send(fragments(TEXT, &[&good[..5], &good[5..12]])).closed(1007),
    );
    cases
}

/// 6.5 to 6.23: sequences of Markus Kuhn's stress test, each whole, octet by octet, and in
/// fragments of one octet.
fn sequences() -> Vec<Case> {
    let mut cases = Vec::new();
    for (section, valid, sequences) in sequences::all() {
        for (n, sequence) in (1..).zip(sequences) {
            let id = format!("{section}.{n}, {sequence:02x?}");
            for chop in [Chop::Whole, Chop::Octets(1)] {
                let sent = case(&id).chopped(chop).send([text(&sequence)]);
                cases.push(if valid { sent.hear_text(&sequence) } else { sent.closed(1007) });
            }
            let sent = case(format!("{id}, in fragments"));
            let sent = sent.send(fragments(TEXT, &octets(&sequence)));
            cases.push(if valid { sent.hear_text(&sequence) } else { sent.closed(1007) });
        }
    }
    cases
}

#[tokio::test]
async fn section_6_utf8_in_fragments() {
    run(fragmented()).await;
}

#[tokio::test]
async fn section_6_4_invalid_utf8_is_noticed_at_once() {
    run(noticed_at_once()).await;
}

#[tokio::test]
async fn section_6_utf8_sequences() {
    run(sequences()).await;
}
