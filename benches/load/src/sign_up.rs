//! Accounts for Packetboat: register and log in over kept-alive connections, a few at a time.
//!
//! The server must not throttle us: `PACKETBOAT_LIMITS__EXEMPT=127.0.0.0/8`.

use std::net::SocketAddrV4;
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::http::Http;

/// Connections that sign up side by side, so that grouped commits are shared.
const SIDE_BY_SIDE: usize = 16;

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
                        .map(|user| session(&mut http, &format!("b{run}n{user}")))
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

/// Registers `username`, logs in and returns the session.
fn session(http: &mut Http, username: &str) -> anyhow::Result<String> {
    let registered = http.post("/api/register", &json!({ "username": username }))?;
    ensure!(registered.status == 201, "register answered {}", registered.status);
    let body: Value = serde_json::from_slice(&registered.body).context("register's body")?;
    let entered = http.post("/api/login", &json!({ "key": body["key"] }))?;
    ensure!(entered.status == 200, "login answered {}", entered.status);
    entered.session.context("login set no session cookie")
}
