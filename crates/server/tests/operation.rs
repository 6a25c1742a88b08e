//! What an operator relies on, with the real command: TLS, signals, upgrades gone wrong,
//! metrics, addresses, proxies.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use base::SystemClock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use storage::{Database, Migration};
use testkit::{
    Answer, Binary, Data, Dial, Http, Identity, PATIENCE, Person, Raw, Socket, TestServer,
    own_address,
};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_packetboat");

fn start(data: &Data, environment: &[(&str, &str)]) -> Binary {
    Binary::start(EXECUTABLE, data, environment)
}

fn folder() -> Data {
    Data::new()
}

/// A server with TLS for `localhost` from the files of `identity`.
fn start_with_tls(data: &Data, identity: &Identity) -> Binary {
    let (cert, key) = (identity.cert(), identity.key());
    let text = |path: &'_ Path| path.to_str().expect("a path").to_owned();
    let (cert, key) = (text(&cert), text(&key));
    start(data, &[("PACKETBOAT_TLS__CERT", &cert), ("PACKETBOAT_TLS__KEY", &key)])
}

fn over_tls(server: &Binary, identity: &Identity) -> Dial {
    Dial::to(server.address()).host("localhost").tls("localhost", &identity.certificate())
}

async fn piratchat(dial: &Dial, person: &Person) -> Socket {
    let cookie = ("cookie", format!("session={}", person.session));
    Socket::on(dial, "/ws", &[cookie]).await.expect("101")
}

async fn packetboat(dial: &Dial, person: &Person) -> Socket {
    let cookie = ("cookie", format!("session={}", person.session));
    let protocol = ("sec-websocket-protocol", "packetboat.v1".to_owned());
    let mut socket = Socket::on(dial, "/ws", &[cookie, protocol]).await.expect("101");
    socket.of_type("welcome").await;
    socket
}

fn is_secure(answer: &Answer) -> bool {
    let cookie = answer.header("set-cookie").expect("a cookie");
    cookie.split(';').any(|part| part.trim() == "Secure")
}

async fn until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) {
    while !wanted(&socket.json().await) {}
}

#[tokio::test]
async fn over_tls_cookies_are_secure_and_both_dialects_talk() {
    let (data, identity) = (folder(), Identity::new("localhost"));
    let server = start_with_tls(&data, &identity);
    let dial = over_tls(&server, &identity);
    let http = Http::on(dial.clone());
    let ann = Person::new(&http, "ann").await;
    let bob = Person::new(&http, "bob").await;
    let login = http.post("/api/login", json!({ "key": ann.key }).to_string()).await;
    assert!(is_secure(&login), "{login:?}");

    let mut pirate = piratchat(&dial, &ann).await;
    let mut page = packetboat(&dial, &bob).await;
    let mut tab = packetboat(&dial, &ann).await;
    for number in 0..200 {
        pirate.send_json(&json!({ "message": format!("ahoy {number}") })).await;
    }
    for number in 0..200 {
        let heard = page.of_type("message").await;
        assert_eq!(heard["text"], format!("ahoy {number}"));
        until(&mut pirate, |frame| *frame == json!({"status": true})).await;
    }
    page.send_json(&json!({"type": "post", "client_id": "1", "text": "hello"})).await;
    until(&mut pirate, |frame| *frame == json!({"message": "hello", "author": "bob"})).await;
    page.of_type("ack").await;
    // Volatile frames go another way through the server, so they have a line of their own.
    // They are dropped where something waits: the tab has taken everything by then.
    until(&mut tab, |frame| frame["text"] == "hello").await;
    page.send_json(&json!({"type": "typing"})).await;
    assert_eq!(tab.of_type("typing").await["username"], "bob");
    tab.close().await;
    page.close().await;
    pirate.close().await;
}

