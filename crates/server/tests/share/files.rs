//! The list of files of a session: offering, listing, taking back.

use serde_json::{Value, json};
use testkit::Answer;

use crate::kit::{Session, body, message, response, unlimited};

/// The one answer with another form: what is wrong with which file.
#[track_caller]
pub(crate) fn refused_file(answer: &Answer) -> Value {
    assert_eq!(answer.status, 400, "{answer:?}");
    let body = body(answer);
    assert_eq!(body["success"], false, "{body}");
    assert!(body["response"]["message"].as_str().is_some_and(|text| text.ends_with('.')), "{body}");
    let keys: Vec<&String> = body["response"].as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["file", "message"], "{body}");
    body["response"]["file"].clone()
}

#[tokio::test]
async fn files_are_listed_in_order_with_size_and_whose_they_are() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    assert_eq!(guest.list().await, json!([]));
    let two = json!([{ "name": "b.txt", "size": 2 }, { "name": "a.txt", "size": 0 }]);
    response(&session.host.post_files(&two).await, 200);
    response(&guest.post_files(&json!([{ "name": "c.txt", "size": 3 }])).await, 200);
    let listed = |hosts: bool, guests: bool| {
        json!([
            { "name": "b.txt", "size": 2, "is_owner": hosts },
            { "name": "a.txt", "size": 0, "is_owner": hosts },
            { "name": "c.txt", "size": 3, "is_owner": guests },
        ])
    };
    assert_eq!(session.host.list().await, listed(true, false));
    assert_eq!(guest.list().await, listed(false, true));
    assert_eq!(session.guest().await.list().await, listed(false, false));
    let one = response(&guest.file("a.txt").await, 200);
    assert_eq!(one, json!({ "name": "a.txt", "size": 0, "is_owner": false }));
    let own = response(&guest.file("c.txt").await, 200);
    assert_eq!(own, json!({ "name": "c.txt", "size": 3, "is_owner": true }));
    message(&guest.file("d.txt").await, 404);
}

#[tokio::test]
async fn more_fields_of_a_file_are_ignored() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let file = json!([{ "name": "a.txt", "size": 1, "is_owner": false, "type": "text/plain" }]);
    response(&session.host.post_files(&file).await, 200);
    let listed = json!([{ "name": "a.txt", "size": 1, "is_owner": true }]);
    assert_eq!(session.host.list().await, listed);
}

#[tokio::test]
async fn a_name_that_exists_is_refused_whoever_posts_it() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    session.host.offer("a.txt").await;
    for member in [&session.host, &guest] {
        let file = json!([{ "name": "a.txt", "size": 1 }]);
        assert_eq!(refused_file(&member.post_files(&file).await), "a.txt");
    }
    let twice = json!([{ "name": "b.txt", "size": 1 }, { "name": "b.txt", "size": 1 }]);
    assert_eq!(refused_file(&guest.post_files(&twice).await), "b.txt");
    assert_eq!(guest.list().await.as_array().expect("files").len(), 1);
}

#[tokio::test]
async fn a_list_without_files_is_refused() {
    let server = unlimited();
    let session = Session::start(&server).await;
    refused_file(&session.host.post_files(&json!([])).await);
}

#[tokio::test]
async fn one_bad_entry_adds_none() {
    let server = unlimited();
    let session = Session::start(&server).await;
    session.host.offer("there.txt").await;
    let good = json!({ "name": "good.txt", "size": 1 });
    for bad in [
        json!({ "name": "there.txt", "size": 1 }),
        json!({ "name": "a/b", "size": 1 }),
        json!({ "name": "a.txt", "size": -1 }),
        json!({ "name": "a.txt" }),
        json!({ "size": 1 }),
        json!(7),
    ] {
        for list in [json!([good, bad]), json!([bad, good])] {
            refused_file(&session.host.post_files(&list).await);
        }
    }
    assert_eq!(session.host.list().await.as_array().expect("files").len(), 1);
}

#[tokio::test]
async fn the_owner_and_the_host_take_a_file_back_and_others_do_not() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (guest, other) = (session.guest().await, session.guest().await);
    session.host.offer("hosts.txt").await;
    guest.offer("guests.txt").await;
    guest.offer("more.txt").await;
    message(&guest.delete("hosts.txt").await, 403);
    message(&other.delete("guests.txt").await, 403);
    message(&other.delete("no-such-file").await, 404);
    response(&guest.delete("guests.txt").await, 200);
    response(&session.host.delete("more.txt").await, 200);
    message(&session.host.delete("more.txt").await, 404);
    message(&guest.file("guests.txt").await, 404);
    response(&session.host.delete("hosts.txt").await, 200);
    assert_eq!(other.list().await, json!([]));
    other.offer("guests.txt").await;
    assert_eq!(response(&other.file("guests.txt").await, 200)["is_owner"], true);
}

#[tokio::test]
async fn a_file_of_one_session_is_in_no_other() {
    let server = unlimited();
    let (session, other) = (Session::start(&server).await, Session::start(&server).await);
    session.host.offer("a.txt").await;
    message(&other.host.file("a.txt").await, 404);
    other.host.offer("a.txt").await;
    response(&session.host.delete("a.txt").await, 200);
    response(&other.host.file("a.txt").await, 200);
}
