//! A client that posts at a steady pace, comes back whenever it is cut off, and posts again
//! under the same client id until a posting is acknowledged; and keeps what it hears.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{PATIENCE, Person, Socket};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// Between two postings of one client, also before it posts again.
const PACE: Duration = Duration::from_millis(20);

/// See the module's documentation.
pub(crate) struct Talker {
    address: SocketAddr,
    session: String,
    name: String,
    /// The epoch of what it has heard, once it was welcomed.
    epoch: Option<String>,
    /// What it has heard, by id.
    pub(crate) heard: BTreeMap<i64, String>,
    /// Ids of its messages, in the order in which they were posted.
    pub(crate) acknowledged: Vec<i64>,
    /// How often it had to start afresh.
    pub(crate) afresh: usize,
    /// The longest that it waited for an acknowledgement.
    pub(crate) longest: Duration,
}

impl Talker {
    pub(crate) fn new(address: SocketAddr, person: &Person, name: String) -> Self {
        Self {
            address,
            session: person.session.clone(),
            name,
            epoch: None,
            heard: BTreeMap::new(),
            acknowledged: Vec::new(),
            afresh: 0,
            longest: Duration::ZERO,
        }
    }

    /// Posts its messages from number `from` to below `to`, one after the other, until each
    /// is acknowledged.
    pub(crate) async fn post_from(&mut self, from: usize, to: usize) {
        let mut socket = self.connect().await;
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in from..to {
            let text = format!("{}-{number}", self.name);
            let since = Instant::now();
            loop {
                pace.tick().await;
                let post = json!({"type": "post", "client_id": text, "text": text});
                let answer = match socket.try_send_json(&post).await {
                    true => self.answer(&mut socket, &text).await,
                    false => None,
                };
                match answer {
                    Some(Some(id)) => {
                        self.heard.insert(id, text);
                        self.acknowledged.push(id);
                        break;
                    }
                    Some(None) => {} // Refused: again.
                    None => socket = self.connect().await,
                }
                assert!(since.elapsed() < PATIENCE, "{} waits for ever", self.name);
            }
            self.longest = self.longest.max(since.elapsed());
        }
        socket.close().await;
    }

    /// Hears everything up to message `last`, which is there.
    pub(crate) async fn hear(&mut self, last: i64) {
        let mut socket = self.connect().await;
        while self.heard.last_key_value().is_none_or(|(id, _)| *id < last) {
            let frame = socket.json().await;
            self.take(&frame);
        }
        socket.close().await;
    }

    /// The id of its message; inside `None` if it was refused; `None` if it was cut off.
    async fn answer(&mut self, socket: &mut Socket, text: &str) -> Option<Option<i64>> {
        loop {
            let frame = socket.try_json().await?;
            if frame["client_id"] == text && frame["type"] == "ack" {
                return Some(frame["id"].as_i64());
            }
            if frame["client_id"] == text && frame["type"] == "nack" {
                assert_eq!(frame["code"], "unavailable");
                return Some(None);
            }
            self.take(&frame);
        }
    }

    async fn connect(&mut self) -> Socket {
        let connecting = async {
            loop {
                let query = match (&self.epoch, self.heard.last_key_value()) {
                    (Some(epoch), Some((last, _))) => format!("?last_id={last}&epoch={epoch}"),
                    _ => String::new(),
                };
                if let Ok(mut socket) =
                    Socket::packetboat(self.address, &self.session, &query).await
                    && let Some(welcome) = socket.try_json().await
                {
                    self.welcomed(&welcome);
                    return socket;
                }
                // The database is away: 503.
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, connecting).await.expect("it comes back in time")
    }

    fn welcomed(&mut self, welcome: &Value) {
        assert_eq!(welcome["type"], "welcome");
        if welcome["recovered"] == false {
            self.afresh += usize::from(self.epoch.is_some());
            self.heard.clear();
        }
        self.epoch = welcome["epoch"].as_str().map(str::to_owned);
        for message in welcome["messages"].as_array().expect("messages") {
            self.keep(message);
        }
    }

    fn take(&mut self, frame: &Value) {
        if frame["type"] == "message" {
            self.keep(frame);
        }
    }

    fn keep(&mut self, message: &Value) {
        let id = message["id"].as_i64().expect("an id");
        let text = message["text"].as_str().expect("a text").to_owned();
        if let Some((last, _)) = self.heard.last_key_value() {
            assert_eq!(id, last + 1, "{}: in order and without a gap", self.name);
        }
        assert_eq!(self.heard.insert(id, text), None, "{}: twice", self.name);
    }
}
