//! How many connections each network has in the HTTP phase, and which one makes room for
//! another.
//!
//! A connection has its slot from the accept loop until it closes or is upgraded. It
//! is *idle* while it waits for a request (its first, or the next), and busy from the
//! request's headers to the end of the answer's body. When all slots of a network are
//! taken, a further connection waits, and the one of that network that was idle for
//! longest is asked to close; while any waits, each answer of that network closes its
//! connection. As many may wait as there are slots; one more is refused.
//!
//! When there is no room for any connection of any network ([`ConnectionSlots::make_room`]),
//! those that wait for a further request make some; of those that have yet to send a
//! first one, only the ones of networks with more than a few: after a restart, many
//! people are on their way in at once, each with one connection.
//!
//! Not [`limits::Slots`], because here a connection waits for its slot, and the one that
//! holds it is asked to give it up.
//!
//! Invariants: a slot is free only when its connection is gone, so there are never more
//! than the limit; no network is kept that has no connection. On the way of a request
//! there are atomics and no lock. Opening and closing take the same time, however many
//! connections the network has.

mod state;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use limits::{Exempt, network_of};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use state::State;

/// A connection is let be that has been idle for less: it may be about to send.
const MIN_IDLE: Duration = Duration::from_secs(1);

/// How often a connection that waits looks for one that has become idle.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The most idle connections that are asked to close at once for the sake of all, and
/// how often.
const BATCH: usize = 64;
const ROOM_INTERVAL: Duration = Duration::from_millis(100);

/// Connections that a network may have on their way in without making room for others.
const FEW: usize = 8;

/// All slots. Clones are the same.
#[derive(Clone)]
pub(crate) struct ConnectionSlots(Arc<Inner>);

struct Inner {
    /// Slots of one network.
    limit: usize,
    /// How long a connection waits for one.
    max_wait: Duration,
    uncounted: Exempt,
    /// When room was made last, in milliseconds since it began.
    room_made: AtomicU64,
    began: Instant,
    networks: Mutex<HashMap<IpAddr, Network>>,
}

struct Network {
    shared: Arc<Shared>,
    /// Connections that have a slot or wait for one; kept while there are any.
    members: usize,
    /// Those that have a slot, each at its [index](State::index).
    open: Vec<Arc<State>>,
}

struct Shared {
    /// `None` for uncounted networks.
    free: Option<Arc<Semaphore>>,
    waiting: AtomicUsize,
}

/// The slot of one connection; free when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct ConnectionSlot(Arc<Held>);

struct Held {
    state: Arc<State>,
    _permit: Option<OwnedSemaphorePermit>,
    member: Member,
}

/// One connection of a network, for as long as the network must be known for its sake.
struct Member {
    slots: ConnectionSlots,
    network: IpAddr,
    shared: Arc<Shared>,
}

/// A request that is being answered, until it is dropped.
pub(crate) struct Busy(ConnectionSlot);

impl ConnectionSlots {
    /// `limit` slots for each network, but for those in `uncounted`, which have no limit.
    /// Connections wait for one for as long as `max_wait`.
    pub(crate) fn new(limit: usize, max_wait: Duration, uncounted: Exempt) -> Self {
        let (began, networks) = (Instant::now(), Mutex::default());
        let room_made = AtomicU64::new(0);
        Self(Arc::new(Inner { limit, max_wait, uncounted, room_made, began, networks }))
    }

