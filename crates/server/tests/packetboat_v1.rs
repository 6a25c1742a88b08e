//! `packetboat.v1`, as `docs/PROTOCOL.md` has it, over TCP.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Person, Raw, Refused, Socket, TestServer};

async fn page(server: &TestServer, person: &Person) -> (Socket, Value) {
    let mut socket = server.packetboat(person, "").await.expect("101");
    let welcome = socket.json().await;
    assert_eq!(welcome["type"], "welcome", "the first frame, always");
    (socket, welcome)
}

async fn resumed(
    server: &TestServer,
    person: &Person,
    last_id: i64,
    epoch: &str,
) -> (Socket, Value) {
    let query = format!("?last_id={last_id}&epoch={epoch}");
    let mut socket = server.packetboat(person, &query).await.expect("101");
    let welcome = socket.json().await;
    (socket, welcome)
}

/// Posts and waits for the acknowledgement; the message's id.
async fn post(socket: &mut Socket, client_id: &str, text: &str) -> i64 {
    socket.send_json(&json!({"type": "post", "client_id": client_id, "text": text})).await;
    let ack = socket.of_type("ack").await;
    assert_eq!(ack["client_id"], client_id);
    assert!(ack["at"].is_i64());
    ack["id"].as_i64().expect("an id")
}

async fn post_many(socket: &mut Socket, count: usize, prefix: &str) {
    let frame = |number: usize| json!({"type": "post", "client_id": format!("{prefix}{number}"), "text": format!("{number}")});
    for chunk in (0..count).collect::<Vec<_>>().chunks(50) {
        for number in chunk {
            socket.send_json(&frame(*number)).await;
        }
        for _ in chunk {
            socket.of_type("ack").await;
        }
    }
}

fn ids(frame: &Value) -> Vec<i64> {
    let messages = frame["messages"].as_array().expect("messages");
    messages.iter().map(|message| message["id"].as_i64().expect("an id")).collect()
}

fn unlimited() -> TestServer {
    TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
    })
}

#[tokio::test]
async fn a_first_visit_is_welcomed() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let (_socket, welcome) = page(&server, &ann).await;
    assert_eq!(welcome["you"], "ann");
    assert_eq!(welcome["recovered"], false);
    assert_eq!(welcome["messages"], json!([]));
    assert_eq!(welcome["more"], false);
    assert_eq!(welcome["online"], json!(["ann"]));
    assert_eq!(welcome["online_count"], 1);
    assert_eq!(welcome["limits"], json!({"text": 300, "history": 100}));
    assert!(welcome["epoch"].as_str().is_some_and(|epoch| !epoch.is_empty()));
}

#[tokio::test]
async fn the_welcome_comes_first_whatever_is_asked_meanwhile() {
    let server = unlimited();
    let ann = server.person("ann").await;
    for _ in 0..20 {
        let mut raw = Raw::connect(server.address()).await;
        let mut request =
            Raw::upgrade_request(server.address(), &ann.session, Some("packetboat.v1"));
        request.extend(Raw::client_frame(0x81, br#"{"type":"history","before":1}"#));
        raw.send(&request).await;
        assert_eq!(raw.head().await.status, 101);
        for expected in ["welcome", "history"] {
            let (_, payload) = raw.next_frame().await.expect("a frame");
            let frame: Value = serde_json::from_slice(&payload).expect("JSON");
            assert_eq!(frame["type"], expected);
        }
    }
}

#[tokio::test]
async fn coming_back_is_no_way_to_go_faster() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let mut acknowledged = 0;
    let mut joined = 0;
    loop {
        let mut socket = match server.packetboat(&ann, "").await {
            Ok(socket) => socket,
            Err(refused) => {
                assert_eq!(refused, Refused(429));
                break;
            }
        };
        joined += 1;
        for number in 0..10 {
            let client_id = format!("{joined}-{number}");
            let post = json!({"type": "post", "client_id": client_id, "text": "x"});
            socket.send_json(&post).await;
        }
        for _ in 0..10 {
            let mut frame = socket.json().await;
            while !["ack", "nack"].contains(&frame["type"].as_str().unwrap_or_default()) {
                frame = socket.json().await;
            }
            acknowledged += usize::from(frame["type"] == "ack");
        }
        socket.close().await;
    }
    assert_eq!((joined, acknowledged), (60, 300));
}

#[tokio::test]
async fn a_post_is_acknowledged_and_heard_once_by_everyone_else() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (mut anns, _) = page(&server, &ann).await;
    let (mut second, _) = page(&server, &ann).await;
    let (mut bobs, _) = page(&server, &bob).await;
    let id = post(&mut anns, "one", "Hello").await;
    for other in [&mut second, &mut bobs] {
        let heard = other.of_type("message").await;
        assert_eq!((&heard["author"], &heard["text"]), (&json!("ann"), &json!("Hello")));
        assert_eq!(heard["id"], id);
        assert!(heard["at"].is_i64());
        assert_eq!(heard.as_object().map(serde_json::Map::len), Some(5), "{heard}");
    }
    post(&mut bobs, "two", "Hi").await;
    let next = anns.of_type("message").await;
    assert_eq!(next["text"], "Hi", "one's own message does not come back");
}

