//! Guessing a session's code from many addresses: twenty wrong tries replace the code and
//! slow all further tries down.

use std::time::Duration;

use testkit::{Http, TestServer};

use crate::kit::{SECOND, Session, from, message, response, unlimited};
use crate::peer::{Peer, pass};

/// A code that no session has.
const WRONG: &str = "xxxxxx";

/// An attacker with many addresses, five tries from each.
struct Attacker<'s> {
    server: &'s TestServer,
    tried: u32,
}

impl Attacker<'_> {
    fn next_address(&mut self) -> Http {
        self.tried += 1;
        from(self.server, u8::try_from(10 + self.tried / 5 % 200).expect("an address"))
    }

    /// Tries a wrong code; the status.
    async fn guess(&mut self, session: &Session) -> u16 {
        let http = self.next_address();
        let answer = session.try_code(&http, WRONG).await;
        message(&answer, answer.status);
        answer.status
    }
}

/// The code that the host is told in place of the one that was guessed at.
async fn replaced(host: &mut Peer) -> String {
    let frame = host.next().await;
    assert_eq!(frame["command"], "access-code-replaced", "{frame}");
    assert_eq!(frame["success"], false, "{frame}");
    assert!(frame["response"].as_str().is_some_and(|text| text.ends_with('.')), "{frame}");
    frame["accessCode"].as_str().expect("a code").to_owned()
}

#[tokio::test]
async fn twenty_wrong_tries_from_anywhere_replace_the_code_and_the_host_is_told() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let guest = session.guest().await;
    let mut host = session.host.register().await;
    let mut other = guest.register().await;
    let mut attacker = Attacker { server: &server, tried: 0 };
    for _ in 0..19 {
        assert_eq!(attacker.guess(&session).await, 401);
    }
    host.hears_nothing().await;
    response(&session.try_code(&server.http(), &session.code).await, 200);
    assert_eq!(attacker.guess(&session).await, 401);
    let code = replaced(&mut host).await;
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    assert_ne!(code, session.code);
    other.hears_nothing().await;
    server.advance(SECOND * 3);
    message(&session.try_code(&server.http(), &session.code).await, 401);
    server.advance(SECOND * 3);
    response(&session.try_code(&server.http(), &code).await, 200);
}

#[tokio::test]
async fn a_host_who_is_not_connected_finds_the_new_code_on_the_next_load() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let mut attacker = Attacker { server: &server, tried: 0 };
    for _ in 0..20 {
        assert_eq!(attacker.guess(&session).await, 401);
    }
    let loaded = response(&session.host.http.get("/session").await, 202);
    server.advance(SECOND * 3);
    let code = loaded["accessCode"].as_str().expect("a code");
    response(&session.try_code(&server.http(), code).await, 200);
    // The code that was guessed at is not the one before: it is dead.
    server.advance(SECOND * 3);
    message(&session.try_code(&server.http(), &session.code).await, 401);
}

/// Lets `pause` pass, to the millisecond before which a try is refused; then one is taken.
async fn one_try_in(
    pause: Duration,
    server: &TestServer,
    session: &Session,
    attacker: &mut Attacker<'_>,
    host: &mut Peer,
) {
    assert_eq!(attacker.guess(session).await, 429, "at once");
    pass(server, pause - SECOND / 100, &mut [host]).await;
    assert_eq!(attacker.guess(session).await, 429, "before {pause:?}");
    server.advance(SECOND / 100);
    assert_eq!(attacker.guess(session).await, 401, "after {pause:?}");
}

#[tokio::test]
async fn after_that_one_try_is_taken_in_three_seconds_and_fewer_with_each_further_twenty() {
    let server = unlimited();
    let session = Session::start(&server).await;
    let mut host = session.host.register().await;
    let mut attacker = Attacker { server: &server, tried: 0 };
    for _ in 0..20 {
        assert_eq!(attacker.guess(&session).await, 401);
    }
    replaced(&mut host).await;
    server.advance(SECOND * 3);
    assert_eq!(attacker.guess(&session).await, 401);
    let mut wrong = 21;
    for pause in [3, 6, 12, 24, 48, 60] {
        loop {
            one_try_in(SECOND * pause, &server, &session, &mut attacker, &mut host).await;
            wrong += 1;
            if wrong % 20 == 0 {
                break;
            }
        }
    }
    one_try_in(SECOND * 60, &server, &session, &mut attacker, &mut host).await;
}

/// A session whose code was guessed at twenty times so long ago, and its code now.
async fn guessed_at(server: &TestServer, ago: Duration) -> (Session, Peer, Attacker<'_>, String) {
    let session = Session::start(server).await;
    let mut host = session.host.register().await;
    let mut attacker = Attacker { server, tried: 0 };
    for _ in 0..20 {
        attacker.guess(&session).await;
    }
    let code = replaced(&mut host).await;
    pass(server, ago, &mut [&mut host]).await;
    (session, host, attacker, code)
}

#[tokio::test]
async fn for_an_hour_the_right_code_waits_for_its_turn_too() {
    let server = unlimited();
    let (session, _host, mut attacker, code) = guessed_at(&server, SECOND * 3_590).await;
    assert_eq!(attacker.guess(&session).await, 401);
    message(&session.try_code(&server.http(), &code).await, 429);
    server.advance(SECOND * 3);
    response(&session.try_code(&server.http(), &code).await, 200);
}

#[tokio::test]
async fn an_hour_later_codes_are_taken_as_fast_as_before() {
    let server = unlimited();
    let (session, _host, mut attacker, code) = guessed_at(&server, SECOND * 3_610).await;
    for _ in 0..3 {
        assert_eq!(attacker.guess(&session).await, 401);
        response(&session.try_code(&server.http(), &code).await, 200);
    }
}

#[tokio::test]
async fn guesses_at_one_session_slow_no_other_down() {
    let server = unlimited();
    let (session, other) = (Session::start(&server).await, Session::start(&server).await);
    let mut attacker = Attacker { server: &server, tried: 0 };
    for _ in 0..20 {
        attacker.guess(&session).await;
    }
    for _ in 0..3 {
        other.guest().await;
    }
}
