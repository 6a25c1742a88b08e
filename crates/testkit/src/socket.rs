//! A WebSocket client, over an implementation that is not ours.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::{Dial, PATIENCE, Stream};

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<Box<dyn Stream>>,
}

/// The status with which a hand-shake was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub u16);

impl Socket {
    /// Opens `path` with the given headers.
    ///
    /// # Errors
    /// [`Refused`] with the server's status.
    ///
    /// # Panics
    /// If there is no answer at all.
    pub async fn open(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, Refused> {
        Self::on(&Dial::to(address), path, headers).await
    }

    /// The same, for a server that is reached another way.
    ///
    /// # Errors
    /// [`Refused`] with the server's status.
    ///
    /// # Panics
    /// If there is no answer at all.
    pub async fn on(
        dial: &Dial,
        path: &str,
        headers: &[(&'static str, String)],
    ) -> Result<Self, Refused> {
        let url = format!("ws://{}{path}", dial.asked());
        let mut request = url.into_client_request().expect("a URL");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a header's value"));
        }
        let opening = async {
            let stream = dial.connect().await.expect("the server listens");
            client_async(request, stream).await
        };
        match timeout(PATIENCE, opening).await.expect("an answer in time") {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(answer)) => Err(Refused(answer.status().as_u16())),
            Err(error) => panic!("no answer to the hand-shake: {error}"),
        }
    }

    /// Opens `/ws` as Piratchat's clients do.
    ///
    /// # Errors
    /// [`Refused`] with the status.
    pub async fn piratchat(address: SocketAddr, session: &str) -> Result<Self, Refused> {
        Self::open(address, "/ws", &[("cookie", format!("session={session}"))]).await
    }

    /// Opens `/ws` as our own page does; `query` may be empty.
    ///
    /// # Errors
    /// [`Refused`] with the status.
    pub async fn packetboat(
        address: SocketAddr,
        session: &str,
        query: &str,
    ) -> Result<Self, Refused> {
        let protocol = ("sec-websocket-protocol", "packetboat.v1".to_owned());
        let headers = [("cookie", format!("session={session}")), protocol];
        Self::open(address, &format!("/ws{query}"), &headers).await
    }

    /// Sends a text frame.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn send(&mut self, text: impl Into<String>) {
        let message = Message::text(text.into());
        timeout(PATIENCE, self.stream.send(message)).await.expect("in time").expect("sent");
    }

    /// Sends a binary frame.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn send_binary(&mut self, bytes: Vec<u8>) {
        let message = Message::binary(bytes);
        timeout(PATIENCE, self.stream.send(message)).await.expect("in time").expect("sent");
    }

    /// Sends `value` as JSON.
    pub async fn send_json(&mut self, value: &Value) {
        self.send(value.to_string()).await;
    }

    /// Sends `value` as JSON to a server that may be gone; whether it was sent.
    pub async fn try_send_json(&mut self, value: &Value) -> bool {
        let message = Message::text(value.to_string());
        timeout(PATIENCE, self.stream.send(message)).await.expect("in time").is_ok()
    }

    /// Sends a text frame to a server that may be gone; whether it was sent.
    pub async fn try_send_text(&mut self, text: &str) -> bool {
        let message = Message::text(text.to_owned());
        timeout(PATIENCE, self.stream.send(message)).await.expect("in time").is_ok()
    }

    /// Sends a binary frame to a server that may be gone; whether it was sent.
    pub async fn try_send_binary(&mut self, bytes: Vec<u8>) -> bool {
        let message = Message::binary(bytes);
        timeout(PATIENCE, self.stream.send(message)).await.expect("in time").is_ok()
    }

    /// The next text frame, as it is; `None` when the connection is over.
    pub async fn text(&mut self) -> Option<String> {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => return Some(text.to_string()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next text frame, as JSON; `None` when the connection is over. Dropping the
    /// future loses nothing.
    pub async fn try_json(&mut self) -> Option<Value> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => {
                    return Some(serde_json::from_str(&text).expect("a frame of JSON"));
                }
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// The next text frame, as JSON.
    ///
    /// # Panics
    /// If the server closes instead, or sends something else.
    pub async fn json(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).expect("a frame of JSON");
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a text frame, got {other:?}"),
            }
        }
    }

    /// The next text frame whose `type` is `wanted`; others are skipped.
    pub async fn of_type(&mut self, wanted: &str) -> Value {
        loop {
            let frame = self.json().await;
            if frame["type"] == wanted {
                return frame;
            }
        }
    }

    /// The whole history of the room, ids and texts, oldest first (`packetboat.v1`).
    ///
    /// # Panics
    /// If the connection ends before.
    pub async fn history(&mut self) -> Vec<(i64, String)> {
        let mut all: Vec<(i64, String)> = Vec::new();
        let mut before = i64::MAX;
        loop {
            self.send_json(&json!({"type": "history", "before": before, "limit": 100})).await;
            let page = self.of_type("history").await;
            let messages = page["messages"].as_array().expect("messages");
            let read = |message: &Value| {
                let text = message["text"].as_str().expect("a text").to_owned();
                (message["id"].as_i64().expect("an id"), text)
            };
            all.splice(0..0, messages.iter().map(read));
            match all.first() {
                Some((first, _)) if page["more"] == true => before = *first,
                _ => return all,
            }
        }
    }

    /// Reads until the server closes; the close code, or `None` without one. Text
    /// frames on the way go to `seen`.
    pub async fn closed_after(&mut self, seen: &mut Vec<Value>) -> Option<u16> {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("an end in time") {
                Some(Ok(Message::Text(text))) => {
                    seen.push(serde_json::from_str(&text).expect("a frame of JSON"));
                }
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Reads until the server closes; the close code, or `None` without one.
    pub async fn closed(&mut self) -> Option<u16> {
        self.closed_after(&mut Vec::new()).await
    }

    /// Waits for a ping.
    ///
    /// # Panics
    /// If anything else but text comes first.
    pub async fn pinged(&mut self) {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("a ping in time") {
                Some(Ok(Message::Ping(_))) => return,
                Some(Ok(Message::Text(_))) => {}
                other => panic!("expected a ping, got {other:?}"),
            }
        }
    }

    /// Sends a ping and waits for its pong: then the server has taken all that was sent
    /// before. The text frames that came meanwhile, as JSON; `None` when the connection is
    /// over.
    ///
    /// # Panics
    /// If there is no pong within [`PATIENCE`].
    pub async fn ping(&mut self) -> Option<Vec<Value>> {
        let mut heard = Vec::new();
        let exchange = async {
            self.stream.send(Message::Ping(Vec::new().into())).await.ok()?;
            loop {
                match self.stream.next().await?.ok()? {
                    Message::Pong(_) => return Some(()),
                    Message::Text(text) => {
                        heard.push(serde_json::from_str(&text).expect("a frame of JSON"));
                    }
                    Message::Close(_) => return None,
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, exchange).await.expect("a pong in time")?;
        Some(heard)
    }

    /// Closes as a client should: close frame, then the server's.
    pub async fn close(mut self) {
        let _ = timeout(PATIENCE, self.stream.close(None)).await.expect("closed in time");
        while let Some(Ok(_)) = timeout(PATIENCE, self.stream.next()).await.expect("an end in time")
        {
        }
    }
}
