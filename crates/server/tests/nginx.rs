//! The nginx configuration of `docs/OPERATING.md`, word for word but for addresses and
//! files, in a real nginx.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use serde_json::json;
use testkit::{Dial, Http, Identity, Nginx, Person, Refused, Socket, TestServer, own_address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NAME: &str = "chat.example.org";

/// The configuration in the manual.
fn documented() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATING.md");
    let manual = fs::read_to_string(path).expect("docs/OPERATING.md");
    let (_, rest) = manual.split_once("```nginx\n").expect("a fenced nginx configuration");
    let (block, rest) = rest.split_once("```").expect("its end");
    assert!(!rest.contains("```nginx"), "one configuration");
    block.to_owned()
}

/// A line of the configuration replaced; it must be there, once.
fn replaced(text: &str, line: &str, by: &str) -> String {
    assert_eq!(text.matches(line).count(), 1, "{line:?} in docs/OPERATING.md");
    text.replace(line, by)
}

/// nginx before a server of ours.
struct Proxy {
    identity: Identity,
    redirecting: SocketAddr,
    plain: SocketAddr,
    tls: SocketAddr,
    _nginx: Nginx,
}

impl Proxy {
    async fn before(server: &TestServer) -> Self {
        Self::before_address(server.address()).await
    }

    async fn before_address(server: SocketAddr) -> Self {
        let identity = Identity::new(NAME);
        let [redirecting, plain, tls] = [17_080, 17_081, 17_443].map(own_address);
        let site = site(server, &identity, redirecting, plain, tls);
        let nginx = Nginx::start(&site, tls).await;
        Self { identity, redirecting, plain, tls, _nginx: nginx }
    }

    fn plain(&self) -> Dial {
        Dial::to(self.plain).host(NAME)
    }

    fn tls(&self) -> Dial {
        Dial::to(self.tls).host(NAME).tls(NAME, &self.identity.certificate())
    }
}

/// The documented configuration with this test's addresses and files: what it serves
/// over TLS it serves in the clear too.
fn site(
    server: SocketAddr,
    identity: &Identity,
    redirecting: SocketAddr,
    plain: SocketAddr,
    tls: SocketAddr,
) -> String {
    let letsencrypt = format!("/etc/letsencrypt/live/{NAME}");
    [
        ("server 127.0.0.1:7777;", format!("server {server};")),
        ("listen 80;", format!("listen {redirecting};")),
        ("listen [::]:80;", String::new()),
        ("listen 443 ssl;", format!("listen {tls} ssl; listen {plain};")),
        ("listen [::]:443 ssl;", String::new()),
        (&*format!("{letsencrypt}/fullchain.pem"), identity.cert().display().to_string()),
        (&*format!("{letsencrypt}/privkey.pem"), identity.key().display().to_string()),
    ]
    .iter()
    .fold(documented(), |text, (line, by)| replaced(&text, line, by))
}

