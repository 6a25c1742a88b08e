//! How far guessing passwords gets: from one address, and with a stolen session.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use accounts::{SignInContext, SignInError};
use base::Principal;
use support::{PASSWORD, World, context_from};

fn elsewhere(host: u8) -> IpAddr {
    [198, 51, 100, host].into()
}

fn with(device: &Principal, address: IpAddr) -> SignInContext {
    SignInContext { device: Some(device.clone()), ..context_from(address) }
}

async fn try_from(
    world: &World,
    address: IpAddr,
    name: &str,
    password: &str,
) -> Result<(), SignInError> {
    let tried = world.accounts.sign_in_with_password(name, password, context_from(address)).await;
    tried.map(drop)
}

#[tokio::test]
async fn another_session_is_no_further_guess() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let mut refused = 0;
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(world.caller("ann").await);
    }
    for (host, session) in (0..20).zip(sessions.iter().cycle()) {
        let known = with(session, elsewhere(host));
        match world.accounts.sign_in_with_password("ann", "wrong", known).await {
            Err(SignInError::Refused) => refused += 1,
            other => assert!(matches!(other, Err(SignInError::TooMany(_))), "{other:?}"),
        }
    }
    assert_eq!(refused, 5);
}

#[tokio::test]
async fn guesses_at_once_from_one_address_are_few_and_disturb_nobody_elsewhere() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let spawn = |address, name: String, password: &'static str| {
        let accounts = world.accounts.clone();
        tokio::spawn(async move {
            accounts.sign_in_with_password(&name, password, context_from(address)).await
        })
    };
    let flood: Vec<_> =
        (0..300).map(|n| spawn(elsewhere(1), format!("user{n}"), "wrong")).collect();
    let lucky = spawn(elsewhere(1), "ann@example.org".to_owned(), PASSWORD);
    let uninvolved = spawn(elsewhere(2), "ann".to_owned(), PASSWORD);

    uninvolved.await.unwrap().expect("she gets in");
    assert!(matches!(lucky.await.unwrap(), Err(SignInError::TooMany(_))), "not even looked at");
    let mut refused = 0;
    for tried in flood {
        match tried.await.unwrap() {
            Err(SignInError::Refused) => refused += 1,
            other => assert!(matches!(other, Err(SignInError::TooMany(_))), "{other:?}"),
        }
    }
    assert_eq!(refused, 20, "as many as one after the other");
    world.clock.advance(Duration::from_secs(10));
    try_from(&world, elsewhere(1), "ann", PASSWORD).await.expect("the places are free again");
}

#[tokio::test]
async fn an_address_pays_before_its_last_guesses_are_looked_at() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let owner = world.caller("ann").await;
    for n in 0..19 {
        try_from(&world, elsewhere(1), &format!("user{n}"), "wrong").await.unwrap_err();
    }
    // What is right costs nothing.
    for _ in 0..3 {
        try_from(&world, elsewhere(1), "ann", PASSWORD).await.unwrap();
    }
    let tries = ["user19", "ann"].map(|name| {
        let accounts = world.accounts.clone();
        tokio::spawn(async move {
            let password = if name == "ann" { PASSWORD } else { "wrong" };
            accounts.sign_in_with_password(name, password, context_from(elsewhere(1))).await
        })
    });
    let [wrong, right] = tries;
    assert!(matches!(wrong.await.unwrap(), Err(SignInError::Refused)));
    assert!(matches!(right.await.unwrap(), Err(SignInError::TooMany(_))));
    // The owner's own browser does not wait for her neighbours.
    let known = with(&owner, elsewhere(1));
    world.accounts.sign_in_with_password("ann", PASSWORD, known).await.unwrap();
}
