//! Two processes and one database: who may have it, who changes its schema, who waits for
//! whom. A process is a [`Database`] of its own here.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

use std::sync::Arc;
use std::time::Duration;

use base::{ManualClock, Timestamp, Vitals};
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Index, IndexCreateStatement, Query, Table};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use storage::{Database, Fault, Holder, Kind, Migration, Step, StorageError, add_column};
use testdb::TestDatabase;
use tokio::time::timeout;

/// What two processes do at once shows its faults now and then, not each time.
const TIMES: usize = 10;

fn counters() -> Vec<Step> {
    let table = Table::create()
        .table("counters")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .col(ColumnDef::new("value").big_integer().not_null())
        .to_owned();
    vec![table.into(), insert(1).into(), insert(2).into()]
}

fn insert(id: i64) -> sea_orm::sea_query::InsertStatement {
    Query::insert()
        .into_table("counters")
        .columns(["id", "value"])
        .values_panic([id.into(), 0.into()])
        .to_owned()
}

fn named() -> Vec<Step> {
    vec![add_column("counters", ColumnDef::new("name").string_len(16).null().to_owned())]
}

const ALL: [Migration; 2] = [
    Migration { name: "m20260101_000000_counters", up: counters },
    Migration { name: "m20260102_000000_named", up: named },
];

async fn open(at: &TestDatabase) -> Database {
    Database::connect(at.url()).await.unwrap()
}

async fn migrate(database: &Database, migrations: &[Migration]) -> Result<usize, StorageError> {
    let clock = ManualClock::new(Timestamp(1_790_000_000_000));
    database.migrate(migrations, &clock).await.map(|applied| applied.len())
}

fn holder(server: &str, incarnation: &str) -> Holder {
    let (server, incarnation) = (server.to_owned(), incarnation.to_owned());
    Holder { name: format!("host of {server}"), server, incarnation, vitals: Vitals::default() }
}

async fn value(on: &impl ConnectionTrait, id: i64) -> i64 {
    let select = Query::select()
        .column("value")
        .from("counters")
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    on.query_one(&select).await.unwrap().unwrap().try_get("", "value").unwrap()
}

