//! Thousands of connections vanish at once: how long do newcomers wait meanwhile?
//!
//! A probe is a new connection that shakes hands, posts a message and waits for the answer
//! (the acknowledgement, or its own message where there is none); then it is dropped.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::fleet::{Fleet, Id, Incoming};
use crate::frame;
use crate::latency::Latencies;
use crate::options::Options;
use crate::stamp::Stamps;

/// A probe starts this often.
const EVERY: Duration = Duration::from_millis(20);

/// A probe not answered within this has not been served.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects everyone, drops them and probes for the measured time.
pub(crate) fn run(options: &Options) -> anyhow::Result<Value> {
    let probes = (options.measured.as_millis() / EVERY.as_millis()) as usize + 1;
    let mut identities =
        options.dialect.identities(options.target, options.connections + probes)?;
    let newcomers = identities.split_off(options.connections);
    let mut fleet = Fleet::new(options.dialect, options.target)?;
    fleet.open_all(&identities)?;
    fleet.settle(Duration::from_secs(1), Duration::from_secs(60))?;

    let vanishing = fleet.take_first(options.connections);
    let start = Instant::now();
    let closing = thread::spawn(move || {
        drop(vanishing);
        start.elapsed()
    });
    let mut probing = Probing::new(fleet, options);
    probing.run(start, &newcomers)?;
    let closing = closing.join().map_err(|_| anyhow::anyhow!("the closing thread failed"))?;
    ensure!(probing.served > 0, "no newcomer was served: {:?}", probing.failure);
    Ok(json!({
        "connections": options.connections,
        "vanished_in_s": closing.as_secs_f64(),
        "probes": newcomers.len(),
        "served": probing.served,
        "unserved": newcomers.len() - probing.served,
        "first_failure": probing.failure,
        "time_to_service": probing.times.summary(),
    }))
}

struct Probing {
    fleet: Fleet,
    dialect: &'static dyn crate::dialect::Dialect,
    stamps: Stamps,
    /// Probes under way, with when each began and, once it has posted, the stamp it did so with.
    under_way: HashMap<Id, (u64, Option<u64>)>,
    times: Latencies,
    served: usize,
    failure: Option<String>,
}

impl Probing {
    fn new(fleet: Fleet, options: &Options) -> Self {
        Self {
            fleet,
            dialect: options.dialect,
            stamps: Stamps::new(options.text),
            under_way: HashMap::new(),
            times: Latencies::default(),
            served: 0,
            failure: None,
        }
    }

    /// Starts a probe for each newcomer in turn, and ends when all are served or given up.
    fn run(&mut self, start: Instant, newcomers: &[String]) -> anyhow::Result<()> {
        let mut waiting = newcomers.iter().zip(0..);
        let mut next = waiting.next();
        while next.is_some() || !self.under_way.is_empty() {
            if let Some((identity, number)) = next
                && start.elapsed() >= EVERY * number
            {
                let began = self.stamps.now();
                let id = self.fleet.open(identity, None)?;
                self.under_way.insert(id, (began, None));
                next = waiting.next();
            }
            self.step()?;
            self.give_up();
        }
        Ok(())
    }

    fn step(&mut self) -> anyhow::Result<()> {
        let (mut ready, mut answered, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        let Self { fleet, under_way, .. } = self;
        fleet.poll(Duration::from_millis(1), |id, incoming| match incoming {
            Incoming::Ready(_) => ready.push(id),
            Incoming::Accepted => answered.push(id),
            Incoming::Message(payload) => {
                let own = under_way.get(&id).and_then(|(_, posted)| *posted);
                if own.is_some() && own == Stamps::find(payload) {
                    answered.push(id);
                }
            }
            Incoming::Refused(answer) => {
                ended.push((id, String::from_utf8_lossy(answer).into_owned()));
            }
            Incoming::Ended(ending) => ended.push((id, format!("{ending:?}"))),
            Incoming::Left | Incoming::Other => {}
        })?;
        for id in ready {
            self.post(id)?;
        }
        for id in answered {
            if let Some((began, _)) = self.under_way.remove(&id) {
                self.times.record(self.stamps.now() - began);
                self.served += 1;
                self.fleet.close(id);
            }
        }
        for (id, why) in ended {
            self.under_way.remove(&id);
            self.fleet.close(id);
            self.failure.get_or_insert(why);
        }
        Ok(())
    }

    fn post(&mut self, id: Id) -> anyhow::Result<()> {
        let Some((_, posted)) = self.under_way.get_mut(&id) else { return Ok(()) };
        // Two probes may be ready in one microsecond; their texts must still differ.
        let moment = self.stamps.now() * 1000 + (id % 1000) as u64;
        *posted = Some(moment);
        let mut bytes = Vec::new();
        let payload = self.dialect.post(&self.stamps.text(moment));
        frame::append(frame::TEXT, payload.as_bytes(), &mut bytes);
        self.fleet.send(id, &bytes)
    }

    fn give_up(&mut self) {
        let now = self.stamps.now();
        let patience = PATIENCE.as_micros() as u64;
        let Self { fleet, under_way, failure, .. } = self;
        under_way.retain(|id, (began, _)| {
            let waits = now - *began < patience;
            if !waits {
                fleet.close(*id);
                failure.get_or_insert_with(|| format!("not served within {PATIENCE:?}"));
            }
            waits
        });
    }
}
