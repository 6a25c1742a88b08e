//! What staff does with accounts and sessions.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use accounts::{
    AccountEdit, AccountQuery, AccountSort, ChangeError, EditError, NewAccount, Profile,
    SessionKind, SessionQuery, SessionSort, SetUpError,
};
use base::AccountId;
use support::{HOME, MINUTE, PASSWORD, World, context};

impl World {
    async fn make(&self, username: &str, email: &str, is_staff: bool) -> AccountId {
        let (username, email) = (username.to_owned(), email.to_owned());
        let password = Some(PASSWORD.to_owned());
        let wanted = NewAccount { username, email, password, is_staff, ..NewAccount::default() };
        self.clock.advance(MINUTE);
        self.accounts.create_account(wanted).await.unwrap()
    }

    async fn names(&self, query: AccountQuery) -> Vec<String> {
        let query = AccountQuery { limit: 100, ..query };
        let page = self.accounts.accounts_page(&query).await.unwrap();
        assert_eq!(page.total as usize, page.rows.len());
        page.rows.into_iter().map(|profile: Profile| profile.username).collect()
    }
}

fn search(text: &str) -> AccountQuery {
    AccountQuery { search: Some(text.to_owned()), ..AccountQuery::default() }
}

#[tokio::test]
async fn accounts_are_listed_searched_filtered_sorted_and_paged() {
    let world = World::new().await;
    let cid = world.make("Cid", "cid@b.example", false).await;
    let ann = world.make("ann", "Ann@c.example", true).await;
    world.make("Bob", "", false).await;
    world.accounts.set_active(&[cid], false).await.unwrap();
    let all = AccountQuery::default;
    assert_eq!(world.names(all()).await, ["Cid", "ann", "Bob"]);
    let by = |sort, descending| AccountQuery { sort, descending, ..all() };
    assert_eq!(world.names(by(AccountSort::Username, false)).await, ["ann", "Bob", "Cid"]);
    assert_eq!(world.names(by(AccountSort::Username, true)).await, ["Cid", "Bob", "ann"]);
    assert_eq!(world.names(by(AccountSort::Created, true)).await, ["Bob", "ann", "Cid"]);
    assert_eq!(world.names(by(AccountSort::Email, true)).await, ["Cid", "ann", "Bob"]);
    assert_eq!(world.names(AccountQuery { staff: Some(true), ..all() }).await, ["ann"]);
    assert_eq!(world.names(AccountQuery { active: Some(false), ..all() }).await, ["Cid"]);
    assert_eq!(world.names(search("ANN@C")).await, ["ann"]);
    assert_eq!(world.names(search("b")).await, ["Cid", "Bob"]);

    let query = AccountQuery { offset: 1, limit: 1, ..all() };
    let page = world.accounts.accounts_page(&query).await.unwrap();
    assert_eq!((page.total, page.rows[0].account), (3, ann));
}

#[tokio::test]
async fn what_means_something_in_a_pattern_is_searched_for_as_it_is() {
    let world = World::new().await;
    world.make("ann", "a_b@c.example", false).await;
    world.make("bob", "axb@c.example", false).await;
    assert_eq!(world.names(search("a_b")).await, ["ann"]);
    for none in ["%", "a%b", "!", "a!_b", "'", "\\"] {
        assert!(world.names(search(none)).await.is_empty(), "{none}");
    }
}

#[tokio::test]
async fn an_account_is_made_with_either_name() {
    let world = World::new().await;
    let account = world.make("", "ann.smith@example.org", false).await;
    let profile = world.accounts.profile(account).await.unwrap().unwrap();
    assert_eq!(profile.username, "annsmith");
    assert!(profile.email_confirmed && profile.has_password && !profile.has_key);
    assert!(world.mailbox.take().is_empty());
    let taken = |username: &str, email: &str| {
        let (username, email) = (username.to_owned(), email.to_owned());
        world.accounts.create_account(NewAccount { username, email, ..NewAccount::default() })
    };
    assert!(matches!(taken("AnnSmith", "").await, Err(ChangeError::UsernameTaken)));
    assert!(matches!(taken("", "ANN.smith@example.org").await, Err(ChangeError::EmailTaken)));
    assert!(matches!(taken("", "").await, Err(ChangeError::Invalid(_))));
    assert!(matches!(taken("a b", "").await, Err(ChangeError::Invalid(_))));
}

