//! What people with an email address and a password see of their accounts.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use std::net::IpAddr;
use std::time::Duration;

use accounts::{
    ChangeError, Invalid, PasswordProblem, ProfileChange, RESET_LIFE, ResetPasswordError,
    SessionKind, SignInContext, SignInError, SignUp, SignUpError,
};
use base::{Principal, SessionRef};
use support::{
    HOME, HOUR, MINUTE, PASSWORD, World, context, context_from, kinds_and_addresses, name,
};

const NEW: &str = "reef-oar-17";

fn elsewhere(host: u8) -> IpAddr {
    [198, 51, 100, host].into()
}

fn sign_up(email: &str) -> SignUp {
    SignUp { email: email.to_owned(), password: PASSWORD.to_owned(), ..SignUp::default() }
}

fn with(device: &Principal, address: IpAddr) -> SignInContext {
    SignInContext { device: Some(device.clone()), ..context_from(address) }
}

impl World {
    async fn try_from(
        &self,
        address: IpAddr,
        name: &str,
        password: &str,
    ) -> Result<(), SignInError> {
        let tried =
            self.accounts.sign_in_with_password(name, password, context_from(address)).await;
        tried.map(drop)
    }

    /// Waits for what was asked for, and gives the link that was mailed.
    async fn reset_link(&self, email: &str) -> String {
        self.accounts.request_password_reset(email, HOME).unwrap();
        self.accounts.flush().await.unwrap();
        self.mailbox.token()
    }
}

#[tokio::test]
async fn somebody_signs_up_and_in_by_address_or_username_in_any_case() {
    let world = World::new().await;
    let account = world.sign_up("Ann.Smith@Example.org").await;
    for name in ["ann.smith@example.org", "ANN.SMITH@EXAMPLE.ORG", "AnnSmith", " annsmith "] {
        let signed_in = world.enter(name).await;
        assert_eq!(signed_in.account, account, "{name}");
        let token = signed_in.token.expose();
        let principal = world.accounts.authenticate(token).await.unwrap().unwrap();
        assert_eq!(principal.session, signed_in.session);
        assert_eq!(&*principal.username, "AnnSmith");
        assert_eq!(&*principal.display_name, "Ann.Smith@Example.org");
    }
}

#[tokio::test]
async fn an_address_is_taken_in_any_case_and_says_so_only_where_it_must() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    world.mailbox.take();
    let again = world.accounts.sign_up(sign_up("ANN@example.org"), HOME).await;
    assert!(matches!(again, Err(SignUpError::Taken)));
    assert!(world.mailbox.take().is_empty());

    world.accounts.sign_up_quietly(sign_up("ANN@example.org"), HOME).await.unwrap();
    let mails = world.mailbox.take();
    assert_eq!(kinds_and_addresses(&mails), [("already_registered", "ann@example.org")]);
    world.accounts.sign_up_quietly(sign_up("bob@example.org"), HOME).await.unwrap();
    assert_eq!(
        kinds_and_addresses(&world.mailbox.take()),
        [("confirm_address", "bob@example.org")]
    );
    world.enter("bob").await;
}

#[tokio::test]
async fn usernames_made_from_addresses_do_not_collide() {
    let world = World::new().await;
    world.register("ann").await;
    for host in ["a", "b", "c", "d"] {
        world.sign_up(&format!("ann@{host}.example")).await;
        let caller = world.caller(&format!("ann@{host}.example")).await;
        let digits = caller.username.strip_prefix("ann").unwrap();
        assert!(!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()), "{digits}");
    }
}

#[tokio::test]
async fn everything_wrong_with_a_sign_up_is_told_at_once() {
    let world = World::new().await;
    let wanted = SignUp {
        email: "nonsense".to_owned(),
        password: "123".to_owned(),
        first_name: "x".repeat(151),
        last_name: "a\nb".to_owned(),
    };
    let Err(SignUpError::Invalid(problems)) = world.accounts.sign_up(wanted, HOME).await else {
        panic!("it was taken");
    };
    let fields: Vec<_> = problems.iter().map(Invalid::field).collect();
    assert_eq!(fields, ["email", "first_name", "last_name", "password"]);
}

