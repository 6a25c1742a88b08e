//! All WebSockets of the process: opening, sweeping and closing them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base::{Clock, Timestamp};
use bytes::Bytes;
use hub::{Budget, Outbox, Policy};
use hyper::upgrade::OnUpgrade;
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{Connection, Handler};
use crate::frame::{self, CloseCode};
use crate::stall::Watch;
use crate::sweep::{Heartbeat, Swept};
use crate::wire::Wire;

/// Spreads opening and closing connections over several locks.
const SHARDS: usize = 16;

/// The bounds every connection is held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections open at once; more are refused.
    pub connections: usize,
    /// Bytes waiting for one peer before it is cut off.
    pub outbox: usize,
    /// Bytes waiting for all peers before the worst are cut off.
    pub budget: usize,
    /// How long a peer may take nothing while something waits.
    pub blocked: Duration,
    /// Silence after which a peer is pinged.
    pub ping_after: Duration,
    /// Silence after which a peer is taken for dead.
    pub dead_after: Duration,
    /// How long a message may take from its first byte to its last.
    pub message: Duration,
    /// How long a closing connection may take over it.
    pub linger: Duration,
    /// How long one that was cut off may: it has yet to read what was sent before.
    pub cut: Duration,
    /// How long the answer to the hand-shake may take to leave.
    pub upgrade: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 200_000,
            outbox: 1024 * 1024,
            budget: 256 * 1024 * 1024,
            blocked: Duration::from_secs(10),
            ping_after: Duration::from_secs(10),
            dead_after: Duration::from_secs(25),
            message: Duration::from_secs(30),
            linger: Duration::from_secs(5),
            cut: Duration::from_secs(30),
            upgrade: Duration::from_secs(10),
        }
    }
}

/// How a [`Sockets::drain`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections told to go.
    pub told: usize,
    /// Of these, the ones that had to be cut at the dead-line.
    pub cut: usize,
}

/// A connection that is open, as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSocket {
    /// Its number, rising with every connection of the process.
    pub id: u64,
    /// The account it belongs to.
    pub owner: i64,
    /// The client's address.
    pub from: IpAddr,
    /// When it was opened.
    pub since: Timestamp,
    /// Bytes waiting for it.
    pub queued: usize,
}

/// A connection that somebody else serves, on the list while this lives.
#[derive(Debug)]
pub struct Guest {
    sockets: Sockets,
    id: u64,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.sockets.0.guests.lock().remove(&self.id);
    }
}

#[derive(Debug)]
struct OpenGuest {
    outbox: Arc<Outbox>,
    from: IpAddr,
    since: Timestamp,
}

impl OpenGuest {
    fn shown(&self) -> OpenSocket {
        shown(&self.outbox, self.from, self.since)
    }
}

fn shown(outbox: &Outbox, from: IpAddr, since: Timestamp) -> OpenSocket {
    OpenSocket { id: outbox.id(), owner: outbox.owner(), from, since, queued: outbox.queued() }
}

/// Every WebSocket of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sockets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    limits: Limits,
    policy: Arc<Policy>,
    shards: [Mutex<HashMap<u64, Booked>>; SHARDS],
    /// Connections that others serve.
    guests: Mutex<HashMap<u64, OpenGuest>>,
    open: AtomicUsize,
    last_id: AtomicU64,
    draining: AtomicBool,
    /// Ends what still waits for its hand-shake to be through.
    gone: CancellationToken,
    tasks: TaskTracker,
    watch: Mutex<Watch>,
}

/// A connection on the books.
#[derive(Debug)]
struct Booked {
    heartbeat: Arc<Heartbeat>,
    from: IpAddr,
    since: Timestamp,
}

impl Booked {
    fn shown(&self) -> OpenSocket {
        shown(self.heartbeat.outbox(), self.from, self.since)
    }
}

/// Takes a connection off the books, however it ended.
struct Entry {
    sockets: Sockets,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.sockets.shard(self.id).lock().remove(&self.id);
        let open = self.sockets.0.open.fetch_sub(1, Ordering::Relaxed) - 1;
        metrics::gauge!("packetboat_sockets_open").set(open as f64);
    }
}

