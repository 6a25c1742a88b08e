//! How long sessions last, what ends them, and who hears of it.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use accounts::{
    Accounts, MAX_SESSIONS_PER_ACCOUNT, Options, RegisterError, SignInError, WRITE_BACK_INTERVAL,
};
use support::{HOUR, MINUTE, World, context, name};

const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_key_opens_sessions_of_its_account() {
    let world = World::new().await;
    let key = world.register("JohnDoe").await;
    let (one, other) = (world.sign_in(&key).await, world.sign_in(&key).await);
    assert_ne!(one, other);
    let one = world.accounts.authenticate(&one).await.unwrap().unwrap();
    let other = world.accounts.authenticate(&other).await.unwrap().unwrap();
    assert_eq!(&*one.username, "JohnDoe");
    assert_eq!(one.account, other.account);
    assert_ne!(one.session, other.session);
}

#[tokio::test]
async fn a_username_is_taken_in_every_spelling() {
    let world = World::new().await;
    world.register("JohnDoe").await;
    for spelling in ["JohnDoe", "johndoe", "JOHNDOE"] {
        let error = world.accounts.register(&name(spelling)).await.unwrap_err();
        assert!(matches!(error, RegisterError::Taken), "{spelling}");
    }
    let found = world.accounts.find(&name("johnDOE")).await.unwrap().unwrap();
    assert_eq!(found.username, "JohnDoe");
    assert!(world.accounts.find(&name("jane")).await.unwrap().is_none());
}

#[tokio::test]
async fn an_unknown_key_opens_nothing() {
    let world = World::new().await;
    let key = world.register("ann").await;
    for wrong in ["f".repeat(64), key.to_uppercase() + "A", String::new(), "x".repeat(10_000)] {
        let error = world.accounts.sign_in(&wrong, context()).await.unwrap_err();
        assert!(matches!(error, SignInError::Refused));
    }
}