#[tokio::test]
async fn wrong_unknown_inactive_and_passwordless_are_refused_alike() {
    let world = World::new().await;
    world.register("keyed").await;
    let gone = world.sign_up("gone@example.org").await;
    world.sign_up("ann@example.org").await;
    world.accounts.set_active(&[gone], false).await.unwrap();
    for (name, password) in [
        ("ann@example.org", "wrong"),
        ("ann", "wrong"),
        ("ann", ""),
        ("nobody@example.org", PASSWORD),
        ("nobody", PASSWORD),
        ("keyed", PASSWORD),
        ("gone@example.org", PASSWORD),
        ("not a name", PASSWORD),
        ("", ""),
    ] {
        let tried = world.try_from(HOME, name, password).await;
        assert!(matches!(tried, Err(SignInError::Refused)), "{name}: {tried:?}");
    }
}

#[tokio::test]
async fn after_five_wrong_passwords_a_name_waits_whether_it_exists_or_not() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    for name in ["ann@example.org", "nobody@example.org"] {
        for host in 0..5 {
            let tried = world.try_from(elsewhere(host), name, "wrong").await;
            assert!(matches!(tried, Err(SignInError::Refused)), "{name}");
        }
        for spelled in [name.to_owned(), name.to_uppercase()] {
            let tried = world.try_from(elsewhere(9), &spelled, PASSWORD).await;
            assert!(matches!(tried, Err(SignInError::TooMany(wait)) if wait == MINUTE), "{name}");
        }
    }
    world.clock.advance(MINUTE);
    world.try_from(elsewhere(9), "ann@example.org", PASSWORD).await.unwrap();
    world.try_from(elsewhere(9), "ann@example.org", "wrong").await.unwrap_err();
    world.try_from(elsewhere(9), "ann@example.org", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn failing_with_a_username_says_nothing_about_whose_address_it_might_be() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    for _ in 0..5 {
        world.try_from(elsewhere(1), "ann", "wrong").await.unwrap_err();
    }
    let tried = world.try_from(elsewhere(2), "ann@example.org", "wrong").await;
    assert!(matches!(tried, Err(SignInError::Refused)));
}

#[tokio::test]
async fn a_hundred_tries_at_once_are_no_more_than_one_after_the_other() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let tries = (0..100).map(|host| {
        let accounts = world.accounts.clone();
        tokio::spawn(async move {
            let context = context_from(elsewhere(host));
            accounts.sign_in_with_password("ann", "wrong", context).await
        })
    });
    let mut refused = 0;
    for tried in tries.collect::<Vec<_>>() {
        match tried.await.unwrap() {
            Err(SignInError::Refused) => refused += 1,
            Err(SignInError::TooMany(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 5);
}

#[tokio::test]
async fn right_passwords_at_once_are_not_taken_for_guesses() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let tries = (0..20).map(|host| {
        let accounts = world.accounts.clone();
        tokio::spawn(async move {
            let context = context_from(elsewhere(host));
            accounts.sign_in_with_password("ann", PASSWORD, context).await
        })
    });
    for tried in tries.collect::<Vec<_>>() {
        tried.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn guessing_never_keeps_the_owner_out() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let owner = world.caller("ann").await;
    let guess = async |times: u8| {
        for host in 0..times {
            world.try_from(elsewhere(host), "ann", "wrong").await.unwrap_err();
        }
    };
    guess(20).await;
    // From a strange address she waits; from home, where she has a session, or with
    // the session itself she does not, and the guessers gain nothing by it.
    assert!(world.try_from(elsewhere(99), "ann", PASSWORD).await.is_err());
    for _ in 0..3 {
        world.try_from(HOME, "ann", PASSWORD).await.unwrap();
        let known = with(&owner, elsewhere(98));
        world.accounts.sign_in_with_password("ann", PASSWORD, known).await.unwrap();
        guess(1).await;
        assert!(world.try_from(elsewhere(99), "ann", PASSWORD).await.is_err());
    }
    assert!(world.accounts.is_current(&owner));
}

#[tokio::test]
async fn whoever_has_a_session_may_guess_no_more_than_others() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let thief = world.caller("ann").await;
    let mut refused = 0;
    for host in 0..50 {
        let known = with(&thief, elsewhere(host));
        match world.accounts.sign_in_with_password("ann", "wrong", known).await {
            Err(SignInError::Refused) => refused += 1,
            other => assert!(matches!(other, Err(SignInError::TooMany(_)))),
        }
    }
    assert_eq!(refused, 5);
}

#[tokio::test]
async fn one_address_may_fail_twenty_times_by_whatever_way() {
    let world = World::new().await;
    let key = world.register("ann").await;
    for n in 0..7 {
        world.try_from(HOME, &format!("user{n}"), "wrong").await.unwrap_err();
        world.accounts.sign_in(&"f".repeat(64), context()).await.unwrap_err();
        let asked = world.accounts.request_password_reset("nobody@example.org", HOME);
        assert_eq!(asked.is_ok(), n < 6, "the 21st");
    }
    let tried = world.try_from(HOME, "user99", "wrong").await;
    assert!(matches!(tried, Err(SignInError::TooMany(_))));
    let tried = world.accounts.sign_in(&key, context()).await;
    assert!(matches!(tried, Err(SignInError::TooMany(_))));
    world.accounts.sign_in(&key, context_from(elsewhere(1))).await.unwrap();
}

#[tokio::test]
async fn an_old_hash_is_renewed_by_signing_in() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    // "tide-lamp-9" with m=1024, t=1: as if the parameters had been raised since.
    let old = old_hash();
    world.database.execute(&format!("UPDATE accounts SET password_hash = '{old}'"));

    world.enter("ann").await;
    let stored = world.database.texts("SELECT password_hash FROM accounts").remove(0);
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    assert!(!stored.contains(PASSWORD));
    world.enter("ann").await;
}

