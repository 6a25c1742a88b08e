//! Rate limits for each key, such as a client address or an account: a token bucket in
//! the form of the generic cell rate algorithm, one time stamp a key.
//!
//! Ours, not a library's, because in the end only refused sign-ins are charged (so it
//! must be possible to give back, and to look without taking), because the clock is a
//! parameter, and because memory has a hard bound: of more than
//! [`MAX_THROTTLED`] keys in debt, the eighth that is nearest to recovery is
//! forgotten, so that the deepest debts outlast any flood of new keys.
//!
//! IPv6 clients are counted by /64: one host commands that many addresses.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;
use parking_lot::Mutex;

use crate::{Exempt, counted_as};

/// The most keys that a rate limit remembers; about 3 MiB.
pub const MAX_THROTTLED: usize = 65_536;

/// How many attempts: `burst` at once, then one each `refill`.
#[derive(Clone, Copy, Debug)]
pub struct Quota {
    /// Attempts a fresh key has at once; at least 1.
    pub burst: u32,
    /// How long until one attempt more.
    pub refill: Duration,
}

/// A rate limit for each key.
#[derive(Debug)]
pub struct Buckets<K> {
    quota: Quota,
    clock: Arc<dyn Clock>,
    capacity: usize,
    /// When each key will have recovered completely, on the monotonic clock.
    recovered_at: Mutex<HashMap<K, Duration>>,
}

impl<K: Copy + Eq + Hash> Buckets<K> {
    /// No key is in debt.
    #[must_use]
    pub fn new(quota: Quota, clock: Arc<dyn Clock>) -> Self {
        Self { quota, clock, capacity: MAX_THROTTLED, recovered_at: Mutex::default() }
    }

    /// How long `key` must wait for its next attempt, `None` if not at all. Takes
    /// nothing.
    #[must_use]
    pub fn blocked(&self, key: K) -> Option<Duration> {
        let now = self.clock.monotonic();
        let known = self.recovered_at.lock().get(&key).copied();
        let after = known.unwrap_or_default().max(now) + self.quota.refill;
        self.excess(now, after)
    }

    /// Takes one attempt of `key`.
    ///
    /// # Errors
    /// How long to wait, when it has none left; nothing is taken then.
    pub fn consume(&self, key: K) -> Result<(), Duration> {
        let now = self.clock.monotonic();
        let mut entries = self.recovered_at.lock();
        let after = entries.get(&key).copied().unwrap_or_default().max(now) + self.quota.refill;
        if let Some(wait) = self.excess(now, after) {
            return Err(wait);
        }
        if entries.len() >= self.capacity && !entries.contains_key(&key) {
            make_room(&mut entries, now);
        }
        entries.insert(key, after);
        Ok(())
    }

    /// Gives back what [`consume`](Self::consume) took of `key`. To be done well
    /// within `refill`: what has recovered meanwhile would count twice.
    pub fn refund(&self, key: K) {
        let now = self.clock.monotonic();
        let mut entries = self.recovered_at.lock();
        let Some(recovered_at) = entries.get_mut(&key) else { return };
        *recovered_at = recovered_at.saturating_sub(self.quota.refill);
        if *recovered_at <= now {
            entries.remove(&key);
        }
    }

    fn excess(&self, now: Duration, after: Duration) -> Option<Duration> {
        let allowed = now + self.quota.refill * self.quota.burst;
        after.checked_sub(allowed).filter(|wait| !wait.is_zero())
    }
}

/// A rate limit for each client address; an IPv6 network counts as one.
#[derive(Debug)]
pub struct Throttle {
    exempt: Exempt,
    buckets: Buckets<IpAddr>,
}

impl Throttle {
    /// A throttle in which no address is in debt. `exempt` networks are never refused.
    #[must_use]
    pub fn new(quota: Quota, exempt: Exempt, clock: Arc<dyn Clock>) -> Self {
        Self { exempt, buckets: Buckets::new(quota, clock) }
    }

    /// How long `address` must wait for its next attempt, `None` if not at all.
    /// Takes nothing.
    #[must_use]
    pub fn blocked(&self, address: IpAddr) -> Option<Duration> {
        if self.exempt.contains(address) {
            return None;
        }
        self.buckets.blocked(counted_as(address))
    }

    /// Takes one attempt of `address`.
    ///
    /// # Errors
    /// How long to wait, when it has none left; nothing is taken then.
    pub fn consume(&self, address: IpAddr) -> Result<(), Duration> {
        if self.exempt.contains(address) {
            return Ok(());
        }
        self.buckets.consume(counted_as(address))
    }

    /// Gives back what [`consume`](Self::consume) took of `address`; see
    /// [`Buckets::refund`].
    pub fn refund(&self, address: IpAddr) {
        self.buckets.refund(counted_as(address));
    }
}

