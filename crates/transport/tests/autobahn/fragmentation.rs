//! 5: fragments, and what may stand between them. 10.1: fragments of a large message.

use crate::case::{Case, case, run};
use crate::peer::{CONTINUATION, Chop, FIN, PING, PONG, TEXT, fragments, frame, ping, text};

const PARTS: [&str; 2] = ["fragment1", "fragment2"];
const WHOLE: &str = "fragment1fragment2";

/// Each way in which the suite chops a case, with the case's number.
fn three_ways(first: u32) -> [(u32, Chop); 3] {
    [(first, Chop::Whole), (first + 1, Chop::Frames), (first + 2, Chop::Octets(1))]
}

fn control_frames() -> Vec<Case> {
    let broken = |opcode| {
        let [first, last] = PARTS.map(str::as_bytes);
        [frame(opcode, first), frame(FIN | CONTINUATION, last)]
    };
    vec![
        case("5.1, a ping in fragments").send(broken(PING)).closed(1002),
        case("5.2, a pong in fragments").send(broken(PONG)).closed(1002),
    ]
}

fn fragmented_texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for (n, chop) in three_ways(3) {
        let texts = case(format!("5.{n}")).chopped(chop);
        cases.push(texts.send(fragments(TEXT, &PARTS)).hear_text(WHOLE));
    }
    // The ping's answer leaves first: it was there before the message was whole.
    for (n, chop) in three_ways(6) {
        let mut frames = fragments(TEXT, &PARTS);
        frames.insert(1, ping("pongme"));
        let pinged = case(format!("5.{n}")).chopped(chop);
        cases.push(pinged.send(frames).hear_pong("pongme").hear_text(WHOLE));
    }
    cases
}

/// Continuations of nothing.
fn continuations() -> Vec<Case> {
    let text_after = || text("Hello, world!");
    let nothing = |fin| frame(fin | CONTINUATION, b"non-continuation payload");
    let mut cases = Vec::new();
    for (n, chop) in three_ways(9) {
        let alone = case(format!("5.{n}, with FIN")).chopped(chop);
        cases.push(alone.send([nothing(FIN), text_after()]).closed(1002));
    }
    for (n, chop) in three_ways(12) {
        let alone = case(format!("5.{n}, without FIN")).chopped(chop);
        cases.push(alone.send([nothing(0), text_after()]).closed(1002));
    }
    let mut after_a_message = fragments(TEXT, &PARTS);
    after_a_message.extend([frame(CONTINUATION, b"fragment3"), text("fragment4")]);
    cases.push(case("5.15").send(after_a_message).hear_text(WHOLE).closed(1002));
    for (id, fin) in [("5.16, twice", 0), ("5.17, twice", FIN)] {
        let once = [
            frame(fin | CONTINUATION, b"fragment1"),
            frame(TEXT, b"fragment2"),
            frame(FIN | CONTINUATION, b"fragment3"),
        ];
        cases.push(case(id).send([once.clone(), once].concat()).closed(1002));
    }
    let two_texts = [frame(TEXT, b"fragment1"), frame(FIN | TEXT, b"fragment2")];
    cases.push(case("5.18, a text inside a text").send(two_texts).closed(1002));
    cases
}

/// Two pings among five fragments. The first is answered while the message is not whole.
fn pings_between() -> Vec<Case> {
    let parts = ["fragment1", "fragment2", "fragment3", "fragment4", "fragment5"];
    let one_of = |n: usize| fragments(TEXT, &parts)[n].clone();
    let pinged = |id: &str, chop| {
        case(id)
            .chopped(chop)
            .send([one_of(0), one_of(1), ping("pongme 1!")])
            .hear_pong("pongme 1!")
            .send([one_of(2), one_of(3), ping("pongme 2!"), one_of(4)])
            .hear_pong("pongme 2!")
            .hear_text(parts.concat())
    };
    vec![pinged("5.19", Chop::Whole), pinged("5.20", Chop::Frames)]
}

#[tokio::test]
async fn section_5_fragmentation() {
    run([control_frames(), fragmented_texts(), continuations(), pings_between()].concat()).await;
}

#[tokio::test]
async fn section_10_a_large_message_in_fragments() {
    let payload = "*".repeat(65_536);
    let parts: Vec<&[u8]> = payload.as_bytes().chunks(1_300).collect();
    run(vec![case("10.1.1").send(fragments(TEXT, &parts)).hear_text(&payload)]).await;
}
