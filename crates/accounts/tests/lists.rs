//! The lists of accounts and sessions: the same in every database.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]

mod support;

use accounts::{AccountQuery, AccountSort, NewAccount, SessionQuery};
use support::nodes::Nodes;
use support::{context, name};

/// The usernames on the page that `query` asks for.
async fn listed(nodes: &Nodes, query: AccountQuery) -> Vec<String> {
    let page = nodes.one.accounts_page(&AccountQuery { limit: 50, ..query }).await.unwrap();
    page.rows.into_iter().map(|profile| profile.username).collect()
}

#[tokio::test]
async fn accounts_are_found_in_any_case_and_literally() {
    let nodes = Nodes::start().await;
    for (username, first_name) in [
        ("ann", "Hello"),
        ("bob", "HELLÖ"),
        ("cat", "50%"),
        ("dan", "5_0"),
        ("eve", "a*b[c]\\d"),
        ("fay", "aXbXc"),
    ] {
        let (username, first_name) = (username.to_owned(), first_name.to_owned());
        let new = NewAccount { username, first_name, ..NewAccount::default() };
        nodes.one.create_account(new).await.unwrap();
    }
    for (text, found) in [
        ("hello", ["ann"].as_slice()),
        ("hellö", &["bob"]),
        ("HELL", &["ann", "bob"]),
        ("%", &["cat"]),
        ("5_", &["dan"]),
        ("A*B", &["eve"]),
        ("[c]", &["eve"]),
        ("\\", &["eve"]),
        ("\0", &[]),
    ] {
        let search = Some(text.to_owned());
        let sort = AccountSort::Username;
        let query = AccountQuery { search, sort, ..AccountQuery::default() };
        assert_eq!(listed(&nodes, query).await, found, "{text:?}");
    }
}

#[tokio::test]
async fn accounts_without_what_they_are_sorted_by_come_first_and_in_the_other_order_last() {
    let nodes = Nodes::start().await;
    let key = nodes.one.register(&name("ann")).await.unwrap();
    nodes.create("bob", false).await;
    nodes.create("cat", false).await;
    nodes.one.sign_in(key.expose(), context()).await.unwrap();
    for (sort, order) in
        [(AccountSort::Email, ["ann", "bob", "cat"]), (AccountSort::LastLogin, ["", "", "ann"])]
    {
        for descending in [false, true] {
            let query = AccountQuery { sort, descending, ..AccountQuery::default() };
            let mut names = listed(&nodes, query).await;
            if descending {
                names.reverse();
            }
            let at = |(n, name): (usize, &String)| order[n].is_empty() || order[n] == name;
            assert!(names.iter().enumerate().all(at), "{sort:?} {descending} {names:?}");
        }
    }
}

#[tokio::test]
async fn sessions_are_found_by_their_owner_and_by_their_name_in_any_case() {
    let nodes = Nodes::start().await;
    let ann = nodes.create("ann", false).await;
    let token = nodes.one.issue_token(ann, Some("Bäckup"), &context(), None).await.unwrap();
    assert!(token.is_some());
    for (text, total) in [("ANN@", 1), ("bÄCKUP", 1), ("192.0.2.1", 1), ("%", 0), ("\0", 0)] {
        let search = Some(text.to_owned());
        let query = SessionQuery { search, limit: 50, ..SessionQuery::default() };
        assert_eq!(nodes.one.sessions_page(&query).await.unwrap().total, total, "{text:?}");
    }
}
