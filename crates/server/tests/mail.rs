//! Mails as they reach people: what accounts asks for, in a mail, with a link that works.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Mailbox, ReceivedMail, TestServer};

const PASSWORD: &str = "sturdy-hull-and-rigging-7";

async fn post(server: &TestServer, path: &str, body: &Value) -> u16 {
    let http = server.http().with("content-type", "application/json");
    http.post(path, body.to_string()).await.status
}

async fn sign_up(server: &TestServer, email: &str) {
    let body = json!({"email": email, "password": PASSWORD, "first_name": "Ann"});
    assert_eq!(post(server, "/api/users/", &body).await, 201);
}

async fn forget_password(server: &TestServer, mailbox: &mut Mailbox, email: &str) -> ReceivedMail {
    let status = post(server, "/api/users/reset-password/", &json!({"email": email})).await;
    assert_eq!(status, 200);
    // Others may have come before.
    loop {
        let mail = mailbox.next(email).await;
        if mail.text.contains("/password/reset/") {
            return mail;
        }
    }
}

#[tokio::test]
async fn a_forgotten_password_becomes_a_mail_with_a_link_to_this_server() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let mail = forget_password(&server, &mut server.mailbox(), "ann@example.org").await;
    assert_eq!(mail.subject, "Choose a new password for localhost");
    assert!(mail.text.starts_with("Hello Ann,"), "{}", mail.text);
    assert!(mail.headers.iter().any(|line| line == "Auto-Submitted: auto-generated"));
    let base = format!("http://localhost:{}/", server.address().port());
    assert!(mail.links().iter().all(|link| link.starts_with(&base)), "{:?}", mail.links());
    let page = server.http().get(mail.path("/password/reset/")).await;
    assert_eq!(page.status, 200);
    let metrics = server.http().get("/metrics").await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    let counted = "packetboat_mails_queued_total{kind=\"password_reset\"} ";
    assert!(metrics.contains(counted) && metrics.contains("packetboat_mail_attempts_total"));
}

#[tokio::test]
async fn links_lead_to_the_public_url_whatever_host_was_asked() {
    let url = "https://chat.example.org";
    let server = TestServer::with(|settings| {
        settings.public_url = Some(url.parse().unwrap());
        settings.mail_from = Some("Our boat <boat@example.org>".parse().unwrap());
    });
    sign_up(&server, "ann@example.org").await;
    let mail = forget_password(&server, &mut server.mailbox(), "ann@example.org").await;
    assert!(mail.links().iter().all(|link| link.starts_with(url)), "{:?}", mail.links());
    assert!(mail.headers.iter().any(|line| line.ends_with("<boat@example.org>")));
}

#[tokio::test]
async fn a_mail_that_was_asked_for_survives_a_restart() {
    let data = {
        let server = TestServer::start();
        sign_up(&server, "ann@example.org").await;
        // A file in the outbox's place: nothing gets out.
        let outbox = server.data().path().join("packetboat/outbox");
        server.mailbox().next("ann@example.org").await;
        std::fs::remove_dir_all(&outbox).unwrap();
        std::fs::write(&outbox, "").unwrap();
        let asked = json!({"email": "ann@example.org"});
        post(&server, "/api/users/reset-password/", &asked).await;
        server.data()
    };
    std::fs::remove_file(data.path().join("packetboat/outbox")).unwrap();
    let server = TestServer::on(data, |_| {});
    server.advance(Duration::from_secs(5 * 60));
    // The first mail may come again: its folder went while it was being synced.
    let mut mailbox = server.mailbox();
    while !mailbox.next("ann@example.org").await.text.contains("/password/reset/") {}
}

#[tokio::test]
async fn nobody_is_flooded_and_nobody_told() {
    let server = TestServer::start();
    sign_up(&server, "ann@example.org").await;
    let mut mailbox = server.mailbox();
    let mut answers = Vec::new();
    for _ in 0..8 {
        let asked = json!({"email": "ann@example.org"});
        answers.push(post(&server, "/api/users/reset-password/", &asked).await);
    }
    assert!(answers.iter().all(|status| *status == answers[0]), "{answers:?}");
    // Another account's comes after all of hers.
    sign_up(&server, "bob@example.org").await;
    forget_password(&server, &mut mailbox, "bob@example.org").await;
    let mut resets = 0;
    while let Some(mail) = mailbox.look("ann@example.org") {
        resets += usize::from(mail.subject.starts_with("Choose a new password"));
    }
    assert!((1..=5).contains(&resets), "{resets}");
}
