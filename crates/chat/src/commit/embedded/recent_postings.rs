//! What was posted recently, by client id: a client that posts again because it heard no
//! answer is answered from memory.
//!
//! One table for all rooms, bounded: what has fallen out of it is found in the database, in
//! the transaction that would store it again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base::AccountId;

use crate::Message;
use crate::intake::Posted;

/// Postings remembered, of all rooms together: some 200 bytes each.
const MAX_REMEMBERED: usize = 4_096;

/// A posting by what its client calls it: room, author, client id.
type Key = (i64, AccountId, Arc<str>);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct RecentPostings {
    posted: HashMap<Key, Posted>,
    /// The oldest first.
    order: VecDeque<Key>,
}

impl RecentPostings {
    /// `message` is stored in `room`.
    pub(super) fn remember(&mut self, room: i64, message: &Message) {
        let Some(client_id) = message.client_id.as_deref() else { return };
        let key = (room, message.author, Arc::from(client_id));
        let posted = Posted { id: message.id, at: message.at };
        if self.posted.insert(key.clone(), posted).is_some() {
            return;
        }
        if self.order.len() == MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.posted.remove(&oldest);
        }
        self.order.push_back(key);
    }

    /// What `author` posted to `room` under `client_id`.
    pub(super) fn get(&self, room: i64, author: AccountId, client_id: &str) -> Option<Posted> {
        // The key owns its text; one small copy a post is no cost worth a wrapper type.
        self.posted.get(&(room, author, client_id.into())).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::message;

    #[test]
    fn the_oldest_make_room() {
        let mut recent = RecentPostings::default();
        let last = i64::try_from(MAX_REMEMBERED).expect("small") + 5;
        for id in 1..=last {
            recent.remember(1, &message(id, "x"));
        }
        let id = |client_id| recent.get(1, AccountId(7), client_id).map(|posted| posted.id);
        assert_eq!((id("client-5"), id("client-6")), (None, Some(6)));
        assert_eq!(recent.get(1, AccountId(8), "client-6"), None, "another author's");
        assert_eq!(recent.get(2, AccountId(7), "client-6"), None, "another room's");
        assert_eq!((recent.posted.len(), recent.order.len()), (MAX_REMEMBERED, MAX_REMEMBERED));
    }
}