fn old_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(1_024, 1, 1, None).unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    weak.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).unwrap().to_string()
}

#[tokio::test]
async fn another_password_ends_all_sessions_but_this_one() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    world.mailbox.take();
    let (here, there) = (world.caller("ann").await, world.caller("ann").await);
    let token = world.accounts.issue_token(here.account, None, &context(), None).await;
    let token = token.unwrap().unwrap();
    let program = world.accounts.authenticate_token(token.expose()).await.unwrap().unwrap();
    let heard = world.listener();

    let wrong = world.accounts.change_password(&here, "wrong", NEW, HOME).await;
    assert!(matches!(wrong, Err(ChangeError::WrongPassword)));
    let weak = world.accounts.change_password(&here, PASSWORD, "12345678", HOME).await;
    let problems = vec![PasswordProblem::TooCommon, PasswordProblem::OnlyDigits];
    assert!(
        matches!(weak, Err(ChangeError::Invalid(found)) if found == [Invalid::Password(problems)])
    );
    assert_eq!(heard.count(), 0);

    world.accounts.change_password(&here, PASSWORD, NEW, HOME).await.unwrap();
    assert!(world.accounts.is_current(&here));
    assert!(!world.accounts.is_current(&there) && !world.accounts.is_current(&program));
    assert_eq!(heard.count(), 2);
    assert_eq!(
        kinds_and_addresses(&world.mailbox.take()),
        [("password_changed", "ann@example.org")]
    );
    assert!(world.try_from(HOME, "ann", PASSWORD).await.is_err());
    world.try_from(HOME, "ann", NEW).await.unwrap();
}

#[tokio::test]
async fn the_current_password_cannot_be_guessed_from_a_session() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let thief = world.caller("ann").await;
    for _ in 0..5 {
        let tried = world.accounts.change_password(&thief, "wrong", NEW, HOME).await;
        assert!(matches!(tried, Err(ChangeError::WrongPassword)));
    }
    let tried = world.accounts.change_password(&thief, PASSWORD, NEW, HOME).await;
    assert!(matches!(tried, Err(ChangeError::TooMany(_))));
}

#[tokio::test]
async fn either_kind_of_person_adds_the_other_credential() {
    let world = World::new().await;
    let key = world.register("ann").await;
    let token = world.sign_in(&key).await;
    let ann = world.accounts.authenticate(&token).await.unwrap().unwrap();
    world.accounts.change_password(&ann, "", PASSWORD, HOME).await.unwrap();
    assert_eq!(world.enter("ann").await.account, ann.account);
    world.accounts.request_email_change(&ann, "ann@example.org", HOME).await.unwrap();
    assert!(world.accounts.profile(ann.account).await.unwrap().unwrap().email.is_none());
    world.accounts.confirm_email(&world.mailbox.token()).await.unwrap().unwrap();
    assert_eq!(world.enter("ann@example.org").await.account, ann.account);
    let again = world.accounts.authenticate(&token).await.unwrap().unwrap();
    assert_eq!(&*again.display_name, "ann@example.org", "known to the open session at once");

    world.confirmed("bob@example.org").await;
    let bob = world.caller("bob").await;
    let key = world.accounts.rotate_key(&bob, HOME).await.unwrap();
    world.sign_in(key.expose()).await;
    let newer = world.accounts.rotate_key(&bob, HOME).await.unwrap();
    let old = world.accounts.sign_in(key.expose(), context()).await;
    assert!(matches!(old, Err(SignInError::Refused)));
    world.sign_in(newer.expose()).await;
}

