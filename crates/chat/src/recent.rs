//! The newest messages of a room, in memory: what newcomers are shown and what
//! reconnecting clients have missed, without asking the database.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use base::{AccountId, Timestamp};

use crate::Message;

/// Messages kept. A client that missed no more than this, and no more than
/// [`RECOVERY_TEXT`], catches up in one frame.
pub(crate) const RECENT: usize = 2_048;

/// Bytes of text in a recovery. Told before anything is encoded, because encoding
/// happens under the room's lock.
const RECOVERY_TEXT: usize = 512 * 1024;

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

    /// The newest `count`, oldest first, and whether there are older ones.
    pub(crate) fn last(&self, count: usize) -> (Vec<Arc<Message>>, bool) {
        let skip = self.messages.len().saturating_sub(count);
        let page: Vec<_> = self.messages.iter().skip(skip).cloned().collect();
        let more = page.first().is_some_and(|first| first.id > 1);
        (page, more)
    }

    /// Everything after `id`; `None` if that cannot be given without a gap.
    pub(crate) fn after(&self, id: i64) -> Option<Vec<Arc<Message>>> {
        if id == self.head() {
            return Some(Vec::new());
        }
        let first = self.messages.front()?.id;
        if id > self.head() || id + 1 < first {
            return None;
        }
        let skip = usize::try_from(id + 1 - first).ok()?;
        let missed = self.messages.iter().skip(skip);
        let text: usize = missed.clone().map(|message| message.text.len()).sum();
        (text <= RECOVERY_TEXT).then(|| missed.cloned().collect())
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
        assert_eq!(ids(&recent.after(17).expect("covered")), [18, 19, 20]);
        assert_eq!(ids(&recent.after(10).expect("covered")).len(), 10);
        assert_eq!(recent.after(20), Some(vec![]));
        assert_eq!(recent.after(9), None);
        assert_eq!(recent.after(21), None, "an id from the future is not ours");
        assert_eq!(Recent::default().after(0), Some(vec![]));
        assert_eq!(Recent::default().after(5), None);
    }

    #[test]
    fn pages_end_at_the_first_message() {
        let recent = filled(1..=20);
        let (page, more) = recent.last(5);
        assert_eq!((ids(&page), more), (vec![16, 17, 18, 19, 20], true));
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