#[tokio::test]
async fn a_renewed_certificate_is_picked_up_and_open_sockets_stay() {
    let (data, mut identity) = (folder(), Identity::new("localhost"));
    let server = start_with_tls(&data, &identity);
    let dial = over_tls(&server, &identity);
    let ann = Person::new(&Http::on(dial.clone()), "ann").await;
    let mut socket = piratchat(&dial, &ann).await;
    identity.renew("localhost");
    let renewed = over_tls(&server, &identity);
    let patience = Instant::now() + PATIENCE;
    while let Err(error) = renewed.connect().await {
        assert!(Instant::now() < patience, "the new certificate is served: {error}");
    }
    assert!(dial.connect().await.is_err(), "and the old one is not");
    socket.send_json(&json!({"message": "still here"})).await;
    assert_eq!(socket.json().await, json!({"status": true}));
}

#[tokio::test]
async fn plain_http_on_a_tls_port_ends_and_harms_nobody() {
    let (data, identity) = (folder(), Identity::new("localhost"));
    let server = start_with_tls(&data, &identity);
    let mut raw = Raw::connect(server.address()).await;
    raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    let said = raw.rest().await;
    assert!(!said.starts_with(b"HTTP/"), "nothing is served in the clear");
    let answer = Http::on(over_tls(&server, &identity)).get("/health").await;
    assert_eq!(answer.status, 200);
}

fn signal(server: &Binary, signal: Signal) {
    let id = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(id, signal).expect("sent");
}

/// Waits for it to end by itself.
async fn ended(mut server: Binary) -> ExitStatus {
    let waiting = tokio::task::spawn_blocking(move || server.wait());
    timeout(PATIENCE, waiting).await.expect("an end in time").expect("no panic")
}

/// The server's own limit is 10 s; the rest is for a busy machine to see the end.
const DRAINED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test]
async fn sigterm_tells_200_sockets_good_bye_and_waits_for_no_laggard() {
    let data = folder();
    let server = start(&data, &[]);
    let address = server.address();
    let mut readers = Vec::new();
    for number in 0..13 {
        let person = server.person(&format!("crew{number}")).await;
        for _ in 0..16 {
            let socket = Socket::packetboat(address, &person.session, "").await;
            readers.push(socket.expect("101"));
        }
    }
    assert!(readers.len() > 200);
    let laggard = server.person("laggard").await;
    let mut never_reads = Raw::connect_narrow(address, 4_096).await;
    never_reads.upgrade(address, &laggard.session, Some("packetboat.v1")).await;
    for _ in 0..200 {
        never_reads.frame(0x89, &[b'?'; 125]).await;
    }
    let mut never_answers = Raw::open(address, &laggard.session, Some("packetboat.v1")).await;

    let begun = Instant::now();
    signal(&server, Signal::TERM);
    assert_eq!(never_answers.close_code().await, Some(1001));
    let mut codes = tokio::task::JoinSet::new();
    for mut reader in readers {
        codes.spawn(async move { reader.closed().await });
    }
    assert!(codes.join_all().await.iter().all(|code| *code == Some(1001)));
    assert_eq!(ended(server).await.code(), Some(0));
    assert!(begun.elapsed() < DRAINED_WITHIN, "{:?}", begun.elapsed());
    drop((never_reads, never_answers));
}

