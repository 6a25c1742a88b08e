//! The queue: what survives, what is limited, what is forgotten, what its operator does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::{Clock, ManualClock, OsRandom, Random, Timestamp, Vitals};
use mail::{
    Delivery, EnqueueError, KEEP_FAILED, KEEP_SENT, MAILS_PER_MAILBOX, MAX_BODY, Mail, MailQuery,
    MailSort, MailState, Mailer,
};
use support::{HOUR, Script, SmtpServer, World, mail_to, nowhere};
use tokio_util::sync::CancellationToken;

/// Waits for `condition`; for what another task does.
async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    let wait = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("it happens in time");
}

#[tokio::test]
async fn the_worker_sends_what_comes_in_and_ends_when_told() {
    let server = SmtpServer::start(Script::default()).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(world.mailer.clone().run(stop.clone(), Vitals::default()));
    for n in 0..10 {
        world.mailer.post(mail_to(&format!("ann{n}@example.org")));
    }
    until(|| async { server.taken().len() == 10 }).await;
    until(|| async { world.all().await.iter().all(|mail| mail.state == MailState::Sent) }).await;
    stop.cancel();
    worker.await.unwrap();
    world.mailer.flush().await;
}

#[tokio::test]
async fn a_posted_mail_waits_for_a_database_that_cannot_store_it() {
    // Another process holds the lock for longer than SQLite waits for it.
    let world = World::on(testdb::TestDatabase::sqlite(), nowhere()).await;
    let other = storage::Database::connect(world.database.url()).await.unwrap();
    let held = other.begin_write().await.unwrap();
    world.mailer.post(mail_to("ann@example.org"));
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    while !world.db.last_write_failed() {
        assert!(std::time::Instant::now() < patience, "the first try fails");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(held);
    until(|| async { world.all().await.len() == 1 }).await;
    world.mailer.flush().await;
}

#[tokio::test]
async fn a_restart_keeps_the_queue() {
    let world = World::new(nowhere()).await;
    let waiting = world.enqueue("ann@example.org").await;
    let tried = world.enqueue("bob@example.org").await;
    world.mailer.send_due().await.unwrap();
    assert_eq!(world.get(tried).await.attempts, 1);

    let server = SmtpServer::start(Script::default()).await;
    let world = world.restarted(server.delivery("smtp", "", "")).await;
    world.clock.advance(HOUR);
    assert_eq!(world.mailer.send_due().await.unwrap(), 2);
    for id in [waiting, tried] {
        assert_eq!(world.state(id).await, MailState::Sent);
    }
}

#[tokio::test]
async fn an_attempt_cut_short_is_made_again_after_its_time() {
    // Takes connections and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("smtp://{}", silent.local_addr().unwrap());
    let from = || "boat@example.org".parse().unwrap();
    let world = World::new(Delivery::smtp(url.parse().unwrap(), from()).unwrap()).await;
    let id = world.enqueue("ann@example.org").await;
    let attempt = tokio::spawn({
        let mailer = world.mailer.clone();
        async move { mailer.send_due().await }
    });
    until(|| async { world.get(id).await.attempts == 1 }).await;
    attempt.abort();
    let _ = attempt.await;

    let server = SmtpServer::start(Script::default()).await;
    let world = world.restarted(server.delivery("smtp", "", "")).await;
    assert_eq!(world.mailer.send_due().await.unwrap(), 0, "it may still be under way");
    world.clock.advance(mail::CLAIM);
    assert_eq!(world.mailer.send_due().await.unwrap(), 1);
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn a_mail_is_given_up_when_it_is_worth_nothing_any_more() {
    let world = World::new(nowhere()).await;
    let usual = world.enqueue("ann@example.org").await;
    let brief = Mail { lifetime: HOUR, ..mail_to("bob@example.org") };
    let brief = world.mailer.enqueue(brief).await.unwrap();
    let start = world.get(usual).await.created_at.0;
    let hours = |mail: &mail::QueuedMail| (mail.finished_at.unwrap().0 - start) / 3_600_000;
    for _ in 0..100 {
        world.mailer.send_due().await.unwrap();
        world.clock.advance(HOUR / 2);
    }
    let brief = world.get(brief).await;
    assert_eq!(brief.state, MailState::Failed);
    assert!(hours(&brief) <= 1 && brief.attempts >= 2, "{brief:?}");
    for _ in 0..100 {
        world.mailer.send_due().await.unwrap();
        world.clock.advance(HOUR / 2);
    }
    let usual = world.get(usual).await;
    assert_eq!(usual.state, MailState::Failed);
    assert!((60..=72).contains(&hours(&usual)), "{usual:?}");
    assert!((12..=24).contains(&usual.attempts), "{usual:?}");
}

#[tokio::test]
async fn a_link_that_has_run_out_meanwhile_is_not_sent() {
    let server = SmtpServer::start(Script::default()).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    let brief = Mail { lifetime: HOUR, ..mail_to("ann@example.org") };
    let id = world.mailer.enqueue(brief).await.unwrap();
    // Nothing was sent for so long: the server was off.
    world.clock.advance(2 * HOUR);
    assert_eq!(world.mailer.send_due().await.unwrap(), 1);
    assert_eq!(world.state(id).await, MailState::Failed);
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn nobody_is_flooded() {
    let world = World::new(nowhere()).await;
    for n in 0..MAILS_PER_MAILBOX {
        world.enqueue(&format!("Ann+{n}@example.org")).await;
    }
    let refused = world.mailer.enqueue(mail_to("ann@EXAMPLE.org")).await.unwrap_err();
    assert!(matches!(refused, EnqueueError::TooMany), "{refused}");
    // Another mailbox, and another kind of mail, are not concerned.
    world.enqueue("bob@example.org").await;
    let notice = Mail { kind: "password_changed", ..mail_to("ann@example.org") };
    world.mailer.enqueue(notice).await.unwrap();
    world.clock.advance(HOUR);
    world.enqueue("ann@example.org").await;
}

#[tokio::test]
async fn what_is_too_long_is_not_taken_in() {
    let world = World::new(nowhere()).await;
    for (text, html) in [(MAX_BODY + 1, 1), (1, MAX_BODY + 1)] {
        let (text, html) = ("x".repeat(text), "x".repeat(html));
        let mail = Mail { text, html, ..mail_to("ann@example.org") };
        let refused = world.mailer.enqueue(mail).await.unwrap_err();
        assert!(matches!(refused, EnqueueError::TooLong), "{refused}");
    }
    let subject = "a\r\nBcc: eve@example.org\r\n\r\nx".to_owned() + &"y".repeat(1_000);
    let id = world.mailer.enqueue(Mail { subject, ..mail_to("ann@example.org") }).await.unwrap();
    let subject = world.get(id).await.subject;
    assert!(subject.starts_with("a Bcc: eve@example.org xy"), "{subject}");
    assert!(subject.chars().count() <= 200);
}

#[tokio::test]
async fn the_texts_of_a_mail_that_left_are_forgotten_and_in_time_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let outbox =
        Delivery::outbox(folder.path().join("outbox"), "boat@example.org".parse().unwrap());
    let world = World::new(outbox).await;
    let sent = world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    world.db.close().await.unwrap();
    let mut stored = world.database.contents().into_bytes();
    if let Some(path) = world.database.path() {
        stored.extend(fs::read(path).unwrap());
    }
    let secret = b"secret-link";
    assert!(!stored.windows(secret.len()).any(|window| window == secret));

    let world = world.restarted(nowhere()).await;
    let failed = world.enqueue("bob@example.org").await;
    let keep = |world: &World, id| {
        let mailer: Mailer = world.mailer.clone();
        async move { mailer.get(id).await.unwrap().is_some() }
    };
    for _ in 0..20 {
        world.clock.advance(6 * HOUR);
        world.mailer.send_due().await.unwrap();
    }
    assert_eq!(world.state(failed).await, MailState::Failed);
    for (id, kept) in [(sent, KEEP_SENT), (failed, KEEP_FAILED)] {
        assert!(keep(&world, id).await);
        world.clock.advance(kept);
        // The worker cleans up when it starts, and every ten minutes.
        let stop = CancellationToken::new();
        let worker = tokio::spawn(world.mailer.clone().run(stop.clone(), Vitals::default()));
        until(|| async { !keep(&world, id).await }).await;
        stop.cancel();
        worker.await.unwrap();
    }
}

#[tokio::test]
async fn the_outbox_holds_a_file_for_each_mail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    let world = World::new(Delivery::outbox(&path, "boat@example.org".parse().unwrap())).await;
    for to in ["ann@example.org", "bob@example.org"] {
        world.enqueue(to).await;
    }
    world.mailer.send_due().await.unwrap();
    let mut texts: Vec<String> = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    texts.sort_by_key(|text| text.contains("To: bob@example.org"));
    assert_eq!(texts.len(), 2);
    assert!(texts[0].contains("To: ann@example.org\r\n"), "{}", texts[0]);
    assert!(texts[1].contains("secret-link"), "{}", texts[1]);
}

#[tokio::test]
async fn an_outbox_that_cannot_be_written_keeps_the_mail_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox");
    fs::write(&path, "a file in its place").unwrap();
    let world = World::new(Delivery::outbox(&path, "boat@example.org".parse().unwrap())).await;
    let id = world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    assert_eq!(world.state(id).await, MailState::Queued);
    fs::remove_file(&path).unwrap();
    world.mailer.retry(&[id]).await.unwrap();
    world.mailer.send_due().await.unwrap();
    assert_eq!(world.state(id).await, MailState::Sent);
}

