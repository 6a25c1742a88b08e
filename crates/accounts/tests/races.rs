//! What two servers on one database do at the same time. Where it can be, one side is a
//! transaction that is held open until the other side waits for it.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use std::time::Duration;

use accounts::{
    AccountEdit, ChangeError, EditError, NewAccount, ResetPasswordError, SignInError, SignUp,
};
use support::nodes::{Nodes, insert_account};
use support::{HOME, HOUR, Heard, MINUTE, PASSWORD, context, kinds_and_addresses, name};

/// What two servers do at once shows its faults now and then, not each time.
const TIMES: usize = 10;

/// Locks the rows of all accounts, as whoever changes them does.
const CHANGE_ACCOUNTS: &str = "UPDATE accounts SET shows_username = TRUE";

#[tokio::test(flavor = "multi_thread")]
async fn no_session_is_opened_by_a_key_that_is_being_voided() {
    let nodes = Nodes::start().await;
    let key = nodes.one.register(&name("ann")).await.unwrap().expose().to_owned();
    let one = nodes.one.clone();
    let sign_in = async move { one.sign_in(&key, context()).await };
    let statements = ["UPDATE accounts SET key_hash = NULL", "DELETE FROM sessions"];
    let opened = nodes.meanwhile(None, &statements, sign_in).await;
    assert!(matches!(opened, Err(SignInError::Refused)), "{opened:?}");
    assert_eq!(nodes.count("sessions"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_deactivated_keeps_no_session() {
    let nodes = Nodes::start().await;
    let key = nodes.one.register(&name("ann")).await.unwrap();
    let anns = [nodes.one.find(&name("ann")).await.unwrap().unwrap().account];
    for _ in 0..TIMES {
        let (opened, changed) = tokio::join!(
            nodes.one.sign_in(key.expose(), context()),
            nodes.other.set_active(&anns, false),
        );
        assert!(matches!(opened, Ok(_) | Err(SignInError::Refused)), "{opened:?}");
        assert_eq!(changed.unwrap(), 1);
        assert_eq!(nodes.count("sessions"), 0);
        nodes.other.set_active(&anns, true).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_issued_to_a_session_that_is_being_ended() {
    let nodes = Nodes::start().await;
    let key = nodes.one.register(&name("ann")).await.unwrap();
    let token = nodes.one.sign_in(key.expose(), context()).await.unwrap();
    let caller = nodes.one.authenticate(token.expose()).await.unwrap().unwrap();
    let one = nodes.one.clone();
    let issue = async move {
        one.issue_token(caller.account, None, &context(), Some(caller.session)).await
    };
    let end = [CHANGE_ACCOUNTS, "DELETE FROM sessions"];
    assert!(nodes.meanwhile(None, &end, issue).await.unwrap().is_none());
    assert_eq!(nodes.count("sessions"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_two_servers_end_ends_once() {
    let nodes = Nodes::start().await;
    let heard = std::sync::Arc::new(Heard::default());
    nodes.one.on_session_end(heard.clone());
    nodes.other.on_session_end(heard.clone());
    let key = nodes.one.register(&name("ann")).await.unwrap();
    for n in 1..=TIMES {
        let token = nodes.one.sign_in(key.expose(), context()).await.unwrap();
        let caller = nodes.one.authenticate(token.expose()).await.unwrap().unwrap();
        let (one, other) = tokio::join!(
            nodes.one.end_session(caller.account, caller.session),
            nodes.other.end_session(caller.account, caller.session),
        );
        assert!(one.unwrap() ^ other.unwrap());
        assert_eq!(heard.count(), n);
    }

    let token = nodes.one.sign_in(key.expose(), context()).await.unwrap().expose().to_owned();
    let one = nodes.one.clone();
    let sign_out = async move { one.sign_out(&token).await };
    nodes.meanwhile(None, &["DELETE FROM sessions"], sign_out).await.unwrap();
    assert_eq!(heard.count(), TIMES, "the other server told of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_staff_is_left() {
    let nodes = Nodes::start().await;
    let (ann, bob) = (nodes.create("ann", true).await, nodes.create("bob", true).await);
    let anns = [ann];
    let one = nodes.one.clone();
    let demote_ann = async move { one.set_staff(&[ann], false).await };
    let demote_bob = ["UPDATE accounts SET is_staff = FALSE WHERE username = 'bob'"];
    let demoted = nodes.meanwhile(Some("staff"), &demote_bob, demote_ann).await;
    assert!(matches!(demoted, Err(EditError::LastStaff)), "{demoted:?}");

    for _ in 0..TIMES {
        nodes.one.set_staff(&[ann, bob], true).await.unwrap();
        let inactive = AccountEdit { is_active: Some(false), ..AccountEdit::default() };
        let (one, other) = tokio::join!(
            nodes.one.set_staff(&anns, false),
            nodes.other.edit_account(bob, inactive),
        );
        assert!(one.is_ok() ^ other.is_ok(), "{one:?} {other:?}");
        assert!(nodes.one.has_staff().await.unwrap());
        nodes.one.set_active(&[bob], true).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_a_moment_late_finds_the_address_and_the_username_taken() {
    let nodes = Nodes::start().await;
    let create = |username: &str, email: &str| {
        let (one, username, email) = (nodes.one.clone(), username.to_owned(), email.to_owned());
        async move { one.create_account(NewAccount { username, email, ..NewAccount::default() }).await }
    };
    let insert = [insert_account(1, "ann", false)];
    let insert = [insert[0].as_str()];
    let taken = nodes.meanwhile(None, &insert, create("other", "ANN@example.org")).await;
    assert!(matches!(taken, Err(ChangeError::EmailTaken)), "{taken:?}");

    let insert = insert_account(2, "bob", false);
    let taken = nodes.meanwhile(None, &[&insert], create("Bob", "")).await;
    assert!(matches!(taken, Err(ChangeError::UsernameTaken)), "{taken:?}");

    // A username that is made up is made up again.
    let insert = insert_account(3, "cat", false);
    let made = nodes.meanwhile(None, &[&insert], create("", "cat@elsewhere.example")).await;
    let made = nodes.one.profile(made.unwrap()).await.unwrap().unwrap();
    assert!(made.username.starts_with("cat") && made.username != "cat", "{}", made.username);

    let (insert, one) = (insert_account(4, "dan", false), nodes.one.clone());
    let edit = AccountEdit { email: Some("dan@example.org".into()), ..AccountEdit::default() };
    let edit = async move { one.edit_account(made.account, edit).await };
    let taken = nodes.meanwhile(None, &[&insert], edit).await;
    let is_taken = matches!(taken, Err(EditError::Change(ChangeError::EmailTaken)));
    assert!(is_taken, "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_up_a_moment_late_is_answered_as_ever_and_gets_the_mail() {
    let nodes = Nodes::start().await;
    let request = || SignUp {
        email: "ann@example.org".into(),
        password: PASSWORD.into(),
        ..SignUp::default()
    };
    let (insert, one, late) = (insert_account(1, "ann", false), nodes.one.clone(), request());
    let sign_up = async move { one.sign_up_quietly(late, HOME).await };
    nodes.meanwhile(None, &[&insert], sign_up).await.unwrap();
    let mails = nodes.mailbox.take();
    assert_eq!(kinds_and_addresses(&mails), [("already_registered", "ann@example.org")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_links_are_mailed_than_may_be_open() {
    let nodes = Nodes::start().await;
    let ann = nodes.create("ann", false).await;
    let (one, other) = (&nodes.one, &nodes.other);
    let sent = tokio::join!(
        one.send_reset_link(ann),
        other.send_reset_link(ann),
        one.send_reset_link(ann),
        other.send_reset_link(ann),
        one.send_reset_link(ann),
        other.send_reset_link(ann),
    );
    assert!(matches!(sent, (Ok(_), Ok(_), Ok(_), Ok(_), Ok(_), Ok(_))), "{sent:?}");
    assert_eq!(nodes.mailbox.take().len(), 3);
    assert_eq!(nodes.count("mailed_links"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailed_link_works_once() {
    let nodes = Nodes::start().await;
    let ann = nodes.create("ann", false).await;
    nodes.one.send_reset_link(ann).await.unwrap();
    let (token, one) = (nodes.mailbox.token(), nodes.one.clone());
    let reset = async move { one.reset_password(&token, PASSWORD, HOME).await };
    let used = [CHANGE_ACCOUNTS, "DELETE FROM mailed_links"];
    let reset = nodes.meanwhile(None, &used, reset).await;
    assert!(matches!(reset, Err(ResetPasswordError::Unknown)), "{reset:?}");

    let bob =
        SignUp { email: "bob@example.org".into(), password: PASSWORD.into(), ..SignUp::default() };
    nodes.one.sign_up(bob, HOME).await.unwrap();
    let (token, one) = (nodes.mailbox.token(), nodes.one.clone());
    let confirm = async move { one.confirm_email(&token).await };
    assert!(nodes.meanwhile(None, &used, confirm).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_use_of_a_session_stays_on_record() {
    let nodes = Nodes::start().await;
    let key = nodes.one.register(&name("ann")).await.unwrap();
    let token = nodes.one.sign_in(key.expose(), context()).await.unwrap();
    nodes.clock.advance(10 * MINUTE);
    nodes.one.authenticate(token.expose()).await.unwrap().unwrap();
    nodes.clock.advance(10 * MINUTE);
    nodes.other.authenticate(token.expose()).await.unwrap().unwrap();
    nodes.other.flush().await.unwrap();
    nodes.one.flush().await.unwrap();
    nodes.clock.advance(HOUR - MINUTE);
    assert!(nodes.fresh().authenticate(token.expose()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_in_use_on_one_server_is_not_swept_by_the_other() {
    let nodes = Nodes::start().await;
    if !nodes.is_on_server() {
        return; // A SQLite file has one server.
    }
    let key = nodes.one.register(&name("ann")).await.unwrap();
    let token = nodes.one.sign_in(key.expose(), context()).await.unwrap();
    nodes.clock.advance(HOUR - MINUTE / 2);
    nodes.one.authenticate(token.expose()).await.unwrap().unwrap();
    // It is not written back yet.
    nodes.clock.advance(MINUTE / 2 + Duration::from_secs(10));
    assert_eq!(nodes.other.sweep().await.unwrap(), 0);
    assert!(nodes.one.authenticate(token.expose()).await.unwrap().is_some());
}