#[tokio::test]
async fn a_key_does_not_come_before_the_address_is_confirmed() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let squatter = world.caller("ann").await;
    let made = world.accounts.rotate_key(&squatter, HOME).await;
    assert!(matches!(made, Err(ChangeError::Unconfirmed)));
    // So the address's owner gets all of the account by its reset link.
    let link = world.reset_link("ann@example.org").await;
    world.accounts.reset_password(&link, NEW, HOME).await.unwrap();
    assert!(!world.accounts.is_current(&squatter));
    let owner = world.accounts.sign_in_with_password("ann", NEW, context()).await.unwrap();
    let profile = world.accounts.profile(owner.account).await.unwrap().unwrap();
    assert!(profile.email_confirmed);
}

#[tokio::test]
async fn a_reset_link_works_once_within_the_hour_and_ends_every_session() {
    let world = World::new().await;
    let account = world.confirmed("ann@example.org").await;
    let here = world.caller("ann").await;
    let link = world.reset_link("ANN@example.org").await;
    let heard = world.listener();
    for _ in 0..3 {
        assert!(world.accounts.is_reset_open(&link).await.unwrap(), "looking consumes nothing");
    }
    let weak = world.accounts.reset_password(&link, "ann@example.org", HOME).await;
    assert!(matches!(weak, Err(ResetPasswordError::Invalid(_))));
    let one = world.accounts.reset_password(&link, NEW, HOME);
    let other = world.accounts.reset_password(&link, "another-one-5", HOME);
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_ok() != other.is_ok(), "once, even at the same time: {one:?} {other:?}");
    assert!(!world.accounts.is_reset_open(&link).await.unwrap());
    assert!(!world.accounts.is_current(&here));
    assert_eq!(heard.all(), [(account, here.session)]);
    assert!(world.try_from(elsewhere(1), "ann", PASSWORD).await.is_err());
    assert_eq!(
        kinds_and_addresses(&world.mailbox.take()),
        [("password_changed", "ann@example.org")]
    );

    let link = world.reset_link("ann@example.org").await;
    world.clock.advance(RESET_LIFE);
    assert!(!world.accounts.is_reset_open(&link).await.unwrap());
    let late = world.accounts.reset_password(&link, NEW, HOME).await;
    assert!(matches!(late, Err(ResetPasswordError::Unknown)));
    for nonsense in ["", "x", &"0".repeat(64)] {
        assert!(!world.accounts.is_reset_open(nonsense).await.unwrap());
    }
}

#[tokio::test]
async fn another_password_kills_the_links_that_were_mailed_before() {
    let world = World::new().await;
    let account = world.confirmed("ann@example.org").await;
    // Asked for by a client that was signed in for a moment.
    let thief = world.caller("ann").await;
    let email = async || world.accounts.profile(account).await.unwrap().unwrap().email;
    world.accounts.request_email_change(&thief, "thief@example.org", HOME).await.unwrap();
    let moves = world.mailbox.token();
    let link = world.reset_link("ann@example.org").await;
    world.accounts.reset_password(&link, NEW, HOME).await.unwrap();
    assert!(world.accounts.confirm_email(&moves).await.unwrap().is_none());
    assert_eq!(email().await.as_deref(), Some("ann@example.org"));

    let signed_in = world.accounts.sign_in_with_password("ann", NEW, context()).await.unwrap();
    let token = signed_in.token.expose();
    let here = world.accounts.authenticate(token).await.unwrap().unwrap();
    world.accounts.request_email_change(&here, "thief@example.org", HOME).await.unwrap();
    let moves = world.mailbox.token();
    let link = world.reset_link("ann@example.org").await;
    world.accounts.change_password(&here, NEW, PASSWORD, HOME).await.unwrap();
    assert!(world.accounts.confirm_email(&moves).await.unwrap().is_none());
    assert!(!world.accounts.is_reset_open(&link).await.unwrap());
    assert_eq!(email().await.as_deref(), Some("ann@example.org"));

    // A better hash of the same password is no other password.
    let link = world.reset_link("ann@example.org").await;
    world.database.execute(&format!("UPDATE accounts SET password_hash = '{}'", old_hash()));
    world.enter("ann").await;
    assert!(world.accounts.is_reset_open(&link).await.unwrap());
}

