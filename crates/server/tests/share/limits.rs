//! Caps: each has a default or is set by the operator, and says when it is hit.

use serde_json::json;
use testkit::{Http, Refused};

use crate::kit::{
    KEY_B, SECOND, Session, from, limited, message, response, settled, unlimited, unlimited_with,
};
use crate::peer::{begin, chunk, finish, hand_over, pass};
use crate::stream::Stream;
use crate::whole_files::give_all;

async fn new_session(http: &Http) -> u16 {
    let answer = http.post("/session", "").await;
    match answer.status {
        201 => 201,
        status => {
            message(&answer, status);
            status
        }
    }
}

#[tokio::test]
async fn an_address_has_16_sessions_until_one_of_them_ends() {
    let server = limited(&[]);
    let first = Session::start(&server).await;
    for _ in 1..16 {
        assert_eq!(new_session(&server.http()).await, 201);
    }
    for _ in 0..3 {
        assert_eq!(new_session(&server.http()).await, 429);
    }
    assert_eq!(new_session(&from(&server, 2)).await, 201);
    let path = format!("/session/{}", first.id);
    response(&first.host.http.send("DELETE", &path, None).await, 200);
    assert_eq!(new_session(&server.http()).await, 201);
    assert_eq!(new_session(&server.http()).await, 429);
    server.advance(SECOND * 3_700);
    assert_eq!(new_session(&server.http()).await, 201, "idle ones have ended");
}

#[tokio::test]
async fn exempt_addresses_have_more() {
    let server = unlimited();
    for _ in 0..20 {
        assert_eq!(new_session(&server.http()).await, 201);
    }
}

#[tokio::test]
async fn sessions_in_all_are_capped_for_exempt_addresses_too() {
    let server = unlimited_with(&[("share.max_sessions", "3")]);
    for _ in 0..3 {
        assert_eq!(new_session(&server.http()).await, 201);
    }
    assert_eq!(new_session(&server.http()).await, 429);
    server.advance(SECOND * 3_700);
    assert_eq!(new_session(&server.http()).await, 201);
}

#[tokio::test]
async fn a_session_has_64_members() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for _ in 1..64 {
        session.guest().await;
    }
    message(&session.try_code(&server.http(), &session.code).await, 429);
    Session::start(&server).await.guest().await;
}

#[tokio::test]
async fn members_in_all_are_capped() {
    let server = unlimited_with(&[("share.max_members", "3")]);
    let session = Session::start(&server).await;
    session.guest().await;
    session.guest().await;
    message(&session.try_code(&server.http(), &session.code).await, 429);
    assert_eq!(new_session(&server.http()).await, 429, "its host would be one more");
    let path = format!("/session/{}", session.id);
    response(&session.host.http.send("DELETE", &path, None).await, 200);
    Session::start(&server).await.guest().await;
}

#[tokio::test]
async fn a_session_has_1000_files_and_a_list_is_added_as_a_whole_or_not() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let files = |numbers: std::ops::Range<u32>| {
        numbers.map(|number| json!({ "name": format!("{number}"), "size": 1 })).collect()
    };
    for hundred in 0..9 {
        let list = files(hundred * 100..hundred * 100 + 100);
        response(&session.host.post_files(&list).await, 200);
    }
    message(&session.host.post_files(&files(900..1_001)).await, 429);
    assert_eq!(session.host.list().await.as_array().map(Vec::len), Some(900));
    response(&session.host.post_files(&files(900..1_000)).await, 200);
    message(&session.host.post_files(&files(1_000..1_001)).await, 429);
    response(&session.host.delete("7").await, 200);
    response(&session.host.post_files(&files(1_000..1_001)).await, 200);
}

#[tokio::test]
async fn files_in_all_are_capped() {
    let server = unlimited_with(&[("share.max_files", "2")]);
    let (one, two) = (Session::start(&server).await, Session::start(&server).await);
    one.host.offer("a.txt").await;
    two.host.offer("a.txt").await;
    let third = json!([{ "name": "b.txt", "size": 1 }]);
    message(&two.host.post_files(&third).await, 429);
    let path = format!("/session/{}", one.id);
    response(&one.host.http.send("DELETE", &path, None).await, 200);
    response(&two.host.post_files(&third).await, 200);
}

