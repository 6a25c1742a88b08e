//! Two servers on one database, each with the same queue.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use base::{ManualClock, OsRandom, Timestamp};
use mail::{Delivery, EnqueueError, MAILS_PER_MAILBOX, MailQuery, MailSort, Mailer};
use sea_orm::{ConnectionTrait, Statement};
use storage::Database;
use support::{Script, SmtpServer, mail_to, nowhere};
use testdb::TestDatabase;

/// What two servers do at once shows its faults now and then, not each time.
const TIMES: usize = 10;

struct Nodes {
    one: Mailer,
    other: Mailer,
    third: Database,
    at: TestDatabase,
}

impl Nodes {
    /// Two queues that hand mails to what `delivery` makes.
    async fn start(delivery: impl Fn() -> Delivery) -> Self {
        let at = TestDatabase::new();
        let clock = Arc::new(ManualClock::new(Timestamp(1_790_000_000_000)));
        let third = Database::connect(at.url()).await.unwrap();
        third.migrate(&Mailer::migrations(), &*clock).await.unwrap();
        let node = async || {
            let db = Database::connect(at.url()).await.unwrap();
            Mailer::new(db, clock.clone(), Arc::new(OsRandom), delivery())
        };
        let (one, other) = (node().await, node().await);
        Self { one, other, third, at }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mail_is_sent_once() {
    let server = SmtpServer::start(Script::default()).await;
    let nodes = Nodes::start(|| server.delivery("smtp", "", "")).await;
    for round in 1..=TIMES {
        for n in 0..4 {
            nodes.one.enqueue(mail_to(&format!("ann{round}x{n}@example.org"))).await.unwrap();
        }
        // What one passes over because the other is claiming it, that one sends.
        let (one, other) = tokio::join!(nodes.one.send_due(), nodes.other.send_due());
        assert_eq!(one.unwrap() + other.unwrap(), 4);
        assert_eq!(server.taken().len(), 4 * round);
    }
    let to: BTreeSet<_> = server.taken().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(to.len(), 4 * TIMES);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_another_server_is_claiming_are_passed_over_without_waiting() {
    let server = SmtpServer::start(Script::default()).await;
    let nodes = Nodes::start(|| server.delivery("smtp", "", "")).await;
    if !nodes.third.kind().is_server() {
        return; // With SQLite it waits for its turn, and finds nothing due then.
    }
    nodes.one.enqueue(mail_to("ann@example.org")).await.unwrap();
    let claim = nodes.third.begin_write().await.unwrap();
    let on = claim.connection();
    let sql = "UPDATE mail_queue SET next_attempt_at = next_attempt_at + 60000";
    on.execute_raw(Statement::from_string(on.get_database_backend(), sql)).await.unwrap();
    assert_eq!(nodes.one.send_due().await.unwrap(), 0);
    claim.commit().await.unwrap();
    assert!(server.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_gets_no_more_than_its_mails_an_hour() {
    let nodes = Nodes::start(nowhere).await;
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let node = if n % 2 == 0 { nodes.one.clone() } else { nodes.other.clone() };
            tokio::spawn(async move { node.enqueue(mail_to("ann@example.org")).await })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => taken += 1,
            Err(EnqueueError::TooMany) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(taken, MAILS_PER_MAILBOX);
    assert_eq!(nodes.at.number("SELECT COUNT(*) FROM mail_queue"), 5);
}

#[tokio::test]
async fn mails_are_found_in_any_case_and_literally() {
    let nodes = Nodes::start(nowhere).await;
    for (to, subject) in [
        ("ann@example.org", "Hello"),
        ("bob@example.org", "HELLÖ"),
        ("cat@example.org", "50%"),
        ("dan@example.org", "a*b[c]\\d_e"),
    ] {
        let mail = mail::Mail { subject: subject.to_owned(), ..mail_to(to) };
        nodes.one.enqueue(mail).await.unwrap();
    }
    for (text, found) in [
        ("hello", ["ann@example.org"].as_slice()),
        ("hellö", &["bob@example.org"]),
        ("CAT@", &["cat@example.org"]),
        ("%", &["cat@example.org"]),
        ("_", &["dan@example.org"]),
        ("A*B[", &["dan@example.org"]),
        ("\\", &["dan@example.org"]),
        ("TEST", &["ann@example.org", "bob@example.org", "cat@example.org", "dan@example.org"]),
        ("a\0", &[]),
    ] {
        let (search, sort) = (Some(text.to_owned()), MailSort::Recipient);
        let query = MailQuery { search, sort, descending: false, ..MailQuery::default() };
        let page = nodes.one.page(&query).await.unwrap();
        let to: Vec<_> = page.rows.iter().map(|mail| mail.to.as_str()).collect();
        assert_eq!(to, found, "{text:?}");
    }
}
