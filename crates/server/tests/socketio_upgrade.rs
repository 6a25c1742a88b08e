//! Socket.IO clients whose upgrade from polling to a WebSocket breaks, at each step, and
//! clients that speak as soon as they may. The client here speaks packets over HTTP: no
//! official one can be made to break at a given step.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, Http, PATIENCE, Person, Raw, Socket, TestServer};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Messages said while upgrades are broken, and the time between two.
const MESSAGES: usize = 63;
const PAUSE: Duration = Duration::from_millis(40);

/// Polls that a connection may take meanwhile, beside one for each message. Before, it
/// was some hundred a second.
const OTHER_POLLS: usize = 60;

/// How an upgrade breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The WebSocket ends before a word is said on it.
    AtOnce,
    /// It ends when the probe has been answered.
    Answered,
    /// The probe is swallowed: the WebSocket stays open.
    ProbeSwallowed,
    /// The answer is swallowed: the WebSocket stays open.
    AnswerSwallowed,
    /// It is no probe that arrives.
    Garbled,
    /// The probe arrives twice.
    ProbedTwice,
}

const BREAKS: [Break; 6] = [
    Break::AtOnce,
    Break::Answered,
    Break::ProbeSwallowed,
    Break::AnswerSwallowed,
    Break::Garbled,
    Break::ProbedTwice,
];

/// A client that polls. Dropped, it is gone without a word.
struct Poller {
    server: std::net::SocketAddr,
    version: u8,
    sid: String,
    packets: mpsc::UnboundedReceiver<String>,
    polls: Arc<Polls>,
    _tasks: JoinSet<()>,
}

/// What the polling task and the test know of each other.
#[derive(Debug, Default)]
struct Polls {
    count: AtomicUsize,
    /// No further poll is to begin.
    paused: AtomicBool,
}