#[tokio::test]
async fn editing_changes_what_is_given_and_nothing_else() {
    let world = World::new().await;
    let ann = world.make("ann", "ann@example.org", false).await;
    world.make("bob", "bob@example.org", false).await;
    let token = world.enter("ann").await.token;
    let edit = AccountEdit {
        username: Some("Anna".into()),
        first_name: Some(" Anna ".into()),
        email: Some(String::new()),
        ..AccountEdit::default()
    };
    let profile = world.accounts.edit_account(ann, edit).await.unwrap();
    assert_eq!((&*profile.username, &*profile.first_name), ("Anna", "Anna"));
    assert!(profile.email.is_none() && !profile.email_confirmed && profile.is_active);
    let principal = world.accounts.authenticate(token.expose()).await.unwrap().unwrap();
    assert_eq!((&*principal.username, &*principal.display_name), ("Anna", "Anna"));
    for (username, email) in
        [("bob", "x@y.example"), ("x", "BOB@example.org"), ("a b", "x@y.example")]
    {
        let edit = AccountEdit {
            username: Some(username.into()),
            email: Some(email.into()),
            ..AccountEdit::default()
        };
        assert!(world.accounts.edit_account(ann, edit).await.is_err(), "{username} {email}");
    }
    assert_eq!(world.accounts.profile(ann).await.unwrap().unwrap(), profile);
    let gone = world.accounts.edit_account(AccountId(7), AccountEdit::default()).await;
    assert!(matches!(gone, Err(EditError::Change(ChangeError::Gone))));
}

#[tokio::test]
async fn another_address_by_staff_kills_the_links_mailed_to_the_one_before() {
    for email in ["new@example.org", ""] {
        let world = World::new().await;
        let ann = world.make("ann", "old@example.org", false).await;
        let caller = world.caller("ann").await;
        world.accounts.request_email_change(&caller, "older@example.org", HOME).await.unwrap();
        let moves = world.mailbox.token();
        assert!(world.accounts.send_reset_link(ann).await.unwrap());
        let reset = world.mailbox.token();
        let edit = AccountEdit { email: Some(email.into()), ..AccountEdit::default() };
        let profile = world.accounts.edit_account(ann, edit).await.unwrap();
        assert!(!world.accounts.is_reset_open(&reset).await.unwrap());
        assert!(world.accounts.reset_password(&reset, "reef-oar-17", HOME).await.is_err());
        assert!(world.accounts.confirm_email(&moves).await.unwrap().is_none());
        assert_eq!(world.accounts.profile(ann).await.unwrap().unwrap(), profile);
        world.enter("ann").await;
    }
}

#[tokio::test]
async fn deactivating_and_deleting_end_every_session_and_token() {
    let world = World::new().await;
    let ann = world.make("ann", "ann@example.org", false).await;
    let bob = world.make("bob", "bob@example.org", false).await;
    let key = world.accounts.rotate_key(&world.caller("ann").await, HOME).await.unwrap();
    let issued = world.accounts.issue_token(ann, None, &context(), None).await.unwrap().unwrap();
    let (one, other) = (world.caller("ann").await, world.caller("bob").await);
    let heard = world.listener();

    assert_eq!(world.accounts.set_active(&[ann, AccountId(7)], false).await.unwrap(), 1);
    assert!(!world.accounts.is_current(&one) && world.accounts.is_current(&other));
    assert!(world.accounts.authenticate_token(issued.expose()).await.unwrap().is_none());
    assert!(world.accounts.sign_in(key.expose(), context()).await.is_err());
    assert_eq!(heard.count(), 3);
    world.accounts.set_active(&[ann], true).await.unwrap();
    world.enter("ann").await;

    assert_eq!(world.accounts.delete_accounts(&[ann, bob, ann]).await.unwrap(), 2);
    assert!(!world.accounts.is_current(&other));
    assert_eq!(heard.count(), 5);
    assert!(world.accounts.profile(ann).await.unwrap().is_none());
    world.sign_up("ann@example.org").await;
}