#[tokio::test]
async fn only_the_token_itself_is_a_token() {
    let world = World::new().await;
    let token = world.session("ann").await;
    for wrong in
        ["", "a", &"a".repeat(32), &token[1..], &format!("{token}a"), "é".repeat(16).as_str()]
    {
        assert!(world.accounts.authenticate(wrong).await.unwrap().is_none(), "{wrong}");
        world.accounts.sign_out(wrong).await.unwrap();
    }
    assert!(world.accounts.authenticate(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn secrets_are_not_in_the_database() {
    let world = World::new().await;
    let key = world.register("ann").await;
    let token = world.sign_in(&key).await;
    let dump = world.database.contents();
    assert!(dump.contains("\nann\n") && dump.contains("192.0.2.1"), "the dump holds the rows");
    assert!(!dump.contains(&key) && !dump.contains(&token));
}

#[tokio::test]
async fn a_session_ends_after_an_hour_without_activity_and_not_before() {
    let world = World::new().await;
    let heard = world.listener();
    let token = world.session("ann").await;
    world.clock.advance(HOUR - MILLISECOND);
    assert_eq!(world.accounts.sweep().await.unwrap(), 0);
    let principal = world.accounts.authenticate(&token).await.unwrap().unwrap();

    world.clock.advance(HOUR - MILLISECOND);
    assert_eq!(world.accounts.sweep().await.unwrap(), 0, "the look above renewed it");
    assert_eq!(heard.count(), 0);

    world.clock.advance(MILLISECOND);
    assert!(world.accounts.authenticate(&token).await.unwrap().is_none(), "before any sweep");
    world.clock.advance(world.grace());
    assert_eq!(world.accounts.sweep().await.unwrap(), 1);
    assert_eq!(heard.all(), [(principal.account, principal.session)]);
    assert!(!world.accounts.is_current(&principal));

    assert_eq!(world.accounts.sweep().await.unwrap(), 0);
    assert_eq!(heard.count(), 1, "told once");
}

#[tokio::test]
async fn a_session_that_was_never_used_expires_too() {
    let world = World::new().await;
    let heard = world.listener();
    let token = world.session("ann").await;
    world.clock.advance(HOUR);
    assert!(!world.is_on_record(&token).await, "before any sweep");
    world.clock.advance(world.grace());
    assert_eq!(world.accounts.sweep().await.unwrap(), 1);
    assert_eq!(heard.count(), 1);
}

#[tokio::test]
async fn what_a_socket_does_keeps_its_session() {
    let world = World::new().await;
    let heard = world.listener();
    let token = world.session("ann").await;
    let socket = world.accounts.authenticate(&token).await.unwrap().unwrap();
    for _ in 0..5 {
        world.clock.advance(HOUR - MINUTE);
        socket.activity.touch(base::Clock::now(&*world.clock));
        assert_eq!(world.accounts.sweep().await.unwrap(), 0);
    }
    assert!(world.accounts.authenticate(&token).await.unwrap().is_some());
    assert_eq!(heard.count(), 0);
}

#[tokio::test]
async fn a_use_just_before_the_sweep_counts_though_the_database_does_not_know_it() {
    let world = World::new().await;
    let token = world.session("ann").await;
    // The last use is written back now, and the next one is not due for a minute.
    world.accounts.authenticate(&token).await.unwrap();
    world.clock.advance(HOUR - MILLISECOND);
    world.accounts.authenticate(&token).await.unwrap();
    world.clock.advance(MILLISECOND);
    assert_eq!(world.accounts.sweep().await.unwrap(), 0);
    assert!(world.accounts.authenticate(&token).await.unwrap().is_some());
}

#[tokio::test]
async fn last_uses_are_written_back_once_a_minute() {
    let world = World::new().await;
    let token = world.session("ann").await;
    world.clock.advance(30 * MINUTE);
    world.accounts.authenticate(&token).await.unwrap();
    world.accounts.sweep().await.unwrap(); // writes 0:30
    world.clock.advance(WRITE_BACK_INTERVAL - MILLISECOND);
    world.accounts.authenticate(&token).await.unwrap();
    world.accounts.sweep().await.unwrap(); // not due

    // What the database knows shows when the memory is gone.
    world.clock.advance(59 * MINUTE);
    assert!(world.is_on_record(&token).await, "0:30 was written");
    world.clock.advance(MILLISECOND);
    assert!(!world.is_on_record(&token).await, "0:31 was not yet");
}

#[tokio::test]
async fn a_due_write_back_survives_a_restart() {
    let world = World::new().await;
    let token = world.session("ann").await;
    world.clock.advance(30 * MINUTE);
    world.accounts.authenticate(&token).await.unwrap();
    world.accounts.sweep().await.unwrap();
    world.clock.advance(WRITE_BACK_INTERVAL);
    world.accounts.authenticate(&token).await.unwrap();
    world.accounts.sweep().await.unwrap();
    world.clock.advance(HOUR - MILLISECOND);
    assert!(world.is_on_record(&token).await);
}

#[tokio::test]
async fn flushing_writes_every_last_use() {
    let world = World::new().await;
    let mut tokens = Vec::new();
    for n in 0..450 {
        tokens.push(world.session(&format!("user{n}")).await);
    }
    world.clock.advance(HOUR - MILLISECOND);
    for token in &tokens {
        world.accounts.authenticate(token).await.unwrap().unwrap();
    }
    world.accounts.flush().await.unwrap();
    world.clock.advance(HOUR - MILLISECOND);
    let restarted = world.restarted();
    for token in &tokens {
        assert!(restarted.authenticate(token).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn many_sessions_expire_in_several_sweeps_each_told_once() {
    let world = World::new().await;
    let heard = world.listener();
    for n in 0..510 {
        world.session(&format!("user{n}")).await;
    }
    world.clock.advance(HOUR + world.grace());
    assert_eq!(world.accounts.sweep().await.unwrap(), 500);
    assert_eq!(world.accounts.sweep().await.unwrap(), 10);
    let mut all = heard.all();
    all.dedup();
    assert_eq!(all.len(), 510);
}

#[tokio::test]
async fn signing_out_ends_this_session_only_and_is_told_once() {
    let world = World::new().await;
    let heard = world.listener();
    let key = world.register("ann").await;
    let (phone, laptop) = (world.sign_in(&key).await, world.sign_in(&key).await);
    let principal = world.accounts.authenticate(&phone).await.unwrap().unwrap();
    let (one, other) =
        tokio::join!(world.accounts.sign_out(&phone), world.accounts.sign_out(&phone));
    one.unwrap();
    other.unwrap();
    world.accounts.sign_out(&phone).await.unwrap();

    assert_eq!(heard.all(), [(principal.account, principal.session)]);
    assert!(!world.accounts.is_current(&principal));
    assert!(world.accounts.authenticate(&phone).await.unwrap().is_none());
    assert!(!world.is_on_record(&phone).await);
    assert!(world.accounts.authenticate(&laptop).await.unwrap().is_some());

    world.clock.advance(HOUR + world.grace());
    world.accounts.sweep().await.unwrap();
    assert_eq!(heard.count(), 2, "the laptop's, not the phone's again");
}

#[tokio::test]
async fn a_session_that_ends_while_it_is_loaded_stays_ended() {
    let world = World::new().await;
    let key = world.register("ann").await;
    // However far the load has come when the log-out happens.
    for steps in 0..40 {
        let token = world.sign_in(&key).await;
        let mut load = pin!(world.accounts.authenticate(&token));
        let mut seen = None;
        for _ in 0..steps {
            if seen.is_none() {
                seen = poll_fn(|context| match load.as_mut().poll(context) {
                    Poll::Ready(found) => Poll::Ready(Some(found)),
                    Poll::Pending => Poll::Ready(None),
                })
                .await;
            }
            tokio::task::yield_now().await;
        }
        world.accounts.sign_out(&token).await.unwrap();
        let seen = match seen {
            Some(seen) => seen,
            None => load.await,
        };
        // A request that was let in before the log-out sees now that it came.
        let let_in = seen.unwrap();
        assert!(!let_in.is_some_and(|seen| world.accounts.is_current(&seen)), "{steps} steps");
        assert!(world.accounts.authenticate(&token).await.unwrap().is_none(), "{steps} steps");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_while_logging_out_leaves_no_half_ended_session() {
    let world = World::new().await;
    let heard = world.listener();
    let key = world.register("ann").await;
    let mut ended = 0;
    for patience in 0..100 {
        let token = world.sign_in(&key).await;
        let held = world.accounts.authenticate(&token).await.unwrap().unwrap();
        let hang_up = async {
            for _ in 0..patience {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            done = world.accounts.sign_out(&token) => done.unwrap(),
            () = hang_up => {}
        }
        world.accounts.flush().await.unwrap();
        let alive = world.accounts.authenticate(&token).await.unwrap().is_some();
        ended += usize::from(!alive);
        assert_eq!(world.is_on_record(&token).await, alive);
        assert_eq!(world.accounts.is_current(&held), alive);
        assert_eq!(heard.count(), ended);
        world.accounts.sign_out(&token).await.unwrap();
        ended += usize::from(alive);
    }
}

#[tokio::test]
async fn one_session_too_many_ends_the_longest_unused() {
    let world = World::new().await;
    let heard = world.listener();
    let key = world.register("ann").await;
    let first = world.sign_in(&key).await;
    let stranger = world.session("bob").await;
    let first = world.accounts.authenticate(&first).await.unwrap().unwrap();
    for _ in 1..MAX_SESSIONS_PER_ACCOUNT {
        world.clock.advance(MILLISECOND);
        world.sign_in(&key).await;
    }
    assert_eq!(heard.count(), 0);
    world.sign_in(&key).await;
    assert_eq!(heard.all(), [(first.account, first.session)]);
    assert!(world.accounts.authenticate(&stranger).await.unwrap().is_some());
}

#[tokio::test]
async fn accounts_and_sessions_from_before_email_and_tokens_go_on_working() {
    let database = testdb::TestDatabase::new();
    let db = storage::Database::connect(database.url()).await.unwrap();
    let clock = Arc::new(base::ManualClock::new(base::Timestamp(1_790_000_000_000)));
    db.migrate(&Accounts::migrations()[..2], &*clock).await.unwrap();
    let (key, token) = ("a".repeat(64), "b".repeat(32));
    let hash = |secret: &str| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret.as_bytes());
        base::to_hex(digest.as_ref())
    };
    for sql in [
        format!("INSERT INTO accounts VALUES (7, 'Ann', 'ann', '{}', 1)", hash(&key)),
        format!(
            "INSERT INTO sessions VALUES (8, '{}', 7, 1, {}, '192.0.2.1', NULL)",
            hash(&token),
            base::Clock::now(&*clock).0
        ),
    ] {
        database.execute(&sql);
    }

    db.migrate(&Accounts::migrations(), &*clock).await.unwrap();
    let options = Options {
        mailer: Arc::new(support::Mailbox::default()),
        exempt: limits::Exempt::default(),
    };
    let accounts = Accounts::new(db, clock, Arc::new(base::OsRandom), options);
    let ann = accounts.authenticate(&token).await.unwrap().unwrap();
    assert_eq!((&*ann.username, &*ann.display_name), ("Ann", "Ann"));
    accounts.sign_in(&key, context()).await.unwrap();
    let profile = accounts.profile(ann.account).await.unwrap().unwrap();
    assert!(profile.is_active && !profile.is_staff && profile.has_key && !profile.has_password);
}
