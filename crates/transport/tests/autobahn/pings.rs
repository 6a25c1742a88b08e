//! 2: pings and pongs.

use crate::case::{Case, case, run};
use crate::peer::{CLOSE, Chop, FIN, PONG, frame, ping};

fn cases() -> Vec<Case> {
    let binary = [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF];
    let pong = |payload: &[u8]| frame(FIN | PONG, payload);
    vec![
        case("2.1, without payload").send([ping("")]).hear_pong(""),
        case("2.2, text").send([ping("Hello, world!")]).hear_pong("Hello, world!"),
        case("2.3, binary").send([ping(binary)]).hear_pong(binary),
        case("2.4, 125 octets").send([ping([0xFE; 125])]).hear_pong([0xFE; 125]),
        case("2.5, 126 octets").send([ping([0xFE; 126])]).closed(1002),
        case("2.6, 125 octets")
            .chopped(Chop::Octets(1))
            .send([ping([0xFE; 125])])
            .hear_pong([0xFE; 125]),
        case("2.7, a pong nobody asked for").send([pong(b"")]),
        case("2.8, with payload").send([pong(b"unsolicited pong payload")]),
        case("2.9, and then a ping")
            .send([pong(b"unsolicited pong payload"), ping("ping payload")])
            .hear_pong("ping payload"),
        ten("2.10, ten pings", Chop::Frames),
        ten("2.10, ten pings", Chop::Whole),
        ten("2.11, ten pings", Chop::Octets(1)),
    ]
}

/// Every one is answered, in order. (Only the last would do, RFC 6455 section 5.5.3; that
/// is what happens when the peer does not take its answers.)
fn ten(id: &str, chop: Chop) -> Case {
    let payloads: Vec<String> = (0..10).map(|n| format!("payload-{n}")).collect();
    let pings = payloads.iter().map(ping);
    payloads
        .iter()
        .fold(case(id).chopped(chop).send(pings), |case, payload| case.hear_pong(payload))
}

#[tokio::test]
async fn section_2_pings_and_pongs() {
    run(cases()).await;
}

#[tokio::test]
async fn pings_are_answered_before_the_close_frame_that_follows_them() {
    let goodbye = frame(FIN | CLOSE, b"");
    run(vec![
        case("a proper close").send([ping("?"), goodbye]).hear_pong("?").closed_without_code(),
        case("a violation").send([ping("?"), frame(FIN | 0x3, b"")]).hear_pong("?").closed(1002),
    ])
    .await;
}
