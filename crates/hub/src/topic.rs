//! A topic: its members and the one order in which they hear things.
//!
//! Submitting appends to the intake of every partition concerned and returns; one
//! task a partition delivers (see [`crate::round`]). Members are spread over the
//! partitions, so that a large room uses every core; all partitions see the same
//! publications in the same order, because the caller submits under its room's lock.
//!
//! Invariants: a member that joins hears exactly what is submitted after its
//! [`Op::Join`]; operations are carried out in the order of submission; the members
//! of a partition belong to its task alone, so no lock is held while delivering.
//!
//! A partition whose task panicked may have written half a round, so it is not started
//! again: the [`Vitals`] are told, what is submitted to it is dropped, and waiting for it
//! is over at once. Its members stay until the server, which ends then, closes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base::{Owner, Vitals};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::round::Round;
use crate::{Outbox, Reservation};

/// Wire formats a topic can be heard in. A publication carries each of them, encoded.
pub const MAX_FORMATS: usize = 4;

/// Operations that may wait in one partition before [`Topic::ready`] holds the
/// publisher back. At this depth the delivering core is saturated; more would only
/// add delay and memory.
const MAX_BACKLOG: usize = 4_096;

/// What the delivering tasks are called in the [`Vitals`].
const TASK: &str = "delivery";

/// A wire format by its number, below [`MAX_FORMATS`]. The capability that owns the
/// topic decides what each number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format(pub usize);

/// One connection in a topic.
#[derive(Clone, Debug)]
pub struct Member {
    /// Where its frames go.
    pub outbox: Arc<Outbox>,
    /// The format it hears.
    pub format: Format,
}

/// Who does not hear a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Except {
    /// Everyone hears it.
    Nobody,
    /// Not this connection.
    Connection(u64),
    /// No connection of this person.
    Owner(Owner),
}

/// Something to be heard by all members.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The whole frame in each format; an empty one is not sent.
    pub frames: [Bytes; MAX_FORMATS],
    /// For each format, who is left out.
    pub except: [Except; MAX_FORMATS],
    /// Dropped for members that have something waiting, and not ordered against the
    /// other publications: typing and the like.
    pub volatile: bool,
}

/// What can be submitted.
#[derive(Clone, Debug)]
pub enum Op {
    /// The member hears everything from here on, after `first` (whole frames).
    Join {
        /// The newcomer.
        member: Member,
        /// What it is sent before anything else: segments of whole frames; may be empty.
        first: Vec<Bytes>,
        /// What was set aside for `first`, given back once that is in the outbox.
        reserved: Option<Arc<Reservation>>,
    },
    /// The connection hears nothing from here on.
    Leave(u64),
    /// Everyone hears it.
    Publish(Publication),
    /// One connection hears it, at this place in the order.
    Reply {
        /// The connection.
        to: u64,
        /// Whole frames.
        frame: Bytes,
    },
}

/// What waits for one partition's task.
#[derive(Debug, Default)]
pub(crate) struct Intake {
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
        // Counted before anybody can take them: `done` must never count below zero.
        self.backlog.fetch_add(added, Ordering::SeqCst);
        drop(intake);
        if added > 0 {
            self.arrived.notify_one();
        }
    }

    /// Everything submitted so far; waits until there is something.
    pub(crate) async fn take(&self) -> Vec<Op> {
        loop {
            let ops = std::mem::take(&mut self.ops.lock().waiting);
            if !ops.is_empty() {
                return ops;
            }
            self.arrived.notified().await;
        }
    }

    /// `ops` operations have been carried out, with `deliveries` frames sent.
    pub(crate) fn done(&self, ops: usize, deliveries: usize) {
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
    tasks: Vec<JoinHandle<()>>,
}

impl Topic {
    /// A topic with `partitions` delivering tasks (at least one), started on the
    /// current Tokio runtime and watched by `vitals`.
    #[must_use]
    pub fn start(partitions: usize, vitals: &Vitals) -> Self {
        let partitions: Vec<Arc<Intake>> = (0..partitions.max(1)).map(|_| Arc::default()).collect();
        let start = |intake: &Arc<Intake>| {
            let (vital, attendance) = (vitals.watch(TASK), Attendance(intake.clone()));
            let intake = intake.clone();
            tokio::spawn(async move {
                let _here = (vital, attendance);
                Round::run(intake).await;
            })
        };
        let tasks = partitions.iter().map(start).collect();
        Self { partitions, tasks }
    }

    /// Appends `ops`, in order. Never waits. Two callers' operations interleave
    /// unless they hold a common lock: the owner of the topic submits under its
    /// room's lock.
    pub fn submit(&self, ops: &[Op]) {
        for (index, intake) in self.partitions.iter().enumerate() {
            intake.submit(ops.iter().filter(|op| self.concerns(op, index)).cloned());
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

    /// Frames published to each member in turn since the start. What single members
    /// were spared or told besides is not reckoned in.
    #[must_use]
    pub fn delivered(&self) -> usize {
        self.partitions.iter().map(|intake| intake.delivered.load(Ordering::Relaxed)).sum()
    }

    fn concerns(&self, op: &Op, partition: usize) -> bool {
        let connection = match op {
            Op::Publish(_) => return true,
            Op::Join { member, .. } => member.outbox.id(),
            Op::Leave(connection) | Op::Reply { to: connection, .. } => *connection,
        };
        // Connection ids count up, so this spreads members evenly. The remainder of
        // a small count fits usize.
        connection % self.partitions.len() as u64 == partition as u64
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}
