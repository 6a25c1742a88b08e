//! What a client that is caught up is told first, made of parts that many share.
//!
//! When thousands come back at once, each has missed nearly the same. What they missed is
//! encoded in parts of up to [`PART`] messages whose borders lie at the same ids for
//! everyone, and each part is encoded once. Only the opening (who you are, who is here) is
//! a client's own. The parts travel as fragments of one WebSocket message (RFC 6455
//! section 5.4).
//!
//! Invariant: a recovery is whole or is not claimed.

use std::collections::HashMap;

use bytes::Bytes;

use crate::dialect::PAGE;
use crate::dialect::welcome::{ending, part};
use crate::recent::Recent;

/// Messages in a part, at most.
const PART: i64 = 64;

/// Bytes of encoded parts that are kept; beyond this all are forgotten and made anew.
const MAX_KEPT: usize = 8 * 1024 * 1024;

/// The longest recovery, in bytes on the wire: with what else may be queued it must
/// stay within a connection's outbox, or a client that missed much would be cut off
/// each time it comes back.
const MAX_RECOVERY: usize = 768 * 1024;

/// The parts encoded lately.
#[derive(Debug, Default)]
pub(super) struct WelcomeCache {
    /// By the first and the last id.
    parts: HashMap<(i64, i64), Bytes>,
    bytes: usize,
    /// The end of a welcome, which holds the newest message: its id, and the fragment.
    ending: Option<(i64, Bytes)>,
}

/// What a client missed, or the newest page: ready to be sent behind an opening.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Whether they continue what the client has.
    pub(super) recovered: bool,
    /// Whether there are older ones than these, or than what the client has.
    pub(super) more: bool,
    /// Fragments; none if there is no message.
    pub(super) fragments: Vec<Bytes>,
}

impl WelcomeCache {
    /// What a client is told that has everything up to `last_id`, if it is of this epoch:
    /// what it missed, if that can be told whole and fits, else the newest page.
    pub(super) fn recovery(&mut self, recent: &Recent, last_id: Option<i64>) -> Recovery {
        let missed = last_id
            .filter(|last_id| recent.covers_after(*last_id))
            .and_then(|last_id| Some((last_id, self.from(recent, last_id + 1, MAX_RECOVERY)?)));
        if let Some((last_id, fragments)) = missed {
            return Recovery { recovered: true, more: last_id > 1, fragments };
        }
        let page = i64::try_from(PAGE.min(recent.len())).unwrap_or(0);
        let first = recent.head() + 1 - page;
        // A page is far below any bound.
        let fragments = self.from(recent, first, usize::MAX).unwrap_or_default();
        Recovery { recovered: false, more: first > 1, fragments }
    }

    /// A message was taken away: what was encoded may hold its text.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The fragments from message `first` to the newest; `None` if they take over `most`
    /// bytes.
    fn from(&mut self, recent: &Recent, first: i64, most: usize) -> Option<Vec<Bytes>> {
        let head = recent.head();
        let mut fragments = Vec::new();
        let mut bytes = 0;
        let mut next = first;
        while next <= head {
            let fragment = if next == head {
                self.ending(recent)
            } else {
                // Ids count from one: part n ends at n × PART.
                let border = (next - 1) / PART * PART + PART;
                self.part(recent, next, border.min(head - 1))
            };
            let Some((last, fragment)) = fragment else { break };
            bytes += fragment.len();
            if bytes > most {
                return None;
            }
            fragments.push(fragment);
            next = last + 1;
        }
        Some(fragments)
    }

    fn part(&mut self, recent: &Recent, first: i64, last: i64) -> Option<(i64, Bytes)> {
        if let Some(part) = self.parts.get(&(first, last)) {
            return Some((last, part.clone()));
        }
        let part = part(recent.between(first, last));
        if self.bytes + part.len() > MAX_KEPT {
            self.forget();
        }
        self.bytes += part.len();
        self.parts.insert((first, last), part.clone());
        Some((last, part))
    }

