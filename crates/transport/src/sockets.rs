//! All connections of the process, WebSockets and streams of events: opening, sweeping and
//! closing them.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::{Clock, Owner};
use http::Response;
use hub::{Budget, Close, Framing, Outbox, Policy};
use hyper::upgrade::OnUpgrade;
use parking_lot::Mutex;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Limits;
use crate::connection::Connection;
use crate::events::{self, EventStream};
use crate::frame::CloseCode;
use crate::handler::{Handler, Reader};
use crate::registry::{Listed, OpenSocket, Registration, Registry};
use crate::stall::Watch;
use crate::sweep::{Heartbeat, Swept};
use crate::wire::Wire;

/// How a [`Sockets::drain`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections told to go.
    pub told: usize,
    /// Of these, the ones that had to be cut at the dead-line.
    pub cut: usize,
}

/// Every WebSocket and stream of events of the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sockets(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    limits: Limits,
    policy: Arc<Policy>,
    registry: Registry,
    last_id: AtomicU64,
    draining: AtomicBool,
    /// Ends what still waits for its hand-shake to be through.
    gone: CancellationToken,
    tasks: TaskTracker,
    /// Streams of events: a reader who takes nothing keeps its own open until the HTTP
    /// connection ends, which is the listener's to see to.
    streams: TaskTracker,
    watch: Mutex<Watch>,
}

