//! A topic: its members and the one order in which they hear things.
//!
//! Submitting appends to the intake of every partition concerned and returns; one
//! task a partition delivers (see [`round`]). Members are spread over the
//! partitions, so that a large room uses every core; all partitions see the same
//! publications in the same order, because the caller submits under its room's lock. A
//! [growing](Topic::growing) topic has one task until it has more than [`SMALL`] members.
//!
//! Invariants: a member that joins hears exactly what is submitted after its
//! [`Op::Join`]; operations are carried out in the order of submission; the members
//! of a partition belong to its task alone, so no lock is held while delivering.
//!
//! A partition whose task panicked may have written half a round, so it is not started
//! again: the [`Vitals`] are told, what is submitted to it is dropped, and waiting for it
//! is over at once. Its members stay until the server, which ends then, closes them.

mod round;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base::Vitals;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::op::Op;
use round::Round;

/// Operations that may wait in one partition before [`Topic::ready`] holds the
/// publisher back. At this depth the delivering core is saturated; more would only
/// add delay and memory.
const MAX_BACKLOG: usize = 4_096;

/// Members up to which a [growing](Topic::growing) topic has one delivering task. It takes
/// some 0.1 ms to write to them, so more tasks would gain nothing but wake-ups.
pub const SMALL: usize = 256;

/// What the delivering tasks are called in the [`Vitals`].
const TASK: &str = "delivery";

/// What waits for one partition's task.
#[derive(Debug, Default)]
struct Intake {
    ops: Mutex<Ops>,
    backlog: AtomicUsize,
    arrived: Notify,
    drained: Notify,
    delivered: AtomicUsize,
}

#[derive(Debug, Default)]
struct Ops {
    waiting: Vec<Op>,
    /// The task is gone: nothing is taken any more.
    abandoned: bool,
}

impl Intake {
    fn submit(&self, ops: impl Iterator<Item = Op>) {
        let mut intake = self.ops.lock();
        if intake.abandoned {
            return;
        }
        let waiting = &mut intake.waiting;
        let before = waiting.len();
        waiting.extend(ops);
        let added = waiting.len() - before;
        // Counted before a partition can take them: `done` must never count below zero.
        self.backlog.fetch_add(added, Ordering::SeqCst);
        drop(intake);
        if added > 0 {
            self.arrived.notify_one();
        }
    }

    /// Everything submitted so far; waits until there is something.
    async fn take(&self) -> Vec<Op> {
        loop {
            let ops = std::mem::take(&mut self.ops.lock().waiting);
            if !ops.is_empty() {
                return ops;
            }
            self.arrived.notified().await;
        }
    }

    /// `ops` operations have been carried out, with `deliveries` frames sent.
    fn done(&self, ops: usize, deliveries: usize) {
        self.backlog.fetch_sub(ops, Ordering::SeqCst);
        self.delivered.fetch_add(deliveries, Ordering::Relaxed);
        self.drained.notify_waiters();
    }

    /// The task is gone: nothing waits here any more.
    fn abandon(&self) {
        let mut intake = self.ops.lock();
        intake.abandoned = true;
        intake.waiting = Vec::new();
        // Under the lock, so that nothing is added afterwards.
        self.backlog.store(0, Ordering::SeqCst);
        drop(intake);
        self.drained.notify_waiters();
    }

    /// Waits until at most `most` operations wait.
    async fn below(&self, most: usize) {
        loop {
            let drained = self.drained.notified();
            if self.backlog.load(Ordering::SeqCst) <= most {
                return;
            }
            drained.await;
        }
    }
}

/// Abandons a partition's intake when its task is gone, however it went.
struct Attendance(Arc<Intake>);

impl Drop for Attendance {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// One room's members and their order. See the module's documentation.
#[derive(Debug)]
pub struct Topic {
    partitions: Vec<Arc<Intake>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// Connections from this number on are spread over all partitions, those below are in
    /// the first one: so the partition of a connection stays the same when a topic grows.
    spread_from: AtomicU64,
    growth: Mutex<Growth>,
    vitals: Vitals,
    runtime: Handle,
}

/// What a topic with one delivering task knows of its members.
#[derive(Debug, Default)]
struct Growth {
    members: usize,
    /// The largest number of a connection that has joined.
    newest: u64,
}

/// [`Topic::spread_from`] of a topic with one delivering task.
const NOT_SPREAD: u64 = u64::MAX;

impl Topic {
    /// A topic with `partitions` delivering tasks (at least one), started on the
    /// current Tokio runtime and watched by `vitals`.
    #[must_use]
    pub fn start(partitions: usize, vitals: &Vitals) -> Self {
        let topic = Self::new(partitions, vitals, 0);
        topic.start_tasks(0);
        topic
    }