#[tokio::test]
async fn ids_rise_without_gaps_in_one_order_for_both_dialects() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (mut anns, _) = page(&server, &ann).await;
    let mut bobs = server.piratchat(&bob).await.expect("101");
    let first = post(&mut anns, "a", "one").await;
    bobs.send(json!({"message": "x".repeat(301)}).to_string()).await;
    bobs.send(json!({"message": "two"}).to_string()).await;
    assert_eq!(anns.of_type("message").await["id"], first + 1);
    assert_eq!(post(&mut anns, "b", "three").await, first + 2);
    let heard = async |socket: &mut Socket| loop {
        let frame = socket.json().await;
        if let Some(text) = frame["message"].as_str() {
            return text.to_owned();
        }
    };
    assert_eq!(heard(&mut bobs).await, "one");
    assert_eq!(heard(&mut bobs).await, "three");
}

#[tokio::test]
async fn posting_the_same_client_id_again_stores_nothing() {
    let data = {
        let server = TestServer::start();
        let ann = server.person("ann").await;
        let (mut socket, _) = page(&server, &ann).await;
        let id = post(&mut socket, "retry", "once").await;
        assert_eq!(post(&mut socket, "retry", "once").await, id);
        // Two in one batch, and one by another person with the same client id.
        for _ in 0..2 {
            let twice = json!({"type": "post", "client_id": "twin", "text": "twin"});
            socket.send_json(&twice).await;
        }
        let (one, two) = (socket.of_type("ack").await, socket.of_type("ack").await);
        assert_eq!(one, two);
        let bob = server.person("bob").await;
        let (mut bobs, welcome) = page(&server, &bob).await;
        assert_eq!(ids(&welcome), [id, id + 1]);
        assert_eq!(post(&mut bobs, "retry", "mine").await, id + 2);
        socket.close().await;
        bobs.close().await;
        server.data()
    };
    let server = TestServer::on(data, |_| {});
    let carol = server.person("carol").await;
    let (_socket, welcome) = page(&server, &carol).await;
    assert_eq!(ids(&welcome), [1, 2, 3], "a restart forgets nothing");
}

#[tokio::test]
async fn a_retry_after_a_restart_is_known_also_when_it_is_old() {
    let (data, ann) = {
        let server = unlimited();
        let ann = server.person("ann").await;
        let (mut socket, _) = page(&server, &ann).await;
        assert_eq!(post(&mut socket, "old", "old").await, 1);
        post_many(&mut socket, 2_100, "n").await;
        socket.close().await;
        (server.data(), ann)
    };
    let server = TestServer::on(data, |_| {});
    let (mut socket, _) = page(&server, &ann).await;
    assert_eq!(post(&mut socket, "old", "old").await, 1, "beyond what is kept in memory");
}

#[tokio::test]
async fn refusals_name_the_post_and_keep_the_connection() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let (mut socket, _) = page(&server, &ann).await;
    let long = json!({"type": "post", "client_id": "long", "text": "x".repeat(301)});
    socket.send_json(&long).await;
    let nack = socket.json().await;
    assert_eq!((&nack["type"], &nack["client_id"]), (&json!("nack"), &json!("long")));
    assert_eq!(nack["code"], "message_too_long");
    let empty = json!({"type": "post", "client_id": "empty", "text": ""});
    socket.send_json(&empty).await;
    assert_eq!(socket.json().await["code"], "malformed_message");
    for wrong in [
        json!({"type": "post", "client_id": "", "text": "x"}),
        json!({"type": "post", "client_id": "x".repeat(65), "text": "x"}),
        json!({"type": "post", "client_id": "with space", "text": "x"}),
        json!({"type": "post", "text": "x"}),
        json!({"type": "dance"}),
        json!({"message": "the other dialect"}),
        json!([]),
    ] {
        socket.send_json(&wrong).await;
        let error = socket.json().await;
        assert_eq!(error["type"], "error", "{wrong}");
        assert_eq!(error["code"], "malformed_message", "{wrong}");
    }
    post(&mut socket, "fine", "fine").await;
}