#[tokio::test]
async fn a_reset_link_works_for_the_address_that_it_was_mailed_to_only() {
    let world = World::new().await;
    world.confirmed("ann@example.org").await;
    let link = world.reset_link("ann@example.org").await;
    let sql = "UPDATE accounts SET email = 'a@b.example', email_folded = 'a@b.example'";
    world.database.execute(sql);
    assert!(!world.accounts.is_reset_open(&link).await.unwrap());
    let tried = world.accounts.reset_password(&link, NEW, HOME).await;
    assert!(matches!(tried, Err(ResetPasswordError::Unknown)));
}

#[tokio::test]
async fn a_reset_voids_the_access_key() {
    let world = World::new().await;
    let account = world.confirmed("ann@example.org").await;
    let key = world.accounts.rotate_key(&world.caller("ann").await, HOME).await.unwrap();
    let link = world.reset_link("ann@example.org").await;
    world.accounts.reset_password(&link, NEW, HOME).await.unwrap();
    let tried = world.accounts.sign_in(key.expose(), context()).await;
    assert!(matches!(tried, Err(SignInError::Refused)));
    assert!(!world.accounts.profile(account).await.unwrap().unwrap().has_key);
    world.try_from(HOME, "ann", NEW).await.unwrap();
}

#[tokio::test]
async fn nothing_comes_of_what_a_session_asked_for_once_it_is_over() {
    let world = World::new().await;
    let account = world.confirmed("ann@example.org").await;
    let accounts = &world.accounts;
    let profile = async || accounts.profile(account).await.unwrap().unwrap();
    let refused = async |over: &Principal| {
        let before = profile().await;
        let named = ProfileChange { first_name: Some("X".into()), ..ProfileChange::default() };
        for result in [
            accounts.change_password(over, PASSWORD, NEW, HOME).await,
            accounts.rotate_key(over, HOME).await.map(drop),
            accounts.request_email_change(over, "thief@example.org", HOME).await,
            accounts.update_profile(over, named, HOME).await.map(drop),
        ] {
            assert!(matches!(result, Err(ChangeError::Gone)), "{result:?}");
        }
        assert_eq!(profile().await, before);
    };
    // The request was let in; then the session ended under it.
    let (here, over) = (world.caller("ann").await, world.caller("ann").await);
    accounts.end_other_sessions(&here).await.unwrap();
    world.mailbox.take();
    refused(&over).await;
    world.database.execute("UPDATE accounts SET is_active = FALSE");
    refused(&here).await;
    assert!(world.mailbox.take().is_empty());
}

#[tokio::test]
async fn a_reset_lets_the_owner_in_whatever_others_tried() {
    let world = World::new().await;
    world.confirmed("ann@example.org").await;
    for host in 0..20 {
        world.try_from(elsewhere(host), "ann@example.org", "wrong").await.unwrap_err();
    }
    let link = world.reset_link("ann@example.org").await;
    world.accounts.reset_password(&link, NEW, HOME).await.unwrap();
    world.try_from(elsewhere(99), "ann@example.org", NEW).await.unwrap();
}

#[tokio::test]
async fn strangers_cannot_fill_a_mailbox_nor_learn_whether_there_is_one() {
    let world = World::new().await;
    world.confirmed("ann@example.org").await;
    for host in 0..30 {
        world.accounts.request_password_reset("ann@example.org", elsewhere(host)).unwrap();
        world.accounts.request_password_reset("nobody@example.org", elsewhere(host)).unwrap();
        world.accounts.flush().await.unwrap();
    }
    let mails = world.mailbox.take();
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().all(|mail| mail.to == "ann@example.org"));
    world.clock.advance(RESET_LIFE);
    world.accounts.sweep().await.unwrap();
    world.reset_link("ann@example.org").await;
}

