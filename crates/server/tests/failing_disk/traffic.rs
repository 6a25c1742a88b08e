//! People who go on doing things whatever the server answers, and keep a book of it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Answer, Http, Person, Socket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// Between two things that one of them does. Enough traffic to meet every fault, little
/// enough for a busy machine.
const PACE: Duration = Duration::from_millis(4);

/// After this long without a registration, it is assumed that registering fails.
const NO_NEWS: Duration = Duration::from_millis(50);

/// What a client asked for and how it was answered. What was not answered, because the
/// server was gone, is in neither list.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) acknowledged: Mutex<Vec<String>>,
    pub(crate) refused: Mutex<Vec<String>>,
    acknowledgements: AtomicUsize,
    refusals: AtomicUsize,
}

impl Book {
    fn note(&self, what: String, is_acknowledged: bool) {
        let (list, count) = if is_acknowledged {
            (&self.acknowledged, &self.acknowledgements)
        } else {
            (&self.refused, &self.refusals)
        };
        list.lock().expect("a list").push(what);
        count.fetch_add(1, Ordering::SeqCst);
    }

    /// So far: acknowledged, refused.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.acknowledgements.load(Ordering::SeqCst), self.refusals.load(Ordering::SeqCst))
    }
}

/// The books of everybody.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    /// Texts, by dialect: `packetboat.v1`, Piratchat, Socket.IO.
    pub(crate) postings: [Arc<Book>; 3],
    /// Usernames.
    pub(crate) registrations: Arc<Book>,
    /// Session tokens; refused ones are the keys used.
    pub(crate) sign_ins: Arc<Book>,
}

impl Books {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Book>> {
        self.postings.iter().chain([&self.registrations, &self.sign_ins])
    }
}

/// Sets everybody going, under names that begin with `round`. They end with the server.
pub(crate) async fn start(
    address: SocketAddr,
    people: &[Person; 3],
    round: &str,
    books: &Books,
) -> Vec<JoinHandle<()>> {
    let [ann, bob, cat] = people;
    let v1 = Socket::packetboat(address, &ann.session, "").await.expect("101");
    let piratchat = Socket::piratchat(address, &bob.session).await.expect("101");
    let socketio = socketio(address, cat).await;
    let [a, b, c] = books.postings.clone();
    let name = round.replace('-', "");
    let spare = Person::new(&Http::new(address), &format!("{name}spare")).await;
    let (keys, new_keys) = mpsc::unbounded_channel();
    vec![
        tokio::spawn(post_v1(v1, format!("{round}-v1"), a)),
        tokio::spawn(post_piratchat(piratchat, format!("{round}-piratchat"), b)),
        tokio::spawn(post_socketio(socketio, format!("{round}-socketio"), c)),
        tokio::spawn(register(address, name, keys, books.registrations.clone())),
        tokio::spawn(sign_in(address, new_keys, spare.key, books.sign_ins.clone())),
    ]
}