#[tokio::test]
async fn while_draining_nothing_new_begins_and_what_began_is_finished() {
    let data = folder();
    let server = start(&data, &[]);
    let ann = server.person("ann").await;
    let mut socket = Raw::open(server.address(), &ann.session, None).await;
    // Its handler runs once the server says 100, and waits for the rest.
    let mut posting = Raw::connect(server.address()).await;
    let body = r#"{"username": "lastminute"}"#;
    let head = format!(
        "POST /api/register HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    posting.send(head.as_bytes()).await;
    assert_eq!(posting.head().await.status, 100);

    signal(&server, Signal::TERM);
    assert_eq!(socket.close_code().await, Some(1001));
    let patience = Instant::now() + PATIENCE;
    while TcpStream::connect(server.address()).await.is_ok() {
        assert!(Instant::now() < patience, "nobody listens any more");
    }
    posting.send(body.as_bytes()).await;
    let answer = posting.head().await;
    assert_eq!((answer.status, answer.header("connection")), (201, Some("close")));
    socket.frame(0x88, &1001_u16.to_be_bytes()).await;
    assert_eq!(ended(server).await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let data = folder();
    let server = start(&data, &[]);
    let ann = server.person("ann").await;
    let mut never_answers = Raw::open(server.address(), &ann.session, None).await;
    signal(&server, Signal::TERM);
    assert_eq!(never_answers.close_code().await, Some(1001), "draining has begun");
    signal(&server, Signal::TERM);
    assert_eq!(ended(server).await.code(), Some(130), "not 0: it was not drained");
}

#[tokio::test]
async fn a_newer_database_is_refused_and_left_as_it_was() {
    let data = folder();
    let server = start(&data, &[]);
    signal(&server, Signal::TERM);
    assert_eq!(ended(server).await.code(), Some(0));

    let newer = Migration { name: "m99991231_235959_warp_drive", up: Vec::new };
    let all = [server::migrations(), vec![newer]].concat();
    let database = Database::connect(data.database().url()).await.expect("open");
    database.migrate(&all, &SystemClock::new()).await.expect("migrated");
    database.close().await.expect("closed");
    let schema =
        || (data.database().tables(), data.database().texts("SELECT name FROM migrations"));
    let file = |path: &Path| fs::read(path).expect("the database");
    let before = (schema(), data.database().path().map(file));

    let output = Command::new(EXECUTABLE)
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.folder())
        .env_clear()
        .envs(data.environment())
        .output()
        .expect("it runs");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(
        said,
        "packetboat: the database was written by a newer version of Packetboat (it has migration \
         \"m99991231_235959_warp_drive\", which this version does not know); start that version, \
         or restore a backup from before the upgrade\n"
    );
    if let Some(path) = data.database().path() {
        assert!(Some(file(path)) == before.1, "the file is as it was");
        let log = path.with_extension("db-wal");
        assert!(fs::metadata(log).map_or(0, |log| log.len()) == 0, "and no changes wait beside it");
    }
    assert_eq!(schema(), before.0);
}

#[tokio::test]
async fn metrics_are_on_their_own_address_if_they_have_one() {
    let data = folder();
    let address = own_address(17_100);
    let server = start(&data, &[("PACKETBOAT_METRICS__LISTEN", &address.to_string())]);
    let metrics = Http::new(address).get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(Http::new(address).get("/health").await.status, 404, "and nothing else is there");
    assert_eq!(Http::new(server.address()).get("/metrics").await.status, 404);
}

#[tokio::test]
async fn metrics_with_a_token_are_for_who_has_it() {
    const TOKEN: &str = "correct-horse-battery";
    let data = folder();
    let server = start(&data, &[("PACKETBOAT_METRICS__TOKEN", TOKEN)]);
    let http = Http::new(server.address());
    let refused = http.get("/metrics").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(
        http.with("authorization", "Bearer wrong-wrong-wrong-wrong").get("/metrics").await.status,
        401
    );
    let metrics = http.with("authorization", &format!("Bearer {TOKEN}")).get("/metrics").await;
    assert_eq!(metrics.status, 200);

    let (data, address) = (folder(), own_address(17_200));
    let listen = address.to_string();
    let both = [("PACKETBOAT_METRICS__LISTEN", &*listen), ("PACKETBOAT_METRICS__TOKEN", TOKEN)];
    let _server = start(&data, &both);
    assert_eq!(Http::new(address).get("/metrics").await.status, 401);
    let http = Http::new(address).with("authorization", &format!("bearer {TOKEN}"));
    assert_eq!(http.get("/metrics").await.status, 200);
}

/// Every metric that OPERATING.md names, and no other.
#[tokio::test]
async fn the_manual_names_every_metric() {
    let manual =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md"));
    let manual = manual.expect("docs/OPERATING.md");
    let data = folder();
    let server = start(&data, &[]);
    let ann = server.person("ann").await;
    let mut socket = Socket::piratchat(server.address(), &ann.session).await.expect("101");
    socket.send_json(&json!({"message": "count me"})).await;
    socket.json().await;
    let http = Http::new(server.address());
    let patience = Instant::now() + PATIENCE;
    loop {
        let text = String::from_utf8(http.get("/metrics").await.body).expect("text");
        let exposed: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        for name in &exposed {
            assert!(manual.contains(&format!("`{name}`")), "{name} is not in OPERATING.md");
        }
        // The gauges come with the first tick.
        if exposed.contains(&"packetboat_people_online") {
            break;
        }
        assert!(Instant::now() < patience, "{exposed:?}");
    }
}

#[tokio::test]
async fn it_serves_on_every_address_it_is_told_to() {
    let data = folder();
    let more = [own_address(17_300), own_address(17_400)];
    let server = Binary::start_on(EXECUTABLE, &data, &more, &[]);
    let [ann, bob] = [server.person("ann").await, server.person("bob").await];
    let mut first = Socket::piratchat(more[0], &ann.session).await.expect("101");
    let mut second = Socket::piratchat(more[1], &bob.session).await.expect("101");
    second.send_json(&json!({"message": "same room"})).await;
    until(&mut first, |frame| *frame == json!({"message": "same room", "author": "bob"})).await;
    assert_eq!(Http::new(server.address()).get("/ready").await.status, 200);
}

/// In the process, whose clock stands still: throttles recover with time.
fn behind_a_proxy() -> (TestServer, Http, Http) {
    let server = TestServer::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    });
    let stranger = Dial::to(server.address()).from([127, 0, 0, 2].into());
    let (proxy, stranger) = (server.http(), Http::on(stranger));
    (server, proxy, stranger)
}

