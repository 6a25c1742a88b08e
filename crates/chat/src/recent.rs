//! The newest messages of a room, in memory: what new clients are shown and what
//! reconnecting clients have missed, without asking the database.

use std::collections::VecDeque;
use std::sync::Arc;

use base::Timestamp;

use crate::Message;

/// Messages kept. A client that missed no more than this catches up in one message, if
/// that is not too long (`room::welcome::MAX_RECOVERY`).
pub(crate) const RECENT: usize = 2_048;

/// The newest messages, oldest first, their ids without gaps.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    messages: VecDeque<Arc<Message>>,
    /// What they take up.
    bytes: usize,
}

/// What `message` takes up, with its place here. The author's name is shared.
fn size(message: &Message) -> usize {
    let client_id = message.client_id.as_deref().map_or(0, str::len);
    size_of::<Message>() + size_of::<Arc<Message>>() + message.text.len() + client_id
}

impl Recent {
    /// Adds the newest message.
    pub(crate) fn push(&mut self, message: Arc<Message>) {
        if self.messages.len() == RECENT {
            self.forget_oldest();
        }
        self.bytes += size(&message);
        self.messages.push_back(message);
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.messages.pop_front() {
            self.bytes -= size(&oldest);
        }
    }

    /// Forgets all but the newest `count`.
    pub(crate) fn shrink(&mut self, count: usize) {
        while self.messages.len() > count {
            self.forget_oldest();
        }
        self.messages.shrink_to_fit();
    }

    /// Bytes that the messages take up.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the text of message `id` away, if it is here; its place stays.
    pub(crate) fn remove(&mut self, id: i64) {
        let Some(first) = self.messages.front().map(|first| first.id) else { return };
        let place = usize::try_from(id - first).ok();
        if let Some(message) = place.and_then(|place| self.messages.get_mut(place)) {
            self.bytes -= message.text.len();
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
}

impl FromIterator<Arc<Message>> for Recent {
    fn from_iter<I: IntoIterator<Item = Arc<Message>>>(messages: I) -> Self {
        let mut recent = Self::default();
        messages.into_iter().for_each(|message| recent.push(message));
        recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::message;

    fn filled(ids: std::ops::RangeInclusive<i64>) -> Recent {
        ids.map(|id| message(id, "x")).collect()
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
    fn the_oldest_make_room() {
        let last = i64::try_from(RECENT).expect("small") + 5;
        let recent = filled(1..=last);
        assert_eq!((recent.len(), recent.head()), (RECENT, last));
        assert_eq!(recent.between(1, 6).map(|message| message.id).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn what_messages_take_up_is_known_whatever_becomes_of_them() {
        let mut recent = filled(1..=i64::try_from(RECENT).expect("small") + 5);
        recent.remove(100);
        recent.shrink(RECENT - 50);
        recent.push(message(recent.head() + 1, "x"));
        let all: usize = recent.messages.iter().map(|message| size(message)).sum();
        assert_eq!(recent.bytes(), all);
        recent.shrink(0);
        assert_eq!((recent.bytes(), recent.len()), (0, 0));
    }
}
