//! Sharing through the real nginx as it is without further settings: it buffers answers, and
//! ends a connection on which the server was silent for a minute.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::select_all;
use serde_json::{Value, json};
use testkit::{
    Dial, Http, Nginx, ShareSession, ShareSocket, Sse, SseItem, TestServer, own_address,
};
use tokio::net::TcpListener;
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

/// The server's time is this many times as fast as nginx's, which is the machine's.
const FASTER: u32 = 30;

/// nginx's own default.
const NGINX_PATIENCE: Duration = Duration::from_secs(60);

/// Longer than that.
const PAUSE: Duration = Duration::from_secs(70);

/// How many chunks a script is asked for ahead of what it has confirmed, or read.
const WINDOW: u64 = 8;

const FILE: &str = "a.txt";
const KEY: &str = "BA==";

/// What the old web app's cookies come to.
const COOKIES: usize = 40_000;

/// nginx, a session behind it, and a server of which it never hears anything.
struct Scene {
    server: TestServer,
    dial: Dial,
    session: ShareSession,
    guest: String,
    _silent: TcpListener,
    _nginx: Nginx,
}

impl Scene {
    async fn new() -> Self {
        let server = TestServer::with(|settings| {
            settings.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        });
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = own_address(17_082);
        let site = site(address, &server, silent.local_addr().expect("an address"));
        let nginx = Nginx::start(&site, address).await;
        let dial = Dial::to(address);
        let http = Http::on(dial.clone());
        let session = ShareSession::start(&http).await;
        let added = session.add_files(&http, &session.jwt, &[(FILE, 5)]).await;
        assert_eq!(added.status, 200, "{added:?}");
        let guest = session.join(&http).await;
        Self { server, dial, session, guest, _silent: silent, _nginx: nginx }
    }

    async fn register(&self, jwt: &str) -> ShareSocket {
        let cookies = [("cookie", format!("a-privateKey={}", "x".repeat(COOKIES)))];
        let mut socket = self.session.socket(&self.dial, jwt, &cookies).await.expect("101");
        socket.send("register", &json!({})).await;
        socket
    }

    async fn read(&self) -> Sse {
        let path = format!("/session/{}/{FILE}?public_key=BA%3D%3D", self.session.id);
        let bearer = ("authorization", format!("Bearer {}", self.guest));
        Sse::open(&self.dial, &path, &[bearer]).await.expect("a stream")
    }

    /// Lets more time pass than nginx waits for a server that says nothing: it gives up one.
    async fn pause(&self, sockets: &mut [&mut ShareSocket]) {
        let http = Http::on(self.dial.clone());
        let given_up = tokio::spawn(async move { http.get("/silent").await });
        for _ in 0..PAUSE.as_secs() {
            self.server.advance(SECOND);
            listen(sockets, SECOND / FASTER).await;
        }
        assert_eq!(given_up.await.expect("no panic").status, 504, "nginx gives up what is silent");
    }
}

/// Reads, so that pings are answered; nothing else comes.
async fn listen(sockets: &mut [&mut ShareSocket], span: Duration) {
    let reading = sockets.iter_mut().map(|socket| Box::pin(socket.socket.try_json()));
    if let Ok((frame, ..)) = timeout(span, select_all(reading)).await {
        panic!("nothing was to come but {frame:?}");
    }
}

