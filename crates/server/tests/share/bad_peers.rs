//! A peer that goes silent, swallows what it is sent, says a step twice or from another
//! connection, at every step of a transfer: the other side gets a clear state, and no place
//! is held for ever.

use serde_json::{Value, json};
use testkit::TestServer;

use crate::kit::{KEY_A, KEY_B, Member, SECOND, Session, unlimited};
use crate::peer::{Peer, bytes_of, chunk, frame, hand_over, pass};

/// Steps of a transfer of two chunks with a window of one, registering aside.
const STEPS: usize = 7;

/// A transfer that is taken step by step.
struct Stage {
    owner: Member,
    receiver: Member,
    a: Peer,
    b: Peer,
    request: Value,
}

impl Stage {
    async fn new(server: &TestServer) -> Self {
        let session = Session::start(server).await;
        session.host.offer("a.txt").await;
        let receiver = session.guest().await;
        let a = session.host.register().await;
        let b = receiver.register_with(json!({ "window": 1 })).await;
        Self { owner: session.host, receiver, a, b, request: Value::Null }
    }

    /// What is said at this step, and whether the owner says it.
    fn words(&self, step: usize) -> (&'static str, Value, bool) {
        let request = &self.request;
        let number = if step < 5 { 1 } else { 2 };
        match step {
            0 => ("request-file", json!({ "public_key": KEY_B, "filename": "a.txt" }), false),
            1 => {
                let data = json!({
                    "request_id": request,
                    "public_key": KEY_A,
                    "amount_of_chunks": 2,
                    "filename": "a.txt",
                });
                ("acknowledge-file-request", data, true)
            }
            2 => ("ready-for-file-transfer", json!({ "request_id": request }), false),
            3 | 5 => ("add-chunk", chunk(request, number, number == 2, &bytes_of(number)), true),
            _ => {
                let data = json!({ "request_id": request, "chunk_nr": number });
                ("received-chunk", data, false)
            }
        }
    }

    /// The side that says this step.
    fn speaker(&mut self, step: usize) -> &mut Peer {
        if self.words(step).2 { &mut self.a } else { &mut self.b }
    }

    async fn say(&mut self, step: usize) {
        let (command, data, _) = self.words(step);
        self.speaker(step).send(command, data).await;
    }

    /// What the other side hears of this step.
    async fn hear(&mut self, step: usize) {
        match step {
            0 => self.request = self.a.told("acknowledge-file-request").await.request,
            1 => drop(self.b.told("prepare-for-file-transfer").await),
            2 => self.a.asked_for(1).await,
            3 => self.b.given(1, false).await,
            4 => self.a.asked_for(2).await,
            5 => self.b.given(2, true).await,
            _ => self.b.hears_nothing().await,
        }
    }

    async fn take(&mut self, steps: std::ops::Range<usize>) {
        for step in steps {
            self.say(step).await;
            self.hear(step).await;
        }
    }

    /// A stage on which the first `steps` steps have been taken.
    async fn after(server: &TestServer, steps: usize) -> Self {
        let mut stage = Self::new(server).await;
        stage.take(0..steps).await;
        stage
    }
}

#[tokio::test]
async fn a_transfer_that_stands_still_is_aborted_on_both_sides_after_ten_minutes() {
    let server = unlimited();
    let mut stages = Vec::new();
    for steps in 1..STEPS {
        stages.push(Stage::after(&server, steps).await);
    }
    let mut peers: Vec<&mut Peer> =
        stages.iter_mut().flat_map(|stage| [&mut stage.a, &mut stage.b]).collect();
    pass(&server, SECOND * 595, &mut peers).await;
    for peer in &mut peers {
        peer.hears_nothing().await;
    }
    pass(&server, SECOND * 10, &mut peers).await;
    for stage in &mut stages {
        stage.a.aborted(&stage.request).await;
        stage.b.aborted(&stage.request).await;
        hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
    }
}

