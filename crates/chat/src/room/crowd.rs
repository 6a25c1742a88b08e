//! Telling a large room who came and who went.
//!
//! One frame a change is quadratic: when 5,000 of 10,000 vanish, 25 million frames go out,
//! and messages wait behind them. Above [`CROWD`] people, changes are collected and told
//! every [`INTERVAL`]: to clients of our own dialect as the newest state, to Piratchat
//! clients as the `leave` frames that their contract promises, some at a time. What waits
//! here is behind every message that was published before it is told.
//!
//! Invariants: after the last change was told, every client knows who is here, as far as
//! its dialect has words for it. A person who left and came back before it was told never
//! left for Piratchat clients. Arrivals are told to these at once, before anything that
//! the newcomer says.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use base::AccountId;
use bytes::{Bytes, BytesMut};
use hub::{Except, MAX_FORMATS, Op, Presence, Publication};

use super::MAX_NAMES;
use crate::dialect::{self, packetboat};

/// Up to so many people in the room, each change is told at once.
const CROWD: usize = 200;

/// How often changes are told in a larger room.
pub(super) const INTERVAL: Duration = Duration::from_millis(400);

/// Names of changes in one frame. After more of them the names are owed as a whole list.
const MAX_CHANGES: usize = 64;

/// How often the whole list of names is told at most: it is long.
const LIST_INTERVAL: Duration = Duration::from_secs(5);

/// Departures told to Piratchat clients at once: some 20 KB for each of them, so that
/// messages wait for one such frame at most.
const LEAVES_AT_ONCE: usize = 512;

/// The changes that have not been told yet.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// For our own dialect: who changed since it was last told, and whether they are here.
    changed: HashMap<AccountId, Change>,
    /// For Piratchat: who left, the longest gone first. Who came back is not in `left`.
    order: VecDeque<AccountId>,
    left: HashMap<AccountId, Arc<str>>,
    /// The names were not told although they changed.
    owed: bool,
    listed: Option<Duration>,
}

#[derive(Debug)]
struct Change {
    name: Arc<str>,
    is_here: bool,
}

impl Crowd {
    /// `account` has come; what is to be told at once.
    pub(super) fn arrived(
        &mut self,
        account: AccountId,
        name: &Arc<str>,
        presence: &Presence,
    ) -> Option<Op> {
        let count = presence.count();
        if self.tells_at_once(count) {
            return Some(publish(dialect::join(name, count)));
        }
        self.changed.insert(account, Change { name: name.clone(), is_here: true });
        let unheard = self.left.remove(&account).is_none();
        unheard.then(|| publish(dialect::joined_crowd(name)))
    }

    /// `account` has gone; what is to be told at once.
    pub(super) fn departed(
        &mut self,
        account: AccountId,
        name: &Arc<str>,
        presence: &Presence,
    ) -> Option<Op> {
        let count = presence.count();
        if self.tells_at_once(count) {
            return Some(publish(dialect::leave(name, count)));
        }
        self.changed.insert(account, Change { name: name.clone(), is_here: false });
        if self.left.insert(account, name.clone()).is_none() {
            self.order.push_back(account);
        }
        None
    }

    /// Whether there is something to tell.
    pub(super) fn is_waiting(&self) -> bool {
        !self.changed.is_empty() || !self.left.is_empty() || self.owed
    }

    /// Also a room that has become small tells what waits first: changes keep their order.
    fn tells_at_once(&self, count: usize) -> bool {
        count <= CROWD && !self.is_waiting()
    }

    /// What is to be told `now`, every [`INTERVAL`].
    pub(super) fn tell(&mut self, presence: &Presence, now: Duration) -> Option<Op> {
        let ours = self.tell_ours(presence, now);
        let piratchat = self.tell_piratchat();
        (!ours.is_empty() || !piratchat.is_empty())
            .then(|| publish(dialect::crowd(piratchat, ours)))
    }

    fn tell_piratchat(&mut self) -> Bytes {
        let mut frames = BytesMut::new();
        for _ in 0..LEAVES_AT_ONCE {
            let Some(account) = self.order.pop_front() else { break };
            if let Some(name) = self.left.remove(&account) {
                frames.extend_from_slice(&dialect::piratchat::leave(&name));
            }
        }
        frames.freeze()
    }

    fn tell_ours(&mut self, presence: &Presence, now: Duration) -> Bytes {
        if self.changed.is_empty() && !self.owed {
            return Bytes::new();
        }
        let count = presence.count();
        let changed = std::mem::take(&mut self.changed);
        if !self.owed && changed.len() <= MAX_CHANGES {
            let names = |is_here| {
                let of = changed.values().filter(move |change| change.is_here == is_here);
                of.map(|change| &*change.name).collect()
            };
            return packetboat::presence_changes(count, names(true), names(false));
        }
        let is_due = self.listed.is_none_or(|listed| now.saturating_sub(listed) >= LIST_INTERVAL);
        if is_due {
            (self.owed, self.listed) = (false, Some(now));
            return packetboat::presence_list(count, presence.names().take(MAX_NAMES).collect());
        }
        self.owed = true;
        // Nothing but the names is owed: the number was told last time.
        if changed.is_empty() { Bytes::new() } else { packetboat::presence_count(count) }
    }
}

