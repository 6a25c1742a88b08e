//! Joining by access code, and what wrong codes cost the client that tries them.

use serde_json::json;
use testkit::{Http, code_digest};

use crate::kit::{SECOND, Session, from, message, response, unlimited};

/// A code that is not this one.
fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// Tries a wrong code; the status.
async fn guess(session: &Session, http: &Http) -> u16 {
    let answer = session.try_code(http, other_than(&session.code)).await;
    message(&answer, answer.status);
    answer.status
}

#[tokio::test]
async fn who_knows_the_code_becomes_a_guest() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let answer = session.try_code(&server.http(), &session.code).await;
    let joined = response(&answer, 200);
    assert_eq!(joined.as_object().expect("an object").len(), 1, "{joined}");
    assert!(joined["jwt"].is_string());
    assert_eq!(session.guest().await.list().await, json!([]));
}

#[tokio::test]
async fn what_is_no_proof_of_the_code_is_401() {
    let server = unlimited();
    for wrong in ["the code itself", "a bearer", "another hash", "nothing at all"] {
        let session = Session::start(&server).await;
        let header = match wrong {
            "the code itself" => session.code.clone(),
            "a bearer" => format!("Bearer {}", code_digest(&session.code)),
            "another hash" => code_digest(other_than(&session.code)),
            _ => String::new(),
        };
        let http = server.http().with("authorization", &header);
        message(&http.get(&format!("/access/{}", session.id)).await, 401);
    }
}

#[tokio::test]
async fn a_missing_proof_is_401_and_no_try() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for _ in 0..50 {
        message(&server.http().get(&format!("/access/{}", session.id)).await, 401);
    }
    response(&session.try_code(&server.http(), &session.code).await, 200);
}

#[tokio::test]
async fn a_code_of_another_session_is_401() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let mut other = Session::start(&server).await;
    while other.code == session.code {
        other = Session::start(&server).await;
    }
    message(&session.try_code(&server.http(), &other.code).await, 401);
}

#[tokio::test]
async fn five_wrong_tries_in_ten_seconds_are_429_for_their_address_alone() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let (http, elsewhere) = (server.http(), from(&server, 2));
    for number in 0..5 {
        assert_eq!(guess(&session, &http).await, 401);
        // All within ten seconds.
        server.advance(if number < 4 { SECOND * 2 } else { SECOND });
    }
    assert_eq!(guess(&session, &http).await, 429);
    message(&session.try_code(&http, &session.code).await, 429);
    response(&session.try_code(&elsewhere, &session.code).await, 200);
    // The first of the five is ten seconds old.
    server.advance(SECOND);
    assert_eq!(guess(&session, &http).await, 401);
    assert_eq!(guess(&session, &http).await, 429, "five in the last ten seconds again");
    server.advance(SECOND * 10);
    response(&session.try_code(&http, &session.code).await, 200);
}

#[tokio::test]
async fn right_codes_are_no_wrong_tries() {
    let server = unlimited();
    let session = Session::start(&server).await;
    for _ in 0..10 {
        session.guest().await;
    }
    for _ in 0..4 {
        assert_eq!(guess(&session, &server.http()).await, 401);
    }
    session.guest().await;
}

#[tokio::test]
async fn wrong_tries_of_an_address_count_together_whatever_they_are_at() {
    let server = unlimited();
    let (session, other) = (Session::start(&server).await, Session::start(&server).await);
    for (session, tries) in [(&session, 3), (&other, 2)] {
        for _ in 0..tries {
            assert_eq!(guess(session, &server.http()).await, 401);
        }
    }
    for session in [&session, &other] {
        assert_eq!(guess(session, &server.http()).await, 429);
        response(&session.try_code(&from(&server, 2), &session.code).await, 200);
    }
}

#[tokio::test]
async fn a_request_that_was_answered_429_counts_no_wrong_try() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let http = server.http();
    // Nineteen wrong tries, with dozens of repeated requests between them.
    for round in 0..4 {
        for _ in 0..(if round < 3 { 5 } else { 4 }) {
            assert_eq!(guess(&session, &http).await, 401);
        }
        for _ in 0..(if round < 3 { 30 } else { 0 }) {
            assert_eq!(guess(&session, &http).await, 429);
        }
        server.advance(SECOND * 10);
    }
    response(&session.try_code(&http, &session.code).await, 200);
}