async fn set(on: &DatabaseTransaction, id: i64, value: i64) -> Result<(), StorageError> {
    let update = Query::update()
        .table("counters")
        .value("value", value)
        .and_where(Expr::col("id").eq(id))
        .to_owned();
    on.execute(&update).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_start_at_once_migrate_once() {
    for _ in 0..TIMES {
        let at = TestDatabase::new();
        let (one, other) = (open(&at).await, open(&at).await);
        let (first, second) = tokio::join!(migrate(&one, &ALL), migrate(&other, &ALL));
        assert_eq!(first.unwrap() + second.unwrap(), ALL.len());
        assert_eq!(value(one.reader(), 1).await, 0);
        one.close().await.unwrap();
        other.close().await.unwrap();
    }
}

fn unique_values() -> IndexCreateStatement {
    Index::create().name("counters_value").table("counters").col("value").unique().to_owned()
}

/// Its second step fails as long as two counters have the same value.
fn half() -> Vec<Step> {
    let table = Table::create()
        .table("half")
        .col(ColumnDef::new("id").big_integer().not_null().primary_key())
        .to_owned();
    vec![table.into(), unique_values().into()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_broken_off_goes_on() {
    let at = TestDatabase::new();
    let database = open(&at).await;
    migrate(&database, &ALL).await.unwrap();
    let more = [ALL[0], ALL[1], Migration { name: "m20260103_000000_half", up: half }];
    let error = migrate(&database, &more).await.unwrap_err();
    assert!(matches!(error, StorageError::Migration { .. }), "{error}");
    // As a process that ended in the middle of a step leaves it.
    if at.kind() == testdb::Kind::MariaDb {
        at.execute("UPDATE migration_steps SET is_done = 0");
    }
    at.execute("UPDATE counters SET value = id");
    assert_eq!(migrate(&database, &more).await.unwrap(), 1);
    assert_eq!(migrate(&database, &more).await.unwrap(), 0);
    at.execute("INSERT INTO half (id) VALUES (1)");
    database.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_has_one_owner_and_a_server_takes_its_own_back() {
    let at = TestDatabase::new();
    let (one, other) = (open(&at).await, open(&at).await);
    if !one.kind().is_server() {
        return; // A file has a lock of the operating system, see `database.rs`.
    }
    migrate(&one, &ALL).await.unwrap();
    one.hold(&holder("a", "a1")).await.unwrap();
    let refused = other.hold(&holder("b", "b1")).await.unwrap_err();
    assert!(refused.to_string().contains("host of a"), "{refused}");
    one.begin_write().await.unwrap().commit().await.unwrap();

    // The same server, started again: the process before must be gone, or is told so.
    other.hold(&holder("a", "a2")).await.unwrap();
    timeout(Duration::from_secs(20), one.taken()).await.unwrap();
    let refused = one.begin_write().await.unwrap_err();
    assert!(matches!(refused, StorageError::Taken), "{refused}");
    assert_eq!(refused.fault(), Fault::Taken);
    assert!(one.urgent_statement().is_err());
    other.begin_write().await.unwrap().commit().await.unwrap();
    other.close().await.unwrap();
    one.close().await.unwrap();

    let third = open(&at).await;
    third.hold(&holder("b", "b2")).await.unwrap();
    third.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_is_no_obstacle() {
    let at = TestDatabase::new();
    let (one, other) = (open(&at).await, open(&at).await);
    if !one.kind().is_server() {
        return; // A file's lock is gone with its process.
    }
    one.hold(&holder("a", "a1")).await.unwrap();
    at.execute("UPDATE database_owner SET until_at = 0");
    other.hold(&holder("b", "b1")).await.unwrap();
    timeout(Duration::from_secs(20), one.taken()).await.unwrap();
    one.close().await.unwrap();
    // What the first one gave back was not its own any more.
    assert!(open(&at).await.hold(&holder("c", "c1")).await.is_err());
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_named_lock_what_was_read_stays_so() {
    const EACH: i64 = 20;
    let at = TestDatabase::new();
    migrate(&open(&at).await, &ALL).await.unwrap();
    let count = async |database: Database| {
        for _ in 0..EACH {
            let transaction = database.begin_write().await.unwrap();
            storage::lock(transaction.connection(), "counters").await.unwrap();
            let next = value(transaction.connection(), 1).await + 1;
            set(transaction.connection(), 1, next).await.unwrap();
            transaction.commit().await.unwrap();
        }
    };
    let (one, other) = (open(&at).await, open(&at).await);
    tokio::join!(count(one.clone()), count(other));
    assert_eq!(value(one.reader(), 1).await, 2 * EACH);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_told_as_one_that_may_be_tried_again() {
    let at = TestDatabase::new();
    let database = Arc::new(open(&at).await);
    if !database.kind().is_server() {
        return; // There is one writer.
    }
    migrate(&database, &ALL).await.unwrap();
    let both = tokio::sync::Barrier::new(2);
    let cross = async |first, second| {
        let transaction = database.begin_write().await.unwrap();
        set(transaction.connection(), first, 1).await.unwrap();
        both.wait().await;
        set(transaction.connection(), second, 2).await?;
        transaction.commit().await
    };
    let (one, other) = tokio::join!(cross(1, 2), cross(2, 1));
    let error = one.and(other).unwrap_err();
    assert_eq!(error.fault(), Fault::Again, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_told_and_not_used_again() {
    let at = TestDatabase::new();
    let database = open(&at).await;
    if !database.kind().is_server() {
        return; // The database is in this process.
    }
    migrate(&database, &ALL).await.unwrap();
    let transaction = database.begin_write().await.unwrap();
    set(transaction.connection(), 1, 5).await.unwrap();
    end_all_others(&at);
    let error = set(transaction.connection(), 1, 6).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Lost, "{error}");
    drop(transaction);
    let next = database.begin_write().await.unwrap();
    assert_eq!(value(next.connection(), 1).await, 0);
    next.commit().await.unwrap();
}

/// Ends the connections of other processes to the database.
fn end_all_others(at: &TestDatabase) {
    match at.kind() {
        testdb::Kind::MariaDb => {
            let own = "SELECT CONCAT('KILL ', id) FROM information_schema.processlist \
                       WHERE db = DATABASE() AND id <> CONNECTION_ID()";
            at.texts(own).iter().for_each(|kill| at.execute(kill));
        }
        _ => at.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks \
             WHERE relation = 'counters'::regclass AND pid <> pg_backend_pid()",
        ),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only_is_refused() {
    let at = TestDatabase::new();
    if at.kind() != testdb::Kind::Postgres {
        return; // Of MariaDB the whole server is, and other tests use it.
    }
    let joint = if at.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{joint}options[default_transaction_read_only]=on", at.url());
    let error = Database::connect(&url).await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_the_database_is_told() {
    let at = TestDatabase::new();
    let database = open(&at).await;
    let now = Query::select().expr_as(storage::now_millis(database.reader()), "now").to_owned();
    let now: i64 =
        database.reader().query_one(&now).await.unwrap().unwrap().try_get("", "now").unwrap();
    let here = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    assert!(i64::try_from(here).unwrap().abs_diff(now) < 60_000, "{now}");
    assert_eq!(database.kind() == Kind::Sqlite, at.kind() == testdb::Kind::Sqlite);
}