impl Sockets {
    /// No connections yet. [`Sockets::sweep`] keeps their dead-lines: called every
    /// second, it keeps them to within a second.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: Limits) -> Self {
        let policy = Policy {
            cap: limits.outbox,
            cut: CloseCode::TryAgainLater.because("too slow: reconnect and catch up"),
            clock: clock.clone(),
            budget: Arc::new(Budget::new(limits.budget)),
        };
        Self(Arc::new(Inner {
            clock,
            limits,
            policy: Arc::new(policy),
            registry: Registry::default(),
            last_id: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            gone: CancellationToken::new(),
            tasks: TaskTracker::new(),
            streams: TaskTracker::new(),
            watch: Mutex::default(),
        }))
    }

    /// The outbox of a connection to be, framed for its transport ([`WEBSOCKET`](crate::WEBSOCKET)
    /// or [`EVENTS`](crate::EVENTS)), of the person `owner` if it is a person's. It queues
    /// until the connection is served. `None` when the server takes no more.
    #[must_use]
    pub fn outbox(&self, framing: &'static Framing, owner: Option<Owner>) -> Option<Arc<Outbox>> {
        let full = self.0.registry.open() >= self.0.limits.connections;
        if full || self.0.draining.load(Ordering::SeqCst) {
            return None;
        }
        let id = self.0.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        Some(Arc::new(Outbox::new(id, owner, framing, self.0.policy.clone())))
    }

    /// Serves the WebSocket of a client at `from` once `upgrade` is through (its 101
    /// has been sent); it takes messages of up to `max_message` bytes. If the upgrade fails,
    /// or takes too long, `handler` is dropped and that is all.
    pub fn serve<H: Handler + Unpin>(
        &self,
        upgrade: OnUpgrade,
        max_message: usize,
        outbox: Arc<Outbox>,
        from: IpAddr,
        handler: H,
    ) {
        let heartbeat = Heartbeat::new(outbox, self.0.clock.clone(), H::FLOW_CONTROLLED);
        let heartbeat = Arc::new(heartbeat);
        let registration = self.register(&heartbeat, from);
        let sockets = self.clone();
        // A task of its own, because its state while waiting for hyper is larger than
        // the connection's, and a task keeps the size of its largest state.
        self.0.tasks.spawn(async move {
            let upgraded = timeout(sockets.0.limits.upgrade, upgrade);
            let upgraded = sockets.0.gone.run_until_cancelled(upgraded).await;
            let Some(Ok(Ok(upgraded))) = upgraded else { return };
            let Some((wire, first)) = Wire::from_upgraded(upgraded) else { return };
            // A drain that began meanwhile has told the registered outboxes, and this
            // is one of them, so its close frame is already queued.
            let connection = Connection::new(wire, heartbeat, handler, max_message, &first);
            sockets.0.tasks.spawn(Served { connection, _registration: registration });
        });
    }

    /// The answer that is a stream of what `outbox` is sent, to a client at `from`; see
    /// [`EventStream`].
    pub fn event_stream<R: Reader>(
        &self,
        outbox: Arc<Outbox>,
        from: IpAddr,
        reader: R,
    ) -> Response<EventStream<R>> {
        let heartbeat = Heartbeat::one_way(outbox, self.0.clock.clone(), R::FLOW_CONTROLLED);
        let heartbeat = Arc::new(heartbeat);
        let registration = self.register(&heartbeat, from);
        let tracked = self.0.streams.token();
        let mut answer = Response::new(EventStream::new(heartbeat, reader, registration, tracked));
        answer.headers_mut().extend(events::HEADERS);
        answer
    }

    fn register(&self, heartbeat: &Arc<Heartbeat>, from: IpAddr) -> Registration {
        let registry = &self.0.registry;
        let registration = registry.register(Arc::clone(heartbeat), from, self.0.clock.now());
        if self.0.draining.load(Ordering::SeqCst) {
            heartbeat.outbox().close(going_away()); // The drain may have looked before.
        }
        registration
    }

    /// Lists a connection that is served elsewhere (a Socket.IO client's) and that is told
    /// what `outbox` is sent, for as long as the answer lives.
    #[must_use]
    pub fn list_other(&self, outbox: Arc<Outbox>, from: IpAddr) -> Listed {
        self.0.registry.list(outbox, from, self.0.clock.now())
    }

    /// Connections open now, without those that are served elsewhere.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.registry.open()
    }

    /// All connections that are open, in no order. Costs a copy of each: for people who
    /// look at a page, not for every second.
    #[must_use]
    pub fn list(&self) -> Vec<OpenSocket> {
        self.0.registry.all()
    }

    /// One connection, if it is open.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<OpenSocket> {
        self.0.registry.get(id)
    }

    /// Closes a connection (1001), after what is queued for it; whether it was open. Its
    /// client may come back.
    pub fn disconnect(&self, id: u64) -> bool {
        let outbox = self.0.registry.outbox(id);
        let why = CloseCode::GoingAway.because("closed by an admin: reconnect");
        outbox.map(|outbox| outbox.close(why)).is_some()
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
        for heartbeats in self.0.registry.shards() {
            for heartbeat in heartbeats {
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
    /// it, and waits for the connections to end; what is left after `within` is cut, and
    /// streams of events are left to the listener then. From now on there are no new ones.
    pub async fn drain(&self, within: Duration) -> Drained {
        self.0.draining.store(true, Ordering::SeqCst);
        let mut told = 0;
        for heartbeats in self.0.registry.shards() {
            told += heartbeats.len();
            for heartbeat in heartbeats {
                heartbeat.outbox().close(going_away());
            }
        }
        self.0.tasks.close();
        self.0.streams.close();
        let ended = async { tokio::join!(self.0.tasks.wait(), self.0.streams.wait()) };
        let mut cut = 0;
        if timeout(within, ended).await.is_err() {
            for heartbeats in self.0.registry.shards() {
                cut += heartbeats.len();
                heartbeats.iter().for_each(|heartbeat| heartbeat.outbox().abort());
            }
            self.0.gone.cancel();
            self.0.tasks.wait().await;
        }
        Drained { told, cut }
    }
}

fn going_away() -> Close<'static> {
    CloseCode::GoingAway.because("the server is going away: reconnect")
}

/// The connection's task: the connection, and its registration. A struct and no
/// async block, so that the task holds nothing else.
struct Served<H> {
    connection: Connection<H>,
    _registration: Registration,
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