#[tokio::test]
async fn the_operator_finds_retries_and_drops() {
    let world = World::new(nowhere()).await;
    let mut ids = Vec::new();
    for to in ["ann@example.org", "bob_1@example.org", "bobx1@example.com"] {
        ids.push(world.enqueue(to).await);
        world.clock.advance(Duration::from_secs(1));
    }
    let found = |query: MailQuery| {
        let mailer = world.mailer.clone();
        async move {
            let page = mailer.page(&query).await.unwrap();
            (page.rows.into_iter().map(|mail| mail.id).collect::<Vec<_>>(), page.total)
        }
    };
    let search = |text: &str| MailQuery { search: Some(text.to_owned()), ..MailQuery::default() };
    assert_eq!(found(MailQuery::default()).await, (vec![ids[2], ids[1], ids[0]], 3));
    assert_eq!(found(search("EXAMPLE.org")).await, (vec![ids[1], ids[0]], 2));
    assert_eq!(found(search("bob_1")).await, (vec![ids[1]], 1), "no wildcards");
    assert_eq!(found(search("Grüße")).await.1, 3);
    let second = MailQuery {
        sort: MailSort::Recipient,
        descending: false,
        offset: 1,
        limit: 1,
        ..MailQuery::default()
    };
    assert_eq!(found(second).await, (vec![ids[1]], 3));

    world.mailer.send_due().await.unwrap();
    assert_eq!(world.mailer.retry(&ids[..1]).await.unwrap(), 1);
    assert_eq!(world.mailer.send_due().await.unwrap(), 1);
    assert_eq!(world.get(ids[0]).await.attempts, 2);
    assert_eq!(world.mailer.discard(&ids).await.unwrap(), 3);
    let failed = MailQuery { state: Some(MailState::Queued), ..MailQuery::default() };
    assert_eq!(found(failed).await, (vec![], 0));
    assert_eq!(world.mailer.retry(&ids).await.unwrap(), 0);
}

