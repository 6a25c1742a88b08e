//! Whether the tasks that live as long as the server are there and well.
//!
//! Such a task holds a [`Vital`] for as long as it runs. If it panics, the unwinding drops
//! the `Vital`, and the owner of the [`Vitals`] is told at once: no task awaits such a one,
//! so its end would otherwise be noticed by what no longer happens.
//!
//! There are two ways to deal with a panic, and each task has one of them:
//! - its work is one item after the other, and an item that panics harms no other: it
//!   [survives](Vital::survive) the panic of an item and goes on with the next;
//! - its state may be half-changed: it dies, and the server goes down in order.
//!
//! Deliberately absent: spawning. Any kind of thread or task can hold a `Vital`.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

type OnLost = Box<dyn Fn(&'static str) + Send + Sync>;

/// The tasks of one server. Cloning is cheap; all clones are the same.
#[derive(Clone, Default)]
pub struct Vitals(Arc<Inner>);

#[derive(Default)]
struct Inner {
    missing: Mutex<Vec<&'static str>>,
    on_lost: Option<OnLost>,
}

impl Vitals {
    /// Calls `on_lost` with a task's name when it has panicked: on the thread that
    /// unwinds, so it should only pass the word on. The default does nothing.
    #[must_use]
    pub fn new(on_lost: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { missing: Mutex::default(), on_lost: Some(Box::new(on_lost)) }))
    }

    /// What a task holds while it runs. `name` is for the log, and the same for tasks that
    /// do the same.
    #[must_use]
    pub fn watch(&self, name: &'static str) -> Vital {
        Vital { vitals: self.clone(), name }
    }

    /// The tasks that panicked, and those whose last item did.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<&'static str>> {
        // A list of names is whole after every statement.
        self.0.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_missing(&self, name: &'static str, is_missing: bool) {
        let mut missing = self.lock();
        missing.retain(|other| *other != name);
        if is_missing {
            missing.push(name);
        }
    }
}

impl fmt::Debug for Vitals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vitals").field("missing", &self.missing()).finish_non_exhaustive()
    }
}

/// A task that runs. Dropped by a panic, the task is lost; dropped otherwise (it returned,
/// it was aborted, the runtime ended) it is over as was wanted.
#[derive(Debug)]
pub struct Vital {
    vitals: Vitals,
    name: &'static str,
}

/// What `work` comes to, or `None` if it panicked. Whatever it shares with others must not
/// be left half-changed by a panic.
pub async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    // A future that panicked is not polled again: this one is ready then.
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

impl Vital {
    /// [`caught`], for an item of the task's work: until an item ends without a panic, the
    /// task is among the [`missing`](Vitals::missing).
    pub async fn survive<T>(&self, item: impl Future<Output = T>) -> Option<T> {
        let done = caught(item).await;
        self.set_well(done.is_some());
        done
    }

    /// Says how the last item of work went, if that was caught elsewhere: `false` after a
    /// panic, `true` after an end of any other kind.
    pub fn set_well(&self, is_well: bool) {
        self.vitals.set_missing(self.name, !is_well);
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.vitals.set_missing(self.name, true);
        if let Some(on_lost) = &self.vitals.0.on_lost {
            on_lost(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};

    /// Runs a future that never waits.
    fn now<T>(future: impl Future<Output = T>) -> T {
        let mut cx = Context::from_waker(Waker::noop());
        match pin!(future).poll(&mut cx) {
            Poll::Ready(done) => done,
            Poll::Pending => panic!("it waits"),
        }
    }

    #[test]
    fn a_panic_is_told_and_stays_known() {
        let (told, lost) = channel();
        let vitals = Vitals::new(move |name| told.send(name).unwrap());
        let vital = vitals.watch("committer");
        let task = AssertUnwindSafe(move || {
            let _vital = vital;
            panic!("on purpose");
        });
        assert!(catch_unwind(task).is_err());
        assert_eq!(lost.try_recv(), Ok("committer"));
        assert_eq!(vitals.missing(), ["committer"]);
    }

    #[test]
    fn an_end_without_a_panic_is_none() {
        let vitals = Vitals::new(|name| panic!("{name} only returned"));
        drop(vitals.watch("committer"));
        assert!(vitals.missing().is_empty());
    }

    #[test]
    fn an_item_that_panicked_is_forgotten_when_the_next_does_not() {
        let vitals = Vitals::default();
        let sweep = vitals.watch("sweep");
        for _ in 0..2 {
            assert_eq!(now(sweep.survive(async { panic!("on purpose") })), None::<()>);
            assert_eq!(vitals.missing(), ["sweep"]);
        }
        assert_eq!(now(sweep.survive(async { 7 })), Some(7));
        assert!(vitals.missing().is_empty());
    }

    #[test]
    fn a_task_that_panics_after_waiting_is_lost_too() {
        let vitals = Vitals::default();
        let vital = vitals.watch("mail");
        let mut first = true;
        let task = async move {
            let _vital = vital;
            poll_fn(move |_| match std::mem::take(&mut first) {
                true => Poll::Pending,
                false => panic!("on purpose"),
            })
            .await
        };
        let mut task = Box::pin(task);
        let mut poll = || task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll(), Poll::<()>::Pending);
        assert!(vitals.missing().is_empty());
        assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
        assert_eq!(vitals.missing(), ["mail"]);
    }
}
