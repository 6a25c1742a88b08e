//! The newest messages of a room, in memory: what newcomers are shown and what
//! reconnecting clients have missed, without asking the database.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base::{AccountId, Timestamp};

use crate::Message;

/// Messages kept. A client that missed no more than this catches up in one message, if
/// that is not too long (`room::welcome::MAX_RECOVERY`).
pub(crate) const RECENT: usize = 2_048;

/// The newest messages, oldest first, their ids without gaps.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    messages: VecDeque<Arc<Message>>,
    by_client_id: HashMap<(AccountId, Box<str>), i64>,
}

impl Recent {
    /// Adds the newest message.
    pub(crate) fn push(&mut self, message: Arc<Message>) {
        if self.messages.len() == RECENT
            && let Some(oldest) = self.messages.pop_front()
            && let Some(client_id) = &oldest.client_id
        {
            self.by_client_id.remove(&(oldest.author, client_id.clone()));
        }
        if let Some(client_id) = &message.client_id {
            self.by_client_id.insert((message.author, client_id.clone()), message.id);
        }
        self.messages.push_back(message);
    }

    /// Takes the text of message `id` away, if it is here; its place stays.
    pub(crate) fn remove(&mut self, id: i64) {
        let Some(first) = self.messages.front().map(|first| first.id) else { return };
        let place = usize::try_from(id - first).ok();
        if let Some(message) = place.and_then(|place| self.messages.get_mut(place)) {
            *message = Arc::new(Message { text: "".into(), ..Message::clone(message) });
        }
    }

    /// The ids of the newest `count` whose text was taken away, oldest first.
    pub(crate) fn removed(&self, count: usize) -> Vec<i64> {
        let removed = self.messages.iter().rev().filter(|message| message.text.is_empty());
        let mut ids: Vec<_> = removed.map(|message| message.id).take(count).collect();
        ids.reverse();
        ids
    }

    /// The id of the newest message; zero if there never was one.
    pub(crate) fn head(&self) -> i64 {
        self.messages.back().map_or(0, |message| message.id)
    }

    /// When the newest message was accepted.
    pub(crate) fn last_at(&self) -> Option<Timestamp> {
        self.messages.back().map(|message| message.at)
    }

    /// Whether everything after `id` can be given without a gap.
    pub(crate) fn covers_after(&self, id: i64) -> bool {
        let first = self.messages.front().map_or(self.head() + 1, |first| first.id);
        id <= self.head() && id + 1 >= first
    }

    /// The messages from `first` to `last`, both included, as far as they are here.
    pub(crate) fn between(&self, first: i64, last: i64) -> impl Iterator<Item = &Message> {
        let oldest = self.messages.front().map_or(first, |oldest| oldest.id);
        let place = |id: i64| usize::try_from(id - oldest).unwrap_or(0).min(self.messages.len());
        let end = place(last + 1);
        self.messages.range(place(first).min(end)..end).map(Arc::as_ref)
    }

    /// How many messages are here.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Up to `limit` messages below `before`, oldest first, and whether there are
    /// older ones; `None` if some of them are only in the database.
    pub(crate) fn before(&self, before: i64, limit: usize) -> Option<(Vec<Arc<Message>>, bool)> {
        let first = self.messages.front()?.id;
        let end = before.clamp(1, self.head() + 1);
        let start = end.saturating_sub(i64::try_from(limit).ok()?).max(1);
        if start < first {
            return None;
        }
        let skip = usize::try_from(start - first).ok()?;
        let count = usize::try_from(end - start).ok()?;
        Some((self.messages.iter().skip(skip).take(count).cloned().collect(), start > 1))
    }

    /// The message that `author` posted under `client_id`.
    pub(crate) fn posted_as(&self, author: AccountId, client_id: &str) -> Option<&Message> {
        // The key owns its text; one small copy a post is no cost worth a wrapper type.
        let id = self.by_client_id.get(&(author, client_id.into()))?;
        let first = self.messages.front()?.id;
        self.messages.get(usize::try_from(id - first).ok()?).map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: i64) -> Arc<Message> {
        Arc::new(Message {
            id,
            at: Timestamp(id),
            author: AccountId(7),
            author_name: "ann".into(),
            text: "x".into(),
            client_id: Some(format!("c{id}").into()),
        })
    }

    fn filled(ids: std::ops::RangeInclusive<i64>) -> Recent {
        let mut recent = Recent::default();
        ids.for_each(|id| recent.push(message(id)));
        recent
    }

    fn ids(messages: &[Arc<Message>]) -> Vec<i64> {
        messages.iter().map(|message| message.id).collect()
    }

    #[test]
    fn recovery_is_whole_or_not_at_all() {
        let recent = filled(11..=20);
        assert!([10, 17, 20].iter().all(|id| recent.covers_after(*id)));
        assert!(!recent.covers_after(9));
        assert!(!recent.covers_after(21), "an id from the future is not ours");
        assert!(Recent::default().covers_after(0));
        assert!(!Recent::default().covers_after(5));
        let ids =
            |first, last| recent.between(first, last).map(|message| message.id).collect::<Vec<_>>();
        assert_eq!(ids(18, 20), [18, 19, 20]);
        assert_eq!(ids(9, 12), [11, 12]);
        assert!(ids(20, 19).is_empty() && ids(21, 30).is_empty());
        assert_eq!(Recent::default().between(1, 3).count(), 0);
    }

    #[test]
    fn pages_end_at_the_first_message() {
        let recent = filled(1..=20);
        let (page, more) = recent.before(4, 50).expect("covered");
        assert_eq!((ids(&page), more), (vec![1, 2, 3], false));
        let (page, more) = recent.before(i64::MAX, 2).expect("covered");
        assert_eq!((ids(&page), more), (vec![19, 20], true));
        assert_eq!(recent.before(i64::MIN, 2), Some((vec![], false)));
        assert_eq!(filled(11..=20).before(13, 5), None);
    }

    #[test]
    fn the_oldest_make_room_and_take_their_client_ids_along() {
        let last = i64::try_from(RECENT).expect("small") + 5;
        let recent = filled(1..=last);
        assert_eq!(recent.messages.len(), RECENT);
        assert_eq!(recent.posted_as(AccountId(7), "c5"), None);
        assert_eq!(recent.posted_as(AccountId(7), "c6").map(|message| message.id), Some(6));
        assert_eq!(recent.posted_as(AccountId(8), "c6"), None);
        assert_eq!(recent.by_client_id.len(), RECENT);
    }
}
