//! How many things are under way at once for one key: an address, an account.
//!
//! Memory is bounded by what is under way: nothing is kept of a key at zero.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{Exempt, network_of, site_of};

/// So many slots for each key. Clones are the same.
#[derive(Clone)]
pub struct Slots<K> {
    limit: u32,
    taken: Arc<Mutex<HashMap<K, u32>>>,
}

/// A slot that is taken; free when this is dropped.
pub struct Slot<K: Eq + Hash> {
    key: K,
    taken: Arc<Mutex<HashMap<K, u32>>>,
}

impl<K: Copy + Eq + Hash> Slots<K> {
    /// `limit` slots for each key.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit, taken: Arc::default() }
    }

    /// Takes a slot of `key`; `None` if none is free.
    #[must_use]
    pub fn take(&self, key: K) -> Option<Slot<K>> {
        let mut taken = self.taken.lock();
        let count = taken.get(&key).copied().unwrap_or(0);
        if count >= self.limit {
            return None;
        }
        taken.insert(key, count + 1);
        drop(taken);
        Some(Slot { key, taken: Arc::clone(&self.taken) })
    }

    /// How many slots of `key` are taken.
    #[must_use]
    pub fn taken(&self, key: K) -> u32 {
        self.taken.lock().get(&key).copied().unwrap_or(0)
    }

    /// How many keys have a slot taken.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.taken.lock().len()
    }
}

impl<K: Eq + Hash> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

/// So many slots for each network that a client address is in. Exempt ones have as many
/// as they like. Clones are the same.
#[derive(Clone, Debug)]
pub struct NetworkSlots {
    exempt: Exempt,
    key: fn(IpAddr) -> IpAddr,
    slots: Slots<IpAddr>,
}

/// A slot of a network; free when this is dropped.
#[derive(Debug)]
#[must_use]
pub struct NetworkSlot {
    _counted: Option<Slot<IpAddr>>,
}

impl NetworkSlots {
    /// `limit` slots for each [`network_of`] an address.
    #[must_use]
    pub fn new(limit: u32, exempt: Exempt) -> Self {
        Self { exempt, key: network_of, slots: Slots::new(limit) }
    }

    /// `limit` slots for each [`site_of`] an address.
    #[must_use]
    pub fn of_sites(limit: u32, exempt: Exempt) -> Self {
        Self { exempt, key: site_of, slots: Slots::new(limit) }
    }

    /// Takes a slot for `address`; `None` if none is free.
    #[must_use]
    pub fn take(&self, address: IpAddr) -> Option<NetworkSlot> {
        if self.exempt.contains(address) {
            return Some(NetworkSlot { _counted: None });
        }
        let slot = self.slots.take((self.key)(address))?;
        Some(NetworkSlot { _counted: Some(slot) })
    }

    /// How many networks have a slot taken; exempt ones are not counted.
    #[must_use]
    pub fn networks(&self) -> usize {
        self.slots.keys()
    }
}

impl<K> fmt::Debug for Slots<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash> fmt::Debug for Slot<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_limit_and_nothing_is_kept_at_zero() {
        let slots = Slots::new(2);
        let ann = [slots.take("ann"), slots.take("ann")];
        assert!(ann.iter().all(Option::is_some));
        assert!(slots.take("ann").is_none());
        assert_eq!((slots.taken("ann"), slots.taken("bob")), (2, 0));
        let bob = slots.take("bob");
        assert!(bob.is_some(), "others are not touched");
        drop(ann);
        assert_eq!(slots.keys(), 1);
        assert!(slots.take("ann").is_some());
        drop(bob);
        assert_eq!(slots.keys(), 0);
    }

    #[test]
    fn networks_and_sites_share_and_exempt_ones_are_free() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let exempt = Exempt(vec!["10.0.0.0/8".parse().unwrap()]);
        let networks = NetworkSlots::new(1, exempt.clone());
        let sites = NetworkSlots::of_sites(1, exempt);
        let (one, neighbour, elsewhere) =
            (ip("2001:db8:1:1::1"), ip("2001:db8:1:1::2"), ip("2001:db8:1:2::1"));
        let held = (networks.take(one), sites.take(one));
        assert!(networks.take(neighbour).is_none() && networks.take(elsewhere).is_some());
        assert!(sites.take(elsewhere).is_none() && sites.take(ip("2001:db8:2::1")).is_some());
        let free: Vec<_> = (0..10).map(|_| networks.take(ip("10.0.0.1"))).collect();
        assert!(free.iter().all(Option::is_some));
        drop((held, free));
        assert_eq!(networks.networks() + sites.networks(), 0);
    }
}
