//! The places of connections in the HTTP phase: how many each network has, and which
//! connection makes room for another.
//!
//! A connection has its place from the accept loop until it closes or is upgraded. It
//! is *idle* while it waits for a request (its first, or the next), and busy from the
//! request's headers to the end of the answer's body. When a network has all its places,
//! its connection that was idle for longest is asked to close and a newcomer waits for
//! it; while any newcomer waits, each answer of that network closes its connection.
//! Beyond as many newcomers as places, a newcomer is refused.
//!
//! When there is no room for any connection of whatever network ([`Places::make_room`]),
//! those that wait for a further request make some; of those that have yet to send a
//! first one, only the ones of networks with more than a few: after a restart, many
//! people are on their way in at once, each with one connection.
//!
//! Invariants: a place is free only when its connection is gone, so there are never more
//! than the limit; no network is kept that has no connection. On the way of a request
//! there are atomics and no lock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::{counted_as, network};

/// A connection is let be that has been idle for less: it may be about to send.
const MIN_IDLE: Duration = Duration::from_secs(1);

/// How often a newcomer that waits looks for a connection that has become idle.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The most idle connections that are asked to close at once for the sake of all, and
/// how often.
const BATCH: usize = 64;
const ROOM_INTERVAL: Duration = Duration::from_millis(100);

/// Connections that a network may have on their way in without making room for others.
const FEW: usize = 8;

/// What [`State::idle_since`] is of a busy connection.
const BUSY: u64 = u64::MAX;
/// And of one that was asked to close.
const LEAVING: u64 = u64::MAX - 1;

/// All places. Clones are the same.
#[derive(Clone)]
pub(crate) struct Places(Arc<Inner>);

struct Inner {
    /// Places of one network.
    limit: usize,
    /// How long a newcomer waits for one.
    patience: Duration,
    uncounted: Vec<IpNet>,
    /// When room was made last, in milliseconds since it began.
    room_made: AtomicU64,
    began: Instant,
    networks: Mutex<HashMap<IpAddr, Network>>,
}

struct Network {
    shared: Arc<Shared>,
    /// Connections that have a place or are about to; kept while there are any.
    members: usize,
    open: Vec<Arc<State>>,
}

struct Shared {
    /// `None` for uncounted networks.
    free: Option<Arc<Semaphore>>,
    newcomers: AtomicUsize,
}

/// What is known of one connection.
#[derive(Debug)]
struct State {
    /// In milliseconds since the places began; or [`BUSY`], [`LEAVING`].
    idle_since: AtomicU64,
    /// Whether it has sent a request.
    served: AtomicBool,
    leave: Notify,
}

/// The place of one connection; free when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Place(Arc<Held>);

struct Held {
    state: Arc<State>,
    _permit: Option<OwnedSemaphorePermit>,
    member: Member,
}

/// One connection of a network, for as long as the network must be known for its sake.
struct Member {
    places: Places,
    network: IpAddr,
    shared: Arc<Shared>,
}

/// A request that is being answered, until it is dropped.
pub(crate) struct Busy(Place);

impl Places {
    /// `limit` places for each network, but for those in `uncounted`. Newcomers wait for
    /// one for as long as `patience`.
    pub(crate) fn new(limit: usize, patience: Duration, uncounted: Vec<IpNet>) -> Self {
        let (began, networks) = (Instant::now(), Mutex::default());
        let room_made = AtomicU64::new(0);
        Self(Arc::new(Inner { limit, patience, uncounted, room_made, began, networks }))
    }

