//! Peers that do not keep up, and peers that vanish: no other client notices. How fast is
//! measured in `benches/`; here it is only that.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Person, Raw, Socket, TestServer};

fn unlimited() -> TestServer {
    TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
    })
}

/// A text of 300 characters and 1,200 bytes.
fn long_text() -> String {
    json!({ "message": "😀".repeat(300) }).to_string()
}

/// Posts until `stop` says so of a frame that came back; how many were posted.
async fn post_until(socket: &mut Socket, stop: impl Fn(&Value) -> bool) -> usize {
    const IN_FLIGHT: usize = 32;
    let text = long_text();
    let mut posted = 0;
    loop {
        for _ in 0..IN_FLIGHT {
            socket.send(text.as_str()).await;
        }
        posted += IN_FLIGHT;
        let mut acknowledged = 0;
        while acknowledged < IN_FLIGHT {
            let frame = socket.json().await;
            if stop(&frame) {
                return posted;
            }
            acknowledged += usize::from(frame == json!({"status": true}));
        }
        assert!(posted < 100_000, "a reader that stands still is never cut off");
    }
}

fn ids_of(frame: &Value) -> Vec<i64> {
    let messages = frame["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["id"].as_i64().expect("an id")).collect()
}

async fn people(server: &TestServer, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for number in 0..count {
        people.push(server.person(&format!("p{number}")).await);
    }
    people
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stops_is_cut_off_and_told_to_come_back() {
    let server = unlimited();
    let people = people(&server, 3).await;
    let mut writer = server.piratchat(&people[0]).await.expect("101");
    let mut witness = server.piratchat(&people[1]).await.expect("101");
    let mut stopped = Raw::connect_narrow(server.address(), 4_096).await;
    stopped.upgrade(server.address(), &people[2].session, None).await;

    let witnessing = tokio::spawn(async move {
        let mut heard = 0;
        loop {
            let frame = witness.json().await;
            heard += usize::from(frame.get("message").is_some());
            if frame == json!({"event": "leave", "username": "p2"}) {
                return heard;
            }
        }
    });
    let gone = json!({"event": "leave", "username": "p2"});
    let posted = post_until(&mut writer, |frame| *frame == gone).await;
    let heard = witnessing.await.expect("the witness");
    assert!(heard > 0 && heard <= posted);
    assert_eq!(stopped.close_code().await, Some(1013), "whole frames, and then why");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_being_cut_off_nothing_is_missed() {
    let server = unlimited();
    let people = people(&server, 2).await;
    let mut writer = server.piratchat(&people[0]).await.expect("101");
    let mut slow = Raw::connect_narrow(server.address(), 4_096).await;
    slow.upgrade(server.address(), &people[1].session, Some("packetboat.v1")).await;
    let gone = json!({"event": "leave", "username": "p1"});
    post_until(&mut writer, |frame| *frame == gone).await;

    let mut epoch = String::new();
    let mut ids = Vec::new();
    while let Some((first, payload)) = slow.next_frame().await {
        if first == 0x88 {
            assert_eq!(payload[..2], 1013_u16.to_be_bytes());
            assert_eq!(payload[2..], *b"too slow: reconnect and catch up");
            break;
        }
        let frame: Value = serde_json::from_slice(&payload).expect("whole frames of JSON");
        match frame["type"].as_str() {
            Some("welcome") => frame["epoch"].as_str().unwrap_or_default().clone_into(&mut epoch),
            Some("message") => ids.push(frame["id"].as_i64().expect("an id")),
            _ => {}
        }
    }
    let last = *ids.last().expect("it got some");
    let mut again = server
        .packetboat(&people[1], &format!("?last_id={last}&epoch={epoch}"))
        .await
        .expect("101");
    let welcome = again.of_type("welcome").await;
    // Over a megabyte was missed: more than one frame may carry. What it cannot have at
    // once it can page for, down to where it was.
    assert_eq!(welcome["recovered"], false);
    let mut missed = ids_of(&welcome);
    while missed[0] > last + 1 {
        again.send_json(&json!({"type": "history", "before": missed[0], "limit": 100})).await;
        missed.splice(0..0, ids_of(&again.of_type("history").await));
    }
    ids.extend(missed.into_iter().filter(|id| *id > last));
    assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap, no duplicate");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_vanish_at_once_and_the_room_goes_on() {
    const CROWD: usize = 400;
    let server = unlimited();
    let people = people(&server, CROWD + 3).await;
    let mut witness = server.piratchat(&people[CROWD]).await.expect("101");
    let mut page = server.packetboat(&people[CROWD + 2], "").await.expect("101");
    let mut crowd = Vec::new();
    for person in &people[..CROWD] {
        crowd.push(Raw::open(server.address(), &person.session, None).await.into_stream());
    }
    for stream in &crowd {
        // A reset, as when a process dies with bytes unread.
        stream.set_zero_linger().expect("a socket option");
    }
    drop(crowd);
    let mut newcomer = server.piratchat(&people[CROWD + 1]).await.expect("101");
    newcomer.send(json!({"message": "hello"}).to_string()).await;
    let mut left = 0;
    let mut heard = false;
    while left < CROWD || !heard {
        let frame = witness.json().await;
        left += usize::from(frame["event"] == "leave");
        heard |= frame == json!({"message": "hello", "author": format!("p{}", CROWD + 1)});
    }
    let (frames, names) = presence_told(&server, &mut page, 3).await;
    assert!(frames < CROWD, "{frames} frames for {} changes", 2 * CROWD);
    let here = [CROWD, CROWD + 1, CROWD + 2].map(|number| format!("p{number}"));
    assert_eq!(names, here.into());
}

/// Reads what our own page is told of who is here until `count` are and all their names
/// are known: how many frames that took once more than 200 were here, and the names.
async fn presence_told(
    server: &TestServer,
    page: &mut Socket,
    count: usize,
) -> (usize, BTreeSet<String>) {
    let (mut frames, mut names) = (0, BTreeSet::new());
    let mut was_large = false;
    loop {
        let frame = page.json().await;
        let listed = |key: &str| {
            let listed = frame[key].as_array().cloned().unwrap_or_default();
            listed.into_iter().filter_map(|name| name.as_str().map(str::to_owned))
        };
        let username = frame["username"].as_str().map(str::to_owned);
        match frame["type"].as_str() {
            Some("join") => names.extend(username),
            Some("leave") => names.retain(|name| Some(name) != username.as_ref()),
            Some("welcome") => names = listed("online").collect(),
            Some("presence") => {
                if frame["online"].is_array() {
                    names = listed("online").collect();
                }
                names.extend(listed("joined"));
                for name in listed("left") {
                    names.remove(&name);
                }
            }
            _ => continue,
        }
        let online = frame["online_count"].as_u64().expect("a number") as usize;
        was_large |= online > 200;
        frames += usize::from(was_large);
        if was_large && online == count {
            if names.len() == count {
                return (frames, names);
            }
            // The names are owed, and the whole list is told every 5 s at most.
            server.advance(Duration::from_secs(5));
        }
    }
}
