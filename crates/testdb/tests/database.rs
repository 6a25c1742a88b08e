//! What a test gets, on the kind of database that the run is for.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use sea_orm::{ConnectOptions, ConnectionTrait, Database};
use testdb::{Kind, TestDatabase};

const TABLE: &str = "CREATE TABLE boats (id BIGINT PRIMARY KEY, name VARCHAR(20))";

#[test]
fn each_is_empty_and_its_own() {
    let (one, other) = (TestDatabase::new(), TestDatabase::new());
    assert_eq!(one.kind(), Kind::chosen());
    one.execute(TABLE);
    one.execute("INSERT INTO boats VALUES (7, 'Ann')");
    assert_eq!(one.tables(), ["boats"]);
    assert_eq!(one.number("SELECT MAX(id) FROM boats"), 7);
    assert_eq!(one.texts("SELECT name FROM boats"), ["Ann"]);
    assert!(other.tables().is_empty());
}

#[test]
fn everything_in_it_is_found() {
    let database = TestDatabase::new();
    database.execute(TABLE);
    database.execute("INSERT INTO boats VALUES (7, 'Ann'), (8, NULL)");
    assert_eq!(database.columns("boats"), ["id", "name"]);
    assert_eq!(database.contents(), "7\n8\nAnn\n");
}

#[test]
fn it_refuses_what_it_is_told_to_until_it_accepts_it_again() {
    let database = TestDatabase::new();
    database.execute(TABLE);
    let insert = |id| {
        let sql = format!("INSERT INTO boats VALUES ({id}, 'Ann')");
        let tried = || database.execute(&sql);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(tried)).is_ok()
    };
    database.refuse("INSERT", "boats", "NEW.id > 7");
    assert!(insert(7) && !insert(8));
    database.accept("boats");
    assert!(insert(8));
    database.refuse("UPDATE", "boats", "NEW.id > 7");
    database.accept("boats");
}

#[test]
fn a_sqlite_file_is_one_whatever_the_run_is_for() {
    let database = TestDatabase::sqlite();
    database.execute(TABLE);
    assert_eq!(database.kind(), Kind::Sqlite);
    assert!(database.path().unwrap().exists());
}

#[test]
fn a_file_of_the_test_is_left_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.db");
    let database = TestDatabase::at(path.clone());
    database.execute(TABLE);
    drop(database);
    assert_eq!(path.exists(), Kind::chosen() == Kind::Sqlite);
}

/// Whether there is a database at `url`.
async fn is_there(url: &str) -> bool {
    let url = url.replacen("mariadb:", "mysql:", 1).replace("mode=rwc", "mode=rw");
    Database::connect(ConnectOptions::new(url)).await.is_ok()
}

#[tokio::test]
async fn it_is_gone_at_the_end_although_another_writes_to_it() {
    let database = TestDatabase::new();
    database.execute(TABLE);
    let url = database.url().to_owned();
    assert!(is_there(&url).await);
    let mut options = ConnectOptions::new(url.replacen("mariadb:", "mysql:", 1));
    options.max_connections(1);
    let other = Database::connect(options).await.unwrap();
    other.execute_unprepared("BEGIN").await.unwrap();
    other.execute_unprepared("INSERT INTO boats VALUES (7, 'Ann')").await.unwrap();
    drop(database);
    assert!(!is_there(&url).await);
}

#[tokio::test]
async fn it_is_gone_after_a_test_that_failed() {
    let url = std::thread::spawn(|| {
        let database = TestDatabase::new();
        let url = database.url().to_owned();
        let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _database = database;
            panic!("on purpose");
        }));
        assert!(failed.is_err());
        url
    });
    assert!(!is_there(&url.join().unwrap()).await);
}