/// Wrong keys until the throttle closes; how many.
async fn wrong_keys(http: &Http) -> usize {
    let wrong = json!({ "key": "0".repeat(64) }).to_string();
    let mut tried = 0;
    loop {
        match http.post("/api/login", &wrong).await.status {
            401 => tried += 1,
            status => {
                assert_eq!(status, 429);
                return tried;
            }
        }
        assert!(tried < 100, "the throttle closes");
    }
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does() {
    let (_server, proxy, stranger) = behind_a_proxy();
    let of = |http: &Http, address: &str| http.with("x-forwarded-for", address);
    assert_eq!(wrong_keys(&of(&proxy, "198.51.100.1")).await, 20);
    assert_eq!(wrong_keys(&of(&proxy, "198.51.100.2")).await, 20, "another client");
    assert_eq!(wrong_keys(&of(&proxy, "198.51.100.99, 198.51.100.2")).await, 0, "no new one");
    assert_eq!(wrong_keys(&of(&stranger, "198.51.100.3")).await, 20);
    assert_eq!(wrong_keys(&of(&stranger, "198.51.100.4")).await, 0, "still the same stranger");
    assert_eq!(wrong_keys(&of(&proxy, "198.51.100.3")).await, 20, "who was never heard of");
}

#[tokio::test]
async fn a_cookie_is_secure_when_a_trusted_proxy_says_so() {
    let (_server, proxy, stranger) = behind_a_proxy();
    let ann = Person::new(&proxy, "ann").await;
    let body = json!({ "key": ann.key }).to_string();
    let login = async |http: &Http, scheme: &str| {
        is_secure(&http.with("x-forwarded-proto", scheme).post("/api/login", &body).await)
    };
    assert!(login(&proxy, "https").await);
    assert!(!login(&proxy, "http").await);
    assert!(!login(&stranger, "https").await);
}
