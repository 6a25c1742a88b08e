//! A room under load: receivers that count, senders that post at a pace.
//!
//! Connections `0..receivers` receive, the next `senders` post and are not counted. A
//! window counts a message as in flight until the receivers have it on average and, where
//! the dialect acknowledges, until it is accepted; so no server is asked to hold more than
//! another.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::fleet::{Ending, Fleet, Id, Incoming};
use crate::frame;
use crate::latency::Latencies;
use crate::options::Options;
use crate::stamp::Stamps;

/// Receivers whose latency is taken: all of them would cost more than the reading itself.
const SAMPLED: usize = 20;

/// A paced run leaves messages out while more than this many seconds' worth are undelivered.
const BACKLOG_SECONDS: f64 = 2.0;

/// How fast to post.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Whatever fits into this many messages in flight a sender.
    Window(u64),
    /// This many messages a second, over all senders.
    PerSecond(f64),
}

/// What has been counted since the last [`Room::start_counting`].
#[derive(Default)]
pub(crate) struct Counted {
    /// Messages posted.
    pub(crate) messages: u64,
    /// Messages that arrived, over all receivers.
    pub(crate) deliveries: u64,
    /// Messages left out because the server is behind.
    pub(crate) left_out: u64,
    /// From posting to arrival.
    pub(crate) latencies: Latencies,
}

/// The room.
pub(crate) struct Room {
    pub(crate) fleet: Fleet,
    receivers: usize,
    senders: usize,
    acknowledged: bool,
    pace: Pace,
    stamps: Stamps,
    /// A connection whose end is no failure and whose messages are not counted.
    pub(crate) apart: Option<Apart>,
    counted: Counted,
    /// Since the beginning, for the window.
    posted: Vec<u64>,
    accepted: Vec<u64>,
    delivered: u64,
    due: Instant,
    lost: Option<String>,
    dialect: &'static dyn crate::dialect::Dialect,
}

/// The one connection that is watched apart.
pub(crate) struct Apart {
    pub(crate) id: Id,
    /// Messages it has received.
    pub(crate) received: u64,
    pub(crate) ending: Option<Ending>,
    /// Other clients were told that a person left, which can only be this one.
    pub(crate) seen_leaving: bool,
}

impl Room {
    /// Signs up, connects everyone and waits until joins have died down. With `apart`, one
    /// more connection with a receive buffer of that many bytes.
    pub(crate) fn assemble(
        options: &Options,
        pace: Pace,
        apart: Option<usize>,
    ) -> anyhow::Result<Self> {
        let dialect = options.dialect;
        let people = options.receivers + options.senders;
        let identities =
            dialect.identities(options.target, people + usize::from(apart.is_some()))?;
        let mut fleet = Fleet::new(dialect, options.target)?;
        fleet.open_all(&identities[..people])?;
        let apart = match apart {
            Some(buffer) => Some(Apart {
                id: fleet.open(&identities[people], Some(buffer))?,
                received: 0,
                ending: None,
                seen_leaving: false,
            }),
            None => None,
        };
        fleet.settle(Duration::from_millis(500), Duration::from_secs(60))?;
        Ok(Self {
            fleet,
            receivers: options.receivers,
            senders: options.senders,
            acknowledged: dialect.acknowledges(),
            pace,
            stamps: Stamps::new(options.text),
            apart,
            counted: Counted::default(),
            posted: vec![0; options.senders],
            accepted: vec![0; options.senders],
            delivered: 0,
            due: Instant::now(),
            lost: None,
            dialect,
        })
    }

    /// Forgets what was counted so far.
    pub(crate) fn start_counting(&mut self) {
        self.counted = Counted::default();
        self.due = Instant::now();
    }

    /// What was counted since then.
    pub(crate) fn counted(&mut self) -> Counted {
        std::mem::take(&mut self.counted)
    }

