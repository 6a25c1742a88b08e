//! Who counts as one address: networks of IPv6, and clients behind a trusted proxy.

use std::pin::pin;

use testkit::{Http, Socket, TestServer};

use crate::kit::{SECOND, Session, from, message, response, waits};

/// A server behind a proxy at 127.0.0.1, without exempt addresses.
fn behind_a_proxy(values: &[(&'static str, &str)]) -> TestServer {
    TestServer::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        for (name, value) in values {
            settings.values.set(name, value);
        }
    })
}

/// The client at this address, through the proxy.
fn client(server: &TestServer, address: &str) -> Http {
    server.http().with("x-forwarded-for", address)
}

async fn wrong_code(session: &Session, http: &Http) -> u16 {
    let answer = session.try_code(http, "xxxxxx").await;
    message(&answer, answer.status);
    answer.status
}

#[tokio::test]
async fn wrong_codes_count_for_the_client_behind_the_proxy() {
    let server = behind_a_proxy(&[]);
    let session = Session::start(&server).await;
    for _ in 0..5 {
        assert_eq!(wrong_code(&session, &client(&server, "198.51.100.1")).await, 401);
    }
    assert_eq!(wrong_code(&session, &client(&server, "198.51.100.1")).await, 429);
    assert_eq!(wrong_code(&session, &client(&server, "198.51.100.2")).await, 401);
    let hops = client(&server, "203.0.113.9, 198.51.100.1");
    assert_eq!(wrong_code(&session, &hops).await, 429, "whatever the client claims before");
}

#[tokio::test]
async fn a_stranger_who_names_another_address_is_not_believed() {
    let server = behind_a_proxy(&[]);
    let session = Session::start(&server).await;
    for last in 1..=5 {
        let liar = from(&server, 2).with("x-forwarded-for", &format!("198.51.100.{last}"));
        assert_eq!(wrong_code(&session, &liar).await, 401);
    }
    let liar = from(&server, 2).with("x-forwarded-for", "198.51.100.6");
    assert_eq!(wrong_code(&session, &liar).await, 429);
    assert_eq!(wrong_code(&session, &client(&server, "198.51.100.1")).await, 401);
}

#[tokio::test]
async fn an_ipv6_network_counts_as_one_address() {
    let server = behind_a_proxy(&[("share.max_sessions_of_address", "2")]);
    let session = Session::start(&server).await;
    for last in 1..=5 {
        let host = client(&server, &format!("2001:db8:1:2::{last}"));
        assert_eq!(wrong_code(&session, &host).await, 401);
    }
    let sixth = client(&server, "2001:db8:1:2:ffff:ffff:ffff:ffff");
    assert_eq!(wrong_code(&session, &sixth).await, 429);
    assert_eq!(wrong_code(&session, &client(&server, "2001:db8:1:3::1")).await, 401);
    for (address, status) in [
        ("2001:db8:1:2::1", 201),
        ("2001:db8:1:2::2", 201),
        ("2001:db8:1:2::3", 429),
        ("2001:db8:1:3::1", 201),
        ("::ffff:198.51.100.1", 201),
        ("198.51.100.1", 201),
        ("::ffff:198.51.100.1", 429),
    ] {
        let answer = client(&server, address).post("/session", "").await;
        assert_eq!(answer.status, status, "{address}");
    }
}

#[tokio::test]
async fn twenty_tries_from_twenty_networks_are_twenty_tries() {
    let server = behind_a_proxy(&[]);
    let session = Session::start(&server).await;
    for network in 0..20 {
        let host = client(&server, &format!("2001:db8:{network:x}::1"));
        assert_eq!(wrong_code(&session, &host).await, 401);
    }
    let late = client(&server, "2001:db8:ffff::1");
    assert_eq!(wrong_code(&session, &late).await, 429);
    server.advance(SECOND * 3);
    message(&session.try_code(&late, &session.code).await, 401);
    let loaded = response(&session.host.http.get("/session").await, 202);
    server.advance(SECOND * 3);
    let code = loaded["accessCode"].as_str().expect("a code");
    response(&session.try_code(&late, code).await, 200);
}

/// An upgrade of the client at this address, through the proxy.
async fn upgrade(server: &TestServer, session: &str, address: &str) -> Socket {
    let header = [("x-forwarded-for", address.to_owned())];
    let path = format!("/session/{session}");
    Socket::open(server.address(), &path, &header).await.expect("an upgrade")
}

#[tokio::test]
async fn upgrades_are_delayed_for_the_client_behind_the_proxy() {
    let server = behind_a_proxy(&[]);
    let session = Session::start(&server).await;
    let mut open = Vec::new();
    for last in 1..=10 {
        open.push(upgrade(&server, &session.id, &format!("2001:db8:1:2::{last}")).await);
    }
    {
        let mut late = pin!(upgrade(&server, &session.id, "2001:db8:1:2::99"));
        assert!(waits(&server, &mut late).await);
    }
    open.push(upgrade(&server, &session.id, "2001:db8:1:3::1").await);
    server.advance(SECOND * 10);
    open.push(upgrade(&server, &session.id, "2001:db8:1:2::99").await);
}