    /// A place for a connection from `address`; `None` if it is refused.
    pub(crate) async fn enter(&self, address: IpAddr) -> Option<Place> {
        let member = self.join(address);
        let permit = match &member.shared.free {
            None => None,
            Some(free) => match Arc::clone(free).try_acquire_owned() {
                Ok(permit) => Some(permit),
                Err(_) => Some(self.wait(&member, free).await?),
            },
        };
        let idle_since = AtomicU64::new(self.now());
        let served = AtomicBool::new(false);
        let state = Arc::new(State { idle_since, served, leave: Notify::new() });
        if let Some(network) = self.0.networks.lock().get_mut(&member.network) {
            network.open.push(Arc::clone(&state));
        }
        Some(Place(Arc::new(Held { state, _permit: permit, member })))
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
            open.filter(move |state| has_many || state.served.load(Ordering::SeqCst))
        });
        let mut idle: Vec<(u64, &Arc<State>)> = candidates
            .filter_map(|state| self.idle_since(state).map(|since| (since, state)))
            .collect();
        idle.sort_unstable_by_key(|(since, _)| *since);
        for (_, state) in idle.into_iter().take(BATCH) {
            state.ask_to_leave();
        }
    }

    fn join(&self, address: IpAddr) -> Member {
        let network = counted_as(address);
        let mut networks = self.0.networks.lock();
        let known = networks.entry(network).or_insert_with(|| {
            let counted = !network::contains(&self.0.uncounted, address);
            let free = counted.then(|| Arc::new(Semaphore::new(self.0.limit)));
            let shared = Arc::new(Shared { free, newcomers: AtomicUsize::new(0) });
            Network { shared, members: 0, open: Vec::new() }
        });
        known.members += 1;
        Member { places: self.clone(), network, shared: Arc::clone(&known.shared) }
    }

    async fn wait(&self, member: &Member, free: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let newcomers = &member.shared.newcomers;
        let newcomer = Newcomer(newcomers);
        if newcomers.fetch_add(1, Ordering::SeqCst) >= self.0.limit {
            return None;
        }
        let patience = Instant::now() + self.0.patience;
        let mut place = std::pin::pin!(Arc::clone(free).acquire_owned());
        while Instant::now() < patience {
            // Again and again: a place that this one asked for may go to another that
            // was here before.
            self.ask_idlest(member.network, newcomers.load(Ordering::SeqCst));
            if let Ok(permit) = timeout(LOOK_AGAIN, &mut place).await {
                drop(newcomer);
                return permit.ok(); // The semaphore is never closed.
            }
        }
        None
    }

    /// Asks the connection of `network` that has been idle for longest to close, unless
    /// as many are leaving as `newcomers` wait.
    fn ask_idlest(&self, network: IpAddr, newcomers: usize) {
        let networks = self.0.networks.lock();
        let open = networks.get(&network).map(|network| network.open.as_slice());
        let idle = open.unwrap_or_default().iter();
        let leaving = |state: &&Arc<State>| state.idle_since.load(Ordering::SeqCst) == LEAVING;
        if idle.clone().filter(leaving).count() >= newcomers {
            return;
        }
        let idle = idle.filter_map(|state| self.idle_since(state).map(|since| (since, state)));
        let longest = idle.min_by_key(|(since, _)| *since);
        if let Some((_, state)) = longest {
            state.ask_to_leave();
        }
    }

    /// Since when a connection has been idle, if that is long enough.
    fn idle_since(&self, state: &State) -> Option<u64> {
        let since = state.idle_since.load(Ordering::SeqCst);
        let until = self.now().checked_sub(u64::try_from(MIN_IDLE.as_millis()).unwrap_or(0))?;
        (since <= until).then_some(since)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(LEAVING - 1)
    }

    #[cfg(test)]
    fn networks(&self) -> usize {
        self.0.networks.lock().len()
    }
}

impl State {
    /// Asks the connection to close unless it has become busy; whether it was asked.
    fn ask_to_leave(&self) -> bool {
        let since = self.idle_since.load(Ordering::SeqCst);
        let idle = since != BUSY && since != LEAVING;
        let asked = idle
            && self
                .idle_since
                .compare_exchange(since, LEAVING, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok();
        if asked {
            self.leave.notify_one();
        }
        asked
    }
}

impl Place {
    /// Comes back when the connection shall close to make room.
    pub(crate) async fn asked_to_leave(&self) {
        self.0.state.leave.notified().await;
    }

    /// A request is there: the connection is busy until the answer is done. One that
    /// was asked to leave goes on leaving.
    pub(crate) fn begin(&self) -> Busy {
        self.0.state.served.store(true, Ordering::SeqCst);
        self.set(BUSY);
        Busy(self.clone())
    }

    /// Whether a newcomer of the same network waits for a place.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.member.shared.newcomers.load(Ordering::SeqCst) > 0
    }

    fn set(&self, to: u64) {
        let unless_leaving = |now| (now != LEAVING).then_some(to);
        let state = &self.0.state.idle_since;
        // An error says that it is leaving, which it goes on doing.
        let _ = state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, unless_leaving);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let now = self.0.0.member.places.now();
        self.0.set(now);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut networks = self.member.places.0.networks.lock();
        if let Some(network) = networks.get_mut(&self.member.network) {
            network.open.retain(|state| !Arc::ptr_eq(state, &self.state));
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut networks = self.places.0.networks.lock();
        if let Some(network) = networks.get_mut(&self.network) {
            network.members -= 1;
            if network.members == 0 {
                networks.remove(&self.network);
            }
        }
    }
}

/// One that waits for a place of its network, until it is dropped.
struct Newcomer<'a>(&'a AtomicUsize);

