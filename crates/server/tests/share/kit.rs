//! What every test starts from: a server, a sharing session, its members.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use serde_json::{Value, json};
use testkit::{Answer, Dial, Http, Refused, Socket, TestServer, code_digest};

use crate::peer::Peer;

/// One second, the unit in which the contract counts.
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A public key as clients send it: the raw P-256 point in base64, here with both characters
/// that a URL cannot carry as they are.
pub(crate) const KEY_A: &str =
    "BA+/aGVyZSBpcyBhIHBvaW50IG9mIFAtMjU2IG9mIEEsIHdoaWNoIGlzIDY1IGJ5dGVzIGxvbmcsIGFuZCBhIGxpdA==";
pub(crate) const KEY_B: &str =
    "BB+/aGVyZSBpcyBhIHBvaW50IG9mIFAtMjU2IG9mIEIsIHdoaWNoIGlzIDY1IGJ5dGVzIGxvbmcsIGFuZCBhIGxpdA==";

/// A server without the limits per address for this machine.
pub(crate) fn unlimited() -> TestServer {
    unlimited_with(&[])
}

/// The same with more settings.
pub(crate) fn unlimited_with(values: &[(&'static str, &str)]) -> TestServer {
    TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
        for (name, value) in values {
            settings.values.set(name, value);
        }
    })
}

/// A server with these settings.
pub(crate) fn limited(values: &[(&'static str, &str)]) -> TestServer {
    TestServer::with(|settings| {
        for (name, value) in values {
            settings.values.set(name, value);
        }
    })
}

/// A client at another address of this machine.
pub(crate) fn from(server: &TestServer, last: u8) -> Http {
    Http::on(dial_from(server, last))
}

/// The way to the server from another address of this machine.
pub(crate) fn dial_from(server: &TestServer, last: u8) -> Dial {
    Dial::to(server.address()).from(IpAddr::from([127, 0, 0, last]))
}

/// Bytes in lower-case hex, as `chunk` carries them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|half| char::from(DIGITS[half as usize]));
    bytes.iter().flat_map(digits).collect()
}

/// Lets the server do what it has to: it answers other requests meanwhile.
pub(crate) async fn settled(server: &TestServer) {
    let http = server.http();
    for _ in 0..20 {
        assert_eq!(http.get("/health").await.status, 200);
    }
}

/// Whether what was begun is still under way after the server has answered other requests.
pub(crate) async fn waits(server: &TestServer, begun: &mut (impl Future + Unpin)) -> bool {
    matches!(select(begun, pin!(settled(server))).await, Either::Right(_))
}

/// The answer's `response`.
#[track_caller]
pub(crate) fn response(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = body(answer);
    assert_eq!(body["success"], true, "{body}");
    body["response"].clone()
}

/// The answer's `message`: a sentence that says what was wrong.
#[track_caller]
pub(crate) fn message(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = body(answer);
    assert_eq!(body["success"], false, "{body}");
    let message = body["message"].as_str().unwrap_or_else(|| panic!("no message: {body}"));
    assert!(message.ends_with('.'), "a sentence: {message}");
    message.to_owned()
}

/// The answer's body, in the one form that the old web app reads.
#[track_caller]
pub(crate) fn body(answer: &Answer) -> Value {
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("text/plain; charset=utf-8"), "{answer:?}");
    answer.json()
}

/// A sharing session, seen from its host.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) code: String,
    pub(crate) host: Member,
}

impl Session {
    /// Begins one.
    pub(crate) async fn start(server: &TestServer) -> Self {
        Self::start_by(Dial::to(server.address()), server.http()).await
    }

