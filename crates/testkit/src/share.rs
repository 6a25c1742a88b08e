//! A client of sharing sessions, as scripts are written from the wire contract: the HTTP
//! calls with which a session begins, and the frames of a member's WebSocket.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::{Answer, Dial, Http, Refused, Socket};

/// A sharing session, as its host knows it.
#[derive(Clone, Debug)]
pub struct ShareSession {
    /// A UUID.
    pub id: String,
    /// The memorable name.
    pub name: String,
    /// Six digits, at the time of [`ShareSession::start`].
    pub code: String,
    /// The host's JWT.
    pub jwt: String,
}

impl ShareSession {
    /// Starts a session (`POST /session`).
    ///
    /// # Panics
    /// If it is refused.
    pub async fn start(http: &Http) -> Self {
        let answer = http.send("POST", "/session", None).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let response = &answer.json()["response"];
        let text = |field: &str| response[field].as_str().expect("a string").to_owned();
        let (id, name) = (text("sessionId"), text("sessionName"));
        Self { id, name, code: text("accessCode"), jwt: text("jwt") }
    }

    /// Joins it with its access code; the guest's JWT.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn join(&self, http: &Http) -> String {
        let answer = self.try_code(http, &self.code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["response"]["jwt"].as_str().expect("a JWT").to_owned()
    }

    /// Tries an access code (`GET /access/{id}`).
    pub async fn try_code(&self, http: &Http, code: &str) -> Answer {
        let http = http.with("authorization", &code_digest(code));
        http.get(&format!("/access/{}", self.id)).await
    }

    /// Puts files of these names and sizes on the list of the member with `jwt`.
    pub async fn add_files(&self, http: &Http, jwt: &str, files: &[(&str, u64)]) -> Answer {
        let file = |(name, size): &(&str, u64)| json!({"name": name, "size": size});
        let files = Value::Array(files.iter().map(file).collect());
        http.bearer(jwt).post(&format!("/files/{}", self.id), files.to_string()).await
    }

    /// Opens the WebSocket of the member with `jwt`, with further headers.
    ///
    /// # Errors
    /// [`Refused`] with the server's status.
    pub async fn socket(
        &self,
        dial: &Dial,
        jwt: &str,
        headers: &[(&'static str, String)],
    ) -> Result<ShareSocket, Refused> {
        let socket = Socket::on(dial, &format!("/session/{}", self.id), headers).await?;
        Ok(ShareSocket { socket, jwt: jwt.to_owned() })
    }
}

/// What is sent instead of an access code: its SHA-256 in lower-case hex.
#[must_use]
pub fn code_digest(code: &str) -> String {
    digest(&SHA256, code.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A member's WebSocket.
#[derive(Debug)]
pub struct ShareSocket {
    /// The socket itself, for what members do not do.
    pub socket: Socket,
    jwt: String,
}

impl ShareSocket {
    /// Sends a command; its data goes as a string of JSON.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn send(&mut self, command: &str, data: &Value) {
        let data = data.to_string();
        let frame = json!({"jwt": self.jwt, "command": command, "data": data});
        self.socket.send_json(&frame).await;
    }

    /// The next frame.
    ///
    /// # Panics
    /// If the connection ends instead.
    pub async fn frame(&mut self) -> Value {
        self.socket.json().await
    }

    /// The next frame, which must be this command's.
    ///
    /// # Panics
    /// If it is another's, or the connection ends instead.
    pub async fn command(&mut self, command: &str) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["command"], command, "{frame}");
        frame
    }

    /// The next frame of this command; others are skipped.
    ///
    /// # Panics
    /// If the connection ends before.
    pub async fn skip_to(&mut self, command: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame["command"] == command {
                return frame;
            }
        }
    }

    /// The next frame, which must refuse a command.
    ///
    /// # Panics
    /// If it does not, or the connection ends instead.
    pub async fn refusal(&mut self) -> Value {
        let frame = self.frame().await;
        assert!(frame["success"] == false && frame["command"].is_null(), "{frame}");
        frame
    }
}
