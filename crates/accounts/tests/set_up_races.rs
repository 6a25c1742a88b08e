//! The set-up link on two servers that share a database.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use accounts::{SETUP_LIFE, SetUpError};
use support::PASSWORD;
use support::nodes::{Nodes, insert_account};

#[tokio::test(flavor = "multi_thread")]
async fn the_link_that_was_printed_last_works_on_every_server_until_it_expires() {
    let nodes = Nodes::start().await;
    let first = nodes.one.setup_token().await.unwrap().unwrap();
    assert!(nodes.other.is_setup_open(&first).await.unwrap());
    let last = nodes.other.setup_token().await.unwrap().unwrap();
    assert!(!nodes.one.is_setup_open(&first).await.unwrap());
    nodes.clock.advance(SETUP_LIFE - std::time::Duration::from_millis(1));
    assert!(nodes.one.is_setup_open(&last).await.unwrap());
    nodes.clock.advance(std::time::Duration::from_millis(1));
    assert!(!nodes.one.is_setup_open(&last).await.unwrap());
    let late = nodes.one.set_up(&last, "ann@example.org", PASSWORD).await;
    assert!(matches!(late, Err(SetUpError::Refused)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_use_the_link_at_once_one_gets_in() {
    let nodes = Nodes::start().await;
    let token = nodes.one.setup_token().await.unwrap().unwrap();
    let (ann, bob) = tokio::join!(
        nodes.one.set_up(&token, "ann@example.org", PASSWORD),
        nodes.other.set_up(&token, "bob@example.org", PASSWORD),
    );
    assert!(ann.is_ok() ^ bob.is_ok(), "{ann:?} {bob:?}");
    assert_eq!(nodes.count("accounts"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_first_administrator_is_made_beside_one_that_is_being_made() {
    let nodes = Nodes::start().await;
    let token = nodes.one.setup_token().await.unwrap().unwrap();
    let (insert, one) = (insert_account(1, "ann", true), nodes.one.clone());
    let set_up = async move { one.set_up(&token, "bob@example.org", PASSWORD).await };
    let made = nodes.meanwhile(Some("staff"), &[&insert], set_up).await;
    assert!(matches!(made, Err(SetUpError::Refused)), "{made:?}");
    assert_eq!(nodes.count("accounts"), 1);
}