    /// A topic with one delivering task, which gets the others when it has more than
    /// [`SMALL`] members.
    #[must_use]
    pub fn growing(partitions: usize, vitals: &Vitals) -> Self {
        let topic = Self::new(partitions, vitals, NOT_SPREAD);
        topic.tasks.lock().push(topic.start_task(&topic.partitions[0]));
        topic
    }

    fn new(partitions: usize, vitals: &Vitals, spread_from: u64) -> Self {
        Self {
            partitions: (0..partitions.max(1)).map(|_| Arc::default()).collect(),
            tasks: Mutex::default(),
            spread_from: AtomicU64::new(spread_from),
            growth: Mutex::default(),
            vitals: vitals.clone(),
            runtime: Handle::current(),
        }
    }

    /// Starts the tasks of all partitions but the first `started`.
    fn start_tasks(&self, started: usize) {
        let started = self.partitions.iter().skip(started);
        self.tasks.lock().extend(started.map(|intake| self.start_task(intake)));
    }

    fn start_task(&self, intake: &Arc<Intake>) -> JoinHandle<()> {
        let (vital, attendance) = (self.vitals.watch(TASK), Attendance(intake.clone()));
        let intake = intake.clone();
        self.runtime.spawn(async move {
            let _here = (vital, attendance);
            Round::run(intake).await;
        })
    }

    /// Appends `ops`, in order. Never waits. Two callers' operations interleave
    /// unless they hold a common lock: the owner of the topic submits under its
    /// room's lock.
    pub fn submit(&self, ops: &[Op]) {
        if self.spread_from.load(Ordering::Acquire) == NOT_SPREAD {
            self.grow(ops);
        }
        let spread_from = self.spread_from.load(Ordering::Acquire);
        if spread_from == NOT_SPREAD {
            return self.partitions[0].submit(ops.iter().cloned());
        }
        for (index, intake) in self.partitions.iter().enumerate() {
            let concerns = |op: &&Op| self.concerns(op, index, spread_from);
            intake.submit(ops.iter().filter(concerns).cloned());
        }
    }

    /// Counts the members that `ops` bring, and spreads those to come over all partitions
    /// if they become many. Those that are there stay where they are.
    fn grow(&self, ops: &[Op]) {
        for op in ops {
            match op {
                Op::Join { member, .. } => {
                    let mut growth = self.growth.lock();
                    if growth.members >= SMALL {
                        self.start_tasks(1);
                        return self.spread_from.store(growth.newest + 1, Ordering::Release);
                    }
                    growth.members += 1;
                    growth.newest = growth.newest.max(member.outbox.id());
                }
                Op::Leave(_) => {
                    let mut growth = self.growth.lock();
                    growth.members = growth.members.saturating_sub(1);
                }
                Op::Publish(_) | Op::Reply { .. } | Op::CloseAll(_) => {}
            }
        }
    }

    /// Waits until the delivering tasks have room for more. The publisher of
    /// messages awaits it between batches, so that posting slows to the pace of
    /// delivery instead of filling memory. A partition whose task is gone is not waited for.
    pub async fn ready(&self) {
        for intake in &self.partitions {
            intake.below(MAX_BACKLOG).await;
        }
    }

    /// Waits until everything submitted before has been handed to the outboxes, or its
    /// partition's task is gone.
    pub async fn flushed(&self) {
        for intake in &self.partitions {
            intake.below(0).await;
        }
    }

    /// Delivering tasks started.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.tasks.lock().len()
    }

    /// Frames published to each member in turn since the start. What single members
    /// were spared or told besides is not reckoned in.
    #[must_use]
    pub fn delivered(&self) -> usize {
        self.partitions.iter().map(|intake| intake.delivered.load(Ordering::Relaxed)).sum()
    }

    fn concerns(&self, op: &Op, partition: usize, spread_from: u64) -> bool {
        let connection = match op {
            Op::Publish(_) | Op::CloseAll(_) => return true,
            Op::Join { member, .. } => member.outbox.id(),
            Op::Leave(connection) | Op::Reply { to: connection, .. } => *connection,
        };
        if connection < spread_from {
            return partition == 0;
        }
        // Connection ids count up, so this spreads members evenly. The remainder of
        // a small count fits usize.
        connection % self.partitions.len() as u64 == partition as u64
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        for task in self.tasks.get_mut() {
            task.abort();
        }
    }
}