/// A server that trusts nginx, as OPERATING.md has it.
fn server() -> TestServer {
    TestServer::with(|settings| {
        settings.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
}

async fn open(
    dial: &Dial,
    person: &Person,
    more: &[(&'static str, &str)],
) -> Result<Socket, Refused> {
    let mut headers = vec![("cookie", format!("session={}", person.session))];
    headers.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    Socket::on(dial, "/ws", &headers).await
}

/// Everything a visitor does, at an origin: page, account, both dialects of the room.
async fn visit(dial: Dial, origin: &str) {
    let http = Http::on(dial.clone()).with("origin", origin);
    let page = http.get("/login/").await;
    assert_eq!(page.status, 200);
    assert!(String::from_utf8_lossy(&page.body).contains("<title>"), "the page");
    let (ann, bob) = (Person::new(&http, "ann").await, Person::new(&http, "bob").await);
    let me = http.with("cookie", &format!("session={}", ann.session)).get("/api/user/@me").await;
    assert_eq!((me.status, me.json()), (200, json!({"username": "ann"})));
    let cookie = me.header("set-cookie").expect("renewed").to_owned();
    assert_eq!(cookie.contains("Secure"), origin.starts_with("https:"), "{cookie}");

    let mut pirate = open(&dial, &ann, &[("origin", origin)]).await.expect("101");
    let protocol = ("sec-websocket-protocol", "packetboat.v1");
    let mut page = open(&dial, &bob, &[("origin", origin), protocol]).await.expect("101");
    page.of_type("welcome").await;
    for number in 0..50 {
        let text = format!("number {number}");
        pirate.send_json(&json!({ "message": text })).await;
        assert_eq!(page.of_type("message").await["text"], *text);
        page.send_json(&json!({"type": "post", "client_id": number.to_string(), "text": text}))
            .await;
        page.of_type("ack").await;
        while pirate.json().await != json!({"message": text, "author": "bob"}) {}
    }
    page.close().await;
    pirate.close().await;
}

#[tokio::test]
async fn in_the_clear_everything_works_through_it() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    visit(nginx.plain(), "http://chat.example.org").await;
}

#[tokio::test]
async fn over_tls_everything_works_through_it() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    visit(nginx.tls(), "https://chat.example.org").await;
}

#[tokio::test]
async fn plain_http_is_sent_to_tls() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    let sent = Http::on(Dial::to(nginx.redirecting).host(NAME)).get("/a?b=c").await;
    let to = Some("https://chat.example.org/a?b=c");
    assert_eq!((sent.status, sent.header("location")), (301, to));
}

#[tokio::test]
async fn clients_are_told_apart_and_cannot_pretend() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    let of = |last: u8| Http::on(nginx.plain().from(IpAddr::from([127, 0, 0, last])));
    let wrong = json!({ "key": "0".repeat(64) }).to_string();
    let (one, other) = (of(2), of(3));
    for number in 0..20 {
        let pretending = one.with("x-forwarded-for", &format!("198.51.100.{number}"));
        assert_eq!(pretending.post("/api/login", &wrong).await.status, 401);
    }
    let pretending = one.with("x-forwarded-for", "198.51.100.99");
    assert_eq!(pretending.post("/api/login", &wrong).await.status, 429);
    assert_eq!(other.post("/api/login", &wrong).await.status, 401);
}