fn publish(frames: [Bytes; MAX_FORMATS]) -> Op {
    Op::Publish(Publication { frames, except: [Except::Nobody; MAX_FORMATS], volatile: false })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::dialect::{PACKETBOAT, PIRATCHAT};

    /// A client of each dialect, as it understands what it is told.
    #[derive(Default)]
    struct Clients {
        piratchat: BTreeSet<String>,
        ours: BTreeSet<String>,
        count: usize,
        frames: usize,
    }

    impl Clients {
        fn hear(&mut self, op: Option<Op>) {
            let Some(Op::Publish(publication)) = op else { return };
            for event in events(&publication.frames[PIRATCHAT.0]) {
                let name = event["username"].as_str().expect("a name").to_owned();
                let changed = match event["event"].as_str() {
                    Some("join") => self.piratchat.insert(name),
                    _ => self.piratchat.remove(&name),
                };
                assert!(changed, "{event}: a client that knew it was told again");
            }
            for event in events(&publication.frames[PACKETBOAT.0]) {
                self.frames += 1;
                self.count = event["online_count"].as_u64().expect("a number") as usize;
                let names = |key: &str| {
                    let names = event[key].as_array().cloned().unwrap_or_default();
                    names.into_iter().filter_map(|name| name.as_str().map(str::to_owned))
                };
                if event["online"].is_array() {
                    self.ours.clear();
                }
                self.ours.extend(names("online").chain(names("joined")));
                for name in names("left") {
                    self.ours.remove(&name);
                }
                match (event["type"].as_str(), event["username"].as_str()) {
                    (Some("join"), Some(name)) => drop(self.ours.insert(name.to_owned())),
                    (Some("leave"), Some(name)) => drop(self.ours.remove(name)),
                    _ => {}
                }
            }
        }
    }

    fn events(mut frames: &[u8]) -> Vec<Value> {
        let mut events = Vec::new();
        while !frames.is_empty() {
            let end = transport::frame::end_of_frame(frames, 1);
            let text = transport::frame::payload_of_text(&frames[..end]).expect("a text frame");
            events.push(serde_json::from_str(text).expect("JSON"));
            frames = &frames[end..];
        }
        events
    }

    fn change(crowd: &mut Crowd, presence: &mut Presence, account: i64) -> Option<Op> {
        let name: Arc<str> = format!("p{account:04}").into();
        if presence.connections(account) == 0 {
            presence.arrive(account, &name);
            crowd.arrived(AccountId(account), &name, presence)
        } else {
            presence.depart(account);
            crowd.departed(AccountId(account), &name, presence)
        }
    }

    proptest! {
        /// Whatever people do, once all is told every client knows who is here.
        #[test]
        fn in_the_end_every_client_knows_who_is_here(
            steps in prop::collection::vec((0_i64..450, 0_u8..40), 1..2_000),
        ) {
            let (mut crowd, mut presence) = (Crowd::default(), Presence::default());
            let mut clients = Clients::default();
            let mut now = Duration::ZERO;
            for (account, pause) in steps {
                clients.hear(change(&mut crowd, &mut presence, account));
                if pause == 0 {
                    now += INTERVAL;
                    clients.hear(crowd.tell(&presence, now));
                }
            }
            while crowd.is_waiting() {
                now += INTERVAL;
                clients.hear(crowd.tell(&presence, now));
            }
            let here: BTreeSet<String> = presence.names().map(str::to_owned).collect();
            prop_assert_eq!(&clients.piratchat, &here);
            prop_assert_eq!(clients.count, here.len());
            prop_assert_eq!(&clients.ours, &here);
        }
    }

    #[test]
    fn five_thousand_who_vanish_are_a_handful_of_frames() {
        let (mut crowd, mut presence) = (Crowd::default(), Presence::default());
        let mut clients = Clients::default();
        for account in 0..10_000 {
            clients.hear(change(&mut crowd, &mut presence, account));
        }
        let mut now = Duration::ZERO;
        while crowd.is_waiting() {
            now += INTERVAL;
            clients.hear(crowd.tell(&presence, now));
        }
        clients.frames = 0;
        for account in 0..5_000 {
            assert!(change(&mut crowd, &mut presence, account).is_none());
        }
        let mut times = 0;
        while crowd.is_waiting() {
            now += INTERVAL;
            clients.hear(crowd.tell(&presence, now));
            times += 1;
        }
        assert!(clients.frames <= 3, "{} frames", clients.frames);
        assert!(times <= 13, "told within some five seconds");
        assert_eq!((clients.count, clients.piratchat.len()), (5_000, 5_000));
    }
}