impl Poller {
    /// Connects, is greeted and authenticated.
    async fn arrive(server: &TestServer, version: u8, token: &str) -> Self {
        let path = format!("/socket.io/?EIO={version}&transport=polling");
        let open = server.http().get(&path).await;
        assert_eq!(open.status, 200, "{open:?}");
        let open: Value = serde_json::from_str(&packets(&open, version)[0][1..]).expect("JSON");
        let sid = open["sid"].as_str().expect("an id").to_owned();

        let (heard, packets) = mpsc::unbounded_channel();
        let (polls, mut tasks) = (Arc::new(Polls::default()), JoinSet::new());
        let path = format!("{path}&sid={sid}");
        tasks.spawn(poll(server.http(), path.clone(), version, polls.clone(), heard));
        if version == 3 {
            // The client pings. Other versions are pinged.
            let http = server.http();
            tasks.spawn(async move {
                loop {
                    sleep(Duration::from_secs(5)).await;
                    post(&http, &path, version, "2").await;
                }
            });
        }
        let address = server.address();
        let mut poller = Self { server: address, version, sid, packets, polls, _tasks: tasks };
        if version == 4 {
            poller.post("40").await;
        }
        assert!(poller.packet().await.starts_with("40"));
        assert!(poller.packet().await.starts_with(r#"42["news""#));
        poller.post(&format!("42{}", json!(["authentication", {"token": token}]))).await;
        assert_eq!(poller.packet().await, r#"42["authenticated",true]"#);
        poller
    }

    async fn post(&self, packet: &str) {
        let path = format!("/socket.io/?EIO={}&transport=polling&sid={}", self.version, self.sid);
        let answer = post(&Http::new(self.server), &path, self.version, packet).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok".as_slice()));
    }

    /// The next packet that says something.
    async fn packet(&mut self) -> String {
        let packet = timeout(PATIENCE, self.packets.recv()).await.expect("a packet in time");
        packet.expect("it is still polling")
    }

    async fn hears(&mut self, texts: &[String]) {
        for text in texts {
            assert_eq!(self.packet().await, got(text));
        }
    }

    fn polls(&self) -> usize {
        self.polls.count.load(Ordering::SeqCst)
    }

    fn upgrade_path(&self) -> String {
        format!("/socket.io/?EIO={}&transport=websocket&sid={}", self.version, self.sid)
    }

    /// Breaks an upgrade; the WebSocket, where it stays open.
    async fn breaks(&self, how: Break) -> Option<Raw> {
        let mut raw = Raw::connect(self.server).await;
        raw.send(&upgrade_request(&self.upgrade_path(), self.server)).await;
        assert_eq!(raw.head().await.status, 101);
        let probe = async |raw: &mut Raw| {
            raw.frame(0x81, b"2probe").await;
            assert_eq!(raw.next_frame().await, Some((0x81, b"3probe".to_vec())));
        };
        match how {
            Break::AtOnce => return None,
            Break::Answered => {
                probe(&mut raw).await;
                return None;
            }
            Break::ProbeSwallowed => {}
            Break::AnswerSwallowed => probe(&mut raw).await,
            Break::Garbled => {
                raw.frame(0x81, br#"42["client-sent-message",{"message":"no"}]"#).await;
                assert_eq!(raw.next_frame().await, None);
            }
            Break::ProbedTwice => {
                probe(&mut raw).await;
                raw.frame(0x81, b"2probe").await;
                assert_eq!(raw.next_frame().await, None);
            }
        }
        Some(raw)
    }

    /// Upgrades, as an official client does: it waits for the end of its last poll.
    async fn upgrade(mut self) -> Socket {
        let opened = Socket::open(self.server, &self.upgrade_path(), &[]).await;
        let mut socket = opened.expect("101");
        socket.send("2probe").await;
        assert_eq!(socket.text().await.as_deref(), Some("3probe"));
        self.polls.paused.store(true, Ordering::SeqCst);
        let paused = Instant::now();
        // The polling task ends, and with it the sender.
        let rest = timeout(PATIENCE, self.packets.recv()).await.expect("the last poll's end");
        assert_eq!(rest, None);
        assert!(paused.elapsed() < Duration::from_secs(5), "the last poll was not released");
        socket.send("5").await;
        socket
    }
}

/// Polls until a poll is refused or it is paused; answers pings.
async fn poll(
    http: Http,
    path: String,
    version: u8,
    polls: Arc<Polls>,
    heard: mpsc::UnboundedSender<String>,
) {
    while !polls.paused.load(Ordering::SeqCst) {
        let answer = http.get(&path).await;
        polls.count.fetch_add(1, Ordering::SeqCst);
        if answer.status != 200 {
            return;
        }
        for packet in packets(&answer, version) {
            match packet.as_str() {
                "2" => drop(post(&http, &path, version, "3").await),
                "3" | "6" => {}
                _ => heard.send(packet).expect("the client is there"),
            }
        }
    }
}

async fn post(http: &Http, path: &str, version: u8, packet: &str) -> Answer {
    let body = match version {
        3 => format!("{}:{packet}", packet.encode_utf16().count()),
        _ => packet.to_owned(),
    };
    http.post(path, body).await
}

/// The packets in the answer to a poll. All of them are ASCII.
fn packets(answer: &Answer, version: u8) -> Vec<String> {
    let mut body = std::str::from_utf8(&answer.body).expect("text");
    if version == 4 {
        return body.split('\u{1e}').map(str::to_owned).collect();
    }
    let mut packets = Vec::new();
    while let Some((length, rest)) = body.split_once(':') {
        let (packet, rest) = rest.split_at(length.parse().expect("a length"));
        packets.push(packet.to_owned());
        body = rest;
    }
    packets
}

fn upgrade_request(path: &str, server: std::net::SocketAddr) -> Vec<u8> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {server}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    request.into_bytes()
}

fn got(text: &str) -> String {
    format!("42{}", json!(["server-got-message", {"message": format!("bob: {text}")}]))
}

/// Says each text; `pause` before each.
async fn says(pirate: &mut Socket, texts: &[String], pause: Duration) {
    for text in texts {
        sleep(pause).await;
        pirate.send(json!({ "message": text }).to_string()).await;
        while pirate.json().await != json!({"status": true}) {}
    }
}

fn texts(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name} {number}")).collect()
}

/// A server on which the clients are not late and may come and go as often as they like.
fn patient() -> TestServer {
    TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
        settings.values.set("chat.auth_timeout_ms", "60000");
    })
}