#[tokio::test]
async fn a_transfer_that_moves_is_not_aborted_however_slowly() {
    let server = unlimited();
    let mut stage = Stage::new(&server).await;
    for step in 0..STEPS {
        stage.take(step..step + 1).await;
        pass(&server, SECOND * 540, &mut [&mut stage.a, &mut stage.b]).await;
    }
    stage.a.hears_nothing().await;
    hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
}

#[tokio::test]
async fn a_peer_that_swallows_everything_is_cut_off_and_the_other_is_told() {
    for steps in 1..STEPS {
        for a_swallows in [true, false] {
            let server = unlimited();
            let mut stage = Stage::after(&server, steps).await;
            let awake = if a_swallows { &mut stage.b } else { &mut stage.a };
            // It answers no ping for 25 s, has some time to close, and is away for 5 s.
            pass(&server, SECOND * 60, &mut [awake]).await;
            if a_swallows && steps == STEPS - 1 {
                // It has given all of it, so it may be away.
                stage.take(steps..STEPS).await;
            } else {
                awake.aborted(&stage.request).await;
            }
            if a_swallows {
                stage.a = stage.owner.register().await;
            } else {
                stage.b = stage.receiver.register_loudly(1).await;
                stage.b.aborted(&stage.request).await;
            }
            hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
        }
    }
}

#[tokio::test]
async fn a_step_that_is_said_twice_at_once_counts_once() {
    let server = unlimited();
    for twice in 0..STEPS {
        let mut stage = Stage::after(&server, twice).await;
        stage.say(twice).await;
        stage.say(twice).await;
        let (command, ..) = stage.words(twice);
        if twice < STEPS - 1 {
            stage.hear(twice).await;
        }
        stage.speaker(twice).hears_only_refusals_of(command).await;
        stage.take(twice + 1..STEPS).await;
        stage.a.hears_nothing().await;
        hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
    }
}

#[tokio::test]
async fn a_step_that_is_repeated_byte_for_byte_after_its_answer_counts_once() {
    let server = unlimited();
    for repeated in 0..STEPS {
        for pause in [0, 3] {
            let mut stage = Stage::after(&server, repeated + 1).await;
            server.advance(SECOND * pause);
            stage.say(repeated).await;
            let (command, ..) = stage.words(repeated);
            stage.speaker(repeated).hears_only_refusals_of(command).await;
            stage.take(repeated + 1..STEPS).await;
            stage.a.hears_nothing().await;
            hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
        }
    }
}

#[tokio::test]
async fn a_step_that_comes_from_another_connection_is_refused() {
    let server = unlimited();
    for step in 0..STEPS {
        let mut stage = Stage::after(&server, step).await;
        let (command, data, by_owner) = stage.words(step);
        let speaker = if by_owner { &stage.owner } else { &stage.receiver };
        let mut other = speaker.open().await;
        other.socket.send_json(&frame(&speaker.jwt, command, &data)).await;
        other.refused(command).await;
        stage.take(step..STEPS).await;
        hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
    }
}

#[tokio::test]
async fn a_step_that_is_left_out_is_no_step_further() {
    let server = unlimited();
    for step in 1..STEPS - 1 {
        let mut stage = Stage::after(&server, step).await;
        for later in step + 1..STEPS {
            let (command, data, by_owner) = stage.words(later);
            let peer = if by_owner { &mut stage.a } else { &mut stage.b };
            peer.may_not(command, data).await;
        }
        stage.take(step..STEPS).await;
        stage.a.hears_nothing().await;
    }
}

#[tokio::test]
async fn an_orderly_close_at_any_step_has_five_seconds_too() {
    let server = unlimited();
    for step in 1..STEPS {
        let mut stage = Stage::after(&server, step).await;
        let old = std::mem::replace(&mut stage.a, stage.owner.open().await);
        old.socket.close().await;
        pass(&server, SECOND * 4, &mut []).await;
        stage.a.send("register", json!({})).await;
        // What it heard last and did not answer is said again.
        match step {
            1 => stage.hear(0).await,
            3 => stage.hear(2).await,
            5 => stage.hear(4).await,
            _ => {}
        }
        stage.take(step..STEPS).await;
        hand_over(&mut stage.a, &mut stage.b, "a.txt", 1).await;
    }
}
