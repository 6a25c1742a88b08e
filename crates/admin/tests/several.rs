//! The audit log on every database, and of two servers on one.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::Arc;

use admin::{AuditEntry, AuditLog, Model, Query};
use base::{ManualClock, Timestamp};
use storage::Database;
use testdb::TestDatabase;

struct Logs {
    one: AuditLog,
    other: AuditLog,
    at: TestDatabase,
}

impl Logs {
    async fn open() -> Self {
        let at = TestDatabase::new();
        let clock = Arc::new(ManualClock::new(Timestamp(1_790_000_000_000)));
        let log = async || {
            let db = Database::connect(at.url()).await.unwrap();
            db.migrate(&admin::migrations(), &*clock).await.unwrap();
            AuditLog::new(db, clock.clone())
        };
        let (one, other) = (log().await, log().await);
        Self { one, other, at }
    }
}

fn entry(name: &str) -> AuditEntry {
    let name = name.to_owned();
    AuditEntry { who: "ann".into(), action: "paint".into(), name, ..AuditEntry::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_log_within_one_millisecond_and_ids_rise_in_the_order_of_entries() {
    let logs = Logs::open().await;
    let before = entry("before");
    logs.one.record(before, None).await.unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let log = if n % 2 == 0 { logs.one.clone() } else { logs.other.clone() };
            tokio::spawn(async move { log.record(entry("boat"), None).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    logs.other.record(entry("after"), None).await.unwrap();
    let names = logs.at.texts("SELECT name FROM audit_log ORDER BY id");
    assert_eq!(names.len(), 22);
    assert_eq!((names[0].as_str(), names[21].as_str()), ("before", "after"));
}

#[tokio::test]
async fn entries_are_found_in_any_case_and_literally() {
    let logs = Logs::open().await;
    for name in ["Hello", "HELLÖ", "50%", "a*b[c]\\d_e"] {
        logs.one.record(entry(name), None).await.unwrap();
    }
    for (text, total) in [
        ("hello", 1),
        ("hellö", 1),
        ("HELL", 2),
        ("%", 1),
        ("_", 1),
        ("A*B[C", 1),
        ("\\", 1),
        ("PAINT", 4),
        ("x", 0),
        ("a\0", 0),
    ] {
        let query = Query { search: Some(text.to_owned()), limit: 50, ..Query::default() };
        assert_eq!(logs.one.page(&query).await.unwrap().rows.len(), total, "{text:?}");
    }
    let by = |who: &str| Query {
        filters: vec![("who", admin::FilterValue::Exactly(who.to_owned()))],
        limit: 50,
        ..Query::default()
    };
    for (who, total) in [("ann", 4), ("Ann", 0), ("ann ", 0)] {
        assert_eq!(logs.one.page(&by(who)).await.unwrap().rows.len(), total, "{who:?}");
    }
}
