//! `wire/socketio.md`, Socket.IO, sentence by sentence, in packets of Engine.IO 3 and 4.
//! The official clients are in `e2e/socketio`; here is what they never do, too.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::{Http, Person, Raw, Refused, Socket, TestServer};

/// A Socket.IO client on a WebSocket, at the level of packets.
struct Client {
    socket: Socket,
    greeting: Value,
}

impl Client {
    /// Opens the connection alone.
    async fn dial(address: SocketAddr, version: u8) -> Result<Socket, Refused> {
        let path = format!("/socket.io/?EIO={version}&transport=websocket");
        let mut socket = Socket::open(address, &path, &[]).await?;
        let open = socket.text().await.expect("the open packet");
        assert!(open.starts_with(r#"0{"sid":""#), "{open}");
        Ok(socket)
    }

    /// Connects, and is greeted.
    async fn connect(server: &TestServer, version: u8) -> Self {
        let mut socket = Self::dial(server.address(), version).await.expect("101");
        if version == 4 {
            socket.send("40").await;
        }
        let mut client = Self { socket, greeting: Value::Null };
        let connected = client.packet().await.expect("the connect packet");
        assert!(connected.starts_with("40"), "{connected}");
        let (event, data) = client.event().await;
        assert_eq!(event, "news");
        client.greeting = data;
        client
    }

    /// Connects and authenticates.
    async fn arrive(server: &TestServer, version: u8, person: &Person) -> Self {
        Self::arrive_by(server, version, &token(server, person).await).await
    }

    /// The same with a token: a session has ten at once, the longest unused ones die.
    async fn arrive_by(server: &TestServer, version: u8, token: &str) -> Self {
        let mut client = Self::connect(server, version).await;
        client.emit("authentication", &json!({ "token": token })).await;
        assert_eq!(client.event().await, ("authenticated".to_owned(), json!(true)));
        client
    }

    /// The next packet that is no ping; `None` when the connection is over.
    async fn packet(&mut self) -> Option<String> {
        loop {
            let packet = self.socket.text().await?;
            if packet != "2" {
                return Some(packet);
            }
            // It may have been cut off meanwhile.
            self.socket.try_send_text("3").await;
        }
    }

    /// The next event, which must come next.
    async fn event(&mut self) -> (String, Value) {
        let packet = self.packet().await.expect("an event");
        let event = packet.strip_prefix("42").unwrap_or_else(|| panic!("no event: {packet}"));
        let event: (String, Value) = serde_json::from_str(event).expect("a name and data");
        event
    }

    async fn emit(&mut self, event: &str, data: &Value) {
        self.socket.send(format!("42{}", json!([event, data]))).await;
    }

    /// Posts, asking for an acknowledgement under `number`.
    async fn post(&mut self, number: usize, data: &Value) {
        self.socket.send(format!("42{number}{}", json!(["client-sent-message", data]))).await;
    }

    /// The acknowledgement of `number`; what else comes goes to `heard`.
    async fn answer(&mut self, number: usize, heard: &mut Vec<String>) -> Value {
        loop {
            let packet = self.packet().await.expect("an acknowledgement");
            if let Some(answer) = packet.strip_prefix(&format!("43{number}[")) {
                return serde_json::from_str(answer.trim_end_matches(']')).expect("JSON");
            }
            heard.push(packet);
        }
    }

    /// Posts, and hears itself, then that it is stored: in this order.
    async fn say(&mut self, name: &str, text: &str) {
        self.post(0, &json!({ "message": text })).await;
        assert_eq!(self.event().await, got(name, text));
        assert_eq!(self.packet().await.as_deref(), Some(r#"430[{"status":true}]"#));
    }

    /// Reads until the server hangs up.
    async fn hung_up(&mut self) -> Vec<String> {
        let mut seen = Vec::new();
        while let Some(packet) = self.packet().await {
            seen.push(packet);
        }
        seen
    }
}

fn got(name: &str, text: &str) -> (String, Value) {
    ("server-got-message".to_owned(), json!({"message": format!("{name}: {text}")}))
}

/// A token for Socket.IO.
async fn token(server: &TestServer, person: &Person) -> String {
    let answer = server.http_as(person).get("/api/auth/token").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["X-Token"].as_str().expect("a token").to_owned()
}

/// Ends what `token` opened.
async fn revoke(server: &TestServer, token: &str) {
    let http = server.http().with("authorization", &format!("Token {token}"));
    assert_eq!(http.send("DELETE", "/api/auth/logout", None).await.status, 204);
}

/// A server that cuts no client off for being late: on a busy machine all may be.
fn patient() -> TestServer {
    TestServer::with(|settings| settings.values.set("chat.auth_timeout_ms", "60000"))
}

async fn online(server: &TestServer, person: &Person) -> Value {
    server.http_as(person).get("/api/online").await.json()["online_clients"].take()
}

#[tokio::test]
async fn a_client_is_greeted_authenticated_and_in_the_room() {
    let server = patient();
    let ann = server.person("ann").await;
    for version in [3, 4] {
        let mut client = Client::arrive(&server, version, &ann).await;
        let hello = format!("Hello, at {}", server.address());
        assert_eq!(client.greeting, json!({ "message": hello }));
        client.say("ann", "Hello, world! Grüße 🚀").await;
        // Without a callback there is no acknowledgement: the next event is the message.
        client.emit("client-sent-message", &json!({"message": "again"})).await;
        assert_eq!(client.event().await, got("ann", "again"));
    }
}

#[tokio::test]
async fn it_is_the_room_of_ws_and_stored_once() {
    let server = patient();
    let (ann, bob, carol) =
        (server.person("ann").await, server.person("bob").await, server.person("carol").await);
    let mut pirate = server.piratchat(&bob).await.expect("101");
    let mut client = Client::arrive(&server, 4, &ann).await;
    assert_eq!(pirate.json().await, json!({"event": "join", "username": "ann"}));
    let mut other = Client::arrive(&server, 3, &carol).await;
    assert_eq!(pirate.json().await, json!({"event": "join", "username": "carol"}));
    assert_eq!(online(&server, &bob).await, json!(["ann", "bob", "carol"]));

    client.say("ann", "ahoy").await;
    assert_eq!(pirate.json().await, json!({"message": "ahoy", "author": "ann"}));
    assert_eq!(other.event().await, got("ann", "ahoy"));
    pirate.send(json!({"message": "arr"}).to_string()).await;
    assert_eq!(pirate.json().await, json!({"status": true}));
    assert_eq!(client.event().await, got("bob", "arr"), "no word of joins in between");
    assert_eq!(other.event().await, got("bob", "arr"));

    let mut page = server.packetboat(&bob, "").await.expect("101");
    let welcome = page.of_type("welcome").await;
    let texts: Vec<&str> = welcome["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .filter_map(|message| message["text"].as_str())
        .collect();
    assert_eq!(texts, ["ahoy", "arr"]);

    client.socket.close().await;
    assert_eq!(pirate.json().await, json!({"event": "leave", "username": "ann"}));
    other.socket.send("41").await;
    assert_eq!(pirate.json().await, json!({"event": "leave", "username": "carol"}));
}

#[tokio::test]
async fn authors_are_shown_by_address_here_and_by_username_on_ws() {
    let server = patient();
    let bob = server.person("bob").await;
    let mut pirate = server.piratchat(&bob).await.expect("101");
    let mut page = server.packetboat(&bob, "").await.expect("101");
    page.of_type("welcome").await;
    let credentials = json!({"email": "ann@example.org", "password": "sea shanty 1790"});
    let created = server.http().post("/api/users", credentials.to_string()).await;
    assert_eq!(created.status, 201, "{created:?}");
    let sign_in = json!({"username": "ann@example.org", "password": "sea shanty 1790"});
    let signed_in = server.http().post("/api/auth/signin", sign_in.to_string()).await;
    assert_eq!(signed_in.status, 201, "{signed_in:?}");
    let token = signed_in.header("x-token").expect("a token");
    let mut client = Client::arrive_by(&server, 4, token).await;
    assert_eq!(pirate.json().await, json!({"event": "join", "username": "ann"}));
    client.say("ann@example.org", "ahoy").await;
    assert_eq!(pirate.json().await, json!({"message": "ahoy", "author": "ann"}));
    let seen = page.of_type("message").await;
    assert_eq!(seen["author"], "ann");
    // What is stored knows no address either.
    let mut late = server.packetboat(&bob, "").await.expect("101");
    assert!(!late.of_type("welcome").await.to_string().contains('@'));
}

#[tokio::test]
async fn by_polling_each_packet_takes_a_request() {
    let server = patient();
    let ann = server.person("ann").await;
    let token = token(&server, &ann).await;
    let http = server.http();
    let open = http.get("/socket.io/?EIO=4&transport=polling").await;
    let body = String::from_utf8(open.body).expect("text");
    let open: Value = serde_json::from_str(&body[1..]).expect("the open packet");
    assert_eq!(open["upgrades"], json!(["websocket"]));
    assert_eq!(open["maxPayload"], 65_536);
    let sid = open["sid"].as_str().expect("an id");
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let post = async |packet: String| {
        let answer = http.post(&path, packet).await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"ok".as_slice()));
    };
    // Polls, answering pings, until a packet begins with `wanted`.
    let poll = async |wanted: &str| loop {
        let answer = http.get(&path).await;
        assert_eq!(answer.status, 200);
        let body = String::from_utf8(answer.body).expect("text");
        if body.split('\u{1e}').any(|packet| packet == "2") {
            post("3".to_owned()).await;
        }
        if let Some(packet) = body.split('\u{1e}').find(|packet| packet.starts_with(wanted)) {
            return packet.to_owned();
        }
    };
    post("40".to_owned()).await;
    poll(r#"42["news""#).await;
    post(format!("42{}", json!(["authentication", {"token": token}]))).await;
    assert_eq!(poll("42").await, r#"42["authenticated",true]"#);
    post(format!("427{}", json!(["client-sent-message", {"message": "é"}]))).await;
    let heard = poll(r#"42["server-got-message""#).await;
    assert_eq!(heard, r#"42["server-got-message",{"message":"ann: \u00e9"}]"#);

    let unknown = http.get("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAHs").await;
    assert_eq!((unknown.status, unknown.json()["code"].clone()), (400, json!("1")));
}

#[tokio::test]
async fn a_wrong_token_is_refused_and_the_connection_is_over_whatever_the_client_does() {
    let server = patient();
    let ann = server.person("ann").await;
    let right = token(&server, &ann).await;
    for wrong in [json!({"token": "0".repeat(64)}), json!({"token": 1}), json!(null), json!([])] {
        let mut client = Client::connect(&server, 4).await;
        client.emit("authentication", &wrong).await;
        let refused = ("unauthorized".to_owned(), json!({"message": "Token not found."}));
        assert_eq!(client.event().await, refused);
        assert_eq!(client.packet().await.as_deref(), Some("41"));
    }
    // One that is asked to go and stays is cut.
    let refused = async || {
        let mut client = Client::connect(&server, 4).await;
        client.emit("authentication", &json!({"token": ""})).await;
        client.event().await;
        assert_eq!(client.packet().await.as_deref(), Some("41"));
        client
    };
    assert_eq!(refused().await.hung_up().await, [] as [String; 0]);
    // One that tries again on the same connection gets nowhere.
    let mut client = refused().await;
    client.socket.send("40").await;
    let authentication = json!(["authentication", {"token": right}]);
    client.socket.send(format!("42{authentication}")).await;
    let told = client.hung_up().await;
    assert!(told.iter().all(|packet| !packet.starts_with("42")), "{told:?}");
    assert_eq!(online(&server, &ann).await, json!([]));
}

#[tokio::test]
async fn whoever_does_not_authenticate_in_time_is_disconnected() {
    let server = TestServer::with(|settings| settings.values.set("chat.auth_timeout_ms", "200"));
    let mut client = Client::connect(&server, 4).await;
    assert_eq!(client.packet().await.as_deref(), Some("41"));
    let mut legacy = Client::connect(&server, 3).await;
    assert_eq!(legacy.packet().await.as_deref(), Some("41"));
    // One that never gets as far as connecting.
    let mute = Client::dial(server.address(), 4).await.expect("101");
    let mut mute = Client { socket: mute, greeting: Value::Null };
    assert_eq!(mute.hung_up().await, ["1"]);
}

#[tokio::test]
async fn until_authenticated_nothing_is_heard_and_nothing_may_be_said() {
    let server = patient();
    let bob = server.person("bob").await;
    let mut pirate = server.piratchat(&bob).await.expect("101");
    let mut stranger = Client::connect(&server, 4).await;
    stranger.post(5, &json!({"message": "let me in"})).await;
    let refused = json!({"status": false, "code": "unauthorized"});
    assert_eq!(stranger.answer(5, &mut Vec::new()).await, refused);
    pirate.send(json!({"message": "among us"}).to_string()).await;
    assert_eq!(pirate.json().await, json!({"status": true}), "and not the stranger's message");
    // Had it been heard, it would come before this.
    stranger.emit("authentication", &json!({"token": token(&server, &bob).await})).await;
    assert_eq!(stranger.event().await.0, "authenticated");
}

#[tokio::test]
async fn the_limits_are_those_of_ws() {
    let server = patient();
    let ann = server.person("ann").await;
    let mut client = Client::arrive(&server, 4, &ann).await;
    client.say("ann", &"😀".repeat(300)).await;
    let refusals = [
        (json!({"message": "😀".repeat(301)}), "message_too_long"),
        (json!({"message": ""}), "malformed_message"),
        (json!({"message": "a\u{0}b"}), "malformed_message"),
        (json!({"message": ["a"]}), "malformed_message"),
        (json!({"text": "a"}), "malformed_message"),
        (json!("a"), "malformed_message"),
    ];
    for (number, (data, code)) in refusals.iter().enumerate() {
        client.post(number, data).await;
        let refused = json!({"status": false, "code": code});
        assert_eq!(client.answer(number, &mut Vec::new()).await, refused, "{data}");
    }
    client.socket.send(r#"4299["client-sent-message"]"#).await;
    let refused = json!({"status": false, "code": "malformed_message"});
    assert_eq!(client.answer(99, &mut Vec::new()).await, refused);

    // The clock stands still, so that a burst is all there is: one message was said.
    for number in 0..300 {
        client.post(number, &json!({"message": number.to_string()})).await;
    }
    let mut heard = Vec::new();
    for number in 0..299 {
        assert_eq!(client.answer(number, &mut heard).await, json!({"status": true}));
    }
    let refused = json!({"status": false, "code": "rate_limited"});
    assert_eq!(client.answer(299, &mut heard).await, refused);
    let expected = |number: i32| {
        format!("42{}", json!(["server-got-message", {"message": format!("ann: {number}")}]))
    };
    assert_eq!(heard, (0..299).map(expected).collect::<Vec<_>>(), "whole, and in order");
}

#[tokio::test]
async fn a_person_may_connect_sixteen_times() {
    let server = patient();
    let ann = server.person("ann").await;
    let token = token(&server, &ann).await;
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::arrive_by(&server, 4, &token).await);
    }
    let mut one_more = Client::connect(&server, 4).await;
    one_more.emit("authentication", &json!({ "token": token })).await;
    let (event, data) = one_more.event().await;
    assert_eq!(event, "unauthorized");
    assert_eq!(
        data,
        json!({"message": "You have as many open connections as one person may have."})
    );
    clients[0].say("ann", "we are many").await;
    for client in &mut clients[1..] {
        assert_eq!(client.event().await, got("ann", "we are many"));
    }
}

#[tokio::test]
async fn revoking_the_token_disconnects_what_it_opened() {
    let server = patient();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut pirate = server.piratchat(&bob).await.expect("101");
    let token = token(&server, &ann).await;
    let mut client = Client::connect(&server, 4).await;
    client.emit("authentication", &json!({"token": token})).await;
    client.event().await;
    pirate.json().await;
    revoke(&server, &token).await;
    assert_eq!(client.packet().await.as_deref(), Some("41"));
    assert_eq!(pirate.json().await, json!({"event": "leave", "username": "ann"}));
    let mut again = Client::connect(&server, 4).await;
    again.emit("authentication", &json!({"token": token})).await;
    assert_eq!(again.event().await.0, "unauthorized");
}

#[tokio::test]
async fn shutting_down_disconnects_after_delivering_what_was_accepted() {
    let mut server = patient();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut pirate = server.piratchat(&bob).await.expect("101");
    let mut client = Client::arrive(&server, 4, &ann).await;
    let stranger = Client::connect(&server, 4).await;
    pirate.json().await;
    for number in 0..50 {
        pirate.send(json!({"message": number.to_string()}).to_string()).await;
    }
    for _ in 0..50 {
        assert_eq!(pirate.json().await, json!({"status": true}));
    }
    let reading = tokio::spawn(async move { client.hung_up().await });
    let drained = server.drain().await;
    let mut heard = reading.await.expect("the reader");
    assert_eq!(heard.pop().as_deref(), Some("1"), "the engine's close packet");
    let expected = |number: i32| {
        format!("42{}", json!(["server-got-message", {"message": format!("bob: {number}")}]))
    };
    assert_eq!(heard, (0..50).map(expected).collect::<Vec<_>>());
    assert!(drained.complete);
    drop(stranger);
}

#[tokio::test]
async fn pages_of_other_origins_may_not_connect() {
    let server = TestServer::with(|settings| {
        settings.allowed_origins = vec!["https://friend.example".parse().expect("an origin")];
    });
    let own = format!("http://{}", server.address());
    for (origin, status) in [
        ("https://evil.example", 403),
        ("null", 403),
        (own.as_str(), 200),
        ("https://friend.example", 200),
    ] {
        let http = server.http().with("origin", origin);
        let answer = http.get("/socket.io/?EIO=4&transport=polling").await;
        assert_eq!(answer.status, status, "{origin}");
        let headers = [("origin", origin.to_owned())];
        let path = "/socket.io/?EIO=4&transport=websocket";
        let opened = Socket::open(server.address(), path, &headers).await.map(|_| ());
        assert_eq!(opened, if status == 200 { Ok(()) } else { Err(Refused(403)) }, "{origin}");
    }
}

#[tokio::test]
async fn strangers_from_one_address_are_bounded() {
    let server = patient();
    let ann = server.person("ann").await;
    let mut strangers = Vec::new();
    for _ in 0..64 {
        strangers.push(Client::connect(&server, 4).await);
    }
    assert_eq!(Client::dial(server.address(), 4).await.err(), Some(Refused(429)));
    let polling = server.http().get("/socket.io/?EIO=4&transport=polling").await;
    assert_eq!((polling.status, polling.header("retry-after")), (429, Some("5")));
    // Those who authenticate are no strangers.
    let known = &mut strangers[0];
    known.emit("authentication", &json!({"token": token(&server, &ann).await})).await;
    assert_eq!(known.event().await.0, "authenticated");
    Client::connect(&server, 4).await.socket.close().await;
}

#[tokio::test]
async fn whoever_does_not_read_is_disconnected_and_nobody_waits() {
    let server = TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
        settings.values.set("chat.auth_timeout_ms", "60000");
    });
    let (ann, bob, slow) =
        (server.person("ann").await, server.person("bob").await, server.person("slow").await);
    let mut pirate = server.piratchat(&ann).await.expect("101");
    let mut reader = Client::arrive(&server, 4, &bob).await;
    let raw = not_reading(&server, &slow).await;
    let text = "😀".repeat(300);
    let said = json!({ "message": text }).to_string();
    let mut count = 0;
    while online(&server, &ann).await != json!(["ann", "bob"]) {
        assert!(count < 20_000, "it is still there");
        for _ in 0..256 {
            pirate.send(said.clone()).await;
        }
        for _ in 0..256 {
            while pirate.json().await != json!({"status": true}) {}
            assert_eq!(reader.event().await, got("ann", &text));
        }
        count += 256;
    }
    drop(raw);
}

/// A client in the room that has stopped reading.
async fn not_reading(server: &TestServer, person: &Person) -> Raw {
    let token = token(server, person).await;
    let mut raw = Raw::connect_narrow(server.address(), 4 * 1024).await;
    raw.send(&upgrade(server.address())).await;
    assert_eq!(raw.head().await.status, 101);
    raw.frame(0x81, b"40").await;
    let authentication = format!("42{}", json!(["authentication", {"token": token}]));
    let (mut greeted, mut authenticated) = (false, false);
    while !authenticated {
        let (_, payload) = raw.next_frame().await.expect("a frame");
        let packet = String::from_utf8(payload).expect("text");
        if packet.starts_with(r#"42["news""#) && !std::mem::replace(&mut greeted, true) {
            raw.frame(0x81, authentication.as_bytes()).await;
        }
        authenticated = packet.starts_with(r#"42["authenticated""#);
    }
    raw
}

fn upgrade(address: SocketAddr) -> Vec<u8> {
    let request = format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\n\
         connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    request.into_bytes()
}

#[tokio::test]
async fn binary_events_are_malformed_and_their_attachments_bounded() {
    let server = patient();
    let ann = server.person("ann").await;
    let header = |count: usize| {
        format!(r#"45{count}-7["client-sent-message",{{"_placeholder":true,"num":0}}]"#)
    };
    let mut client = Client::arrive(&server, 4, &ann).await;
    client.socket.send(header(1)).await;
    client.socket.send_binary(b"hello".to_vec()).await;
    let refused = json!({"status": false, "code": "malformed_message"});
    assert_eq!(client.answer(7, &mut Vec::new()).await, refused);
    client.say("ann", "still here").await;
    // More than any client needs, in number and in size.
    for (count, size) in [(1_000_000, 1), (5, 1), (1, 20 * 1024)] {
        let mut client = Client::arrive(&server, 4, &ann).await;
        client.socket.send(header(count)).await;
        client.socket.try_send_binary(vec![0; size]).await;
        client.hung_up().await;
    }
}

#[tokio::test]
async fn messages_and_bodies_are_bounded_whatever_they_are_made_of() {
    let server = patient();
    let mut long = Client::connect(&server, 4).await;
    long.socket.try_send_text(&"4".repeat(65 * 1024)).await;
    long.hung_up().await;

    let mut fragments = Raw::connect(server.address()).await;
    fragments.send(&upgrade(server.address())).await;
    assert_eq!(fragments.head().await.status, 101);
    let mut bytes = Raw::client_frame(0x81, b"40");
    bytes.extend(Raw::client_frame(0x01, b"4"));
    for _ in 0..66 * 1024 {
        bytes.extend(Raw::client_frame(0x00, b"2"));
    }
    fragments.send(&bytes).await;
    fragments.rest().await;

    let open = server.http().get("/socket.io/?EIO=4&transport=polling").await;
    let open: Value = serde_json::from_slice(&open.body[1..]).expect("the open packet");
    let sid = open["sid"].as_str().expect("an id");
    let path = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(server.http().post(&path, "40").await.status, 200);
    let answer = server.http().post(&path, "4".repeat(65 * 1024)).await;
    assert!(matches!(answer.status, 400 | 413), "{answer:?}");
}

#[tokio::test]
async fn nonsense_harms_nobody() {
    let server = patient();
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let mut witness = Client::arrive(&server, 4, &ann).await;
    let token = token(&server, &bob).await;
    for nonsense in [
        "",
        "4",
        "42",
        "42[]",
        "42[1]",
        "42{}",
        "42[\"\"]",
        "43",
        "431[]",
        "44",
        "45",
        "451-",
        "46",
        "42é",
        "42/é,[\"é\"]",
        "40/other,",
        "41/other,",
        "6",
        "9",
        "é",
        "2probe",
        "5",
        "\u{1e}",
        "42[\"authentication\",{\"token\":",
        "4299999999999999999999[\"client-sent-message\",{}]",
    ] {
        for version in [3, 4] {
            let mut client = Client::arrive_by(&server, version, &token).await;
            client.socket.try_send_text(nonsense).await;
            witness.say("ann", "all is well").await;
        }
    }
    for query in [
        "",
        "?",
        "?EIO=4",
        "?EIO=2&transport=polling",
        "?EIO=4&transport=carrier-pigeon",
        "?EIO=4&transport=websocket",
        "?EIO=4&transport=polling&sid=",
        "?EIO=9&transport=websocket",
        &format!("?EIO=4&transport=polling&sid={}", "A".repeat(1_000)),
    ] {
        for method in ["GET", "POST", "PUT", "OPTIONS"] {
            let path = format!("/socket.io/{query}");
            let answer = Http::new(server.address()).send(method, &path, None).await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {answer:?}");
        }
    }
    witness.say("ann", "all is still well").await;
}