    fn ending(&mut self, recent: &Recent) -> Option<(i64, Bytes)> {
        let head = recent.head();
        if self.ending.as_ref().is_none_or(|(id, _)| *id != head) {
            let newest = recent.between(head, head).next()?;
            self.ending = Some((head, ending(newest)));
        }
        self.ending.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{AccountId, Timestamp};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::Message;
    use crate::dialect::welcome::{Greeting, opening};

    fn recent(ids: std::ops::RangeInclusive<i64>, text: &str) -> Recent {
        let mut recent = Recent::default();
        for id in ids {
            recent.push(Arc::new(Message {
                id,
                at: Timestamp(id),
                author: AccountId(7),
                author_name: "ann".into(),
                text: text.into(),
                client_id: None,
            }));
        }
        recent
    }

    /// The whole message that a client puts together, and the ids in it.
    fn read(recovery: &Recovery) -> (Value, Vec<i64>) {
        let greeting = Greeting {
            you: "ann",
            epoch: "e",
            recovered: recovery.recovered,
            more: recovery.more,
            online: vec!["ann"],
            online_count: 1,
            removed: &[],
        };
        let mut frames = vec![opening(&greeting, recovery.fragments.is_empty())];
        frames.extend(recovery.fragments.iter().cloned());
        let mut text = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let last = number + 1 == frames.len();
            let expected = u8::from(last) << 7 | u8::from(number == 0);
            assert_eq!(frame[0], expected, "fragments in sequence, and the last one ends it");
            let header = match frame[1] {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            text.extend_from_slice(&frame[header..]);
        }
        let welcome: Value = serde_json::from_slice(&text).expect("JSON");
        let messages = welcome["messages"].as_array().expect("messages");
        let ids = messages.iter().filter_map(|message| message["id"].as_i64()).collect();
        (welcome, ids)
    }

    proptest! {
        /// Wherever a client left off and wherever the room stands, it is told exactly what
        /// it missed, or the newest page.
        #[test]
        fn a_recovery_is_exact(
            first in 1_i64..200,
            count in 0_i64..300,
            left_off in prop::option::of(-2_i64..500),
        ) {
            let head = if count == 0 { 0 } else { first + count - 1 };
            let recent = recent(first..=first + count - 1, "x");
            let mut parts = WelcomeCache::default();
            let (welcome, ids) = read(&parts.recovery(&recent, left_off));
            let oldest = if count == 0 { 1 } else { first };
            let covered = left_off.filter(|id| *id <= head && id + 1 >= oldest);
            let from = covered.map_or((head + 1 - 50).max(oldest), |id| id + 1);
            prop_assert_eq!(ids, (from..=head).collect::<Vec<_>>());
            prop_assert_eq!(&welcome["recovered"], &Value::from(covered.is_some()));
            prop_assert_eq!(&welcome["type"], &Value::from("welcome"));
            let more = covered.map_or(from > 1, |id| id > 1);
            prop_assert_eq!(&welcome["more"], &Value::from(more));
        }
    }

    #[test]
    fn clients_that_left_off_at_different_places_share_what_both_missed() {
        let recent = recent(1..=1_000, "x");
        let mut parts = WelcomeCache::default();
        let one = parts.recovery(&recent, Some(3)).fragments;
        let other = parts.recovery(&recent, Some(70)).fragments;
        let shared = |part: &Bytes| other.iter().any(|other| other.as_ptr() == part.as_ptr());
        assert_eq!(one.len(), 17);
        assert_eq!(one.iter().filter(|part| shared(part)).count(), 15);
    }

    #[test]
    fn a_recovery_that_would_not_fit_an_outbox_is_not_claimed() {
        let recent = recent(1..=2_000, &"x".repeat(600));
        let (welcome, ids) = read(&WelcomeCache::default().recovery(&recent, Some(1)));
        assert_eq!(welcome["recovered"], false);
        assert_eq!(ids.len(), PAGE);
        let (welcome, _) = read(&WelcomeCache::default().recovery(&recent, Some(1_000)));
        assert_eq!(welcome["recovered"], true);
    }

    #[test]
    fn a_text_that_was_taken_away_is_told_no_more() {
        let mut recent = recent(1..=100, "x");
        let mut parts = WelcomeCache::default();
        parts.recovery(&recent, Some(1));
        recent.remove(40);
        parts.forget();
        let (welcome, _) = read(&parts.recovery(&recent, Some(1)));
        assert_eq!(welcome["messages"][38]["removed"], true);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let recent = recent(1..=2_000, &"x".repeat(300));
        let mut parts = WelcomeCache::default();
        for last_id in 1..2_000 {
            parts.recovery(&recent, Some(last_id));
            assert!(parts.bytes <= MAX_KEPT);
        }
    }
}