#[tokio::test]
async fn the_last_fifty_come_with_the_welcome_and_older_ones_on_demand() {
    let server = unlimited();
    let ann = server.person("ann").await;
    let (mut writer, _) = page(&server, &ann).await;
    post_many(&mut writer, 130, "n").await;
    let (mut reader, welcome) = page(&server, &ann).await;
    assert_eq!(ids(&welcome), (81..=130).collect::<Vec<_>>());
    assert_eq!(welcome["more"], true);
    let ask = async |reader: &mut Socket, before: i64, limit: Value| {
        let question = json!({"type": "history", "before": before, "limit": limit});
        reader.send_json(&question).await;
        reader.of_type("history").await
    };
    let page = ask(&mut reader, 81, Value::Null).await;
    assert_eq!((ids(&page), &page["more"]), ((31..=80).collect(), &json!(true)));
    assert_eq!(page["before"], 81);
    let page = ask(&mut reader, 31, json!(100)).await;
    assert_eq!((ids(&page), &page["more"]), ((1..=30).collect(), &json!(false)));
    let page = ask(&mut reader, 1, json!(100)).await;
    assert_eq!((ids(&page), &page["more"]), (vec![], &json!(false)));
    assert_eq!(ids(&ask(&mut reader, i64::MAX, json!(9_999)).await).len(), 100);
    assert_eq!(ids(&ask(&mut reader, 10, json!(0)).await), [9]);
    assert_eq!(ids(&ask(&mut reader, -5, json!(10)).await), Vec::<i64>::new());
}

#[tokio::test]
async fn history_beyond_memory_comes_from_the_database() {
    let server = unlimited();
    let ann = server.person("ann").await;
    let (mut socket, _) = page(&server, &ann).await;
    post_many(&mut socket, 2_200, "n").await;
    socket.send_json(&json!({"type": "history", "before": 120, "limit": 100})).await;
    let page = socket.of_type("history").await;
    assert_eq!((ids(&page), &page["more"]), ((20..=119).collect(), &json!(true)));
    socket.send_json(&json!({"type": "history", "before": 20, "limit": 100})).await;
    let page = socket.of_type("history").await;
    assert_eq!((ids(&page), &page["more"]), ((1..=19).collect(), &json!(false)));
}

#[tokio::test]
async fn a_reconnect_recovers_exactly_what_was_missed() {
    let server = unlimited();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (mut anns, welcome) = page(&server, &ann).await;
    let epoch = welcome["epoch"].as_str().expect("an epoch").to_owned();
    let (bobs, _) = page(&server, &bob).await;
    let seen = post(&mut anns, "seen", "seen").await;
    drop(bobs);
    post_many(&mut anns, 1_500, "missed").await;
    let (mut bobs, welcome) = resumed(&server, &bob, seen, &epoch).await;
    assert_eq!(welcome["recovered"], true);
    assert_eq!(ids(&welcome), (seen + 1..=seen + 1_500).collect::<Vec<_>>());
    let live = post(&mut anns, "live", "live").await;
    assert_eq!(bobs.of_type("message").await["id"], live, "and goes on without a gap");

    let (_, welcome) = resumed(&server, &bob, live, &epoch).await;
    assert_eq!((&welcome["recovered"], ids(&welcome)), (&json!(true), vec![]));
}

#[tokio::test]
async fn while_messages_fly_a_reconnect_has_no_gap_and_no_duplicate() {
    let server = unlimited();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (mut anns, welcome) = page(&server, &ann).await;
    let epoch = welcome["epoch"].as_str().expect("an epoch").to_owned();
    let writer = tokio::spawn(async move {
        post_many(&mut anns, 1_000, "n").await;
        anns
    });
    let mut seen: Vec<i64> = Vec::new();
    while seen.last() != Some(&1_000) {
        let last = seen.last().copied().unwrap_or(0);
        let (mut bobs, welcome) = resumed(&server, &bob, last, &epoch).await;
        assert_eq!(welcome["recovered"], true);
        seen.extend(ids(&welcome));
        for _ in 0..37 {
            if seen.last() == Some(&1_000) {
                break;
            }
            seen.push(bobs.of_type("message").await["id"].as_i64().expect("an id"));
        }
    }
    assert_eq!(seen, (1..=1_000).collect::<Vec<_>>());
    writer.await.expect("the writer");
}

