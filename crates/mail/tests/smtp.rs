//! Mails as an SMTP server meets them: plain, logged in, encrypted, refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::VecDeque;
use std::sync::Mutex;

use mail::{Delivery, MailState, SmtpUrl};
use support::{HOUR, MINUTE, Script, SmtpServer, World, nowhere};

#[tokio::test]
async fn a_mail_arrives_as_it_was_meant() {
    let server = SmtpServer::start(Script::default()).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    let id = world.enqueue("ann@example.org").await;
    assert_eq!(world.mailer.send_due().await.unwrap(), 1);

    assert_eq!(world.state(id).await, MailState::Sent);
    let taken = server.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].from, "MAIL FROM:<boat@example.org>");
    assert_eq!(taken[0].to, ["RCPT TO:<ann@example.org>"]);
    assert!(!taken[0].encrypted);
    let data = &taken[0].data;
    assert!(
        data.contains("From: \"Boat\" <boat@example.org>\r\n")
            || data.contains("From: Boat <boat@example.org>\r\n"),
        "{data}"
    );
    assert!(data.contains("\r\nTo: ann@example.org\r\n"), "{data}");
    assert!(data.contains("\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n"), "{data}");
    assert!(data.contains("\r\nAuto-Submitted: auto-generated\r\n"), "{data}");
    // A line that is a dot alone does not end the mail early.
    assert!(data.contains("\r\n.\r\nhttps://chat.example.org/secret-link"), "{data}");
    assert!(data.contains("<p>Hello</p>"), "{data}");
}

#[tokio::test]
async fn it_logs_in() {
    let script = Script { on_auth: Some("235 welcome"), ..Script::default() };
    let server = SmtpServer::start(script).await;
    let world = World::new(server.delivery("smtp", "boat:p%40ss@", "")).await;
    world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    // "\0boat\0p@ss"
    assert_eq!(server.taken()[0].login.as_deref(), Some("AUTH PLAIN AGJvYXQAcEBzcw=="));
}

