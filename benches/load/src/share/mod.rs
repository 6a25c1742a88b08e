//! Sharing sessions in the dialect of Drag-n-Share: two people, a file in a list, chunks.
//!
//! What a client would compute is left out: keys are no keys and chunks are not encrypted,
//! because the server looks at neither, and only the server is measured.

mod socket;

use std::net::SocketAddrV4;

use anyhow::{Context, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

pub(crate) use self::socket::Socket;
use crate::http::Http;

/// Plain bytes in a chunk, as the old web app cuts them.
pub(crate) const CHUNK: usize = 32_768;

/// Characters of hex: a chunk and the tag of AES-GCM.
pub(crate) const HEX: usize = (CHUNK + 16) * 2;

/// Base64 of a point of P-256, which takes 65 bytes, and of 12 bytes.
pub(crate) const PUBLIC_KEY: &str =
    "BGsX0fLhLEJH+Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT+NC4v4af5uO5+tKfA+eFivOM1drMV7Oy7ZAaDe/UfU=";
const IV: &str = "AAAAAAAAAAAAAAAB";

/// A session and everybody's way into it.
pub(crate) struct Session {
    pub(crate) id: String,
    /// The host's JWT.
    pub(crate) host: String,
    /// The digest of the access code.
    proof: String,
}

impl Session {
    /// A new one.
    pub(crate) fn new(http: &mut Http) -> anyhow::Result<Self> {
        let session = response(http, "POST", "/session", None, "", 201)?;
        let code = text(&session, "accessCode")?;
        let proof = digest(&SHA256, code.as_bytes());
        let proof = proof.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id: text(&session, "sessionId")?, host: text(&session, "jwt")?, proof })
    }

    /// Another guest's JWT.
    pub(crate) fn guest(&self, http: &mut Http) -> anyhow::Result<String> {
        let path = format!("/access/{}", self.id);
        text(&response(http, "GET", &path, Some(&self.proof), "", 200)?, "jwt")
    }

    /// Adds a file of the host's.
    pub(crate) fn add(&self, http: &mut Http, name: &str, size: u64) -> anyhow::Result<()> {
        let bearer = format!("Bearer {}", self.host);
        let files = json!([{ "name": name, "size": size }]).to_string();
        let path = format!("/files/{}", self.id);
        response(http, "POST", &path, Some(&bearer), &files, 200).map(drop)
    }

    /// Where its sockets are opened.
    pub(crate) fn path(&self) -> String {
        format!("/session/{}", self.id)
    }
}

/// The `response` of an answer that must have this status.
fn response(
    http: &mut Http,
    method: &str,
    path: &str,
    authorization: Option<&str>,
    body: &str,
    status: u16,
) -> anyhow::Result<Value> {
    let answer = http.ask(method, path, authorization, body)?;
    let said = String::from_utf8_lossy(&answer.body);
    ensure!(answer.status == status, "{method} {path} answered {}: {said}", answer.status);
    let mut body: Value = serde_json::from_str(&said).with_context(|| format!("{said:?}"))?;
    Ok(body["response"].take())
}

fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let found = value[field].as_str().with_context(|| format!("no {field} in {value}"))?;
    Ok(found.to_owned())
}

/// A client's frame; its `data` is a string of JSON.
pub(crate) fn command(jwt: &str, command: &str, data: &Value) -> String {
    json!({ "jwt": jwt, "command": command, "data": data.to_string() }).to_string()
}

/// A member with a registered socket.
pub(crate) struct Member {
    jwt: String,
    socket: Socket,
}

impl Member {
    /// Opens a socket and registers; without a window of its own.
    pub(crate) fn register(
        target: SocketAddrV4,
        session: &Session,
        jwt: &str,
    ) -> anyhow::Result<Self> {
        let socket = Socket::open(target, &session.path())?;
        let mut member = Self { jwt: jwt.to_owned(), socket };
        member.send("register", &json!({}))?;
        Ok(member)
    }

    /// Sends a command.
    pub(crate) fn send(&mut self, name: &str, data: &Value) -> anyhow::Result<()> {
        self.socket.send(command(&self.jwt, name, data).as_bytes())
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(self.socket.message()?)?)
    }

    /// The next frame with this command; others are passed over.
    ///
    /// # Errors
    /// When something is refused or over instead.
    pub(crate) fn of(&mut self, command: &str) -> anyhow::Result<Value> {
        loop {
            let frame = self.frame()?;
            ensure!(frame["success"] != false, "the server says {frame}");
            if frame["command"] == command {
                return Ok(frame);
            }
        }
    }

    /// Asks for a file of another member.
    pub(crate) fn request(&mut self, filename: &str) -> anyhow::Result<()> {
        self.send("request-file", &json!({ "public_key": PUBLIC_KEY, "filename": filename }))
    }

    /// Waits until its file is asked for; the request's id.
    pub(crate) fn asked(&mut self) -> anyhow::Result<String> {
        text(&self.of("acknowledge-file-request")?, "request_id")
    }

    /// Is willing to send `chunks`.
    pub(crate) fn acknowledge(
        &mut self,
        request: &str,
        filename: &str,
        chunks: u64,
    ) -> anyhow::Result<()> {
        let data = json!({
            "request_id": request,
            "public_key": PUBLIC_KEY,
            "amount_of_chunks": chunks,
            "filename": filename,
        });
        self.send("acknowledge-file-request", &data)
    }
}

/// The chunks of one transfer, as frames: all the same but for number and end.
pub(crate) struct Chunks {
    before: String,
    after: String,
}

impl Chunks {
    /// Those of a request, given by the owner of the file.
    pub(crate) fn of(member: &Member, request: &str) -> Self {
        // The frame is written as text: to make JSON of 64 KiB for each would cost more than
        // to send it.
        let jwt = &member.jwt;
        let before = format!(
            r#"{{"jwt":"{jwt}","command":"add-chunk","data":"{{\"request_id\":\"{request}\",\"iv\":\"{IV}\","#
        );
        let after = format!(r#"\"chunk\":\"{}\"}}"}}"#, "5a".repeat(HEX / 2));
        Self { before, after }
    }

    /// Gives one.
    pub(crate) fn give(&self, to: &mut Member, number: u64, last: bool) -> anyhow::Result<()> {
        let number = format!(r#"\"is_last_chunk\":{last},\"chunk_nr\":{number},"#);
        to.socket.send([&*self.before, &*number, &*self.after].concat().as_bytes())
    }
}

/// Number and end of an `add-chunk`.
///
/// # Errors
/// When it does not have all of its chunk.
pub(crate) fn chunk(data: &Value) -> anyhow::Result<(u64, bool)> {
    let length = data["chunk"].as_str().map_or(0, str::len);
    ensure!(length == HEX, "a chunk came with {length} characters of {HEX}");
    let number = data["chunk_nr"].as_u64().context("a chunk came without a number")?;
    Ok((number, data["is_last_chunk"] == true))
}
