//! HTTP/1.1 as a script would speak it: one request, one connection.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::{Dial, PATIENCE};

/// An answer, as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case, values as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header called `name` (lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of the cookie `session` that the answer sets.
    #[must_use]
    pub fn session(&self) -> Option<String> {
        let cookie = self.header("set-cookie")?.strip_prefix("session=")?;
        Some(cookie.split(';').next().unwrap_or(cookie).to_owned())
    }

    /// Reads an answer out of everything a server sent before it closed.
    ///
    /// # Panics
    /// If it is not HTTP/1.1.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("not an answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not HTTP: {head}"));
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { status, headers, body: bytes[end + 4..].to_vec() }
    }
}

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Http {
    dial: Dial,
    headers: Vec<(String, String)>,
}

impl Http {
    /// A client that sends no headers but the necessary ones.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self::on(Dial::to(address))
    }

    /// The same, for a server that is reached another way.
    #[must_use]
    pub fn on(dial: Dial) -> Self {
        Self { dial, headers: Vec::new() }
    }

    /// The same client, sending one more header with every request.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same client with a token of its own.
    #[must_use]
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// `POST path` with a body, sent as it is.
    pub async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.send("POST", path, Some(body.as_ref())).await
    }

    /// Any request.
    ///
    /// # Panics
    /// If there is no answer within [`PATIENCE`].
    pub async fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            self.dial.asked()
        );
        for (name, value) in &self.headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        let exchange = async {
            let mut stream = self.dial.connect().await.expect("the server listens");
            stream.write_all(&bytes).await.expect("the server reads");
            let mut answer = Vec::new();
            // A server may cut a connection whose request it refuses to read; what it
            // said before counts.
            let _ = stream.read_to_end(&mut answer).await;
            Answer::parse(&answer)
        };
        timeout(PATIENCE, exchange).await.expect("an answer in time")
    }
}