async fn token(server: &TestServer, person: &Person) -> String {
    let answer = server.http_as(person).get("/api/auth/token").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["X-Token"].as_str().expect("a token").to_owned()
}

async fn online(server: &TestServer, person: &Person) -> Value {
    server.http_as(person).get("/api/online").await.json()["online_clients"].take()
}

/// Waits until the room is empty.
async fn all_gone(server: &TestServer, person: &Person) {
    let start = Instant::now();
    while online(server, person).await != json!([]) {
        assert!(start.elapsed() < 3 * PATIENCE, "a person stays online for ever");
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_an_upgrade_breaks_at_polling_goes_on_and_a_good_one_works() {
    let server = patient();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let token = token(&server, &ann).await;
    let mut pirate = server.piratchat(&bob).await.expect("101");
    for version in [4, 3] {
        let arriving = BREAKS.map(async |_| Poller::arrive(&server, version, &token).await);
        let mut pollers = join_all(arriving).await;
        let pairs = pollers.iter().zip(BREAKS);
        let held = join_all(pairs.map(|(poller, how)| poller.breaks(how))).await;

        let before: Vec<usize> = pollers.iter().map(Poller::polls).collect();
        let said = texts("broken", MESSAGES);
        let (_, ()) = tokio::join!(
            join_all(pollers.iter_mut().map(|poller| poller.hears(&said))),
            says(&mut pirate, &said, PAUSE)
        );
        for ((poller, before), how) in pollers.iter().zip(before).zip(BREAKS) {
            let polls = poller.polls() - before;
            println!("Engine.IO {version}, {how:?}: {polls} polls");
            assert!(polls <= MESSAGES + OTHER_POLLS, "{polls} polls after {how:?}");
        }

        // Also while the broken one is still open.
        let upgrading = pollers.into_iter().map(Poller::upgrade);
        let mut sockets = join_all(upgrading).await;
        let said = texts("upgraded", 3);
        says(&mut pirate, &said, Duration::ZERO).await;
        for socket in &mut sockets {
            for text in &said {
                while socket.text().await.expect("a packet") != got(text) {}
            }
        }
        drop(held);
        for socket in sockets {
            socket.close().await;
        }
    }
    drop(pirate);
    all_gone(&server, &ann).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_upgrades_take_no_places_and_their_clients_leave_like_any_other() {
    let server = patient();
    let ann = server.person("ann").await;
    let token = token(&server, &ann).await;
    // Twenty by one client, and one by each of fifteen more: all of a person's places.
    let first = Poller::arrive(&server, 4, &token).await;
    let mut held = Vec::new();
    for how in BREAKS.into_iter().cycle().take(20) {
        held.push(first.breaks(how).await);
    }
    let arriving = (0..15).map(|_| Poller::arrive(&server, 4, &token));
    let pollers = join_all(arriving).await;
    let pairs = pollers.iter().zip(BREAKS.into_iter().cycle());
    held.extend(join_all(pairs.map(|(poller, how)| poller.breaks(how))).await);
    assert_eq!(server.packetboat(&ann, "").await.err().map(|refused| refused.0), Some(429));
    // The clients go without a word; what their proxies hold open stays open.
    drop((first, pollers));
    all_gone(&server, &ann).await;
    let again = (0..15).map(|_| Poller::arrive(&server, 4, &token));
    let again = join_all(again).await;
    let mut page = server.packetboat(&ann, "").await.expect("a place on /ws");
    page.of_type("welcome").await;
    drop((again, held));
}

#[tokio::test]
async fn only_what_polls_is_upgraded_and_once() {
    let server = patient();
    let ann = server.person("ann").await;
    let token = token(&server, &ann).await;
    let poller = Poller::arrive(&server, 4, &token).await;
    let (path, address) = (poller.upgrade_path(), server.address());
    let mut socket = poller.upgrade().await;
    let refused = |status| Some(testkit::Refused(status));
    // Once this is answered the server has seen the upgrade's last packet: before, another
    // attempt may take its place.
    socket.send(r#"428["client-sent-message",{"message":"here"}]"#).await;
    while socket.text().await.expect("a packet") != r#"438[{"status":true}]"# {}
    // The same request once more, and one for an id of none.
    assert_eq!(Socket::open(address, &path, &[]).await.err(), refused(400));
    let unknown = "/socket.io/?EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAHs";
    assert_eq!(Socket::open(address, unknown, &[]).await.err(), refused(400));
    let mut direct =
        Socket::open(address, "/socket.io/?EIO=4&transport=websocket", &[]).await.expect("101");
    let open: Value = serde_json::from_str(&direct.text().await.expect("open")[1..]).expect("JSON");
    let sid = open["sid"].as_str().expect("an id");
    direct.send("40").await;
    while !direct.text().await.expect("a packet").starts_with("42") {}
    let path = format!("/socket.io/?EIO=4&transport=websocket&sid={sid}");
    assert_eq!(Socket::open(address, &path, &[]).await.err(), refused(400));
    socket.send(r#"427["client-sent-message",{"message":"still here"}]"#).await;
    while socket.text().await.expect("a packet") != r#"437[{"status":true}]"# {}
}

/// Clients that speak at once, and how many of them at a time.
const EAGER: usize = 1_500;
const AT_A_TIME: usize = 15;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_that_speaks_as_soon_as_it_is_connected_is_answered() {
    let server = patient();
    let ann = server.person("ann").await;
    let authentication = json!(["authentication", {"token": token(&server, &ann).await}]);
    let address = server.address();
    // Connects and says `packet` the moment it hears that it is connected; what it hears.
    let eager = async |version: u8, packet: &str, post: &str| {
        let path = format!("/socket.io/?EIO={version}&transport=websocket");
        let mut socket = Socket::open(address, &path, &[]).await.expect("101");
        if version == 4 {
            socket.send("40").await;
        }
        while !socket.text().await.expect("the connect packet").starts_with("40") {}
        // What a refused one sends afterwards may find the connection gone.
        socket.try_send_text(post).await;
        socket.try_send_text(packet).await;
        let mut heard = Vec::new();
        while heard.len() < 3 {
            match socket.text().await {
                Some(packet) if packet == "2" => {}
                Some(packet) => heard.push(packet),
                None => break,
            }
        }
        socket.close().await;
        heard
    };
    let post = r#"427["client-sent-message",{"message":"too early"}]"#;
    let refused = r#"437[{"status":false,"code":"unauthorized"}]"#;
    let right = format!("42{authentication}");
    let wrong = r#"42["authentication",{}]"#;
    let unauthorized = r#"42["unauthorized",{"message":"Token not found."}]"#;
    for number in 0..EAGER / AT_A_TIME {
        let version = if number % 2 == 0 { 4 } else { 3 };
        let (packet, answer) = if number % 4 < 2 {
            (&*right, r#"42["authenticated",true]"#)
        } else {
            (wrong, unauthorized)
        };
        let heard = join_all((0..AT_A_TIME).map(|_| eager(version, packet, post))).await;
        for heard in heard {
            let has = |packet: &str| heard.iter().any(|heard| heard == packet);
            assert!(has(answer) && has(refused), "it heard {heard:?}");
        }
    }
}
