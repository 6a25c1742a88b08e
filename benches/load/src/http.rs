//! HTTP/1.1 as the scenarios need it: one kept-alive connection, one request at a time,
//! answers with a length.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bodies beyond this are not read.
const LONGEST_BODY: usize = 64 * 1024;

/// One kept-alive connection.
pub(crate) struct Http {
    target: SocketAddrV4,
    stream: BufReader<TcpStream>,
}

/// What of an answer is looked at.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The value of the cookie `session`, if it set one.
    pub(crate) session: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn connect(target: SocketAddrV4) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target).context("could not connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { target, stream: BufReader::new(stream) })
    }

    /// `POST path` with a body of JSON.
    pub(crate) fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.ask("POST", path, None, &body.to_string())
    }

    /// Any request; no `Content-Length` without a body.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &str,
    ) -> anyhow::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.target);
        if let Some(value) = authorization {
            request.push_str(&format!("Authorization: {value}\r\n"));
        }
        if !body.is_empty() {
            let length = body.len();
            let content = "Content-Type: application/json";
            request.push_str(&format!("{content}\r\nContent-Length: {length}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer().with_context(|| format!("answer to {method} {path}"))
    }

    fn answer(&mut self) -> anyhow::Result<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut answer = Answer { status: status.context("no status")?, ..Answer::default() };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                let length: usize = value.parse().context("content-length")?;
                ensure!(length <= LONGEST_BODY, "body of {length} bytes");
                answer.body.resize(length, 0);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("transfer encodings are not spoken here");
            } else if name.eq_ignore_ascii_case("set-cookie") {
                let cookie = value.split(';').next().and_then(|pair| pair.strip_prefix("session="));
                answer.session = cookie.map(str::to_owned).or(answer.session);
            }
        }
        self.stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }

    /// One line of the head without its end; empty after the last.
    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.stream.by_ref().take(LONGEST_BODY as u64).read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "the server closed the connection");
        Ok(line.trim_end().to_owned())
    }
}