    /// A slot for a connection from `address`; `None` if it is refused.
    pub(crate) async fn take(&self, address: IpAddr) -> Option<ConnectionSlot> {
        let member = self.join(address);
        let permit = match &member.shared.free {
            None => None,
            Some(free) => match Arc::clone(free).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => Some(self.wait(&member, free).await?),
            },
        };
        let state = Arc::new(State::idle(self.now()));
        if let Some(network) = self.0.networks.lock().get_mut(&member.network) {
            network.open(&state);
        }
        Some(ConnectionSlot(Arc::new(Held { state, _permit: permit, member })))
    }

    /// Asks those that have been idle for longest to close, of whatever network. May be
    /// called by all that wait: once in [`ROOM_INTERVAL`], something is done.
    pub(crate) fn make_room(&self) {
        let interval = u64::try_from(ROOM_INTERVAL.as_millis()).unwrap_or(0);
        let (now, made) = (self.now(), self.0.room_made.load(Ordering::SeqCst));
        let is_due = now.saturating_sub(made) >= interval;
        let order = (Ordering::SeqCst, Ordering::SeqCst);
        if !is_due || self.0.room_made.compare_exchange(made, now, order.0, order.1).is_err() {
            return;
        }
        let networks = self.0.networks.lock();
        let candidates = networks.values().flat_map(|network| {
            let has_many = network.shared.free.is_some() && network.open.len() > FEW;
            let open = network.open.iter();
            open.filter(move |state| has_many || state.has_served())
        });
        let mut idle: Vec<(u64, &Arc<State>)> = candidates
            .filter_map(|state| self.idle_since(state).map(|since| (since, state)))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        for (_, state) in idle.into_iter().take(BATCH) {
            state.ask_to_close();
        }
    }

    fn join(&self, address: IpAddr) -> Member {
        let network = network_of(address);
        let mut networks = self.0.networks.lock();
        let known = networks.entry(network).or_insert_with(|| {
            let counted = !self.0.uncounted.contains(address);
            let free = counted.then(|| Arc::new(Semaphore::new(self.0.limit)));
            let shared = Arc::new(Shared { free, waiting: AtomicUsize::new(0) });
            Network { shared, members: 0, open: Vec::new() }
        });
        known.members += 1;
        Member { slots: self.clone(), network, shared: Arc::clone(&known.shared) }
    }

    async fn wait(&self, member: &Member, free: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let waiting = &member.shared.waiting;
        let waiter = Waiter(waiting);
        if waiting.fetch_add(1, Ordering::SeqCst) >= self.0.limit {
            return None;
        }
        let deadline = Instant::now() + self.0.max_wait;
        let mut slot = std::pin::pin!(Arc::clone(free).acquire_owned());
        while Instant::now() < deadline {
            // Again and again: a slot that was asked for here may go to another
            // connection, which has waited for longer.
            self.ask_idlest(member.network, waiting.load(Ordering::SeqCst));
            if let Ok(permit) = timeout(RETRY_INTERVAL, &mut slot).await {
                drop(waiter);
                return permit.ok(); // The semaphore is never closed.
            }
        }
        None
    }

    /// Asks the connection of `network` that has been idle for longest to close, unless
    /// as many are closing as there are `waiting`.
    fn ask_idlest(&self, network: IpAddr, waiting: usize) {
        let networks = self.0.networks.lock();
        let open = networks.get(&network).map(|network| network.open.as_slice());
        let idle = open.unwrap_or_default().iter();
        if idle.clone().filter(|state| state.is_closing()).count() >= waiting {
            return;
        }
        let idle = idle.filter_map(|state| self.idle_since(state).map(|since| (since, state)));
        let longest = idle.min_by_key(|(since, _)| *since);
        if let Some((_, state)) = longest {
            state.ask_to_close();
        }
    }

    /// Since when a connection has been idle, if that is long enough.
    fn idle_since(&self, state: &State) -> Option<u64> {
        let until = self.now().checked_sub(u64::try_from(MIN_IDLE.as_millis()).unwrap_or(0))?;
        state.idle_since().filter(|since| *since <= until)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(state::LATEST)
    }

    #[cfg(test)]
    fn networks(&self) -> usize {
        self.0.networks.lock().len()
    }
}

impl Network {
    fn open(&mut self, state: &Arc<State>) {
        state.set_index(self.open.len());
        self.open.push(Arc::clone(state));
    }

    /// The last one takes the place of the one that closes.
    fn close(&mut self, state: &State) {
        let index = state.index();
        self.open.swap_remove(index);
        if let Some(moved) = self.open.get(index) {
            moved.set_index(index);
        }
    }
}

impl ConnectionSlot {
    /// Comes back when the connection shall close to make room.
    pub(crate) async fn asked_to_close(&self) {
        self.0.state.asked_to_close().await;
    }

    /// A request is there: the connection is busy until the answer is done. One that
    /// was asked to close goes on closing.
    pub(crate) fn begin(&self) -> Busy {
        self.0.state.begin_request();
        Busy(self.clone())
    }

    /// Whether another connection of the same network waits for a slot.
    pub(crate) fn is_contended(&self) -> bool {
        self.0.member.shared.waiting.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let held = &self.0.0;
        held.state.end_request(held.member.slots.now());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut networks = self.member.slots.0.networks.lock();
        if let Some(network) = networks.get_mut(&self.member.network) {
            network.close(&self.state);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut networks = self.slots.0.networks.lock();
        if let Some(network) = networks.get_mut(&self.network) {
            network.members -= 1;
            if network.members == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

/// A connection that waits for a slot of its network, until this is dropped.
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests;