#[tokio::test]
async fn a_refused_login_is_tried_again_because_the_operator_can_mend_it() {
    let script = Script { on_auth: Some("535 5.7.8 no"), ..Script::default() };
    let server = SmtpServer::start(script).await;
    let world = World::new(server.delivery("smtp", "boat:hunter2@", "")).await;
    let id = world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    let mail = world.get(id).await;
    assert_eq!(mail.state, MailState::Queued);
    let error = mail.last_error.unwrap();
    assert!(error.contains("535") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn starttls_is_taken_where_it_is_offered() {
    let script = Script { starttls: true, ..Script::default() };
    let server = SmtpServer::start(script).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    assert!(server.taken()[0].encrypted);
}

#[tokio::test]
async fn tls_none_does_without() {
    let script = Script { starttls: true, ..Script::default() };
    let server = SmtpServer::start(script).await;
    let world = World::new(server.delivery("smtp", "", "?tls=none")).await;
    world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    assert!(!server.taken()[0].encrypted);
}

#[tokio::test]
async fn tls_required_takes_a_trusted_certificate_only() {
    for (scheme, query, script) in [
        ("smtp", "?tls=required", Script { starttls: true, ..Script::default() }),
        ("smtps", "", Script { implicit: true, ..Script::default() }),
    ] {
        let server = SmtpServer::start(script).await;
        let strange = World::new(server.delivery(scheme, "", query)).await;
        let id = strange.enqueue("ann@example.org").await;
        strange.mailer.send_due().await.unwrap();
        let mail = strange.get(id).await;
        assert_eq!(mail.state, MailState::Queued);
        let error = mail.last_error.unwrap();
        assert!(error.contains("certificate"), "{error}");
        assert!(server.taken().is_empty());

        let mark = if query.is_empty() { '?' } else { '&' };
        let query = format!("{query}{mark}ca={}", server.ca().display());
        let known = World::new(server.delivery(scheme, "", &query)).await;
        known.enqueue("ann@example.org").await;
        known.mailer.send_due().await.unwrap();
        assert!(server.taken()[0].encrypted);
    }
}

#[tokio::test]
async fn tls_required_sends_nothing_without_tls() {
    let script = Script { on_auth: Some("235 welcome"), ..Script::default() };
    let server = SmtpServer::start(script).await;
    let world = World::new(server.delivery("smtp", "u:p@", "?tls=required")).await;
    let id = world.enqueue("ann@example.org").await;
    world.mailer.send_due().await.unwrap();
    assert_eq!(world.state(id).await, MailState::Queued);
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn a_file_of_no_certificates_is_an_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let from = || "boat@example.org".parse().unwrap();
    let setup = |file: &std::path::Path| {
        let url: SmtpUrl = format!("smtps://h?ca={}", file.display()).parse().unwrap();
        Delivery::smtp(url, from()).map(|_| ()).unwrap_err().to_string()
    };
    let missing = setup(&folder.path().join("ca.pem"));
    assert!(missing.starts_with("mail.smtp_url: cannot read "), "{missing}");
    std::fs::write(folder.path().join("ca.pem"), "no certificate").unwrap();
    let empty = setup(&folder.path().join("ca.pem"));
    assert!(empty.starts_with("mail.smtp_url: cannot set up TLS: "), "{empty}");
}

#[tokio::test]
async fn what_is_refused_for_now_is_tried_again_later_and_later() {
    let busy = VecDeque::from(["451 4.7.1 <ann@example.org>: come back later", "451 again"]);
    let script = Script { on_rcpt: Mutex::new(busy), ..Script::default() };
    let server = SmtpServer::start(script).await;
    let world = World::new(server.delivery("smtp", "", "")).await;
    let id = world.enqueue("ann@example.org").await;

    assert_eq!(world.mailer.send_due().await.unwrap(), 1);
    let mail = world.get(id).await;
    assert_eq!((mail.state, mail.attempts), (MailState::Queued, 1));
    let error = mail.last_error.unwrap();
    assert!(error.contains("come back later") && !error.contains("ann@"), "{error}");
    let pause = mail.next_attempt_at.unwrap().0 - mail.created_at.0;
    assert!((45_000..=60_000).contains(&pause), "{pause}");

    world.clock.advance(MINUTE * 40 / 60);
    assert_eq!(world.mailer.send_due().await.unwrap(), 0, "not before its time");
    world.clock.advance(MINUTE);
    assert_eq!(world.mailer.send_due().await.unwrap(), 1);
    world.clock.advance(MINUTE);
    assert_eq!(world.mailer.send_due().await.unwrap(), 0, "the second pause is longer");
    world.clock.advance(MINUTE * 4);
    assert_eq!(world.mailer.send_due().await.unwrap(), 1);

    let mail = world.get(id).await;
    assert_eq!((mail.state, mail.attempts, mail.last_error), (MailState::Sent, 3, None));
    assert_eq!(server.taken().len(), 1);
}

#[tokio::test]
async fn what_is_refused_for_good_is_given_up_at_once() {
    for (on_rcpt, on_data) in [(Some("550 5.1.1 no such user"), None), (None, Some("554 spam"))] {
        let script = Script {
            on_rcpt: Mutex::new(on_rcpt.into_iter().collect()),
            on_data: Mutex::new(on_data.into_iter().collect()),
            ..Script::default()
        };
        let server = SmtpServer::start(script).await;
        let world = World::new(server.delivery("smtp", "", "")).await;
        let id = world.enqueue("ann@example.org").await;
        world.mailer.send_due().await.unwrap();
        let mail = world.get(id).await;
        assert_eq!((mail.state, mail.attempts, mail.next_attempt_at), (MailState::Failed, 1, None));
        world.clock.advance(HOUR);
        assert_eq!(world.mailer.send_due().await.unwrap(), 0);

        // The operator asks for it once more; the server has nothing against it by now.
        assert_eq!(world.mailer.retry(&[id]).await.unwrap(), 1);
        assert_eq!(world.mailer.send_due().await.unwrap(), 1);
        assert_eq!(world.state(id).await, MailState::Sent);
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_hangs_up_is_tried_again() {
    let script = Script { greeting: Some("554 not today"), ..Script::default() };
    let closed = SmtpServer::start(script).await;
    let hang_up = Mutex::new(VecDeque::from(["hang up"]));
    let rude = SmtpServer::start(Script { on_data: hang_up, ..Script::default() }).await;
    for delivery in [nowhere(), closed.delivery("smtp", "", ""), rude.delivery("smtp", "", "")] {
        let world = World::new(delivery).await;
        let id = world.enqueue("ann@example.org").await;
        world.mailer.send_due().await.unwrap();
        let mail = world.get(id).await;
        assert_eq!((mail.state, mail.attempts), (MailState::Queued, 1));
        assert!(mail.last_error.is_some());
    }
}