/// Nothing is set but what lets WebSockets and large cookies through; a minute is as long as
/// the server's.
fn site(address: SocketAddr, server: &TestServer, silent: SocketAddr) -> String {
    let patience = (NGINX_PATIENCE / FASTER).as_millis();
    let server = server.address();
    format!(
        "map $http_upgrade $connection_or_none {{ default upgrade; '' ''; }}
        server {{
            listen {address};
            large_client_header_buffers 4 72k;
            proxy_read_timeout {patience}ms;
            proxy_send_timeout {patience}ms;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_or_none;
            proxy_set_header Host $http_host;
            location / {{ proxy_pass http://{server}; }}
            location /silent {{ proxy_pass http://{silent}; }}
        }}"
    )
}

/// The owner of a file that was asked for.
struct Owner {
    socket: ShareSocket,
    request: Value,
    /// The highest number that it was asked for.
    asked: u64,
}

impl Owner {
    /// Is asked for the file, and willing.
    async fn acknowledging(mut socket: ShareSocket) -> Self {
        let request = socket.command("acknowledge-file-request").await["request_id"].clone();
        let data = json!({
            "request_id": request,
            "public_key": KEY,
            "amount_of_chunks": 20,
            "filename": FILE,
        });
        socket.send("acknowledge-file-request", &data).await;
        Self { socket, request, asked: 0 }
    }

    /// Waits until it is asked for chunks up to this number.
    async fn is_asked_for(&mut self, number: u64) {
        while self.asked < number {
            self.asked += 1;
            let asked = self.socket.command("send-next-chunk").await;
            assert_eq!(asked["data"]["chunk_nr"], self.asked);
        }
    }

    /// Gives a chunk once it is asked for.
    async fn give(&mut self, number: u64, is_last: bool) {
        self.is_asked_for(number).await;
        let mut data = chunk(number, is_last);
        data["request_id"] = self.request.clone();
        self.socket.send("add-chunk", &data).await;
    }
}

/// The chunk of this number, a small one: a proxy that collects would keep it.
fn chunk(number: u64, is_last: bool) -> Value {
    json!({"is_last_chunk": is_last, "chunk_nr": number, "chunk": "5a".repeat(20), "iv": "AAAA"})
}

#[tokio::test]
async fn a_sender_may_pause_longer_than_nginx_waits() {
    let scene = Scene::new().await;
    let owner = scene.register(&scene.session.jwt).await;
    let mut receiver = scene.register(&scene.guest).await;
    receiver.send("request-file", &json!({"public_key": KEY, "filename": FILE})).await;
    let mut owner = Owner::acknowledging(owner).await;
    receiver.command("prepare-for-file-transfer").await;
    receiver.send("ready-for-file-transfer", &json!({"request_id": owner.request})).await;
    for number in 1..=20 {
        // Each is there before the next is given.
        owner.give(number, number == 20).await;
        assert_eq!(receiver.command("add-chunk").await["data"], chunk(number, number == 20));
        if number == 10 {
            owner.is_asked_for(9 + WINDOW).await;
            scene.pause(&mut [&mut owner.socket, &mut receiver]).await;
        }
        let data = json!({"request_id": owner.request, "chunk_nr": number});
        receiver.send("received-chunk", &data).await;
    }
}

#[tokio::test]
async fn a_stream_stays_open_and_its_events_come_as_they_are_sent() {
    let scene = Scene::new().await;
    let owner = scene.register(&scene.session.jwt).await;
    let mut reader = scene.read().await;
    let mut owner = Owner::acknowledging(owner).await;
    assert_eq!(reader.event().await.event, "prepare-for-file-transfer");
    for number in 1..=20 {
        owner.give(number, number == 20).await;
        let event = reader.event().await;
        assert_eq!((&*event.event, event.json()), ("add-chunk", chunk(number, number == 20)));
        if number == 10 {
            owner.is_asked_for(10 + WINDOW).await;
            scene.pause(&mut [&mut owner.socket]).await;
            assert!(matches!(reader.next().await, SseItem::Comment(_)));
        }
    }
    assert_eq!(reader.event().await.event, "done");
    let mut end = reader.next().await;
    while matches!(end, SseItem::Comment(_)) {
        end = reader.next().await;
    }
    assert_eq!(end, SseItem::End);
}

#[tokio::test]
async fn a_reader_who_leaves_is_missed_at_once() {
    let scene = Scene::new().await;
    let owner = scene.register(&scene.session.jwt).await;
    let mut reader = scene.read().await;
    let mut owner = Owner::acknowledging(owner).await;
    owner.give(1, false).await;
    assert_eq!(reader.event().await.event, "prepare-for-file-transfer");
    drop(reader);
    let told =
        timeout(SECOND * 2, owner.socket.skip_to("transfer-aborted")).await.expect("in time");
    assert_eq!(told["request_id"], owner.request);
}