impl Sockets {
    /// No connections yet. [`Sockets::sweep`] keeps their dead-lines: called every
    /// second, it keeps them to within a second.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let policy = Policy {
            cap: limits.outbox,
            cut: frame::close(CloseCode::TryAgainLater, "too slow: reconnect and catch up"),
            frame_end: frame::end_of_frame,
            clock: clock.clone(),
            budget: Arc::new(Budget::new(limits.budget)),
        };
        Self(Arc::new(Inner {
            clock,
            limits,
            policy: Arc::new(policy),
            shards: Default::default(),
            guests: Mutex::default(),
            open: AtomicUsize::new(0),
            last_id: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            gone: CancellationToken::new(),
            tasks: TaskTracker::new(),
            watch: Mutex::default(),
        }))
    }

    /// The outbox of a connection to be, for account `owner`. It queues until the
    /// connection is [served](Sockets::serve). `None` when the server takes no more.
    #[must_use]
    pub fn outbox(&self, owner: i64) -> Option<Arc<Outbox>> {
        let full = self.0.open.load(Ordering::Relaxed) >= self.0.limits.connections;
        if full || self.0.draining.load(Ordering::SeqCst) {
            return None;
        }
        let id = self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        Some(Arc::new(Outbox::new(id, owner, self.0.policy.clone())))
    }

    /// Serves the connection of a client at `from` once `upgrade` is through (its 101
    /// has been sent). If that fails, or takes too long, `handler` is dropped and that is
    /// all.
    pub fn serve<H: Handler + Unpin>(
        &self,
        upgrade: OnUpgrade,
        outbox: Arc<Outbox>,
        from: IpAddr,
        handler: H,
    ) {
        let heartbeat = Arc::new(Heartbeat::new(outbox, self.0.clock.clone()));
        let id = heartbeat.outbox().id();
        let since = self.0.clock.now();
        self.shard(id).lock().insert(id, Booked { heartbeat: heartbeat.clone(), from, since });
        if self.0.draining.load(Ordering::SeqCst) {
            heartbeat.outbox().finish(going_away()); // The drain may have looked before.
        }
        let open = self.0.open.fetch_add(1, Ordering::Relaxed) + 1;
        metrics::gauge!("packetboat_sockets_open").set(open as f64);
        let entry = Entry { sockets: self.clone(), id };
        let sockets = self.clone();
        // A task of its own, because its state while waiting for hyper is larger than
        // the connection's, and a task keeps the size of its largest state.
        self.0.tasks.spawn(async move {
            let upgraded = timeout(sockets.0.limits.upgrade, upgrade);
            let upgraded = sockets.0.gone.run_until_cancelled(upgraded).await;
            let Some(Ok(Ok(upgraded))) = upgraded else { return };
            let Some((wire, first)) = Wire::from_upgraded(upgraded) else { return };
            // A drain that began meanwhile has told the outboxes on the books, and this
            // one is on them, so its close frame is already queued.
            let connection = Connection::new(wire, heartbeat, handler, &first);
            sockets.0.tasks.spawn(Served { connection, _entry: entry });
        });
    }

    /// Lists a connection that somebody else serves (a Socket.IO client) and that is told
    /// what `outbox` is sent, for as long as the answer lives.
    #[must_use]
    pub fn list_guest(&self, outbox: Arc<Outbox>, from: IpAddr) -> Guest {
        let id = outbox.id();
        let since = self.0.clock.now();
        self.0.guests.lock().insert(id, OpenGuest { outbox, from, since });
        Guest { sockets: self.clone(), id }
    }

    /// Connections open now, without guests.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }

    /// All connections that are open, in no order. Costs a copy of each: for people who
    /// look at a page, not for every second.
    #[must_use]
    pub fn list(&self) -> Vec<OpenSocket> {
        let mut open = Vec::with_capacity(self.open());
        for shard in &self.0.shards {
            open.extend(shard.lock().values().map(Booked::shown));
        }
        open.extend(self.0.guests.lock().values().map(OpenGuest::shown));
        open
    }

    /// One connection, if it is open.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<OpenSocket> {
        let own = self.shard(id).lock().get(&id).map(Booked::shown);
        own.or_else(|| self.0.guests.lock().get(&id).map(OpenGuest::shown))
    }

    /// Closes a connection (1001), after what is queued for it; whether it was open. Its
    /// client may come back.
    pub fn disconnect(&self, id: u64) -> bool {
        let own = self.shard(id).lock().get(&id).map(|own| own.heartbeat.outbox().clone());
        let outbox =
            own.or_else(|| self.0.guests.lock().get(&id).map(|guest| guest.outbox.clone()));
        let last = frame::close(CloseCode::GoingAway, "closed by an admin: reconnect");
        outbox.map(|outbox| outbox.finish(last)).is_some()
    }

    /// Bytes waiting for all peers.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.0.policy.budget.queued()
    }

    /// Looks at every connection's dead-lines once. A sweep that comes late, because the
    /// server was stopped or suspended, starts all of them afresh: what peers sent
    /// meanwhile has not been read yet.
    pub async fn sweep(&self) {
        let (moment, stalled) = self.0.watch.lock().look(self.0.clock.as_ref());
        if let Some(stalled) = stalled {
            metrics::counter!("packetboat_stalls_total").increment(1);
            let seconds = stalled.as_secs();
            tracing::warn!(seconds, "the server stood still, or its clock was set");
        }
        for shard in &self.0.shards {
            for heartbeat in heartbeats(shard) {
                let reason = match heartbeat.sweep(moment, &self.0.limits) {
                    Swept::Fine | Swept::Pinged => continue,
                    Swept::Silent => "silent",
                    Swept::Slow => "slow",
                    Swept::Unfinished => "unfinished",
                    Swept::Lingering => "lingering",
                };
                metrics::counter!("packetboat_sockets_cut_total", "reason" => reason).increment(1);
                tracing::debug!(connection = heartbeat.outbox().id(), reason, "connection cut");
            }
            tokio::task::yield_now().await; // Others get a turn between thousands of pings.
        }
        metrics::gauge!("packetboat_outbox_bytes").set(self.queued() as f64);
    }

    /// Tells every peer that the server is going away (1001), after what is queued for
    /// it, and waits for the connections to end; what is left after `within` is cut.
    /// From now on there are no new ones.
    pub async fn drain(&self, within: Duration) -> Drained {
        self.0.draining.store(true, Ordering::SeqCst);
        let last = going_away();
        let mut told = 0;
        for shard in &self.0.shards {
            let heartbeats = heartbeats(shard);
            told += heartbeats.len();
            for heartbeat in heartbeats {
                heartbeat.outbox().finish(last.clone());
            }
        }
        self.0.tasks.close();
        let mut cut = 0;
        if timeout(within, self.0.tasks.wait()).await.is_err() {
            for shard in &self.0.shards {
                let heartbeats = heartbeats(shard);
                cut += heartbeats.len();
                heartbeats.iter().for_each(|heartbeat| heartbeat.outbox().abort());
            }
            self.0.gone.cancel();
            self.0.tasks.wait().await;
        }
        Drained { told, cut }
    }

    fn shard(&self, id: u64) -> &Mutex<HashMap<u64, Booked>> {
        &self.0.shards[(id % SHARDS as u64) as usize]
    }
}

/// Copied out: a ping is a system call, and nobody should wait behind thousands of them
/// to connect.
fn heartbeats(shard: &Mutex<HashMap<u64, Booked>>) -> Vec<Arc<Heartbeat>> {
    shard.lock().values().map(|booked| booked.heartbeat.clone()).collect()
}

fn going_away() -> Bytes {
    frame::close(CloseCode::GoingAway, "the server is going away: reconnect")
}

/// The connection's task: the connection, and its place on the books. A struct and no
/// async block, so that the task holds nothing else.
struct Served<H> {
    connection: Connection<H>,
    _entry: Entry,
}

impl<H: Handler + Unpin> Future for Served<H> {
    type Output = ();

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        std::pin::Pin::new(&mut self.connection).poll(cx)
    }
}
