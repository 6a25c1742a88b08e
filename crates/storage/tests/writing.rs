//! Writing, when the database does not always want to. What a disk that fails does to the
//! whole server is in `crates/server/tests/failing_disk`.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use base::{ManualClock, Timestamp};
use sea_orm::ConnectionTrait;
use storage::{Database, StorageError, WriteTransaction};
use testdb::TestDatabase;

async fn open() -> (Database, TestDatabase) {
    on(TestDatabase::new()).await
}

/// For what only SQLite does.
async fn in_file() -> (Database, TestDatabase) {
    on(TestDatabase::sqlite()).await
}

async fn on(own: TestDatabase) -> (Database, TestDatabase) {
    let database = Database::connect(own.url()).await.unwrap();
    database.migrate(&[], &ManualClock::new(Timestamp(0))).await.unwrap();
    own.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY)");
    (database, own)
}

async fn run(on: &impl ConnectionTrait, sql: &str) {
    on.execute_unprepared(sql).await.unwrap();
}

fn count(own: &TestDatabase, table: &str) -> i64 {
    own.number(&format!("SELECT COUNT(*) FROM {table}"))
}

/// A transaction that wrote to `kept`, and whose commit will fail: as a disk that is full
/// makes it fail, SQLite has rolled it back already.
async fn doomed(database: &Database, id: i64) -> WriteTransaction {
    let transaction = database.begin_write().await.unwrap();
    run(transaction.connection(), &format!("INSERT INTO kept VALUES ({id})")).await;
    run(transaction.connection(), "ROLLBACK").await;
    transaction
}

async fn keep(database: &Database, id: i64) -> Result<(), StorageError> {
    let transaction = database.begin_write().await?;
    run(transaction.connection(), &format!("INSERT INTO kept VALUES ({id})")).await;
    transaction.commit().await
}

#[tokio::test]
async fn after_failed_commits_what_is_acknowledged_is_stored() {
    let (database, own) = in_file().await;
    for round in 0..6 {
        // More failures in a row than there are connections.
        for failure in 0..6 {
            let doomed = doomed(&database, 1_000 + failure).await;
            assert!(doomed.commit().await.is_err());
            assert!(database.last_write_failed());
        }
        // Others give up what they began, as for a name that is taken.
        for id in 0..6 {
            let given_up = database.begin_write().await.unwrap();
            run(given_up.connection(), &format!("INSERT INTO kept VALUES ({})", 2_000 + id)).await;
        }
        for id in 0..4 {
            keep(&database, round * 10 + id).await.unwrap();
        }
        assert!(!database.last_write_failed());
    }
    // Another process sees all of it, and nothing else.
    assert_eq!(count(&own, "kept"), 24);
}

#[tokio::test]
async fn a_transaction_that_is_still_open_after_its_commit_failed_is_rolled_back() {
    let (database, own) = in_file().await;
    own.execute(
        "CREATE TABLE child (id INTEGER REFERENCES kept (id) DEFERRABLE INITIALLY DEFERRED)",
    );
    let transaction = database.begin_write().await.unwrap();
    run(transaction.connection(), "INSERT INTO child VALUES (7)").await;
    assert!(transaction.commit().await.is_err(), "there is no 7 in kept");
    keep(&database, 1).await.unwrap();
    assert_eq!((count(&own, "child"), count(&own, "kept")), (0, 1));
}

#[tokio::test]
async fn a_connection_that_somebody_left_in_a_transaction_is_not_used_again() {
    let (database, own) = open().await;
    // By hand, so that sqlx does not know of it.
    for _ in 0..8 {
        run(database.reader(), "BEGIN").await;
    }
    keep(&database, 1).await.unwrap();
    assert_eq!(count(&own, "kept"), 1);
}

#[tokio::test]
async fn a_commit_whose_caller_goes_away_is_carried_out_before_the_next_turn() {
    let (database, own) = in_file().await;
    for id in 0..20 {
        let transaction = database.begin_write().await.unwrap();
        run(transaction.connection(), &format!("INSERT INTO kept VALUES ({id})")).await;
        let commit = tokio::spawn(transaction.commit());
        tokio::task::yield_now().await;
        commit.abort();
        let next = database.begin_write().await.unwrap();
        drop(next);
    }
    assert!(count(&own, "kept") >= 19, "aborted before it began, at most once");
}

#[tokio::test]
async fn a_probe_says_whether_the_database_takes_writes() {
    let (database, own) = in_file().await;
    database.probe_write().await.unwrap();
    assert!(!database.last_write_failed());
    let other = Database::connect(own.url()).await.unwrap();
    let held = other.begin_write().await.unwrap();
    assert!(database.probe_write().await.is_err(), "another process holds the lock");
    assert!(database.last_write_failed());
    drop(held);
    while database.probe_write().await.is_err() {}
    assert!(!database.last_write_failed());
}

#[tokio::test]
async fn a_url_of_sqlites_own_is_refused_because_it_leads_past_the_lock() {
    for url in ["sqlite:file:test.db", "sqlite://file:/nowhere/test.db?mode=rwc"] {
        let refused = Database::connect(url).await.unwrap_err();
        assert!(matches!(refused, StorageError::Unsupported { .. }), "{url}: {refused}");
        assert!(refused.to_string().contains("use sqlite://PATH"), "{refused}");
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_again() {
    let (database, own) = in_file().await;
    let path = own.path().unwrap();
    let doomed = doomed(&database, 1).await;
    std::fs::rename(path, path.with_file_name("elsewhere.db")).unwrap();
    assert!(doomed.commit().await.is_err());
    assert!(keep(&database, 2).await.is_err());
    assert!(!path.exists());
}
