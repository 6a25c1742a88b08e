//! Many sharing sessions in which nothing happens: what a member costs in memory.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::settled::settled;
use crate::fleet::{Fleet, Incoming};
use crate::frame;
use crate::http::Http;
use crate::options::Options;
use crate::process::Process;
use crate::share::{self, Session};

/// A host and four guests.
const OF_A_SESSION: usize = 5;

/// A refusal would have come by then.
const ANSWER: Duration = Duration::from_secs(2);

/// Makes everyone a member, then opens and registers a socket for each.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let server = Process::new(options.pid);
    let mut fleet = Fleet::new(options.dialect, options.target)?;
    let sessions = options.connections / OF_A_SESSION;
    ensure!(sessions > 1, "--connections must be some times {OF_A_SESSION}");
    let members = sessions * OF_A_SESSION;
    // What every server has sooner or later: code that was run, buffers that were used.
    join(options, &mut fleet, 1)?;
    settled(&mut fleet, server)?;
    let before = Memory::of(server)?;
    let start = Instant::now();
    let joined = join(options, &mut fleet, sessions)?;
    let steady = settled(&mut fleet, server)?;
    let after = Memory::of(server)?;
    let each = |after: u64, before: u64| (after as f64 - before as f64) / members as f64;
    Ok(json!({
        "sessions": sessions,
        "members": members,
        "joining_s": (joined - start).as_secs_f64(),
        "rss_before_bytes": before.resident,
        "rss_after_bytes": after.resident,
        "rss_per_member_bytes": each(after.resident, before.resident),
        "heap_per_member_bytes": each(after.anonymous, before.anonymous),
        "steady": steady,
    }))
}

/// Makes so many full sessions; when all members had registered.
fn join(options: &Options, fleet: &mut Fleet, sessions: usize) -> anyhow::Result<Instant> {
    let mut http = Http::connect(options.target)?;
    let mut people = Vec::with_capacity(sessions);
    for _ in 0..sessions {
        let session = Session::new(&mut http)?;
        let mut tokens = vec![session.host.clone()];
        for _ in 1..OF_A_SESSION {
            tokens.push(session.guest(&mut http)?);
        }
        people.push((session, tokens));
    }
    for (session, tokens) in people {
        fleet.set_path(session.path());
        let first = fleet.opened();
        fleet.open_all(&vec![String::new(); tokens.len()])?;
        for (id, jwt) in (first..).zip(tokens) {
            let mut bytes = Vec::new();
            let register = share::command(&jwt, "register", &json!({}));
            frame::append(frame::TEXT, register.as_bytes(), &mut bytes);
            fleet.send(id, &bytes)?;
        }
    }
    let registered = Instant::now();
    while registered.elapsed() < ANSWER {
        let mut refusal = None;
        fleet.poll(Duration::from_millis(100), |_, incoming| match incoming {
            Incoming::Refused(frame) => {
                refusal = Some(String::from_utf8_lossy(frame).into_owned());
            }
            Incoming::Ended(ending) => refusal = Some(format!("{ending:?}")),
            _ => {}
        })?;
        if let Some(refusal) = refusal {
            bail!("a member was refused: {refusal}");
        }
    }
    Ok(registered)
}

struct Memory {
    resident: u64,
    anonymous: u64,
}

impl Memory {
    fn of(server: Process) -> anyhow::Result<Self> {
        Ok(Self { resident: server.rss()?, anonymous: server.anonymous()? })
    }
}
