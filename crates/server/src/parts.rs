//! The parts of a running server, in one list: what happens every second, and shutting them
//! down, step by step and within limits.
//!
//! Invariant: a step begins when the one before has ended for every part, or its time is
//! over. Within the first two steps parts do not wait for each other; the last goes along
//! the list, because what a part writes back may still ask for a mail, and mail comes last.
//! A part that panics keeps no other from any step, nor the database from being closed.

mod mail;
mod sockets;

use std::sync::{Arc, Weak};
use std::time::Duration;

use ::accounts::{Presence, SessionEnded};
use base::{AccountId, SessionRef, Vital, caught};
use capability::{BoxFuture, Left, Part};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) use mail::MailPart;
pub(crate) use sockets::SocketsPart;

/// Of the time for draining, what finishing the work that was taken in may take. A database
/// that stands still must not keep the sockets from their close frames.
const FINISH_LIMIT: Duration = Duration::from_secs(4);

/// Of the time for draining, what sockets may take to close.
const CLOSE_LIMIT: Duration = Duration::from_millis(3_500);

/// All parts of one server; cheap to clone.
#[derive(Clone)]
pub(crate) struct Parts(Arc<[Arc<dyn Part>]>);

impl Parts {
    pub(crate) fn new(parts: Vec<Arc<dyn Part>>) -> Self {
        Self(parts.into())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn Part>> {
        self.0.iter()
    }

    /// Who is to be told of sessions that end.
    pub(crate) fn session_listener(&self) -> Arc<dyn SessionEnded> {
        Arc::new(SessionListener(Arc::downgrade(&self.0)))
    }

    /// Does what is due every second. No part keeps another from its own, not even by a
    /// panic, which `vital` hears of.
    pub(crate) async fn tick(&self, vital: &Vital) {
        let mut well = true;
        for part in self.iter() {
            well &= caught(async { part.tick().await }).await.is_some();
        }
        vital.set_well(well);
    }

    /// The same of what may wait for the database.
    pub(crate) async fn sweep(&self, vital: &Vital) {
        let mut well = true;
        for part in self.iter() {
            well &= caught(async { part.sweep().await }).await.is_some();
        }
        vital.set_well(well);
    }

    /// Whether the work of any part stands still.
    pub(crate) fn is_stalled(&self) -> bool {
        self.iter().any(|part| part.is_stalled())
    }

    /// Ends all work and every long connection, with what was taken in finished and
    /// delivered before.
    pub(crate) async fn drain(&self) {
        self.drain_within(FINISH_LIMIT, CLOSE_LIMIT).await;
    }

    async fn drain_within(&self, finishing: Duration, closing: Duration) {
        self.each(|part| Box::pin(finish(part, finishing))).await;
        self.each(|part| Box::pin(close(part, closing))).await;
    }

    /// Writes back what is only in memory. Nothing is served any more.
    pub(crate) async fn flush(&self) {
        for part in self.iter() {
            survive(part, "flush", async { part.flush().await }).await;
        }
    }

    /// What the parts still hold: nothing that is zero.
    pub(crate) fn left(&self) -> Vec<Left> {
        self.iter().flat_map(|part| part.left()).filter(|(_, count)| *count > 0).collect()
    }

    /// Has all parts do `step` at once, and waits for them.
    async fn each(&self, step: impl Fn(Arc<dyn Part>) -> BoxFuture<'static>) {
        let steps: JoinSet<()> = self.iter().map(|part| step(part.clone())).collect();
        steps.join_all().await;
    }
}

async fn finish(part: Arc<dyn Part>, within: Duration) {
    let finished = timeout(within, survive(&part, "finish", async { part.finish().await }));
    if finished.await.is_err() {
        let (part, left) = (part.name(), part.left());
        tracing::error!(part, ?left, "what was taken in is not finished in time");
    }
}

async fn close(part: Arc<dyn Part>, within: Duration) {
    survive(&part, "close", async { part.close(within).await }).await;
}

/// Does a `step` of shutting `part` down. A panic ends that step, and nothing else.
async fn survive(part: &Arc<dyn Part>, step: &str, work: impl Future<Output = ()>) {
    if caught(work).await.is_none() {
        tracing::error!(part = part.name(), step, "a part panicked while shutting down");
    }
}

impl Presence for Parts {
    fn online(&self) -> Vec<String> {
        let mut names: Vec<_> = self.iter().flat_map(|part| part.online()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn is_online(&self, account: AccountId) -> bool {
        self.iter().any(|part| part.is_online(account))
    }
}

/// Tells all parts of sessions that end, for as long as there are any. Accounts keep it and
/// are one of them, so it does not keep them: they would keep each other, and the database.
struct SessionListener(Weak<[Arc<dyn Part>]>);

impl SessionEnded for SessionListener {
    fn session_ended(&self, account: AccountId, session: SessionRef) {
        for part in self.0.upgrade().iter().flat_map(|parts| parts.iter()) {
            part.session_ended(account, session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use base::Vitals;
    use parking_lot::Mutex;

    use super::*;

    /// Writes down what it is asked to do.
    struct Scribe {
        name: &'static str,
        log: Arc<Mutex<Vec<String>>>,
        gets_stuck: bool,
    }

    impl Scribe {
        fn note(&self, what: &str) {
            self.log.lock().push(format!("{} {what}", self.name));
        }
    }

    impl Part for Scribe {
        fn name(&self) -> &'static str {
            self.name
        }

        fn tick(&self) -> BoxFuture<'_> {
            assert!(!self.gets_stuck, "on purpose");
            self.note("ticks");
            Box::pin(async {})
        }

        fn finish(&self) -> BoxFuture<'_> {
            self.note("finishes");
            if self.gets_stuck { Box::pin(pending()) } else { Box::pin(async {}) }
        }

        fn close(&self, _: Duration) -> BoxFuture<'_> {
            self.note("closes");
            Box::pin(async {})
        }

        fn flush(&self) -> BoxFuture<'_> {
            self.note("flushes");
            Box::pin(async {})
        }

        fn left(&self) -> Vec<Left> {
            vec![("jobs", usize::from(self.gets_stuck)), ("bytes", 0)]
        }
    }

