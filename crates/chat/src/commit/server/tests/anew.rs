//! A database that has forgotten.

use super::*;

/// Takes away what the database holds of all rooms above `head`.
fn forget(database: &TestDatabase, head: i64) {
    database.execute(&format!(
        "DELETE FROM messages WHERE id > {head}; UPDATE rooms SET head = {head} WHERE head > {head}"
    ));
}

async fn with_messages(database: &Arc<TestDatabase>, count: usize) -> [Server; 2] {
    let servers = [Server::on(database, 1).await, Server::on(database, 2).await];
    for number in 0..count {
        servers[number % 2].post(&format!("text-{number}"));
        servers[number % 2].store().await;
    }
    for server in &servers {
        server.committer.look().await.unwrap();
        assert_eq!(server.room().head(), i64::try_from(count).unwrap());
    }
    servers
}

/// Whether `client` of `server` is closed, once all is told that was to be.
async fn is_closed(server: &Server, client: &Client) -> bool {
    server.room().flushed().await;
    client.request.outbox.status().closing
}

/// What a client is told that comes back to where it was in `epoch`.
async fn come_back(server: &Server, number: u64, last_id: i64, epoch: &str) -> (Client, String) {
    let client = server.setup.client(number, 7).resuming(last_id, epoch);
    let room = server.room().id();
    let _seat = server.setup.rooms.join(room, &client.request).await.unwrap();
    server.room().flushed().await;
    client.read();
    let heard = client.heard();
    (client, heard)
}

#[tokio::test]
async fn clients_start_afresh_once_when_commits_are_taken_away_and_all_agree() {
    let Some(database) = database() else { return };
    let servers = with_messages(&database, 50).await;
    let before = servers[0].room().epoch();
    forget(&database, 30);
    for _ in 0..3 {
        for server in &servers {
            server.committer.look().await.unwrap();
        }
    }
    let epoch = servers[0].room().epoch();
    assert_ne!(epoch, before);
    for server in &servers {
        assert!(is_closed(server, &server.client).await, "it is to come back");
        assert_eq!(server.room().epoch(), epoch, "one new epoch, whoever noticed first");
        assert_eq!(server.room().head(), 30);
        let (client, welcome) = come_back(server, 10, 50, &before).await;
        assert!(welcome.contains("\"recovered\":false") && welcome.contains(&*epoch));
        let (again, welcome) = come_back(server, 11, 30, &epoch).await;
        assert!(welcome.contains("\"recovered\":true"), "{welcome}");
        for _ in 0..3 {
            server.committer.look().await.unwrap();
        }
        for client in [client, again] {
            assert!(!is_closed(server, &client).await, "once");
        }
    }
    servers[1].post("new");
    assert_eq!(servers[1].store().await, [Some(31)]);
    servers[0].committer.look().await.unwrap();
    assert_eq!(servers[0].room().head(), 31);
}

#[tokio::test]
async fn a_commit_that_is_given_an_id_that_was_told_already_notices() {
    let Some(database) = database() else { return };
    let servers = with_messages(&database, 50).await;
    let before = servers[0].room().epoch();
    forget(&database, 30);
    servers[0].post("new");
    assert_eq!(servers[0].store().await, [Some(31)], "it is stored, and posted again it is known");
    assert!(is_closed(&servers[0], &servers[0].client).await);
    assert_ne!(servers[0].room().epoch(), before);
    assert_eq!(servers[0].room().head(), 31);
    // The other one names the old epoch.
    servers[1].post("newer");
    assert_eq!(servers[1].store().await, [Some(32)]);
    assert!(is_closed(&servers[1], &servers[1].client).await);
    assert_eq!(servers[1].room().epoch(), servers[0].room().epoch());
    servers[0].committer.look().await.unwrap();
    assert_eq!(servers[0].room().head(), 32);
    servers[0].post("new");
    assert_eq!(servers[0].store().await, [Some(31)]);
}

#[tokio::test]
async fn what_was_posted_and_forgotten_is_not_taken_for_known() {
    let Some(database) = database() else { return };
    let servers = with_messages(&database, 10).await;
    forget(&database, 8);
    servers[1].post("text-9");
    assert_eq!(servers[1].store().await, [Some(9)]);
    let texts = servers[0].stored().await;
    assert_eq!(texts.last().map(|message| &*message.text), Some("text-9"));
}

#[tokio::test]
async fn all_rooms_begin_anew_when_the_database_took_another_turn() {
    let Some(database) = database() else { return };
    if database.kind() != Kind::Postgres {
        return; // It alone tells.
    }
    let servers = with_messages(&database, 4).await;
    let other = servers[0].setup.room("other").await;
    let epoch = |server: &Server| server.room().epoch();
    let before = epoch(&servers[0]);
    servers[0].committer.look().await.unwrap();
    assert_eq!(epoch(&servers[0]), before, "the timeline is noted, and the same");
    let of_other = format!("SELECT epoch FROM rooms WHERE id = {other}");
    let other_before = database.texts(&of_other);
    database.execute("UPDATE chat_timeline SET timeline = '1/00000000'");
    for _ in 0..2 {
        for server in &servers {
            server.committer.look().await.unwrap();
        }
    }
    let after = epoch(&servers[0]);
    assert_ne!(after, before);
    assert_eq!(epoch(&servers[1]), after);
    assert_ne!(database.texts(&of_other), other_before, "also one that is not open");
    for server in &servers {
        assert!(is_closed(server, &server.client).await);
        assert_eq!(server.room().head(), 4);
    }
}