#[tokio::test]
async fn transfers_at_once_are_capped_for_sockets_and_streams() {
    for setting in ["share.max_transfers", "share.max_transfers_of_address"] {
        let server = limited(&[(setting, "1")]);
        let session = Session::start(&server).await;
        session.host.offer("a.txt").await;
        let mut a = session.host.register().await;
        let mut b = session.guest().await.register_with(json!({ "window": 1 })).await;
        let late = session.guest().await;
        let mut c = late.register_with(json!({ "window": 1 })).await;
        let request = begin(&mut a, &mut b, "a.txt").await;
        c.may_not("request-file", json!({ "public_key": KEY_B, "filename": "a.txt" })).await;
        let refusal = Stream::open(&session.guest().await, "a.txt").await.err();
        message(&refusal.expect("a refusal"), 429);
        finish(&mut a, &mut b, &request, 1..=2).await;
        hand_over(&mut a, &mut c, "a.txt", 1).await;
    }
}

#[tokio::test]
async fn sockets_of_an_address_are_capped() {
    let server = limited(&[("share.max_sockets_of_address", "2")]);
    let session = Session::start(&server).await;
    let one = session.host.open().await;
    let _two = session.host.open().await;
    assert_eq!(session.host.try_open(&[]).await.err(), Some(Refused(429)));
    session.guest_from(&server, 2).await.open().await;
    one.socket.close().await;
    settled(&server).await;
    session.host.open().await;
}

#[tokio::test]
async fn requests_and_upgrades_of_an_address_in_a_minute_are_capped() {
    let server = limited(&[("share.requests_a_minute_of_address", "10")]);
    let ask = async |http: &Http| http.get("/idForName/no-such-name").await;
    for _ in 0..10 {
        message(&ask(&server.http()).await, 404);
    }
    message(&ask(&server.http()).await, 429);
    message(&ask(&from(&server, 2)).await, 404);
    server.advance(SECOND * 60);
    message(&ask(&server.http()).await, 404);

    let server = limited(&[("share.upgrades_a_minute_of_address", "3")]);
    let session = Session::start(&server).await;
    for _ in 0..3 {
        session.host.open().await;
    }
    assert_eq!(session.host.try_open(&[]).await.err(), Some(Refused(429)));
    session.guest_from(&server, 2).await.open().await;
    server.advance(SECOND * 60);
    session.host.open().await;
}

#[tokio::test]
async fn joins_in_a_minute_are_capped() {
    let server = limited(&[("share.joins_a_minute_of_address", "3")]);
    let session = Session::start(&server).await;
    for _ in 0..3 {
        session.guest().await;
    }
    message(&session.try_code(&server.http(), &session.code).await, 429);
    session.guest_from(&server, 2).await;
    server.advance(SECOND * 60);
    session.guest().await;

    let server = unlimited_with(&[("share.joins_a_minute", "3")]);
    let session = Session::start(&server).await;
    for address in 1..=3 {
        session.guest_from(&server, address).await;
    }
    message(&session.try_code(&from(&server, 4), &session.code).await, 429);
    server.advance(SECOND * 60);
    session.guest_from(&server, 4).await;
}

#[tokio::test]
async fn bytes_a_second_are_capped_by_waiting() {
    for setting in ["share.bytes_a_second_of_address", "share.bytes_a_second"] {
        let server = limited(&[(setting, "100000")]);
        let session = Session::start(&server).await;
        session.host.offer("a.txt").await;
        let mut a = session.host.register().await;
        let mut b = session.guest().await.register().await;
        let request = begin(&mut a, &mut b, "a.txt").await;
        let sending = tokio::spawn(give_all(a, vec![7; 32_768], 40));
        let mut seconds = 0;
        for number in 1..=40 {
            while b.is_quiet(&server).await {
                pass(&server, SECOND, &mut [&mut b]).await;
                seconds += 1;
            }
            assert_eq!(b.told("add-chunk").await.data["chunk_nr"], number);
            b.confirm(&request, number).await;
        }
        // 40 chunks are 1.3 MB, and 2.6 MB as they stand in the frames.
        assert!((10..=40).contains(&seconds), "{setting}: {seconds} s");
        sending.await.expect("all was given");
    }
}

#[tokio::test]
async fn a_sender_who_owes_bytes_is_not_asked_in_another_transfer_either() {
    let server = limited(&[("share.bytes_a_second_of_address", "10000")]);
    let session = Session::start(&server).await;
    session.host.offer("a.txt").await;
    let mut a = session.host.register().await;
    let mut b = session.guest().await.register_with(json!({ "window": 1 })).await;
    let request = begin(&mut a, &mut b, "a.txt").await;
    a.asked_for(1).await;
    a.send("add-chunk", chunk(&request, 1, true, &[7; 35_000])).await;
    b.told("add-chunk").await;
    b.confirm(&request, 1).await;
    b.hears_nothing().await;
    begin(&mut a, &mut b, "a.txt").await;
    b.hears_nothing().await;
    pass(&server, SECOND * 2, &mut [&mut a, &mut b]).await;
    a.hears_nothing().await;
    pass(&server, SECOND, &mut [&mut a, &mut b]).await;
    a.asked_for(1).await;
}
