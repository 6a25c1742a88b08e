//! What a capability sees of its database: migrations, transactions, errors.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use base::{ManualClock, Timestamp};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Query, Table};
use sea_orm::{ConnectionTrait, Statement};
use storage::{Database, Kind, Migration, Step, StorageError};
use tempfile::TempDir;
use testdb::TestDatabase;

const COUNTERS: Migration = Migration { name: "m20260101_000000_counters", up: counters };
const COLOURS: Migration = Migration { name: "m20260102_000000_colours", up: colours };

fn counters() -> Vec<Step> {
    vec![table("counters"), first_counter()]
}

fn colours() -> Vec<Step> {
    vec![table("colours")]
}

fn fails_half_way() -> Vec<Step> {
    vec![table("half"), table("half")]
}

fn table(name: &'static str) -> Step {
    Table::create()
        .table(name)
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("value").big_integer().not_null())
        .to_owned()
        .into()
}

fn first_counter() -> Step {
    insert(1, 0).into()
}

fn insert(id: i64, value: i64) -> sea_orm::sea_query::InsertStatement {
    Query::insert()
        .into_table("counters")
        .columns(["id", "value"])
        .values_panic([Expr::val(id), Expr::val(value)])
        .to_owned()
}

fn clock() -> ManualClock {
    ManualClock::new(Timestamp(1_790_000_000_000))
}

async fn open() -> (Database, TestDatabase) {
    let own = TestDatabase::new();
    let database = Database::connect(own.url()).await.unwrap();
    (database, own)
}

