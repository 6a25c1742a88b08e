//! From one database to another, and back.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testdb::TestDatabase;
use testkit::Person;

use crate::kit::{Place, enter, files, folder, post, post_until, resume, status, stop, text};

/// What databases like to get wrong; `CHAR(n)` is what no literal of theirs can hold.
const AWKWARD: &[&str] = &[
    "''",
    "'quote \" '' ` and \\ back, \\n'",
    "'line' || CHAR(10) || CHAR(13) || CHAR(10) || CHAR(9) || 'break'",
    "CHAR(1) || CHAR(31) || CHAR(127) || CHAR(133)",
    "CHAR(8232) || CHAR(8233) || CHAR(65279) || CHAR(65533) || CHAR(65535)",
    "'😀 👨‍👩‍👧 𝒳 größe ﬀ İ'",
    "'مرحبا ' || CHAR(8238) || 'left'",
    "'{\"id\":1}' || CHAR(9)",
    "' trailing  '",
    "'e' || CHAR(769) || ' é'",
];

/// A server's database with a person, whose key and session still work, and awkward texts.
async fn source(folder: &Path, database: &TestDatabase) -> (Place, Person) {
    let place = Place::with(folder.join("source"), database.url());
    let server = place.start();
    let ann = server.person("ann").await;
    let (mut socket, _) = enter(&server, &ann.session, "").await;
    post(&mut socket, "said").await;
    socket.close().await;
    stop(server);
    for (id, text) in (2..).zip(AWKWARD) {
        let client_id = if id % 2 == 0 { "NULL".to_owned() } else { format!("'c{id}'") };
        database.execute(&format!(
            "INSERT INTO messages (room_id, id, author_id, author, text, sent_at, client_id) \
             SELECT room_id, {id}, author_id, author, {text}, sent_at + {id}, {client_id} \
             FROM messages WHERE id = 1"
        ));
    }
    // Nothing is not an empty text, and numbers may be negative.
    database.execute(
        "INSERT INTO sessions (id, token_hash, account_id, created_at, last_used_at, \
         client_address, user_agent, kind, name) SELECT -5, 'ab', account_id, created_at, \
         last_used_at, '', '', 1, NULL FROM sessions WHERE id > 0 LIMIT 1",
    );
    // As long as a mail can be, several of them.
    for id in 1..=60 {
        database.execute(&format!(
            "INSERT INTO mail_queue (id, kind, recipient, mailbox, subject, text_body, \
             html_body, state, attempts, created_at, next_attempt_at, give_up_at) VALUES \
             ({id}, 'k', 'a@b', 'a@b', '', hex(zeroblob(24000)), hex(zeroblob(24000)), 'sent', \
             -1, 0, 0, 9007199254740991)"
        ));
    }
    (place, ann)
}

#[tokio::test]
async fn a_move_takes_everything_along_and_every_database_gives_the_same_export() {
    let folder = folder();
    let export = |number: u8| folder.path().join(format!("export{number}"));
    let (from, to, back) = (TestDatabase::sqlite(), TestDatabase::new(), TestDatabase::sqlite());
    let (source, ann) = source(folder.path(), &from).await;
    source.done(&["export", text(&export(1))]);

    let target = Place::with(folder.path().join("target"), to.url());
    target.done(&["import", "--moving", text(&export(1))]);
    target.done(&["export", text(&export(2))]);
    assert_eq!(files(&export(1)), files(&export(2)));
    let third = Place::with(folder.path().join("back"), back.url());
    third.done(&["import", "--moving", text(&export(2))]);
    third.done(&["export", text(&export(3))]);
    assert_eq!(files(&export(1)), files(&export(3)));

    // And a server runs on it: the same messages, session and key.
    let server = target.start();
    let (mut socket, _) = enter(&server, &ann.session, "").await;
    let history = socket.history().await;
    assert_eq!(history.len(), 1 + AWKWARD.len());
    assert_eq!(history[2].1, "quote \" ' ` and \\ back, \\n");
    assert_eq!(post(&mut socket, "goes on").await, history.len() as i64 + 1);
    socket.close().await;
    server.log_in(&ann.key).await;
    stop(server);
}

#[tokio::test]
async fn what_may_have_ended_since_does_not_come_back_and_clients_start_afresh() {
    let folder = folder();
    let (from, to) = (TestDatabase::sqlite(), TestDatabase::new());
    let (source, ann) = source(folder.path(), &from).await;
    let server = source.start();
    let (socket, before) = enter(&server, &ann.session, "").await;
    socket.close().await;
    stop(server);
    let export = folder.path().join("export");
    source.done(&["export", text(&export)]);
    let target = Place::with(folder.path().join("target"), to.url());
    let said = target.done(&["import", text(&export)]);
    assert!(said.contains("sessions 2, mailed_links 0, mail_queue 60."), "{said}");
    assert!(said.contains("--moving"), "{said}");
    assert_eq!(to.number("SELECT COUNT(*) FROM mail_queue"), 0);

    let server = target.start();
    assert_eq!(status(&server, &ann.session).await, 401);
    let session = server.log_in(&ann.key).await;
    assert_eq!(status(&server, &session).await, 200);
    let (socket, after) = enter(&server, &session, &resume(1, &before)).await;
    assert_eq!(after["recovered"], false);
    assert_ne!(after["epoch"], before["epoch"]);
    socket.close().await;
    stop(server);
    // The data folder knows its database: another one in its place is refused.
    let moved = Place::with(target.data.clone(), from.url());
    assert!(moved.refused(&["admin", "create", "a@example.org"]).contains("is another one"));
}

#[tokio::test]
async fn an_export_beside_a_server_is_of_one_moment_and_for_the_owner_alone() {
    let folder = folder();
    let from = TestDatabase::new();
    let place = Place::with(folder.path().join("data"), from.url());
    let server = place.start();
    let ann = server.person("ann").await;
    let (mut socket, _) = enter(&server, &ann.session, "").await;
    let export = folder.path().join("export");
    let exporting = {
        let (place, export) = (Place::with(place.data.clone(), from.url()), export.clone());
        tokio::task::spawn_blocking(move || place.done(&["export", text(&export)]))
    };
    let last = post_until(&mut socket, &export.join("manifest.json")).await;
    let said = exporting.await.expect("no panic");
    assert!(said.contains("Digest: ") && last > 0, "{said}");
    socket.close().await;
    let files = files(&export);
    let messages = String::from_utf8(files["messages.jsonl"].clone()).expect("UTF-8");
    for (id, line) in (1..).zip(messages.lines()) {
        let message: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(message["id"], id, "no gaps");
    }
    for name in files.keys() {
        let mode = std::fs::metadata(export.join(name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let mode = std::fs::metadata(&export).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    stop(server);
}
