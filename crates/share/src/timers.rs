//! What is due later, all of it kept by one task on the project's clock.
//!
//! An entry is small and cannot be taken back: what has changed meanwhile is looked at when
//! it is due. So entries are as many as there are sessions, transfers and sockets, a few for
//! each: what may begin and end often within the life of its entry has none of its own, but
//! shares one ([`Due::Stalled`](crate::services::Due)).
//!
//! Deliberately absent: what is done when something is due.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// Entries of kind `D`, by when they are due.
#[derive(Debug)]
pub(crate) struct Timers<D> {
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue<D>>,
    changed: Notify,
}

#[derive(Debug)]
struct Queue<D> {
    entries: BTreeMap<(Duration, u64), Entry<D>>,
    last: u64,
    /// It takes no more.
    is_over: bool,
}

/// The timers are over, because the server goes away.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Over;

#[derive(Debug)]
enum Entry<D> {
    Due(D),
    Wake(oneshot::Sender<()>),
}

impl<D> Timers<D> {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let queue = Mutex::new(Queue { entries: BTreeMap::new(), last: 0, is_over: false });
        Self { clock, queue, changed: Notify::new() }
    }

    /// `due` is due at `when`, on the monotonic clock.
    pub(crate) fn at(&self, when: Duration, due: D) {
        self.insert(when, Entry::Due(due));
    }

    /// Waits for `span`.
    ///
    /// # Errors
    /// The timers [end](Self::end) before.
    pub(crate) async fn sleep(&self, span: Duration) -> Result<(), Over> {
        let (wake, woken) = oneshot::channel();
        self.insert(self.clock.monotonic().saturating_add(span), Entry::Wake(wake));
        woken.await.map_err(|_| Over)
    }

    /// Nothing is due any more, and sleepers are woken.
    pub(crate) fn end(&self) {
        let mut queue = self.queue.lock();
        queue.is_over = true;
        queue.entries.clear();
    }

    fn insert(&self, when: Duration, entry: Entry<D>) {
        let mut queue = self.queue.lock();
        if queue.is_over {
            return;
        }
        queue.last += 1;
        let key = (when, queue.last);
        let is_first = queue.entries.first_key_value().is_none_or(|(first, _)| key < *first);
        queue.entries.insert(key, entry);
        drop(queue);
        if is_first {
            self.changed.notify_one();
        }
    }

    /// The next that is due now.
    pub(crate) fn pop(&self) -> Option<D> {
        let now = self.clock.monotonic();
        let mut queue = self.queue.lock();
        loop {
            let first = queue.entries.first_entry()?;
            if first.key().0 > now {
                return None;
            }
            match first.remove() {
                Entry::Due(due) => return Some(due),
                Entry::Wake(wake) => drop(wake.send(())),
            }
        }
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.queue.lock().entries.len()
    }

    /// Returns when something may be due.
    pub(crate) async fn wait(&self) {
        let first = self.queue.lock().entries.first_key_value().map(|((when, _), _)| *when);
        let changed = self.changed.notified();
        match first {
            None => changed.await,
            Some(when) => {
                let span = when.saturating_sub(self.clock.monotonic());
                // Over by the time, or because something is due earlier: either is looked at.
                let _ = tokio::time::timeout(span, changed).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base::{ManualClock, Timestamp};

    use super::*;

    #[tokio::test]
    async fn entries_are_due_in_the_order_of_their_times() {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let timers = Arc::new(Timers::new(clock.clone()));
        timers.at(Duration::from_secs(3), "later");
        timers.at(Duration::from_secs(1), "soon");
        timers.at(Duration::from_secs(1), "soon too");
        assert_eq!(timers.pop(), None);
        clock.advance(Duration::from_secs(1));
        assert_eq!(timers.pop(), Some("soon"));
        assert_eq!(timers.pop(), Some("soon too"));
        assert_eq!(timers.pop(), None);
        let sleeper = tokio::spawn({
            let timers = timers.clone();
            async move { timers.sleep(Duration::from_secs(1)).await.is_ok() }
        });
        while timers.len() < 2 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(2));
        assert_eq!(timers.pop(), Some("later"), "and the sleeper, who was first, is woken");
        assert!(sleeper.await.unwrap());
    }

    #[tokio::test]
    async fn the_end_wakes_sleepers_and_takes_no_more() {
        let timers = Arc::new(Timers::new(Arc::new(ManualClock::new(Timestamp(0)))));
        let sleeper = tokio::spawn({
            let timers = timers.clone();
            async move { timers.sleep(Duration::from_secs(1)).await }
        });
        while timers.len() == 0 {
            tokio::task::yield_now().await;
        }
        timers.end();
        assert_eq!(sleeper.await.unwrap(), Err(Over));
        assert_eq!(timers.sleep(Duration::from_secs(1)).await, Err(Over));
        timers.at(Duration::ZERO, ());
        assert_eq!(timers.pop(), None);
    }

    #[tokio::test]
    async fn waiting_ends_when_something_is_due() {
        let timers = Timers::new(Arc::new(base::SystemClock::new()));
        timers.at(Duration::ZERO, ());
        timers.wait().await;
        while timers.pop().is_none() {
            timers.wait().await;
        }
    }
}