/// The one value that `sql` selects.
async fn value(database: &Database, sql: &str) -> i64 {
    let reader = database.reader();
    let statement = Statement::from_string(reader.get_database_backend(), sql);
    let row = reader.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// What the schema consists of: the tables and their columns.
fn schema(own: &TestDatabase) -> Vec<(String, Vec<String>)> {
    let tables = own.tables().into_iter();
    tables.map(|table| (table.clone(), own.columns(&table))).collect()
}

#[tokio::test]
async fn migrations_run_once_in_the_order_of_their_names() {
    let (database, _own) = open().await;
    let applied = database.migrate(&[COLOURS, COUNTERS], &clock()).await.unwrap();
    assert_eq!(applied, [COUNTERS.name, COLOURS.name]);
    assert_eq!(value(&database, "SELECT COUNT(*) FROM counters").await, 1);
    assert_eq!(value(&database, "SELECT MIN(applied_at) FROM migrations").await, 1_790_000_000_000);

    let again = database.migrate(&[COLOURS, COUNTERS], &clock()).await.unwrap();
    assert!(again.is_empty());
    assert_eq!(value(&database, "SELECT COUNT(*) FROM counters").await, 1);
}

#[tokio::test]
async fn an_upgrade_applies_only_what_is_new() {
    let (database, _own) = open().await;
    database.migrate(&[COUNTERS], &clock()).await.unwrap();
    let applied = database.migrate(&[COUNTERS, COLOURS], &clock()).await.unwrap();
    assert_eq!(applied, [COLOURS.name]);
}

#[tokio::test]
async fn two_processes_starting_at_once_migrate_once() {
    let (one, own) = open().await;
    let other = Database::connect(own.url()).await.unwrap();
    let (first, second) = (clock(), clock());
    let (a, b) = tokio::join!(
        one.migrate(&[COUNTERS, COLOURS], &first),
        other.migrate(&[COUNTERS, COLOURS], &second)
    );
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 2);
    assert_eq!(value(&one, "SELECT COUNT(*) FROM counters").await, 1);
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_is() {
    let (database, own) = open().await;
    database.migrate(&[COUNTERS, COLOURS], &clock()).await.unwrap();
    let before = schema(&own);

    let unreleased = Migration { name: "m20260101_120000_other", up: fails_half_way };
    let error = database.migrate(&[COUNTERS, unreleased], &clock()).await.unwrap_err();
    assert!(
        matches!(&error, StorageError::NewerDatabase { migration } if migration == COLOURS.name)
    );
    let line = error.to_string();
    assert!(line.contains("newer version") && line.contains(COLOURS.name), "{line}");
    assert!(!line.contains('\n'), "one line: {line}");

    assert_eq!(schema(&own), before);
    assert_eq!(value(&database, "SELECT COUNT(*) FROM migrations").await, 2);
}

#[tokio::test]
async fn a_failing_migration_leaves_no_trace() {
    let (database, own) = open().await;
    let broken = Migration { name: "m20260103_000000_broken", up: fails_half_way };
    let error = database.migrate(&[COUNTERS, broken], &clock()).await.unwrap_err();
    assert!(matches!(error, StorageError::Migration { name: "m20260103_000000_broken", .. }));
    assert_eq!(value(&database, "SELECT COUNT(*) FROM migrations").await, 1);
    // MariaDB commits each change of the schema by itself; the next start goes on after it.
    let is_left = own.tables().contains(&"half".to_owned());
    assert_eq!(is_left, database.kind() == Kind::MariaDb);
}

#[tokio::test]
async fn a_unique_violation_is_told_apart() {
    let (database, _own) = open().await;
    database.migrate(&[COUNTERS], &clock()).await.unwrap();
    let failure = database.reader().execute(&insert(1, 5)).await.unwrap_err();
    assert!(StorageError::from(failure).is_unique_violation());

    let unknown_table = Query::select().column("id").from("nowhere").to_owned();
    let failure = database.reader().query_all(&unknown_table).await.unwrap_err();
    assert!(!StorageError::from(failure).is_unique_violation());
}

#[tokio::test]
async fn what_is_not_committed_is_gone() {
    let (database, _own) = open().await;
    database.migrate(&[COUNTERS], &clock()).await.unwrap();
    let transaction = database.begin_write().await.unwrap();
    transaction.connection().execute(&insert(2, 0)).await.unwrap();
    drop(transaction);
    let transaction = database.begin_write().await.unwrap();
    transaction.connection().execute(&insert(3, 0)).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(value(&database, "SELECT MAX(id) FROM counters").await, 3);
    assert_eq!(value(&database, "SELECT COUNT(*) FROM counters").await, 2);
}

/// Reads the counter, then writes it one higher: the pattern that fails in
/// deferred transactions.
async fn increment(database: Database) -> Result<(), StorageError> {
    let transaction = database.begin_write().await?;
    let read = Query::select().column("value").from("counters").lock_exclusive().to_owned();
    let row = transaction.connection().query_one(&read).await?.unwrap();
    let current: i64 = row.try_get("", "value")?;
    let write = Query::update()
        .table("counters")
        .value("value", current + 1)
        .and_where(Expr::col("id").eq(1))
        .to_owned();
    transaction.connection().execute(&write).await?;
    transaction.commit().await
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_never_meet_a_lock() {
    let (database, own) = open().await;
    database.migrate(&[COUNTERS], &clock()).await.unwrap();
    // The second handle stands for a second process: no turn is shared with it.
    let other = Database::connect(own.url()).await.unwrap();
    let tasks: Vec<_> = (0..400)
        .map(|n| tokio::spawn(increment(if n % 4 == 0 { other.clone() } else { database.clone() })))
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(value(&database, "SELECT value FROM counters").await, 400);
}

#[tokio::test]
async fn every_connection_is_durable_and_checks_foreign_keys() {
    let own = TestDatabase::sqlite();
    let database = Database::connect(own.url()).await.unwrap();
    // Held open together, so that each is another connection of the pool.
    let mut held = Vec::new();
    for _ in 0..4 {
        let pool = database.reader().get_sqlite_connection_pool();
        held.push(pool.acquire().await.unwrap());
    }
    for connection in &mut held {
        for (pragma, expected) in [("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5_000)]
        {
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
            let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut **connection).await.unwrap();
            assert_eq!(found, expected, "{pragma}");
        }
        let mode: String =
            sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut **connection).await.unwrap();
        assert_eq!(mode, "wal");
    }
}

#[tokio::test]
async fn a_database_in_memory_keeps_its_data() {
    let database = Database::connect("sqlite::memory:").await.unwrap();
    database.migrate(&[COUNTERS], &clock()).await.unwrap();
    increment(database.clone()).await.unwrap();
    assert_eq!(value(&database, "SELECT value FROM counters").await, 1);
}

#[tokio::test]
async fn other_databases_are_refused_without_repeating_the_password() {
    let error = Database::connect("oracle://user:hunter2@host/db").await.unwrap_err();
    let line = error.to_string();
    assert!(line.contains("oracle") && line.contains("postgres://"), "{line}");
    assert!(!line.contains("hunter2"));
    // A database that is not there, and one that no name service knows.
    for url in ["postgres://user:hunter2@127.0.0.1:1/db", "mariadb://user:hunter2@x.invalid/db"] {
        let error = Database::connect(url).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot open the database: "), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_an_error() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite://{}/missing/test.db?mode=rwc", folder.path().display());
    let error = Database::connect(&url).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot open the database"), "{error}");
}

#[tokio::test]
async fn a_closed_database_is_not_alive() {
    let (database, _own) = open().await;
    database.ping().await.unwrap();
    database.close().await.unwrap();
    assert!(database.ping().await.is_err());
}