fn pace() -> tokio::time::Interval {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

async fn post_v1(mut socket: Socket, name: String, book: Arc<Book>) {
    let mut pace = pace();
    for n in 0.. {
        pace.tick().await;
        let text = format!("{name}-{n}");
        let post = json!({"type": "post", "client_id": text, "text": text});
        if !socket.try_send_json(&post).await {
            return;
        }
        loop {
            match socket.try_json().await {
                Some(frame) if frame["client_id"] == text.as_str() => {
                    assert!(frame["type"] == "ack" || frame["code"] == "unavailable", "{frame}");
                    book.note(text, frame["type"] == "ack");
                    break;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}

async fn post_piratchat(mut socket: Socket, name: String, book: Arc<Book>) {
    let mut pace = pace();
    for n in 0.. {
        pace.tick().await;
        let text = format!("{name}-{n}");
        if !socket.try_send_json(&json!({ "message": text })).await {
            return;
        }
        loop {
            match socket.try_json().await {
                Some(frame) if frame.get("status").is_some() => {
                    assert!(frame["status"] == true || frame["code"] == "unavailable", "{frame}");
                    book.note(text, frame["status"] == true);
                    break;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}

async fn socketio(address: SocketAddr, person: &Person) -> Socket {
    let cookie = format!("session={}", person.session);
    let token = Http::new(address).with("cookie", &cookie).get("/api/auth/token").await;
    let token = token.json()["X-Token"].as_str().expect("a token").to_owned();
    let path = "/socket.io/?EIO=4&transport=websocket";
    let mut socket = Socket::open(address, path, &[]).await.expect("101");
    socket.send("40").await;
    loop {
        let packet = socket.text().await.expect("a packet");
        if packet.starts_with("40") {
            socket.send(format!("42{}", json!(["authentication", { "token": token }]))).await;
        } else if packet.starts_with(r#"42["authenticated""#) {
            return socket;
        }
    }
}

async fn post_socketio(mut socket: Socket, name: String, book: Arc<Book>) {
    let mut pace = pace();
    for n in 0.. {
        pace.tick().await;
        let text = format!("{name}-{n}");
        let post = format!("42{n}{}", json!(["client-sent-message", { "message": text }]));
        if !socket.try_send_text(&post).await {
            return;
        }
        let answer = format!("43{n}[");
        loop {
            match socket.text().await {
                Some(packet) if packet.starts_with(&answer) => {
                    let data: Value =
                        serde_json::from_str(&packet[answer.len() - 1..]).expect("JSON");
                    let (status, code) = (&data[0]["status"], &data[0]["code"]);
                    assert!(*status == true || code == "unavailable", "{packet}");
                    book.note(text, *status == true);
                    break;
                }
                Some(packet) if packet == "2" => {
                    socket.try_send_text("3").await;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// Registers one after the other, and hands on their keys.
async fn register(
    address: SocketAddr,
    name: String,
    keys: mpsc::UnboundedSender<String>,
    book: Arc<Book>,
) {
    let mut pace = pace();
    for n in 0.. {
        pace.tick().await;
        let username = format!("{name}{n}");
        let body = json!({ "username": username }).to_string();
        let Some(answer) = post(address, "/api/register", &body).await else { return };
        assert!([201, 503].contains(&answer.status), "{answer:?}");
        assert_eq!(answer.header("retry-after").is_some(), answer.status == 503, "{answer:?}");
        book.note(username, answer.status == 201);
        if answer.status == 201 {
            let _ = keys.send(answer.json()["key"].as_str().expect("a key").to_owned());
        }
    }
}

/// Signs in each account that is registered; while registering fails, tries with `spare`.
async fn sign_in(
    address: SocketAddr,
    mut keys: mpsc::UnboundedReceiver<String>,
    spare: String,
    book: Arc<Book>,
) {
    let mut of_spare = 0;
    loop {
        let key = match timeout(NO_NEWS, keys.recv()).await {
            Ok(key) => key.unwrap_or_else(|| spare.clone()),
            // An account has so many sessions and no more.
            Err(_) if of_spare < 40 => spare.clone(),
            Err(_) => continue,
        };
        let body = json!({ "key": key }).to_string();
        let Some(answer) = post(address, "/api/login", &body).await else { return };
        assert_ne!(answer.status, 401, "a registration was acknowledged and is lost");
        assert!([200, 503].contains(&answer.status), "{answer:?}");
        let session = answer.session();
        of_spare += usize::from(session.is_some() && key == spare);
        book.note(session.clone().unwrap_or(key), session.is_some());
    }
}

/// The answer, unless the server is gone before it was whole.
pub(crate) async fn post(address: SocketAddr, path: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    if !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
        return None;
    }
    let answer = Answer::parse(&bytes);
    let length: usize = answer.header("content-length")?.parse().ok()?;
    (answer.body.len() == length).then_some(answer)
}