#[tokio::test]
async fn an_address_that_nobody_confirmed_opens_no_account_that_has_a_key() {
    let world = World::new().await;
    let key = world.register("ann").await;
    let token = world.sign_in(&key).await;
    let ann = world.accounts.authenticate(&token).await.unwrap().unwrap();
    let edit =
        accounts::AccountEdit { email: Some("typo@example.org".into()), ..Default::default() };
    world.accounts.edit_account(ann.account, edit).await.unwrap();
    // Staff vouches for the address; what she gives herself by the API is not confirmed.
    assert!(world.accounts.send_reset_link(ann.account).await.unwrap());
    world.mailbox.take();
    world.database.execute("UPDATE accounts SET email_confirmed_at = NULL");
    world.accounts.request_password_reset("typo@example.org", HOME).unwrap();
    world.accounts.flush().await.unwrap();
    assert!(world.mailbox.take().is_empty());
}

#[tokio::test]
async fn confirming_an_address_works_once_within_a_day() {
    let world = World::new().await;
    let account = world.sign_up("ann@example.org").await;
    let link = world.mailbox.token();
    let profile = async || world.accounts.profile(account).await.unwrap().unwrap();
    assert!(!profile().await.email_confirmed);
    let confirmed = world.accounts.confirm_email(&link).await.unwrap().unwrap();
    assert_eq!((confirmed.account, &*confirmed.email), (account, "ann@example.org"));
    assert!(profile().await.email_confirmed);
    assert!(world.accounts.confirm_email(&link).await.unwrap().is_none());

    let ann = world.caller("ann").await;
    world.accounts.request_email_change(&ann, "ann@other.example", HOME).await.unwrap();
    let link = world.mailbox.token();
    assert!(world.accounts.reset_password(&link, NEW, HOME).await.is_err(), "it is no reset link");
    world.clock.advance(24 * HOUR);
    assert!(world.accounts.confirm_email(&link).await.unwrap().is_none());
    assert_eq!(profile().await.email.as_deref(), Some("ann@example.org"));

    world.accounts.request_email_change(&ann, "ann@other.example", HOME).await.unwrap();
    world.accounts.confirm_email(&world.mailbox.token()).await.unwrap().unwrap();
    assert_eq!(profile().await.email.as_deref(), Some("ann@other.example"));
    let mails = world.mailbox.take();
    let told = kinds_and_addresses(&mails).contains(&("address_changed", "ann@example.org"));
    assert!(told, "the old address hears of it: {mails:?}");
}

#[tokio::test]
async fn a_taken_address_cannot_be_moved_to_and_only_its_owner_hears_why() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let ann = world.caller("ann").await;
    world.sign_up("bob@example.org").await;
    world.mailbox.take();
    world.accounts.request_email_change(&ann, "bob@example.org", HOME).await.unwrap();
    let mails = world.mailbox.take();
    assert_eq!(kinds_and_addresses(&mails), [("already_registered", "bob@example.org")]);

    // Free when asked for, taken when confirmed.
    world.accounts.request_email_change(&ann, "cid@example.org", HOME).await.unwrap();
    let link = world.mailbox.token();
    world.sign_up("cid@example.org").await;
    assert!(world.accounts.confirm_email(&link).await.unwrap().is_none());
}

#[tokio::test]
async fn no_more_than_three_confirmations_are_mailed_a_day() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let ann = world.caller("ann").await;
    for n in 0..10 {
        world
            .accounts
            .request_email_change(&ann, &format!("x{n}@example.org"), HOME)
            .await
            .unwrap();
        world.accounts.resend_confirmation(&ann, HOME).await.unwrap();
    }
    assert_eq!(world.mailbox.take().len(), 3);
    world.clock.advance(24 * HOUR);
    world.accounts.resend_confirmation(&ann, HOME).await.unwrap();
    assert_eq!(world.mailbox.take().len(), 1);
}

#[tokio::test]
async fn what_is_shown_follows_the_wish_at_once() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let token = world.enter("ann").await.token;
    let shown = async || {
        let principal = world.accounts.authenticate(token.expose()).await.unwrap().unwrap();
        principal.display_name.to_string()
    };
    assert_eq!(shown().await, "ann@example.org");
    let caller = world.accounts.authenticate(token.expose()).await.unwrap().unwrap();
    let change = ProfileChange { shows_username: Some(true), ..ProfileChange::default() };
    let profile = world.accounts.update_profile(&caller, change, HOME).await.unwrap();
    assert!(profile.shows_username);
    assert_eq!(shown().await, "ann");
    assert!(world.accounts.is_current(&caller));
}

