//! Accounts for Packetboat: register and log in over kept-alive HTTP/1.1, a few at a time.
//!
//! The server must not throttle us: `PACKETBOAT_LIMITS__EXEMPT=127.0.0.0/8`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

/// Connections that sign up side by side, so that grouped commits are shared.
const SIDE_BY_SIDE: usize = 16;

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bodies beyond this are not read.
const LONGEST_BODY: usize = 64 * 1024;

/// Registers `count` new users and returns the `session` cookie of each.
pub(crate) fn sessions(target: SocketAddrV4, count: usize) -> anyhow::Result<Vec<String>> {
    let run = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros();
    let results: Vec<anyhow::Result<Vec<String>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..SIDE_BY_SIDE.min(count))
            .map(|worker| {
                scope.spawn(move || {
                    let mut http = Http::connect(target)?;
                    (worker..count)
                        .step_by(SIDE_BY_SIDE)
                        .map(|user| http.session(&format!("b{run}n{user}")))
                        .collect()
                })
            })
            .collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|result| result.unwrap_or_else(|_| bail!("a sign-up thread failed"))).collect()
    });
    let sessions: Vec<Vec<String>> = results.into_iter().collect::<Result<_, _>>()?;
    Ok(sessions.into_iter().flatten().collect())
}

/// One kept-alive connection.
struct Http {
    target: SocketAddrV4,
    stream: BufReader<TcpStream>,
}

/// What of an answer is looked at.
#[derive(Default)]
struct Answer {
    status: u16,
    session: Option<String>,
    body: Vec<u8>,
}

impl Http {
    fn connect(target: SocketAddrV4) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target).context("could not connect to sign up")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { target, stream: BufReader::new(stream) })
    }

    /// Registers `username`, logs in and returns the session.
    fn session(&mut self, username: &str) -> anyhow::Result<String> {
        let registered = self.post("/api/register", &json!({ "username": username }))?;
        ensure!(registered.status == 201, "register answered {}", registered.status);
        let body: Value = serde_json::from_slice(&registered.body).context("register's body")?;
        let entered = self.post("/api/login", &json!({ "key": body["key"] }))?;
        ensure!(entered.status == 200, "login answered {}", entered.status);
        entered.session.context("login set no session cookie")
    }

    fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let (target, body) = (self.target, body.to_string());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {target}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.answer().with_context(|| format!("answer to POST {path}"))
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
