//! How many things are under way at once for one key: an address, an account.
//!
//! Memory is bounded by what is under way: nothing is kept of a key at zero.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counts what is under way for each key, up to a bound. Clones count together.
#[derive(Clone)]
pub struct UnderWay<K> {
    limit: u32,
    counts: Arc<Mutex<HashMap<K, u32>>>,
}

/// One thing that is under way; it is over when this is dropped.
pub struct Share<K: Eq + Hash> {
    key: K,
    counts: Arc<Mutex<HashMap<K, u32>>>,
}

impl<K: Copy + Eq + Hash> UnderWay<K> {
    /// Nothing is under way; at most `limit` things of one key may be.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit, counts: Arc::default() }
    }

    /// Begins one more thing of `key`; `None` if the limit is reached.
    #[must_use]
    pub fn begin(&self, key: K) -> Option<Share<K>> {
        let mut counts = self.counts.lock();
        let count = counts.entry(key).or_default();
        if *count >= self.limit {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Share { key, counts: Arc::clone(&self.counts) })
    }

    /// How many keys have something under way.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.counts.lock().len()
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

impl<K> fmt::Debug for UnderWay<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnderWay").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash> fmt::Debug for Share<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_limit_and_nothing_is_kept_at_zero() {
        let under_way = UnderWay::new(2);
        let ann = [under_way.begin("ann"), under_way.begin("ann")];
        assert!(ann.iter().all(Option::is_some));
        assert!(under_way.begin("ann").is_none());
        let bob = under_way.begin("bob");
        assert!(bob.is_some(), "others are not touched");
        drop(ann);
        assert_eq!(under_way.keys(), 1);
        assert!(under_way.begin("ann").is_some());
        drop(bob);
        assert_eq!(under_way.keys(), 0);
    }
}
