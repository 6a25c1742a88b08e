//! Who is there: people, not connections.
//!
//! A person may hold several connections; the first one is an arrival, the last one
//! gone is a departure. Not synchronised: it lives under its room's lock, so that
//! arrivals and departures have one order with everything else in the room.

use std::collections::BTreeMap;
use std::collections::HashMap;

/// What one more connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The person was not there before.
    First,
    /// The person was there already.
    Another,
}

/// What one connection less means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The person is gone.
    Last,
    /// The person is still there by another connection.
    Stays,
    /// The person was not there.
    Unknown,
}

/// The people in one room and how many connections each holds.
#[derive(Debug, Default)]
pub struct Presence {
    people: HashMap<i64, Entry>,
    /// Names in order, for lists; the value is the account.
    names: BTreeMap<String, i64>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    connections: usize,
}

impl Presence {
    /// `account`, called `name`, opened a connection.
    pub fn arrive(&mut self, account: i64, name: &str) -> Arrival {
        if let Some(entry) = self.people.get_mut(&account) {
            entry.connections += 1;
            return Arrival::Another;
        }
        self.people.insert(account, Entry { name: name.to_owned(), connections: 1 });
        self.names.insert(name.to_owned(), account);
        Arrival::First
    }

    /// `account` lost a connection.
    pub fn depart(&mut self, account: i64) -> Departure {
        let Some(entry) = self.people.get_mut(&account) else { return Departure::Unknown };
        entry.connections -= 1;
        if entry.connections > 0 {
            return Departure::Stays;
        }
        if let Some(entry) = self.people.remove(&account) {
            self.names.remove(&entry.name);
        }
        Departure::Last
    }

    /// How many connections `account` holds.
    #[must_use]
    pub fn connections(&self, account: i64) -> usize {
        self.people.get(&account).map_or(0, |entry| entry.connections)
    }

    /// How many people are there.
    #[must_use]
    pub fn count(&self) -> usize {
        self.people.len()
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_connection_arrives_and_only_the_last_departs() {
        let mut presence = Presence::default();
        assert_eq!(presence.arrive(1, "ann"), Arrival::First);
        assert_eq!(presence.arrive(1, "ann"), Arrival::Another);
        assert_eq!(presence.arrive(2, "bob"), Arrival::First);
        assert_eq!(presence.names().collect::<Vec<_>>(), ["ann", "bob"]);
        assert_eq!(presence.depart(1), Departure::Stays);
        assert_eq!(presence.depart(1), Departure::Last);
        assert_eq!(presence.depart(1), Departure::Unknown);
        assert_eq!(presence.count(), 1);
        assert_eq!(presence.names().collect::<Vec<_>>(), ["bob"]);
    }
}