#[tokio::test]
async fn what_cannot_be_recovered_is_said_so() {
    let server = unlimited();
    let ann = server.person("ann").await;
    let (mut socket, welcome) = page(&server, &ann).await;
    let epoch = welcome["epoch"].as_str().expect("an epoch").to_owned();
    post_many(&mut socket, 2_100, "n").await;
    let fresh = (2_051..=2_100).collect::<Vec<i64>>();
    for (last_id, epoch) in [(2_090, "another"), (1, epoch.as_str()), (9_999, epoch.as_str())] {
        let (_, welcome) = resumed(&server, &ann, last_id, epoch).await;
        assert_eq!((&welcome["recovered"], ids(&welcome)), (&json!(false), fresh.clone()));
    }
    for query in ["?last_id=x&epoch=y", "?last_id=1", "?epoch=1", "?nonsense"] {
        let mut socket = server.packetboat(&ann, query).await.expect("101");
        assert_eq!(socket.json().await["recovered"], false, "{query}");
        socket.close().await;
    }
}

#[tokio::test]
async fn presence_speaks_of_people_not_connections() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (mut anns, _) = page(&server, &ann).await;
    let (first, _) = page(&server, &bob).await;
    let joined = anns.json().await;
    assert_eq!(joined, json!({"type": "join", "username": "bob", "online_count": 2}));
    let (second, welcome) = page(&server, &bob).await;
    assert_eq!(welcome["online"], json!(["ann", "bob"]));
    first.close().await;
    second.close().await;
    let left = anns.json().await;
    assert_eq!(left, json!({"type": "leave", "username": "bob", "online_count": 1}));
}

#[tokio::test]
async fn typing_is_told_to_others_and_not_too_often() {
    let server = TestServer::start();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let (mut anns, _) = page(&server, &ann).await;
    let (mut second, _) = page(&server, &ann).await;
    let (mut bobs, _) = page(&server, &bob).await;
    for _ in 0..5 {
        anns.send_json(&json!({"type": "typing"})).await;
    }
    post(&mut anns, "1", "done").await;
    assert_eq!(bobs.json().await, json!({"type": "typing", "username": "ann"}));
    assert_eq!(bobs.json().await["type"], "message", "five at once are one");
    assert_eq!(second.of_type("message").await["text"], "done");
    server.advance(Duration::from_secs(3));
    anns.send_json(&json!({"type": "typing"})).await;
    assert_eq!(bobs.of_type("typing").await["username"], "ann");
}

#[tokio::test]
async fn a_person_may_hold_sixteen_connections() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(page(&server, &ann).await);
    }
    assert_eq!(server.packetboat(&ann, "").await.map(|_| ()), Err(Refused(429)));
}

#[tokio::test]
async fn alive_keeps_the_session_alive() {
    let server = TestServer::start();
    let ann = server.person("ann").await;
    let (mut socket, _) = page(&server, &ann).await;
    server.advance(Duration::from_secs(20));
    socket.send_json(&json!({"type": "alive"})).await;
    // Answered in order: once this is, the other has been handled.
    post(&mut socket, "1", "x").await;
    assert_eq!(server.http_as(&ann).get("/api/user/@me").await.status, 200);
}

#[tokio::test]
async fn history_survives_a_restart() {
    let (data, ann, epoch) = {
        let server = TestServer::start();
        let ann = server.person("ann").await;
        let (mut socket, welcome) = page(&server, &ann).await;
        post(&mut socket, "1", "before").await;
        socket.close().await;
        (server.data(), ann, welcome["epoch"].as_str().expect("an epoch").to_owned())
    };
    let server = TestServer::on(data, |_| {});
    let (mut socket, welcome) = resumed(&server, &ann, 0, &epoch).await;
    assert_eq!(welcome["recovered"], true, "the epoch is the room's, not the process's");
    assert_eq!(welcome["messages"][0]["text"], "before");
    assert_eq!(post(&mut socket, "2", "after").await, 2);
}