    /// Posts and receives for `time`.
    ///
    /// # Errors
    /// When a receiver or sender is lost or a message refused: the figures would be wrong.
    pub(crate) fn run(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            let wait = match self.pace {
                Pace::Window(window) => self.fill(window)?,
                Pace::PerSecond(rate) => self.post_due(rate)?,
            };
            self.receive(wait)?;
        }
        Ok(())
    }

    /// Posts as much as the window lets through.
    fn fill(&mut self, window: u64) -> anyhow::Result<Duration> {
        let all: u64 = self.posted.iter().sum();
        let in_flight = all - self.delivered / self.receivers as u64;
        let mut free = (window * self.senders as u64).saturating_sub(in_flight);
        for sender in 0..self.senders {
            let own = self.posted[sender] - self.accepted[sender];
            let unaccepted = if self.acknowledged { own } else { 0 };
            let fair = free.div_ceil((self.senders - sender) as u64);
            let count = window.saturating_sub(unaccepted).min(fair);
            self.post(sender, count)?;
            free -= count;
        }
        Ok(Duration::from_millis(1))
    }

    /// Posts what has become due, in turn among the senders; returns the time to the next.
    fn post_due(&mut self, rate: f64) -> anyhow::Result<Duration> {
        let step = Duration::from_secs_f64(1.0 / rate);
        while self.due <= Instant::now() {
            self.due += step;
            let all: u64 = self.posted.iter().sum();
            let behind = all - self.delivered / self.receivers as u64;
            if behind as f64 > (rate * BACKLOG_SECONDS).max(2.0) {
                self.counted.left_out += 1;
            } else {
                self.post(all as usize % self.senders, 1)?;
            }
        }
        Ok(self.due.saturating_duration_since(Instant::now()))
    }

    fn post(&mut self, sender: usize, count: u64) -> anyhow::Result<()> {
        if count == 0 {
            return Ok(());
        }
        let payload = self.dialect.post(&self.stamps.text(self.stamps.now()));
        let mut frames = Vec::new();
        (0..count).for_each(|_| frame::append(frame::TEXT, payload.as_bytes(), &mut frames));
        self.fleet.send(self.receivers + sender, &frames)?;
        self.posted[sender] += count;
        self.counted.messages += count;
        Ok(())
    }

    fn receive(&mut self, wait: Duration) -> anyhow::Result<()> {
        let Self { fleet, receivers, stamps, apart, counted, accepted, delivered, lost, .. } = self;
        let receivers = *receivers;
        let every = (receivers / SAMPLED).max(1);
        fleet.poll(wait, |id, incoming| match incoming {
            Incoming::Message(payload) if id < receivers => {
                *delivered += 1;
                counted.deliveries += 1;
                if id % every == 0
                    && let Some(moment) = Stamps::find(payload)
                {
                    counted.latencies.record(stamps.now().saturating_sub(moment));
                }
            }
            Incoming::Accepted if id >= receivers => {
                if let Some(accepted) = accepted.get_mut(id - receivers) {
                    *accepted += 1;
                }
            }
            incoming => match apart.as_mut() {
                Some(apart) if apart.id == id => apart.hear(incoming),
                Some(apart) if matches!(incoming, Incoming::Left) => apart.seen_leaving = true,
                _ => *lost = lost.take().or_else(|| failure(id, incoming)),
            },
        })?;
        match self.lost.take() {
            Some(lost) => bail!(lost),
            None => Ok(()),
        }
    }

    /// Fails if nothing was delivered: every figure would be meaningless.
    pub(crate) fn check(counted: &Counted) -> anyhow::Result<()> {
        ensure!(counted.deliveries > 0, "nothing was delivered");
        Ok(())
    }
}

impl Apart {
    fn hear(&mut self, incoming: Incoming<'_>) {
        match incoming {
            Incoming::Message(_) => self.received += 1,
            Incoming::Ended(ending) => self.ending = Some(ending),
            _ => {}
        }
    }
}

fn failure(id: Id, incoming: Incoming<'_>) -> Option<String> {
    match incoming {
        Incoming::Ended(ending) => Some(format!("connection {id} ended: {ending:?}")),
        Incoming::Refused(answer) => {
            Some(format!("a message was refused: {}", String::from_utf8_lossy(answer)))
        }
        Incoming::Left => Some("somebody left the room".to_owned()),
        _ => None,
    }
}
