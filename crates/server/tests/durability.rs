//! Nothing that was acknowledged is ever lost: `kill -9` in the middle of traffic,
//! thirty times on the same data.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use testkit::{Binary, Data, Socket};
use tokio::time::{MissedTickBehavior, interval, timeout};

const ROUNDS: usize = 30;
const WRITERS: usize = 6;

/// Each of the six writers, so that together they post 300 messages a second.
const INTERVAL: Duration = Duration::from_millis(20);

fn start(data: &Data) -> Binary {
    let exempt = [("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8")];
    Binary::start(env!("CARGO_BIN_EXE_packetboat"), data, &exempt)
}

/// Posts at a steady pace until the server is gone, or `quota` messages are
/// acknowledged. The texts that were acknowledged, in order.
async fn write(mut socket: Socket, name: String, quota: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut pace = interval(INTERVAL);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = 0;
    while acknowledged.len() < quota {
        tokio::select! {
            _ = pace.tick() => {
                let text = format!("{name}-{sent}");
                let post = json!({"type": "post", "client_id": text, "text": text});
                if !socket.try_send_json(&post).await {
                    break;
                }
                sent += 1;
            }
            frame = socket.try_json() => match frame {
                Some(frame) if frame["type"] == "ack" => {
                    let text = frame["client_id"].as_str().expect("its id").to_owned();
                    acknowledged.push(text);
                }
                Some(_) => {}
                None => break,
            },
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_sudden_death_thirty_times() {
    let data = Data::new();
    let mut server = start(&data);
    let person = server.person("writer").await;
    let mut acknowledged: Vec<Vec<String>> = Vec::new();
    for round in 0..ROUNDS {
        let mut writers = Vec::new();
        for writer in 0..WRITERS {
            let socket = Socket::packetboat(server.address(), &person.session, "").await;
            // One writer stops first and so picks the moment; the others are then in
            // the middle of something.
            let quota = if writer == 0 { 5 + round } else { usize::MAX };
            let name = format!("{round}-{writer}");
            writers.push(tokio::spawn(write(socket.expect("101"), name, quota)));
        }
        let first = timeout(testkit::PATIENCE, writers.remove(0)).await.expect("in time");
        server.kill();
        acknowledged.push(first.expect("a writer"));
        for writer in writers {
            acknowledged.push(writer.await.expect("a writer"));
        }
        server = start(&data);
        let mut reader =
            Socket::packetboat(server.address(), &person.session, "").await.expect("101");
        let history = reader.history().await;
        check(&history, &acknowledged, round);
        reader.close().await;
    }
}

/// Every acknowledged text is there once, those of a writer in its order, and ids
/// have no gaps.
fn check(history: &[(i64, String)], acknowledged: &[Vec<String>], round: usize) {
    let ids: Vec<i64> = history.iter().map(|(id, _)| *id).collect();
    let without_gaps: Vec<i64> = (1..=ids.len()).map(|id| id as i64).collect();
    assert_eq!(ids, without_gaps, "round {round}: ids");
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, (_, text)) in history.iter().enumerate() {
        assert_eq!(places.insert(text, place), None, "round {round}: {text} is there twice");
    }
    for texts in acknowledged {
        let found: Vec<usize> = texts
            .iter()
            .map(|text| *places.get(text.as_str()).unwrap_or_else(|| panic!("{text} is lost")))
            .collect();
        assert!(found.is_sorted(), "round {round}: out of order");
    }
}