#[tokio::test]
async fn pages_of_other_sites_stay_out() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    let dial = nginx.tls();
    let ann = Person::new(&Http::on(dial.clone()), "ann").await;
    let status = async |headers: &[(&'static str, &str)]| match open(&dial, &ann, headers).await {
        Ok(_) => 101,
        Err(Refused(status)) => status,
    };
    assert_eq!(status(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(status(&[("origin", "http://chat.example.org")]).await, 403, "not over TLS");
    let pretending = [("origin", "https://evil.example"), ("x-forwarded-host", "evil.example")];
    assert_eq!(status(&pretending).await, 403);
    let posted = Http::on(dial.clone()).with("origin", "https://evil.example");
    assert_eq!(posted.post("/api/register", r#"{"username": "x"}"#).await.status, 403);
}

#[tokio::test]
async fn answers_are_packetboats_own_and_metrics_stay_inside() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    let http = Http::on(nginx.plain());
    let long = http.post("/api/register", "x".repeat(20_000)).await;
    assert_eq!((long.status, long.json()["error"].is_string()), (413, true));
    assert_eq!(http.get("/metrics").await.status, 404);
    assert_eq!(server.http().get("/metrics").await.status, 200, "on the machine itself");
    let plain = http.get("/ws").await;
    assert_eq!(plain.status, 422, "no cookie, and no upgrade");
    assert_eq!(http.get("/ready").await.json(), json!({"status": "ready"}));
}

#[tokio::test]
async fn cookies_of_up_to_64_kib_pass() {
    let server = server();
    let nginx = Proxy::before(&server).await;
    let http = Http::on(nginx.plain());
    let ann = Person::new(&http, "ann").await;
    let with = |bytes: usize| format!("session={}; keys={}", ann.session, "x".repeat(bytes));
    // What nginx adds counts, too.
    for bytes in [40_000, 64_500] {
        for path in ["/", "/health", "/api/user/@me"] {
            assert_eq!(http.with("cookie", &with(bytes)).get(path).await.status, 200, "{path}");
        }
        let cookie = [("cookie", with(bytes))];
        let mut socket = Socket::on(&nginx.plain(), "/ws", &cookie).await.expect("101");
        socket.send_json(&json!({"message": "ahoy"})).await;
        while socket.json().await != json!({"status": true}) {}
        socket.close().await;
    }
    let answer = http.with("cookie", &with(66_000)).get("/health").await;
    assert_eq!((answer.status, answer.body.len()), (431, 0), "Packetboat's, not nginx's page");
}

/// The head of a request as what stands behind nginx sees it, in lower case.
async fn head_behind(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().await.expect("nginx connects");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.expect("nginx reads");
    String::from_utf8(head).expect("text").to_ascii_lowercase()
}

#[tokio::test]
async fn an_upgrade_is_asked_for_where_the_client_asks_for_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nginx = Proxy::before_address(listener.local_addr().expect("an address")).await;
    let http = Http::on(nginx.plain());
    let asking = http.with("connection", "upgrade").with("upgrade", "websocket");
    for path in ["/", "/ws", "/socket.io/?EIO=4", "/session/1", "/v2/sync/init/1"] {
        let (head, answer) = tokio::join!(head_behind(&listener), asking.get(path));
        assert_eq!(answer.status, 204, "{path}");
        let asks = ["\r\nconnection: upgrade\r\n", "\r\nupgrade: websocket\r\n"];
        assert!(asks.iter().all(|line| head.contains(line)), "{path}: {head}");
        let (head, _) = tokio::join!(head_behind(&listener), http.get(path));
        assert!(!head.contains("\r\nconnection:") && !head.contains("\r\nupgrade:"), "{head}");
    }
}

#[tokio::test]
async fn draining_says_good_bye_through_it() {
    let mut server = server();
    let nginx = Proxy::before(&server).await;
    let ann = Person::new(&Http::on(nginx.plain()), "ann").await;
    let mut socket = open(&nginx.plain(), &ann, &[]).await.expect("101");
    let reading = tokio::spawn(async move { socket.closed().await });
    assert!(server.drain().await.complete);
    assert_eq!(reading.await.expect("no panic"), Some(1001));
    assert_eq!(Http::on(nginx.plain()).get("/ready").await.status, 502);
}

/// Where connections stay open.
const LONG_LIVED: &str = r"location ~ ^/((ws|socket\.io|session|v2/sync/init)(/|$)|$) {";

/// The directive's value, in seconds, between `from` and the end of its block.
fn seconds(configuration: &str, from: &str, directive: &str) -> u64 {
    let (_, rest) = configuration.split_once(from).expect("the block");
    let block = rest.split_once('}').map_or(rest, |(block, _)| block);
    let (_, rest) = block.split_once(&format!(" {directive} ")).expect("the directive");
    let value = rest.split_once(';').expect("its end").0;
    let (number, unit) = value.split_at(value.len() - 1);
    let unit = match unit {
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        other => panic!("{other} is no unit this test knows"),
    };
    number.parse::<u64>().expect("a number") * unit
}

#[test]
fn its_time_outs_fit_packetboats() {
    let configuration = documented();
    let limits = (http_kit::ServeLimits::default(), transport::Limits::default());
    let idle = seconds(&configuration, "upstream packetboat {", "keepalive_timeout");
    assert!(idle < limits.0.headers.as_secs(), "nginx lets go of idle connections first");
    for directive in ["proxy_read_timeout", "proxy_send_timeout"] {
        let patience = seconds(&configuration, LONG_LIVED, directive);
        assert!(patience > 60, "a minute's silence on a WebSocket is no end");
        assert!(patience > limits.1.dead_after.as_secs(), "Packetboat notices the dead first");
    }
    let answer = seconds(&configuration, "location / {", "proxy_read_timeout");
    assert!(answer > http_kit::REQUEST_TIMEOUT.as_secs(), "the answer is Packetboat's");
}