/// Drops every recovered entry, and if none was, the eighth nearest to it: then
/// the next eighth of the capacity comes in without looking for room again.
fn make_room<K: Eq + Hash>(entries: &mut HashMap<K, Duration>, now: Duration) {
    let full = entries.len();
    entries.retain(|_, recovered_at| *recovered_at > now);
    if entries.len() < full {
        return;
    }
    let mut times: Vec<Duration> = entries.values().copied().collect();
    let (_, &mut bound, _) = times.select_nth_unstable(full / 8);
    let mut surplus = full / 8 + 1;
    entries.retain(|_, recovered_at| {
        let drop = *recovered_at <= bound && surplus > 0;
        surplus -= usize::from(drop);
        !drop
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};
    use proptest::prelude::*;

    const QUOTA: Quota = Quota { burst: 3, refill: Duration::from_secs(10) };

    fn throttle() -> (Throttle, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Throttle::new(QUOTA, Exempt::default(), clock.clone()), clock)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_then_one_a_refill() {
        let (throttle, clock) = throttle();
        let ann = ip("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(throttle.blocked(ann), None);
            assert_eq!(throttle.consume(ann), Ok(()));
        }
        assert_eq!(throttle.blocked(ann), Some(Duration::from_secs(10)));
        assert_eq!(throttle.consume(ann), Err(Duration::from_secs(10)));
        clock.advance(Duration::from_millis(9_999));
        assert_eq!(throttle.blocked(ann), Some(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(throttle.consume(ann), Ok(()));
        assert!(throttle.consume(ann).is_err());
        assert_eq!(throttle.consume(ip("192.0.2.2")), Ok(()), "another address is not touched");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_no_more() {
        let (throttle, clock) = throttle();
        let ann = ip("2001:db8::1");
        while throttle.consume(ann).is_ok() {}
        throttle.refund(ip("2001:db8::2"));
        assert_eq!(throttle.consume(ann), Ok(()), "the same network");
        assert_eq!(throttle.consume(ann), Err(Duration::from_secs(10)));
        clock.advance(Duration::from_secs(25));
        throttle.refund(ann);
        assert!(
            throttle.buckets.recovered_at.lock().is_empty(),
            "nothing is owed, nothing is kept"
        );
        throttle.refund(ann);
        for _ in 0..3 {
            assert_eq!(throttle.consume(ann), Ok(()));
        }
        assert!(throttle.consume(ann).is_err(), "nobody gets more than the burst");
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let (throttle, _clock) = throttle();
        for host in 1..=3 {
            assert!(throttle.consume(ip(&format!("2001:db8:0:1::{host}"))).is_ok());
        }
        assert!(throttle.consume(ip("2001:db8:0:1:ffff::9")).is_err());
        assert!(throttle.consume(ip("2001:db8:0:2::1")).is_ok());
    }

    #[test]
    fn mapped_and_plain_ipv4_share_a_bucket() {
        let (throttle, _clock) = throttle();
        for _ in 0..3 {
            assert!(throttle.consume(ip("::ffff:192.0.2.1")).is_ok());
        }
        assert!(throttle.consume(ip("192.0.2.1")).is_err());
    }

    #[test]
    fn exempt_networks_are_never_refused() {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let exempt = Exempt(vec!["127.0.0.0/8".parse().unwrap()]);
        let throttle = Throttle::new(QUOTA, exempt, clock);
        for _ in 0..100 {
            assert!(throttle.consume(ip("127.9.9.9")).is_ok());
        }
        assert_eq!(throttle.blocked(ip("127.9.9.9")), None);
    }

    #[test]
    fn memory_is_bounded_and_a_deep_debt_outlasts_a_flood() {
        let (mut throttle, _clock) = throttle();
        throttle.buckets.capacity = 64;
        let attacker = ip("192.0.2.1");
        while throttle.consume(attacker).is_ok() {}
        for host in 0..10_000_u32 {
            let stranger = IpAddr::from((0x0a00_0000 + host).to_be_bytes());
            assert!(throttle.consume(stranger).is_ok());
            assert!(throttle.buckets.recovered_at.lock().len() <= 64);
        }
        assert!(throttle.blocked(attacker).is_some());
    }

    #[test]
    fn the_recovered_make_room_first() {
        let (mut throttle, clock) = throttle();
        throttle.buckets.capacity = 2;
        throttle.consume(ip("192.0.2.1")).unwrap();
        clock.advance(Duration::from_secs(10));
        throttle.consume(ip("192.0.2.2")).unwrap();
        throttle.consume(ip("192.0.2.3")).unwrap();
        let entries = throttle.buckets.recovered_at.lock();
        assert!(entries.contains_key(&ip("192.0.2.2")) && entries.contains_key(&ip("192.0.2.3")));
    }

    proptest! {
        /// Whatever the pace: within any span, no more than the burst and what
        /// was refilled gets through, and looking agrees with taking.
        #[test]
        fn never_more_than_burst_and_refill(steps in proptest::collection::vec(0_u64..30_000, 1..200)) {
            let (throttle, clock) = throttle();
            let ann = ip("192.0.2.1");
            let (mut elapsed, mut taken) = (0, 0);
            for step in steps {
                clock.advance(Duration::from_millis(step));
                elapsed += step;
                let blocked = throttle.blocked(ann);
                let result = throttle.consume(ann);
                prop_assert_eq!(blocked, result.err());
                taken += u64::from(result.is_ok());
                prop_assert!(taken <= 3 + elapsed / 10_000);
            }
        }
    }
}
