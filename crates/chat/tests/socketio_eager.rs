//! A Socket.IO client that speaks the moment it hears that it is connected, while the
//! library does not take anything for it yet.
//!
//! That moment is some microseconds long, and from outside a client meets it once in a
//! thousand tries. Here it is as long as it takes: the library sends the connect packet
//! by waking the poll that waits for it, and the poll here is woken only when the client
//! has spoken.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use base::{AccountId, Activity, ManualClock, OsRandom, Principal, SessionRef, Timestamp};
use chat::{Chat, Settings};
use http::{HeaderMap, Request};
use http_kit::{
    Accepts, AuthError, AuthFuture, Authenticate, Caller, Client, EdgeOptions, Staff, edge,
};
use storage::Database;
use tokio::runtime::Handle;
use tower::ServiceExt;
use transport::{Limits, Sockets};

/// How long the test waits for what it expects.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the library is kept from going on: what the client said arrives meanwhile.
const HELD: Duration = Duration::from_millis(200);

/// Knows one token.
struct OneToken;

impl Authenticate for OneToken {
    fn caller<'a>(&'a self, _: &'a HeaderMap, _: &'a Client, _: Accepts) -> AuthFuture<'a, Caller> {
        Box::pin(async { Err(AuthError::Internal("not asked here")) })
    }

    fn by_token<'a>(&'a self, token: &'a str) -> AuthFuture<'a, Option<Principal>> {
        let principal = Principal {
            account: AccountId(1),
            username: "ann".into(),
            display_name: "ann".into(),
            session: SessionRef(1),
            activity: Arc::new(Activity::new(Timestamp(0))),
        };
        Box::pin(async move { Ok((token == "right").then_some(principal)) })
    }

    fn is_current(&self, _: &Principal) -> bool {
        true
    }

    fn staff<'a>(&'a self, _: &'a Caller) -> AuthFuture<'a, Option<Staff>> {
        Box::pin(async { Ok(None) })
    }
}

/// Says that it was woken, once, and keeps the one who woke it waiting.
struct Hold {
    armed: AtomicBool,
    woken: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl Wake for Hold {
    fn wake(self: Arc<Self>) {
        if self.armed.swap(false, Ordering::SeqCst) {
            self.woken.lock().expect("one waker").send(()).expect("the client listens");
            let _ = self.go_on.lock().expect("one waker").recv_timeout(PATIENCE);
        }
    }
}

fn request(method: &str, path: &str, body: &str) -> Request<Body> {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let peer = SocketAddr::from((address, 1));
    let client = Client { address, peer, secure: false, host: Some("here".into()) };
    let request = Request::builder().method(method).uri(path).extension(client);
    request.body(Body::from(body.to_owned())).expect("a request")
}

async fn text(answer: Response) -> String {
    assert_eq!(answer.status(), 200);
    let body = to_bytes(answer.into_body(), 64 * 1024).await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

/// What a client hears that says `spoken` before the library is ready for it.
async fn hears(routes: &Router, spoken: &'static str) -> Vec<String> {
    let send = |method, path: &str, body| routes.clone().oneshot(request(method, path, body));
    let path = "/socket.io?EIO=4&transport=polling";
    let open = text(send("GET", path, "").await.expect("an answer")).await;
    let sid = open.split('"').nth(3).expect("an id");
    let path = format!("{path}&sid={sid}");

    let (woken, was_woken) = channel();
    let (go, go_on) = channel();
    let hold = Arc::new(Hold {
        armed: AtomicBool::new(false),
        woken: Mutex::new(woken),
        go_on: Mutex::new(go_on),
    });
    // The ping at the beginning.
    assert_eq!(text(send("GET", &path, "").await.expect("an answer")).await, "2");
    let mut poll: Pin<Box<_>> = Box::pin(send("GET", &path, ""));
    let waker = Waker::from(Arc::clone(&hold));
    assert!(poll.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    hold.armed.store(true, Ordering::SeqCst);

    let (handle, speaking) = (Handle::current(), send("POST", &path, spoken));
    let client = std::thread::spawn(move || {
        was_woken.recv_timeout(PATIENCE).expect("the connect packet");
        let answer = handle.block_on(speaking).expect("an answer");
        std::thread::sleep(HELD);
        go.send(()).expect("the library waits");
        assert_eq!(answer.status(), 200);
    });
    send("POST", &path, "40").await.expect("an answer");
    // Not polled meanwhile, or this task would be woken in its place.
    client.join().expect("the client's thread");
    let mut heard = vec![text(poll.await.expect("an answer")).await];
    // What the client is told of its authentication comes last.
    let last = |packets: &String| {
        packets.contains(r#"42["authenticated""#) || packets.contains(r#"42["unauthorized""#)
    };
    while !heard.iter().any(last) {
        heard.push(text(send("GET", &path, "").await.expect("an answer")).await);
    }
    let packets = heard.iter().flat_map(|packets| packets.split('\u{1e}'));
    packets.filter(|packet| packet.starts_with('4')).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_client_that_speaks_before_the_library_listens_is_answered() {
    let own = testdb::TestDatabase::in_memory();
    let database = Database::connect(own.url()).await.unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    database.migrate(&chat::migrations(), clock.as_ref()).await.unwrap();
    let sockets = Sockets::new(clock.clone(), Limits::default());
    let settings = Settings { auth_timeout: 3 * PATIENCE, ..Settings::default() };
    let chat = Chat::open(database, sockets, clock, Arc::new(OsRandom), settings).await.unwrap();
    let routes = edge(chat.routes(Arc::new(OneToken)), EdgeOptions::default());
    let news = r#"42["news",{"message":"Hello, at here"}]"#;

    let right = r#"42["authentication",{"token":"right"}]"#;
    let heard = tokio::time::timeout(PATIENCE, hears(&routes, right)).await.expect("an answer");
    assert!(heard[0].starts_with("40"), "{heard:?}");
    assert_eq!(heard[1..], [news, r#"42["authenticated",true]"#]);

    // A posting and no token.
    let wrong = "427[\"client-sent-message\",{\"message\":\"hi\"}]\u{1e}42[\"authentication\",{}]";
    let heard = tokio::time::timeout(PATIENCE, hears(&routes, wrong)).await.expect("an answer");
    assert!(heard[0].starts_with("40"), "{heard:?}");
    let refused = r#"437[{"status":false,"code":"unauthorized"}]"#.to_owned();
    assert!(heard.contains(&refused), "{heard:?}");
    let told: Vec<_> = heard[1..].iter().filter(|packet| **packet != refused).collect();
    assert_eq!(told[..2], [news, r#"42["unauthorized",{"message":"Token not found."}]"#]);
}
