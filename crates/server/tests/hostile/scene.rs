//! Who takes part in every test: a server, two people who talk, and an attacker who means
//! no good.

use std::net::SocketAddr;

use serde_json::{Value, json};
use testkit::{Answer, Http, PATIENCE, Person, Raw, Socket, TestServer};
use tokio::time::Instant;

/// Two people who talk to each other all through, as Piratchat's clients do.
pub(crate) struct Witness {
    ann: Socket,
    pub(crate) bob: Socket,
    session: String,
    said: usize,
}

impl Witness {
    pub(crate) async fn at(address: SocketAddr, ann: &Person, bob: &Person) -> Self {
        let open = async |person: &Person| Socket::piratchat(address, &person.session).await;
        let (ann_socket, bob_socket) =
            (open(ann).await.expect("101"), open(bob).await.expect("101"));
        let mut witness =
            Self { ann: ann_socket, bob: bob_socket, session: ann.session.clone(), said: 0 };
        witness.talk().await;
        witness
    }

    /// One message each way, stored and heard.
    pub(crate) async fn talk(&mut self) {
        for _ in 0..2 {
            self.said += 1;
            let text = format!("all is well, {}", self.said);
            self.ann.send_json(&json!({ "message": text })).await;
            until(&mut self.ann, |frame| *frame == json!({"status": true})).await;
            until(&mut self.bob, |frame| frame["message"] == text.as_str()).await;
            std::mem::swap(&mut self.ann, &mut self.bob);
        }
    }
}

/// Reads on until a frame is `wanted`; comings and goings of others are in between.
pub(crate) async fn until(socket: &mut Socket, wanted: impl Fn(&Value) -> bool) {
    while !wanted(&socket.json().await) {}
}

/// A server without rate limits, with its witness and an attacker.
pub(crate) async fn scene() -> (TestServer, Witness, Person) {
    let server = TestServer::with(|settings| {
        settings.exempt = vec!["127.0.0.0/8".parse().expect("a network")];
    });
    let (ann, bob) = (server.person("ann").await, server.person("bob").await);
    let witness = Witness::at(server.address(), &ann, &bob).await;
    let mallory = server.person("mallory").await;
    (server, witness, mallory)
}

/// Waits until the room has noticed that mallory is gone.
pub(crate) async fn gone(address: SocketAddr, witness: &Witness) {
    let http = Http::new(address).with("cookie", &format!("session={}", witness.session));
    let patience = Instant::now() + PATIENCE;
    while http.get("/api/user/mallory").await.json()["online"] != false {
        assert!(Instant::now() < patience, "mallory's place is free again");
    }
}

/// Everything the server says to `bytes` on a connection of its own, until it closes.
pub(crate) async fn told(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut raw = Raw::connect(address).await;
    raw.send(bytes).await;
    raw.rest().await
}

pub(crate) async fn answer(address: SocketAddr, bytes: &[u8]) -> Answer {
    Answer::parse(&told(address, bytes).await)
}

pub(crate) fn is_an_error(answer: &Answer) -> bool {
    answer.json()["error"].as_str().is_some_and(|sentence| sentence.ends_with('.'))
}