    fn two(log: &Arc<Mutex<Vec<String>>>) -> Parts {
        let part = |name, gets_stuck| Arc::new(Scribe { name, log: log.clone(), gets_stuck });
        Parts::new(vec![part("one", true), part("two", false)])
    }

    #[tokio::test]
    async fn a_part_that_gets_stuck_keeps_the_others_from_no_step() {
        let log = Arc::default();
        let parts = two(&log);
        parts.drain_within(Duration::ZERO, Duration::ZERO).await;
        parts.flush().await;
        let mut done = log.lock().clone();
        done[..2].sort_unstable();
        done[2..4].sort_unstable();
        let expected = ["finishes", "closes", "flushes"]
            .map(|step| ["one", "two"].map(|part| format!("{part} {step}")));
        assert_eq!(done, expected.concat());
        assert_eq!(parts.left(), [("jobs", 1)]);
    }

    /// Panics whatever it is asked to do.
    struct Broken;

    impl Part for Broken {
        fn name(&self) -> &'static str {
            "broken"
        }

        fn finish(&self) -> BoxFuture<'_> {
            panic!("on purpose")
        }

        fn close(&self, _: Duration) -> BoxFuture<'_> {
            Box::pin(async { panic!("on purpose") })
        }

        fn flush(&self) -> BoxFuture<'_> {
            panic!("on purpose")
        }
    }

    #[tokio::test]
    async fn a_part_that_panics_while_shutting_down_keeps_the_others_from_no_step() {
        let log = Arc::default();
        let scribe = Scribe { name: "one", log: Arc::clone(&log), gets_stuck: false };
        let parts = Parts::new(vec![Arc::new(Broken), Arc::new(scribe)]);
        parts.drain().await;
        parts.flush().await;
        assert_eq!(*log.lock(), ["one finishes", "one closes", "one flushes"]);
    }

    #[test]
    fn telling_of_ended_sessions_keeps_no_part() {
        let parts = two(&Arc::default());
        let listener = parts.session_listener();
        let kept = Arc::downgrade(&parts.0);
        drop(parts);
        assert!(kept.upgrade().is_none());
        listener.session_ended(AccountId(1), SessionRef(1));
    }

    #[tokio::test]
    async fn a_part_that_panics_keeps_the_others_from_nothing_and_is_told() {
        let (log, vitals) = (Arc::default(), Vitals::default());
        two(&log).tick(&vitals.watch("tick")).await;
        assert_eq!(*log.lock(), ["two ticks"]);
        assert_eq!(vitals.missing(), ["tick"]);
    }
}