#[tokio::test]
async fn sessions_and_tokens_are_listed_and_revoked_one_by_one() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    world.sign_up("bob@example.org").await;
    let (here, bob) = (world.caller("ann").await, world.caller("bob").await);
    world.clock.advance(MINUTE);
    let other = world.caller("ann").await;
    let named = Some(" backup\nscript ");
    let issuer = Some(here.session);
    let issued = world.accounts.issue_token(here.account, named, &context(), issuer).await;
    let token = issued.unwrap().unwrap();
    world.clock.advance(MINUTE);
    let program = world.accounts.authenticate_token(token.expose()).await.unwrap().unwrap();

    let list = world.accounts.sessions(here.account).await.unwrap();
    let refs: Vec<SessionRef> = list.iter().map(|info| info.session).collect();
    assert_eq!(refs, [program.session, other.session, here.session], "last used first");
    assert_eq!(list[0].kind, SessionKind::Token);
    assert_eq!(list[0].name.as_deref(), Some("backupscript"));
    assert_eq!(list[0].last_used_at, base::Clock::now(&*world.clock), "as the memory knows it");
    assert_eq!((&*list[1].address, list[1].user_agent.as_deref()), ("192.0.2.1", Some("test")));

    let heard = world.listener();
    assert!(!world.accounts.end_session(here.account, bob.session).await.unwrap(), "not hers");
    assert!(world.accounts.end_session(here.account, program.session).await.unwrap());
    assert!(world.accounts.authenticate_token(token.expose()).await.unwrap().is_none());
    assert_eq!(world.accounts.end_other_sessions(&here).await.unwrap(), 1);
    assert!(world.accounts.is_current(&here));
    assert_eq!(world.accounts.end_all_sessions(here.account).await.unwrap(), 1);
    assert_eq!(heard.count(), 3);
    assert!(world.accounts.is_current(&bob));
}

#[tokio::test]
async fn a_token_lives_for_ninety_days_of_silence_and_a_session_for_an_hour() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let here = world.caller("ann").await;
    let issued = world.accounts.issue_token(here.account, None, &context(), None).await;
    let token = issued.unwrap().unwrap();
    let day = 24 * HOUR;
    for silence in [HOUR, 89 * day, 89 * day] {
        world.clock.advance(silence);
        world.accounts.sweep().await.unwrap();
        let fresh = world.restarted();
        assert!(fresh.authenticate_token(token.expose()).await.unwrap().is_some());
        fresh.flush().await.unwrap();
    }
    assert!(!world.accounts.is_current(&here));
    world.clock.advance(90 * day - Duration::from_millis(1));
    assert_eq!(world.accounts.sweep().await.unwrap(), 0);
    world.clock.advance(Duration::from_millis(1) + world.grace());
    assert_eq!(world.accounts.sweep().await.unwrap(), 1);
    assert!(world.accounts.authenticate_token(token.expose()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_session_that_asks_for_ever_more_tokens_loses_its_own_only() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let here = world.caller("ann").await;
    let issue = async |name: Option<&'static str>, by| {
        world.clock.advance(Duration::from_millis(1));
        let issued = world.accounts.issue_token(here.account, name, &context(), by).await;
        issued.unwrap().unwrap()
    };
    let elsewhere = issue(None, None).await;
    let named = issue(Some("backup"), Some(here.session)).await;
    let first = issue(None, Some(here.session)).await;
    for _ in 0..10 {
        issue(None, Some(here.session)).await;
    }
    let lives = async |token: &accounts::ApiToken| {
        world.accounts.authenticate_token(token.expose()).await.unwrap().is_some()
    };
    assert!(!lives(&first).await);
    assert!(lives(&elsewhere).await && lives(&named).await);
    world.accounts.end_session(here.account, here.session).await.unwrap();
    let late = world.accounts.issue_token(here.account, None, &context(), Some(here.session)).await;
    assert!(late.unwrap().is_none(), "a session that is over issues nothing");
}

#[tokio::test]
async fn a_token_is_no_session_and_a_session_no_token() {
    let world = World::new().await;
    world.sign_up("ann@example.org").await;
    let session = world.enter("ann").await.token;
    let account = world.accounts.find(&name("ann")).await.unwrap().unwrap().account;
    let token = world.accounts.issue_token(account, None, &context(), None).await.unwrap().unwrap();
    assert!(world.accounts.authenticate_token(session.expose()).await.unwrap().is_none());
    assert!(world.accounts.authenticate(token.expose()).await.unwrap().is_none());
    assert!(world.accounts.sign_out_token(token.expose()).await.unwrap());
    assert!(!world.accounts.sign_out_token(token.expose()).await.unwrap());
}
