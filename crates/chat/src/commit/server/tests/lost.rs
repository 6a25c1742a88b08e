//! Appends of which no answer comes.

use std::time::Duration;

use super::*;

/// Ends the connections of this database that wait for a lock; how many.
fn kill_waiting(database: &TestDatabase) -> usize {
    match database.kind() {
        Kind::Postgres => database
            .texts(
                "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .len(),
        _ => {
            let waiting = database.texts(
                "SELECT CAST(trx_mysql_thread_id AS CHAR) FROM information_schema.INNODB_TRX t \
                 JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id \
                 WHERE p.DB = DATABASE() AND t.trx_state = 'LOCK WAIT'",
            );
            waiting.iter().for_each(|id| database.execute(&format!("KILL {id}")));
            waiting.len()
        }
    }
}

impl Server {
    /// What was posted, as a task would have sent it.
    async fn draft(&self) -> (Batch, Draft) {
        let intake = &self.setup.services.intake;
        let batch = intake.take_room().await.unwrap();
        intake.answered(&[(batch.room, batch.postings.len())], Duration::ZERO);
        let draft = Draft::new(&batch, &KnownPostings::new());
        (batch, draft)
    }

    async fn append(&self, fence: i64, draft: &Draft) -> Result<Posted, NotAppended> {
        let (room, epoch) = (self.room().id(), self.room().epoch());
        self.committer.ledger.append(Place { room, epoch: &epoch, fence }, &draft.messages).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_lost_in_the_middle_stores_once_or_not_at_all() {
    let Some(database) = database() else { return };
    let server = Server::on(&database, 1).await;
    let holds = server.setup.services.store.hold_room(server.room().id()).await;
    server.post("a");
    let batch = server.setup.services.intake.take_room().await.unwrap();
    let committer = server.committer.clone();
    let waiting = tokio::spawn(async move { committer.carry_out(batch).await });
    // MariaDB ends the transaction that holds the row by itself, some seconds later.
    while !waiting.is_finished() && tokio::task::block_in_place(|| kill_waiting(&database)) == 0 {
        tokio::task::yield_now().await;
    }
    drop(holds);
    let outcome = ids(&waiting.await.unwrap());
    let stored = server.stored().await.len();
    assert_eq!(outcome.iter().flatten().count(), stored, "refused is not stored");
    // The client does not know which, and posts again.
    server.post("a");
    server.post("b");
    assert_eq!(server.store().await, [Some(1), Some(2)]);
    assert_eq!(server.room().head(), 2);
}

#[tokio::test]
async fn a_batch_that_is_found_stored_is_acknowledged_after_what_others_stored() {
    let Some(database) = database() else { return };
    let (server, other) = (Server::on(&database, 1).await, Server::on(&database, 2).await);
    other.post("another's");
    other.store().await;
    server.post("a");
    server.post("b");
    let (batch, draft) = server.draft().await;
    server.append(0, &draft).await.unwrap();
    other.post("later");
    other.store().await;
    let mut turn = server.room().turn().await;
    let error = StorageError::Busy;
    let outcomes = server.committer.resolve(server.room(), &mut turn, &batch, draft, error).await;
    assert_eq!(ids(&outcomes), [Some(2), Some(3)]);
    assert!(!turn.is_unsettled);
    assert_eq!(server.room().head(), 1, "its own are told with their answers, not before");
    server.room().publish(&batch.postings, &outcomes);
    drop(turn);
    server.committer.look().await.unwrap();
    assert_eq!(server.heard().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn an_append_that_comes_after_it_was_given_up_stores_nothing() {
    let Some(database) = database() else { return };
    let server = Server::on(&database, 1).await;
    server.post("a");
    let (batch, draft) = server.draft().await;
    let late = Draft::new(&batch, &KnownPostings::new());
    let mut turn = server.room().turn().await;
    let error = StorageError::Busy;
    let outcomes = server.committer.resolve(server.room(), &mut turn, &batch, draft, error).await;
    assert_eq!(ids(&outcomes), [None]);
    assert!(matches!(server.append(0, &late).await, Err(NotAppended::Moved)));
    assert!(server.stored().await.is_empty(), "refused, and it does not appear");
    assert!(server.append(turn.fence, &late).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_fence_finds_is_final_whatever_is_under_way() {
    const ROUNDS: usize = 40;
    let Some(database) = database() else { return };
    let server = Arc::new(Server::on(&database, 1).await);
    let room = server.room().id();
    let mut fence = 0;
    let mut head = 0;
    for round in 0..ROUNDS {
        server.post(&format!("text-{round}"));
        let (_batch, draft) = server.draft().await;
        let appender = server.clone();
        let under_way = tokio::spawn(async move { appender.append(fence, &draft).await });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        let found = server.committer.ledger.move_fence(room).await.unwrap();
        let is_stored = match under_way.await.unwrap() {
            Ok(first) => first.id == head + 1,
            Err(NotAppended::Moved) => false,
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(found.head, head + i64::from(is_stored));
        (fence, head) = (found.fence, found.head);
    }
    assert_eq!(server.stored().await.len(), usize::try_from(head).unwrap());
}

#[tokio::test]
async fn a_room_that_is_not_settled_recovers_by_itself_when_the_database_is_back() {
    let Some(database) = database() else { return };
    let server = Server::on(&database, 1).await;
    server.post("a");
    let (batch, draft) = server.draft().await;
    server.append(0, &draft).await.unwrap();
    // It cannot be asked.
    database.execute("ALTER TABLE rooms RENAME TO away");
    let mut turn = server.room().turn().await;
    let error = StorageError::Busy;
    let outcomes = server.committer.resolve(server.room(), &mut turn, &batch, draft, error).await;
    assert_eq!(ids(&outcomes), [None]);
    assert!(turn.is_unsettled);
    server.room().publish(&batch.postings, &outcomes);
    drop(turn);
    server.post("b");
    assert_eq!(server.store().await, [None]);
    assert!(server.committer.look().await.is_err());
    database.execute("ALTER TABLE away RENAME TO rooms");
    server.committer.look().await.unwrap();
    assert!(!server.room().turn().await.is_unsettled);
    assert_eq!(server.room().head(), 1, "what was stored after all is told as found");
    server.post("a");
    server.post("b");
    assert_eq!(server.store().await, [Some(1), Some(2)]);
}
