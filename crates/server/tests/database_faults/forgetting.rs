//! Twenty commits are taken away from the database under load, as a failover to a standby
//! that lags behind does.

use std::collections::HashMap;

use testkit::{Binary, Data, Socket};
use tokio::time::timeout;

use crate::talker::Talker;

const TALKERS: usize = 6;
const EACH: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_commits_are_gone_every_client_starts_afresh_once_and_all_agree() {
    let data = Data::new();
    if !data.database().kind().is_server() {
        return; // Only the server itself writes into the file.
    }
    let exempt = [("PACKETBOAT_LIMITS__EXEMPT", "127.0.0.0/8")];
    let server = Binary::start(env!("CARGO_BIN_EXE_packetboat"), &data, &exempt);
    let person = server.person("writer").await;
    let mut talkers = Vec::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for number in 0..TALKERS {
        let mut talker = Talker::new(server.address(), &person, format!("t{number}"));
        let tell = tell.clone();
        talkers.push(tokio::spawn(async move {
            talker.post_from(0, EACH / 2).await;
            let _ = tell.send(());
            talker.post_from(EACH / 2, EACH).await;
            talker
        }));
    }
    told.recv().await.expect("the first is half through");
    let taken = tokio::task::block_in_place(|| forget(&data));
    let mut done = Vec::new();
    for talker in talkers {
        done.push(
            timeout(3 * testkit::PATIENCE, talker).await.expect("in time").expect("a client"),
        );
    }

    let mut reader = Socket::packetboat(server.address(), &person.session, "").await.expect("101");
    let history = reader.history().await;
    reader.close().await;
    let ids: Vec<i64> = history.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, (1..=ids.len() as i64).collect::<Vec<_>>(), "ids have no gaps");
    // What a client had acknowledged and the database forgot, it does not post again.
    assert_eq!(history.len(), TALKERS * EACH - taken, "nothing but the twenty is missing");
    let by_id: HashMap<i64, &str> = history.iter().map(|(id, text)| (*id, text.as_str())).collect();
    for talker in &mut done {
        talker.hear(ids.len() as i64).await;
        assert_eq!(talker.afresh, 1, "each starts afresh once");
        for (id, text) in &talker.heard {
            assert_eq!(by_id[id], text, "all see the same");
        }
    }
}

/// Takes the newest twenty messages away, in one transaction; how many there were.
fn forget(data: &Data) -> usize {
    data.database().execute(
        "BEGIN; \
         UPDATE rooms SET head = head - 20 WHERE head >= 20; \
         DELETE FROM messages WHERE id > (SELECT MAX(head) FROM rooms); \
         COMMIT",
    );
    20
}
