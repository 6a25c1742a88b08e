//! What is remembered of each key, with a hard bound and one rule of making room.

use std::collections::HashMap;
use std::hash::Hash;

/// The most keys that a rate limit or a back-off remembers; 3 to 6 MiB, or 18 MiB
/// for a [`Window`](crate::Window) of ten places that all have taken.
pub const MAX_KEYS: usize = 65_536;

/// Something that counts until a certain time, in nanoseconds of the monotonic clock.
pub(crate) trait Fades {
    fn gone_at(&self) -> u64;
}

/// What is owed by a key until then: nothing more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Until(pub(crate) u64);

impl Fades for Until {
    fn gone_at(&self) -> u64 {
        self.0
    }
}

/// Values by key. When it is full, what has faded goes, and if nothing has, the eighth
/// that would fade first: the deepest debts outlast any flood of new keys.
#[derive(Debug)]
pub(crate) struct Table<K, V> {
    capacity: usize,
    entries: HashMap<K, V>,
}

impl<K: Eq + Hash, V: Fades> Table<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: HashMap::new() }
    }

    /// The value of `key`, unless it has faded.
    pub(crate) fn get(&self, key: &K, now: u64) -> Option<&V> {
        self.entries.get(key).filter(|value| value.gone_at() > now)
    }

    /// The same, taken out: to be changed and set again.
    pub(crate) fn take(&mut self, key: &K, now: u64) -> Option<V> {
        self.entries.remove(key).filter(|value| value.gone_at() > now)
    }

    /// Remembers `value`, unless there is nothing to remember.
    pub(crate) fn set(&mut self, key: K, value: V, now: u64) {
        if value.gone_at() <= now {
            self.entries.remove(&key);
            return;
        }
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// An eighth at a time: the next eighth comes in without looking for room again.
    fn make_room(&mut self, now: u64) {
        let full = self.entries.len();
        self.entries.retain(|_, value| value.gone_at() > now);
        if self.entries.len() < full {
            return;
        }
        let mut times: Vec<u64> = self.entries.values().map(Fades::gone_at).collect();
        let (_, &mut bound, _) = times.select_nth_unstable(full / 8);
        let mut surplus = full / 8 + 1;
        self.entries.retain(|_, value| {
            let goes = value.gone_at() <= bound && surplus > 0;
            surplus -= usize::from(goes);
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_faded_makes_room_first() {
        let mut table = Table::new(2);
        table.set("a", Until(10), 0);
        table.set("b", Until(20), 10);
        table.set("c", Until(20), 10);
        assert_eq!(table.len(), 2);
        assert!(table.get(&"b", 10).is_some() && table.get(&"c", 10).is_some());
        assert!(table.get(&"b", 20).is_none(), "faded, though it is still there");
    }

    #[test]
    fn what_counts_no_longer_is_not_kept() {
        let mut table = Table::new(2);
        table.set("a", Until(10), 0);
        table.set("a", Until(5), 5);
        assert_eq!(table.len(), 0);
    }

    proptest! {
        /// Whatever comes: the bound holds, what was set last is there, and what lasts
        /// longest is never lost to a flood.
        #[test]
        fn bounded_and_the_longest_outlasts(times in proptest::collection::vec(1_u64..1_000, 1..500)) {
            let mut table = Table::new(16);
            table.set(usize::MAX, Until(1_000), 0);
            for (key, time) in times.into_iter().enumerate() {
                table.set(key, Until(time), 0);
                prop_assert!(table.len() <= 16);
                prop_assert_eq!(table.get(&key, 0).map(Fades::gone_at), Some(time));
                prop_assert!(table.get(&usize::MAX, 0).is_some());
            }
        }
    }
}