    /// Begins one at a server that is a process of its own.
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        Self::start_by(Dial::to(address), Http::new(address)).await
    }

    async fn start_by(dial: Dial, http: Http) -> Self {
        let made = response(&http.post("/session", "").await, 201);
        let text = |name: &str| made[name].as_str().expect("text").to_owned();
        let id = text("sessionId");
        let host = Member::new(dial, &id, &text("jwt"));
        Self { id, name: text("sessionName"), code: text("accessCode"), host }
    }

    /// `GET /access/{id}` with a code.
    pub(crate) async fn try_code(&self, http: &Http, code: &str) -> Answer {
        http.with("authorization", &code_digest(code)).get(&format!("/access/{}", self.id)).await
    }

    /// A guest who knows the code.
    pub(crate) async fn guest(&self) -> Member {
        self.guest_by(self.host.dial.clone()).await
    }

    /// A guest at another address of this machine.
    pub(crate) async fn guest_from(&self, server: &TestServer, last: u8) -> Member {
        self.guest_by(dial_from(server, last)).await
    }

    async fn guest_by(&self, dial: Dial) -> Member {
        let answer = self.try_code(&Http::on(dial.clone()), &self.code).await;
        let jwt = response(&answer, 200)["jwt"].as_str().expect("a token").to_owned();
        Member::new(dial, &self.id, &jwt)
    }
}

/// One of the people in a session.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) dial: Dial,
    /// A client that sends the token.
    pub(crate) http: Http,
    pub(crate) session: String,
    pub(crate) jwt: String,
}

impl Member {
    pub(crate) fn new(dial: Dial, session: &str, jwt: &str) -> Self {
        let http = Http::on(dial.clone()).bearer(jwt);
        Self { dial, http, session: session.to_owned(), jwt: jwt.to_owned() }
    }

    /// The same member at another server.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self::new(Dial::to(address), &self.session, &self.jwt)
    }

    /// `POST /files/{id}`.
    pub(crate) async fn post_files(&self, files: &Value) -> Answer {
        self.http.post(&format!("/files/{}", self.session), files.to_string()).await
    }

    /// Offers a file.
    pub(crate) async fn offer(&self, name: &str) {
        let answer = self.post_files(&json!([{ "name": name, "size": 5 }])).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// `GET /files/{id}`.
    pub(crate) async fn list(&self) -> Value {
        response(&self.http.get(&format!("/files/{}", self.session)).await, 200)
    }

    /// `GET /files/{id}/{name}`, the name as it stands in the path.
    pub(crate) async fn file(&self, name: &str) -> Answer {
        self.http.get(&format!("/files/{}/{name}", self.session)).await
    }

    /// `DELETE /files/{id}/{name}`, the name as it stands in the path.
    pub(crate) async fn delete(&self, name: &str) -> Answer {
        self.http.send("DELETE", &format!("/files/{}/{name}", self.session), None).await
    }

    /// Opens a WebSocket with more headers; the token is in the frames.
    pub(crate) async fn try_open(
        &self,
        headers: &[(&'static str, String)],
    ) -> Result<Peer, Refused> {
        let path = format!("/session/{}", self.session);
        let socket = Socket::on(&self.dial, &path, headers).await?;
        Ok(Peer::new(socket, &self.jwt))
    }

    /// Opens a WebSocket, as a script does, and says nothing.
    pub(crate) async fn open(&self) -> Peer {
        self.try_open(&[]).await.expect("an upgrade")
    }

    /// A registered script.
    pub(crate) async fn register(&self) -> Peer {
        self.register_with(json!({})).await
    }

    /// A registered script that asks for a window.
    pub(crate) async fn register_with(&self, data: Value) -> Peer {
        let mut peer = self.open().await;
        peer.send("register", data).await;
        peer.hears_nothing().await;
        peer
    }

    /// A registered script that has missed something, which it is told at once.
    pub(crate) async fn register_loudly(&self, window: u64) -> Peer {
        let mut peer = self.open().await;
        peer.send("register", json!({ "window": window })).await;
        peer.settle().await;
        peer
    }

    /// The registered page of the old web app, which lives on an origin of its own.
    pub(crate) async fn browse(&self) -> Peer {
        let page = [("origin", "https://drag-n-share.example".to_owned())];
        let mut peer = self.try_open(&page).await.expect("an upgrade");
        peer.send("register", json!({})).await;
        peer.hears_nothing().await;
        peer
    }
}
