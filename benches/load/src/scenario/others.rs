//! Clients to which nothing happens: they are in the room and hear messages at a steady rate
//! while something happens to others. How long messages take to reach them is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::fleet::{Fleet, Id, Incoming};
use crate::frame;
use crate::latency::Latencies;
use crate::options::Options;
use crate::stamp::Stamps;

/// Messages in flight while the history is being made.
const WINDOW: usize = 32;

/// Receivers whose latencies are kept.
const SAMPLED: usize = 50;

/// Others who go on in their thread.
pub(crate) struct GoingOn {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<anyhow::Result<Others>>,
}

impl GoingOn {
    /// Stops them; fails if they had failed.
    pub(crate) fn stop(self) -> anyhow::Result<Others> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| bail!("the others' thread failed"))
    }
}

/// See the module's documentation. The last of the connections posts.
pub(crate) struct Others {
    fleet: Fleet,
    dialect: &'static dyn crate::dialect::Dialect,
    stamps: Stamps,
    receivers: usize,
    due: Instant,
    step: Duration,
    accepted: usize,
    latencies: Latencies,
    /// What the poster was welcomed with.
    pub(crate) welcome: Vec<u8>,
    lost: usize,
}

impl Others {
    /// Connects `identities`.
    pub(crate) fn connect(options: &Options, identities: &[String]) -> anyhow::Result<Self> {
        let mut fleet = Fleet::new(options.dialect, options.target)?;
        let welcome = fleet.open_all(identities)?;
        Ok(Self {
            fleet,
            dialect: options.dialect,
            stamps: Stamps::new(options.text),
            receivers: identities.len() - 1,
            due: Instant::now(),
            step: Duration::from_secs_f64(1.0 / options.rate),
            accepted: 0,
            latencies: Latencies::default(),
            welcome,
            lost: 0,
        })
    }

    /// Posts `count` messages as fast as they are accepted.
    pub(crate) fn fill(&mut self, count: usize) -> anyhow::Result<()> {
        let (mut posted, limit) = (0, Instant::now() + Duration::from_secs(120));
        while self.accepted < count {
            ensure!(Instant::now() < limit, "{} of {count} were accepted in time", self.accepted);
            while posted < count && posted - self.accepted < WINDOW {
                self.post()?;
                posted += 1;
            }
            self.hear(Duration::from_millis(5))?;
        }
        self.due = Instant::now();
        self.latencies = Latencies::default();
        Ok(())
    }

    /// Posts at the rate and hears what comes, in a thread of their own until told to stop:
    /// what happens to the rest of the fleet must not look like the server's delay.
    pub(crate) fn go_on(mut self) -> GoingOn {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let now = Instant::now();
                if self.due <= now {
                    self.due += self.step;
                    self.post()?;
                }
                self.hear(self.due.saturating_duration_since(now))?;
            }
            Ok(self)
        });
        GoingOn { stop, thread }
    }

    fn post(&mut self) -> anyhow::Result<()> {
        let payload = self.dialect.post(&self.stamps.text(self.stamps.now()));
        let mut bytes = Vec::new();
        frame::append(frame::TEXT, payload.as_bytes(), &mut bytes);
        self.fleet.send(self.receivers, &bytes)
    }

    fn hear(&mut self, wait: Duration) -> anyhow::Result<()> {
        let Self { fleet, receivers, stamps, accepted, latencies, lost, .. } = self;
        let every = (*receivers / SAMPLED).max(1);
        let mut refused = None;
        fleet.poll(wait, |id: Id, incoming| match incoming {
            Incoming::Message(payload) if id.is_multiple_of(every) => {
                if let Some(moment) = Stamps::find(payload) {
                    latencies.record(stamps.now().saturating_sub(moment));
                }
            }
            Incoming::Accepted => *accepted += 1,
            Incoming::Refused(answer) => {
                refused = Some(String::from_utf8_lossy(answer).into_owned())
            }
            Incoming::Ended(_) => *lost += 1,
            _ => {}
        })?;
        match refused {
            Some(answer) => bail!("a message was refused: {answer}"),
            None => Ok(()),
        }
    }

    /// How many of them were cut off, and what was measured.
    pub(crate) fn figures(self) -> (usize, serde_json::Value) {
        (self.lost, self.latencies.summary())
    }
}
