//! Dead-lines of all connections, kept by one timer.
//!
//! A timer for each connection would cost more than the connection does while idle.
//! Instead one sweep a second looks at every connection: who is silent is pinged, who
//! stays silent is dropped, who takes nothing is cut off, who does not finish closing
//! is dropped. Dead-lines are therefore kept to within one sweep.
//!
//! A silent peer is cut off like a slow one, with a close frame that says which of the two
//! it was: it may only be asleep, and a connection that is torn down without a word tells
//! it nothing.
//!
//! A peer whose handler is [flow controlled](crate::Handler::FLOW_CONTROLLED) is not silent
//! while something waits for it, and has longer to take some of it.
//!
//! Only time in which the server ran counts against a peer (see [`crate::stall`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::Clock;
use hub::Outbox;

use crate::Limits;
use crate::frame::CloseCode;
use crate::stall::{Moment, millis};

/// First pings are spread over so many seconds, or connections that were opened
/// together would be pinged together for ever.
const SPREAD: u64 = 5;

/// The signs of life of a connection, in milliseconds of the monotonic clock.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    outbox: Arc<Outbox>,
    clock: Arc<dyn Clock>,
    heard: AtomicU64,
    pinged: AtomicU64,
    /// When the sweep first saw it closing; zero before.
    closing: AtomicU64,
    /// Since when part of a message waits for the rest; zero if none does.
    incomplete: AtomicU64,
    /// It is not being read from, or the listener does not ask for more of a stream of
    /// events: its silence says nothing.
    paused: AtomicBool,
    /// Nothing ever comes from the peer: what counts is when it was last sent something.
    one_way: bool,
    /// It may stop reading on purpose; see [`crate::Handler::FLOW_CONTROLLED`].
    flow_controlled: bool,
}

/// What the sweep did to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    Fine,
    Pinged,
    Silent,
    Slow,
    Unfinished,
    Lingering,
}

impl Heartbeat {
    pub(crate) fn new(outbox: Arc<Outbox>, clock: Arc<dyn Clock>, flow_controlled: bool) -> Self {
        let now = millis(clock.monotonic());
        Self {
            outbox,
            clock,
            heard: AtomicU64::new(now),
            pinged: AtomicU64::new(now),
            closing: AtomicU64::new(0),
            incomplete: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            one_way: false,
            flow_controlled,
        }
    }

    /// Of a connection that only sends.
    pub(crate) fn one_way(
        outbox: Arc<Outbox>,
        clock: Arc<dyn Clock>,
        flow_controlled: bool,
    ) -> Self {
        Self { one_way: true, ..Self::new(outbox, clock, flow_controlled) }
    }

    pub(crate) fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// The peer has sent something, or taken it where it only takes.
    pub(crate) fn heard(&self) {
        self.heard.store(millis(self.clock.monotonic()), Ordering::Relaxed);
    }

    /// Reading stops, or goes on (of a stream of events: the listener's asking): silence
    /// counts from then.
    pub(crate) fn pause(&self, paused: bool) {
        if self.paused.swap(paused, Ordering::Relaxed) && !paused {
            self.heard();
        }
    }

    /// Whether part of a message waits for the rest.
    pub(crate) fn incomplete(&self, incomplete: bool) {
        let since = self.incomplete.load(Ordering::Relaxed);
        if incomplete && since == 0 {
            let now = millis(self.clock.monotonic()).max(1);
            self.incomplete.store(now, Ordering::Relaxed);
        } else if !incomplete && since > 0 {
            self.incomplete.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn sweep(&self, moment: Moment, limits: &Limits) -> Swept {
        let status = self.outbox.status();
        if status.closing {
            return self.sweep_closing(moment, status.cut, limits);
        }
        let blocked = self.outbox.blocked_for(Duration::from_millis(moment.now));
        if self.flow_controlled && blocked.is_some() {
            // Silence counts from when it has taken everything.
            self.heard.fetch_max(moment.now, Ordering::Relaxed);
        }
        let since_heard = moment.since(self.heard.load(Ordering::Relaxed));
        let silence = if self.paused.load(Ordering::Relaxed) { 0 } else { since_heard };
        if silence >= millis(limits.dead_after) && !self.one_way {
            let seconds = limits.dead_after.as_secs();
            let reason = format!("nothing was heard from you for {seconds} s: reconnect");
            self.outbox.cut_with(CloseCode::TryAgainLater.because(&reason));
            self.closing.store(moment.now.max(1), Ordering::Relaxed);
            return Swept::Silent;
        }
        let patience = if self.flow_controlled { limits.flow_blocked } else { limits.blocked };
        if blocked.is_some_and(|blocked| blocked.min(moment.running()) >= patience) {
            self.outbox.cut();
            self.closing.store(moment.now.max(1), Ordering::Relaxed);
            return Swept::Slow;
        }
        let unfinished = self.incomplete.load(Ordering::Relaxed);
        if unfinished > 0 && moment.since(unfinished) >= millis(limits.message) {
            let reason = "a message took too long";
            self.outbox.close(CloseCode::TryAgainLater.because(reason));
            return Swept::Unfinished;
        }
        self.ping(moment, silence, limits)
    }

    fn sweep_closing(&self, moment: Moment, cut: bool, limits: &Limits) -> Swept {
        let linger = if cut { limits.cut } else { limits.linger };
        let since = self.closing.load(Ordering::Relaxed);
        if since == 0 {
            self.closing.store(moment.now.max(1), Ordering::Relaxed);
            // Cut off by its outbox, between two sweeps: over the cap.
            return if cut { Swept::Slow } else { Swept::Fine };
        } else if moment.since(since) >= millis(linger) {
            self.outbox.abort();
            return Swept::Lingering;
        }
        Swept::Fine
    }

    fn ping(&self, moment: Moment, silence: u64, limits: &Limits) -> Swept {
        let spread = self.outbox.id() % SPREAD * 1_000;
        let (due, spread) = match self.one_way {
            true => (millis(limits.comment_after), 0),
            false => (millis(limits.ping_after), spread),
        };
        let since_ping = moment.since(self.pinged.load(Ordering::Relaxed));
        if silence < due + spread || since_ping < due {
            return Swept::Fine;
        }
        self.pinged.store(moment.now, Ordering::Relaxed);
        self.outbox.keep_alive();
        Swept::Pinged
    }
}

#[cfg(test)]
mod tests;