const DAY: i64 = 24 * 60 * 60 * 1_000;

#[tokio::test]
async fn a_mail_that_a_clock_ahead_took_in_leaves_when_the_clock_is_right() {
    let server = SmtpServer::start(Script::default()).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    world.clock.jump(DAY);
    let id = world.enqueue("ann@example.org").await;
    world.clock.jump(-DAY);
    let stop = CancellationToken::new();
    let worker = tokio::spawn(world.mailer.clone().run(stop.clone(), Vitals::default()));
    until(|| async { world.state(id).await == MailState::Sent }).await;
    let made = world.get(id).await.created_at;
    assert!(!made.is_ahead_of(base::Clock::now(&*world.clock)), "it counts as made now");
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_mail_put_off_by_a_clock_ahead_is_tried_when_the_clock_is_right() {
    let world = World::new(nowhere()).await;
    let stop = CancellationToken::new();
    let worker = tokio::spawn(world.mailer.clone().run(stop.clone(), Vitals::default()));
    let id = world.enqueue("ann@example.org").await;
    // The outcome is on record, not only the attempt.
    until(|| async { world.get(id).await.last_error.is_some() }).await;
    world.clock.jump(DAY / 12);
    let put_off = base::Clock::now(&*world.clock).plus(mail::CLAIM);
    until(|| async { world.get(id).await.next_attempt_at > Some(put_off) }).await;
    assert_eq!(world.get(id).await.attempts, 2);
    // Due in four minutes of a clock that is two hours ahead.
    world.clock.jump(-DAY / 12);
    until(|| async { world.get(id).await.attempts == 3 }).await;
    stop.cancel();
    worker.await.unwrap();
}

/// Lets the worker run until it has sent a mail of its own several times after
/// [`mail::CLAIM`]; how often Ann's mail left meanwhile.
async fn sent_to_ann_while_others_are_served(world: &World, server: &SmtpServer) -> usize {
    let is_to = |name| move |mail: &support::Taken| mail.to[0].contains(name);
    let count = |name| server.taken().iter().filter(|mail| is_to(name)(mail)).count();
    until(|| async { count("ann") == 1 }).await;
    for round in 1..=3 {
        world.clock.advance(2 * mail::CLAIM);
        let other = world.enqueue(&format!("bob{round}@example.org")).await;
        until(|| async { world.state(other).await == MailState::Sent }).await;
    }
    count("ann")
}

#[tokio::test]
async fn a_mail_that_left_is_not_sent_again_while_that_cannot_be_recorded() {
    let server = SmtpServer::start(Script::default()).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    let recorded = "NEW.state = 'sent' AND NEW.recipient LIKE 'ann%'";
    world.database.refuse("UPDATE", "mail_queue", recorded);
    let (id, stop) = (world.enqueue("ann@example.org").await, CancellationToken::new());
    let worker = tokio::spawn(world.mailer.clone().run(stop.clone(), Vitals::default()));
    assert_eq!(sent_to_ann_while_others_are_served(&world, &server).await, 1);
    assert_eq!(world.state(id).await, MailState::Queued);
    world.database.accept("mail_queue");
    until(|| async { world.state(id).await == MailState::Sent }).await;
    stop.cancel();
    worker.await.unwrap();
    let to_ann = server.taken().iter().filter(|mail| mail.to[0].contains("ann")).count();
    assert_eq!(to_ann, 1);
}

/// Panics while it is armed, wherever it is asked.
#[derive(Debug)]
struct Bomb {
    armed: AtomicBool,
    clock: Arc<ManualClock>,
}

impl Bomb {
    fn armed(world: &World) -> Arc<Self> {
        Arc::new(Self { armed: AtomicBool::new(true), clock: world.clock.clone() })
    }

    fn arm(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    fn defuse(&self) {
        self.armed.store(false, Ordering::SeqCst);
    }

    fn tick(&self) {
        assert!(!self.armed.load(Ordering::SeqCst), "on purpose");
    }
}

impl Random for Bomb {
    fn fill(&self, buffer: &mut [u8]) {
        self.tick();
        OsRandom.fill(buffer);
    }
}

impl Clock for Bomb {
    fn now(&self) -> Timestamp {
        self.tick();
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

#[tokio::test]
async fn a_mail_that_left_is_not_sent_again_when_recording_that_panics() {
    let server = SmtpServer::start(Script::default()).await;
    let way = || server.delivery("smtp", "", "");
    let world = World::new(way()).await;
    let bomb = Bomb::armed(&world);
    // Mails take their pause between attempts from it, when an outcome is recorded.
    let mailer = mail::Mailer::new(world.db.clone(), world.clock.clone(), bomb.clone(), way());
    let (id, stop) = (world.enqueue("ann@example.org").await, CancellationToken::new());
    let worker = tokio::spawn(mailer.run(stop.clone(), Vitals::default()));
    until(|| async { server.taken().len() == 1 }).await;
    for round in 1..=3 {
        world.clock.advance(2 * mail::CLAIM);
        world.enqueue(&format!("bob{round}@example.org")).await;
        until(|| async { server.taken().len() > round }).await;
    }
    bomb.defuse();
    until(|| async { world.state(id).await == MailState::Sent }).await;
    stop.cancel();
    worker.await.unwrap();
    let to_ann = server.taken().iter().filter(|mail| mail.to[0].contains("ann")).count();
    assert_eq!(to_ann, 1);
}

#[tokio::test]
async fn a_look_at_the_queue_that_panics_is_told_and_repeated() {
    let server = SmtpServer::start(Script::default()).await;
    let way = || server.delivery("smtp", "", "");
    let world = World::new(way()).await;
    let (bomb, vitals) = (Bomb::armed(&world), Vitals::default());
    bomb.defuse();
    let mailer = mail::Mailer::new(world.db.clone(), bomb.clone(), Arc::new(OsRandom), way());
    let (first, stop) = (world.enqueue("bob@example.org").await, CancellationToken::new());
    let worker = tokio::spawn(mailer.run(stop.clone(), vitals.clone()));
    until(|| async { world.state(first).await == MailState::Sent }).await;
    bomb.arm();
    let id = world.enqueue("ann@example.org").await;
    until(|| async { vitals.missing().len() == 2 }).await;
    bomb.defuse();
    until(|| async { world.state(id).await == MailState::Sent }).await;
    until(|| async { vitals.missing().is_empty() }).await;
    stop.cancel();
    worker.await.unwrap();
}