impl Drop for Newcomer<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn places(limit: usize) -> Places {
        Places::new(limit, PATIENCE, vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Whether `place` is asked to leave within a second of the paused clock.
    async fn is_asked(place: &Place) -> bool {
        timeout(Duration::from_secs(1), place.asked_to_leave()).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn the_one_idle_for_longest_makes_room() {
        let places = places(2);
        let home = ip("2001:db8::1");
        let first = places.enter(home).await.unwrap();
        tokio::time::advance(MIN_IDLE).await;
        let second = places.enter(ip("2001:db8::2")).await.unwrap();
        tokio::time::advance(MIN_IDLE).await;
        drop(first.begin());
        tokio::time::advance(MIN_IDLE).await;
        let newcomer = tokio::spawn({
            let places = places.clone();
            async move { places.enter(home).await }
        });
        assert!(is_asked(&second).await && !is_asked(&first).await);
        assert!(first.is_wanted() && !newcomer.is_finished(), "until the other is gone");
        assert!(places.enter(ip("192.0.2.1")).await.is_some(), "others are not touched");
        drop(second);
        assert!(newcomer.await.unwrap().is_some());
        assert!(!first.is_wanted());
        drop(first);
        assert_eq!(places.networks(), 0, "nothing is kept");
    }

    #[tokio::test(start_paused = true)]
    async fn a_newcomer_whose_place_went_to_an_earlier_one_gets_another() {
        let places = places(2);
        let home = ip("192.0.2.1");
        let (one, other) = (places.enter(home).await.unwrap(), places.enter(home).await.unwrap());
        let newcomer = || {
            let places = places.clone();
            tokio::spawn(async move { places.enter(home).await })
        };
        tokio::time::advance(MIN_IDLE - LOOK_AGAIN / 2).await;
        // No connection is idle for long enough to be asked by this one yet.
        let earlier = newcomer();
        while one.0.member.shared.newcomers.load(Ordering::SeqCst) < 1 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(LOOK_AGAIN / 2).await;
        let later = newcomer();
        one.asked_to_leave().await;
        drop(one);
        let _first = earlier.await.unwrap().expect("the place that the later one asked for");
        assert!(is_asked(&other).await);
        drop(other);
        assert!(later.await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn busy_ones_stay_and_newcomers_give_up() {
        let places = places(2);
        let home = ip("192.0.2.1");
        let (one, other) = (places.enter(home).await.unwrap(), places.enter(home).await.unwrap());
        let busy = (one.begin(), other.begin());
        let newcomers = (0..2).map(|_| {
            let places = places.clone();
            tokio::spawn(async move { places.enter(home).await.is_some() })
        });
        let newcomers: Vec<_> = newcomers.collect();
        while one.0.member.shared.newcomers.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        assert!(places.enter(home).await.is_none(), "as many wait as there are places");
        assert!(!is_asked(&one).await && !is_asked(&other).await);
        for newcomer in newcomers {
            assert!(!newcomer.await.unwrap());
        }
        assert!(!one.is_wanted());
        drop((busy, one, other));
        assert_eq!(places.networks(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn uncounted_networks_have_no_limit_but_make_room_for_all() {
        let places = places(1);
        let proxy = ip("10.0.0.1");
        let mut all = Vec::new();
        for _ in 0..100 {
            all.push(places.enter(proxy).await.unwrap());
        }
        let busy = all[0].begin();
        for place in &all[1..=BATCH + 1] {
            drop(place.begin());
        }
        tokio::time::advance(MIN_IDLE).await;
        places.make_room();
        places.make_room();
        assert!(!is_asked(&all[0]).await, "it is busy");
        let mut asked = 0;
        for place in &all {
            asked += usize::from(is_asked(place).await);
        }
        assert_eq!(asked, BATCH, "once");
        drop(busy);
    }

    #[tokio::test(start_paused = true)]
    async fn those_on_their_way_in_make_room_only_for_networks_with_many() {
        let places = places(100);
        let (office, home) = (ip("192.0.2.1"), ip("198.51.100.1"));
        let few = places.enter(home).await.unwrap();
        let mut many = Vec::new();
        for _ in 0..=FEW {
            many.push(places.enter(office).await.unwrap());
        }
        tokio::time::advance(MIN_IDLE).await;
        places.make_room();
        assert!(!is_asked(&few).await);
        for place in &many {
            assert!(is_asked(place).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_is_not_waited_for() {
        let places = places(1);
        let home = ip("192.0.2.1");
        let only = places.enter(home).await.unwrap();
        let busy = only.begin();
        let gone = timeout(Duration::from_secs(1), places.enter(home)).await;
        assert!(gone.is_err() && !only.is_wanted());
        drop((busy, only));
        assert_eq!(places.networks(), 0);
        assert!(places.enter(home).await.is_some());
    }
}
