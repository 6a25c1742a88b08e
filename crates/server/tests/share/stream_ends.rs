//! How streams of server-sent events end before their file is whole, by whichever side.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::timeout;

use crate::events::{acknowledged, done, given, scene};
use crate::kit::{SECOND, Session, message, unlimited};
use crate::peer::{Peer, chunk, pass};
use crate::stream::{Stream, path};

#[tokio::test]
async fn a_last_event_id_never_continues_chunks_of_another_key() {
    let server = unlimited();
    let (_session, mut a, guest) = scene(&server).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    let first = acknowledged(&mut a, &mut stream, "a.txt").await;
    a.asked_for(1).await;
    a.give(&first, 1, false).await;
    given(&mut stream, 1, false).await;
    drop(stream);
    until_aborted(&mut a, &first).await;
    let bearer = format!("Bearer {}", guest.jwt);
    let headers = [("authorization", bearer), ("last-event-id", "1".to_owned())];
    match Stream::ask(&guest, &path(&guest, "a.txt"), &headers).await {
        Err(refusal) => {
            message(&refusal, refusal.status);
        }
        Ok(mut stream) => {
            let second = acknowledged(&mut a, &mut stream, "a.txt").await;
            assert_ne!(first, second);
            a.asked_for(1).await;
            a.give(&second, 1, true).await;
            given(&mut stream, 1, true).await;
            done(&mut stream).await;
        }
    }
}

/// Reads the owner's frames up to the abort; what is asked for meanwhile is not given.
async fn until_aborted(a: &mut Peer, request: &Value) {
    let reading = async {
        loop {
            let frame = a.next().await;
            if frame["command"] == "transfer-aborted" {
                assert_eq!((&frame["request_id"], &frame["success"]), (request, &json!(false)));
                return;
            }
            assert_eq!(frame["command"], "send-next-chunk", "{frame}");
        }
    };
    timeout(Duration::from_secs(2), reading).await.expect("told within two seconds");
}

#[tokio::test]
async fn a_reader_who_leaves_frees_the_transfer_at_once_and_the_owner_is_told() {
    let server = unlimited();
    let (_session, mut a, guest) = scene(&server).await;
    for step in 0..3 {
        let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
        let asked = a.told("acknowledge-file-request").await.request;
        if step > 0 {
            a.acknowledge(&asked, "a.txt", 9).await;
            stream.told("prepare-for-file-transfer").await;
        }
        if step > 1 {
            a.asked_for(1).await;
            a.give(&asked, 1, false).await;
            given(&mut stream, 1, false).await;
        }
        drop(stream);
        until_aborted(&mut a, &asked).await;
        a.may_not("add-chunk", chunk(&asked, 2, true, b"late")).await;
    }
}

#[tokio::test]
async fn an_owner_who_stays_away_ends_the_stream_without_done() {
    let server = unlimited();
    let (session, mut a, guest) = scene(&server).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    acknowledged(&mut a, &mut stream, "a.txt").await;
    a.asked_for(1).await;
    a.cut();
    pass(&server, SECOND * 4, &mut []).await;
    // Back in time: asked again.
    let mut a = session.host.open().await;
    a.send("register", json!({})).await;
    a.asked_for(1).await;
    a.cut();
    pass(&server, SECOND * 7, &mut []).await;
    let event = stream.event().await.expect("a clear state");
    assert_eq!(event.event, "transfer-aborted");
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn a_stream_waits_five_seconds_for_an_owner_who_is_away() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let guest = session.guest().await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    pass(&server, SECOND * 3, &mut []).await;
    let mut a = session.host.open().await;
    a.send("register", json!({})).await;
    let request = acknowledged(&mut a, &mut stream, "a.txt").await;
    a.asked_for(1).await;
    a.give(&request, 1, true).await;
    given(&mut stream, 1, true).await;
    done(&mut stream).await;
    a.cut();
    pass(&server, SECOND * 6, &mut []).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    pass(&server, SECOND * 7, &mut []).await;
    assert_eq!(stream.event().await.expect("a clear state").event, "transfer-aborted");
    assert_eq!(stream.event().await, None);
}

#[tokio::test]
async fn a_stream_that_runs_when_its_session_ends_ends_too() {
    let server = unlimited();
    let (session, mut a, guest) = scene(&server).await;
    let mut stream = Stream::open(&guest, "a.txt").await.expect("a stream");
    acknowledged(&mut a, &mut stream, "a.txt").await;
    let end = format!("/session/{}", session.id);
    assert_eq!(session.host.http.send("DELETE", &end, None).await.status, 200);
    while let Some(event) = stream.event().await {
        assert_ne!(event.event, "done");
    }
}