#[tokio::test]
async fn the_last_of_staff_stays() {
    let world = World::new().await;
    let ann = world.make("ann", "ann@example.org", true).await;
    let bob = world.make("bob", "bob@example.org", true).await;
    let demote = AccountEdit { is_staff: Some(false), ..AccountEdit::default() };
    let is_last = |result: Result<usize, EditError>| matches!(result, Err(EditError::LastStaff));
    assert!(is_last(world.accounts.delete_accounts(&[ann, bob]).await));
    assert!(is_last(world.accounts.set_active(&[ann, bob], false).await));
    assert!(is_last(world.accounts.set_staff(&[bob, ann], false).await));
    let (one, other) = tokio::join!(
        world.accounts.edit_account(ann, demote.clone()),
        world.accounts.edit_account(bob, demote.clone()),
    );
    assert!(one.is_ok() != other.is_ok(), "one of two at once");
    assert!(world.accounts.has_staff().await.unwrap());
}

#[tokio::test]
async fn sessions_of_everybody_are_listed_and_ended() {
    let world = World::new().await;
    let ann = world.make("ann", "ann@example.org", false).await;
    world.make("bob", "bob@example.org", false).await;
    let one = world.caller("ann").await;
    world.clock.advance(MINUTE);
    let other = world.caller("bob").await;
    world.accounts.issue_token(ann, Some("backup"), &context(), None).await.unwrap();
    let list = async |query: SessionQuery| {
        let query = SessionQuery { limit: 10, ..query };
        let page = world.accounts.sessions_page(&query).await.unwrap();
        assert_eq!(page.total as usize, page.rows.len());
        page.rows
    };
    assert_eq!(list(SessionQuery::default()).await.len(), 3);
    let tokens = list(SessionQuery { kind: Some(SessionKind::Token), ..Default::default() }).await;
    assert_eq!(tokens[0].name.as_deref(), Some("backup"));
    let by_name =
        SessionQuery { sort: SessionSort::Username, descending: true, ..Default::default() };
    assert_eq!(list(by_name).await[0].username, "bob");
    assert_eq!(list(SessionQuery { account: Some(ann), ..Default::default() }).await.len(), 2);
    let found = list(SessionQuery { search: Some("BOB@".into()), ..Default::default() }).await;
    assert_eq!(found[0].session, other.session);

    assert_eq!(world.accounts.end_sessions(&[one.session, other.session]).await.unwrap(), 2);
    assert!(!world.accounts.is_current(&one) && !world.accounts.is_current(&other));
    assert!(world.accounts.session_info(one.session).await.unwrap().is_none());
    assert_eq!(
        world.accounts.session_info(tokens[0].session).await.unwrap(),
        Some(tokens[0].clone())
    );
}

#[tokio::test]
async fn the_first_of_staff_is_made_once_by_whoever_has_the_token() {
    let world = World::new().await;
    let token = world.accounts.setup_token().await.unwrap().unwrap();
    assert!(world.accounts.is_setup_open(&token).await.unwrap());
    assert!(!world.accounts.is_setup_open("x").await.unwrap());
    let wrong = world.accounts.set_up(&"0".repeat(64), "ann@example.org", PASSWORD).await;
    assert!(matches!(wrong, Err(SetUpError::Refused)));
    let weak = world.accounts.set_up(&token, "ann@example.org", "12345678").await;
    assert!(matches!(weak, Err(SetUpError::Change(ChangeError::Invalid(_)))));
    let account = world.accounts.set_up(&token, "ann@example.org", PASSWORD).await.unwrap();
    let profile = world.accounts.profile(account).await.unwrap().unwrap();
    assert!(profile.is_staff && profile.email_confirmed);
    let again = world.accounts.set_up(&token, "bob@example.org", PASSWORD).await;
    assert!(matches!(again, Err(SetUpError::Refused)));
    assert!(!world.accounts.is_setup_open(&token).await.unwrap());
    assert!(world.accounts.setup_token().await.unwrap().is_none());
}
