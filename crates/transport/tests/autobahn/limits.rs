//! 9: limits and performance. The suite's messages go up to 16 MiB; here a message is at
//! most 64 KiB in at most 1,024 fragments, and what is larger is answered with 1009.

use transport::MAX_FRAGMENTS;

use crate::case::{Case, case, run, run_on};
use crate::echo::{MAX_MESSAGE, Server};
use crate::peer::{BINARY, Chop, FIN, TEXT, fragments, frame};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The kinds of message: an opcode, and a section for each kind of case.
const KINDS: [(u8, [&str; 4]); 2] =
    [(TEXT, ["9.1", "9.3", "9.5", "9.7"]), (BINARY, ["9.2", "9.4", "9.6", "9.8"])];

fn message(opcode: u8, size: usize) -> Vec<u8> {
    frame(FIN | opcode, &vec![b'*'; size])
}

/// 9.1 and 9.2: growing messages. The first is as large as is taken.
fn growing(opcode: u8, section: &str) -> Vec<Case> {
    let sizes = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
    let row = |(n, size): (usize, usize)| {
        let sent = case(format!("{section}.{n}")).send([message(opcode, size)]);
        if size <= MAX_MESSAGE { sent.hear(opcode, vec![b'*'; size]) } else { sent.closed(1009) }
    };
    (1..).zip(sizes).map(row).collect()
}

/// 9.3 and 9.4: 4 MiB in growing fragments, refused; and 64 KiB in the same, taken.
fn growing_fragments(opcode: u8, section: &str) -> Vec<Case> {
    let sizes = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
    let payload = vec![b'*'; 4 * MIB];
    let mut cases = Vec::new();
    for (n, size) in (1..).zip(sizes) {
        let parts: Vec<&[u8]> = payload.chunks(size).collect();
        cases.push(case(format!("{section}.{n}")).send(fragments(opcode, &parts)).closed(1009));
        let whole = &payload[..MAX_MESSAGE];
        let parts: Vec<&[u8]> = whole.chunks(size).collect();
        assert!(parts.len() <= MAX_FRAGMENTS);
        let taken = case(format!("{section}.{n}, 64 KiB"));
        cases.push(taken.send(fragments(opcode, &parts)).hear(opcode, whole));
    }
    cases
}

/// 9.5 and 9.6: 1 MiB in growing pieces, refused; and 64 KiB in the same, taken.
fn growing_pieces(opcode: u8, section: &str) -> Vec<Case> {
    let sizes = [64, 128, 256, 512, KIB, 2 * KIB];
    let row = |n: usize, size, chop| {
        case(format!("{section}.{n}, {size}")).chopped(chop).send([message(opcode, size)])
    };
    let mut cases = Vec::new();
    for (n, chop) in (1..).zip(sizes.map(Chop::Octets)) {
        cases.push(row(n, MIB, chop).closed(1009));
        cases.push(row(n, MAX_MESSAGE, chop).hear(opcode, vec![b'*'; MAX_MESSAGE]));
    }
    cases
}

/// 9.7 and 9.8: there and back a thousand times.
fn round_trips(opcode: u8, section: &str) -> Vec<Case> {
    let sizes = [0, 16, 64, 256, 1024, 4096];
    let row = |(n, size): (usize, usize)| {
        let there_and_back =
            |case: Case, _| case.send([message(opcode, size)]).hear(opcode, vec![b'*'; size]);
        (0..1_000).fold(case(format!("{section}.{n}")), there_and_back)
    };
    (1..).zip(sizes).map(row).collect()
}

async fn of_both_kinds(cases: fn(u8, &str) -> Vec<Case>, kind: usize) {
    for (opcode, sections) in KINDS {
        run(cases(opcode, sections[kind])).await;
    }
}

#[tokio::test]
async fn section_9_growing_messages() {
    of_both_kinds(growing, 0).await;
}

#[tokio::test]
async fn section_9_growing_fragments() {
    of_both_kinds(growing_fragments, 1).await;
}

#[tokio::test]
async fn section_9_growing_pieces() {
    of_both_kinds(growing_pieces, 2).await;
}

#[tokio::test]
async fn section_9_round_trips() {
    of_both_kinds(round_trips, 3).await;
}

#[tokio::test]
async fn each_route_has_its_own_longest_message() {
    for most in [64 * KIB, 128 * KIB] {
        let mut cases = Vec::new();
        for (opcode, _) in KINDS {
            let whole = case(format!("{most}, whole")).send([message(opcode, most)]);
            cases.push(whole.hear(opcode, vec![b'*'; most]));
            cases.push(case(format!("{most} + 1")).send([message(opcode, most + 1)]).closed(1009));
            let payload = vec![b'*'; most + 1];
            let parts: Vec<&[u8]> = payload.chunks(KIB).collect();
            let beyond = case(format!("{most} + 1, in parts"));
            cases.push(beyond.send(fragments(opcode, &parts)).closed(1009));
            let parts: Vec<&[u8]> = payload[..most].chunks(KIB).collect();
            let within = case(format!("{most}, in parts")).send(fragments(opcode, &parts));
            cases.push(within.hear(opcode, &payload[..most]));
        }
        run_on(Server::taking(most).await, cases).await;
    }
}
