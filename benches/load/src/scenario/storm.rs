//! Thousands come back at once, and each has missed much: how long until all are caught
//! up, what does it cost the server, and what do the others notice?

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::others::Others;
use crate::fleet::{Ending, Fleet, Incoming};
use crate::latency::Latencies;
use crate::options::Options;
use crate::process::Process;

/// Connections begun between two looks at what has come.
const AT_ONCE: usize = 200;

/// A client that is not back by then counts as lost.
const LIMIT: Duration = Duration::from_secs(90);

/// After being cut off a client comes back in this time, as our page does.
const BACK_AFTER: Duration = Duration::from_millis(500);

/// The server's memory is looked at this often.
const LOOK: Duration = Duration::from_millis(50);

/// How long everybody must stay, once all are back.
const STAY: Duration = Duration::from_secs(3);

/// Makes a history, lets everybody come back to it, and watches.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let people = options.receivers + 1;
    let mut identities =
        options.dialect.identities(options.target, options.connections + people)?;
    let of_others = identities.split_off(options.connections);
    let mut others = Others::connect(options, &of_others)?;
    others.fill(options.missed)?;
    let epoch = epoch(&others.welcome).context("the welcome tells no epoch")?;

    let server = Process::new(options.pid);
    let before = server.rss()?;
    let mut fleet = Fleet::new(options.dialect, options.target)?;
    fleet.set_path(format!("/ws?last_id=0&epoch={epoch}"));
    let mut storm = Storm::new(fleet, identities, Latencies::default());
    let others = others.go_on();
    let (start, mut highest, mut looked) = (Instant::now(), before, Instant::now());
    let mut back_in = None;
    while back_in.is_none_or(|back| start.elapsed() < back + STAY) {
        ensure!(start.elapsed() < LIMIT, "{} came back in {LIMIT:?}", storm.back);
        storm.step()?;
        if looked.elapsed() >= LOOK {
            highest = highest.max(server.rss()?);
            looked = Instant::now();
        }
        if storm.back == options.connections {
            back_in = back_in.or_else(|| Some(start.elapsed()));
        } else {
            back_in = None;
        }
    }
    let (lost, latency) = others.stop()?.figures();
    Ok(json!({
        "connections": options.connections,
        "missed": options.missed,
        "back_in_s": back_in.map(|back| back.as_secs_f64()),
        "cut": storm.cut,
        "endings": storm.endings,
        "time_to_welcome": storm.times.summary(),
        "rss_before_bytes": before,
        "rss_highest_bytes": highest,
        "others": options.receivers,
        "others_cut": lost,
        "latency": latency,
    }))
}

fn epoch(welcome: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(welcome);
    let (_, after) = text.split_once("\"epoch\":\"")?;
    after.split_once('"').map(|(epoch, _)| epoch.to_owned())
}

struct Storm {
    fleet: Fleet,
    /// Who is to come, with when.
    coming: std::collections::VecDeque<(Instant, usize)>,
    identities: Vec<String>,
    /// By connection: who it is, and when it began.
    who: Vec<(usize, Instant)>,
    back: usize,
    ready: std::collections::HashSet<usize>,
    cut: usize,
    endings: std::collections::BTreeMap<String, usize>,
    times: Latencies,
}

impl Storm {
    fn new(fleet: Fleet, identities: Vec<String>, times: Latencies) -> Self {
        let now = Instant::now();
        Self {
            fleet,
            coming: (0..identities.len()).map(|person| (now, person)).collect(),
            identities,
            who: Vec::new(),
            back: 0,
            ready: std::collections::HashSet::new(),
            cut: 0,
            endings: std::collections::BTreeMap::new(),
            times,
        }
    }

    fn step(&mut self) -> anyhow::Result<()> {
        for _ in 0..AT_ONCE {
            let Some((_, person)) = self.coming.pop_front_if(|(when, _)| *when <= Instant::now())
            else {
                break;
            };
            let id = self.fleet.open(&self.identities[person], None)?;
            debug_assert_eq!(id, self.who.len());
            self.who.push((person, Instant::now()));
        }
        let Self { fleet, who, back, ready, cut, endings, coming, times, .. } = self;
        fleet.poll(Duration::from_millis(1), |id, incoming| match incoming {
            Incoming::Ready(_) => {
                *back += 1;
                ready.insert(id);
                times.record(u64::try_from(who[id].1.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            Incoming::Ended(ending) => {
                *cut += 1;
                *back -= usize::from(ready.remove(&id));
                *endings.entry(words(&ending)).or_default() += 1;
                coming.push_back((Instant::now() + BACK_AFTER, who[id].0));
            }
            _ => {}
        })
    }
}

fn words(ending: &Ending) -> String {
    format!("{ending:?}")
}
