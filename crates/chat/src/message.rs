//! A message and what its text may be.

use std::sync::Arc;

use base::{AccountId, Timestamp};

/// The longest text, in Unicode scalar values (the contract with existing clients).
pub const MAX_TEXT: usize = 300;

/// A text fit to be posted: 1 to [`MAX_TEXT`] Unicode scalar values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(Box<str>);

/// Why a text cannot be posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It has no characters.
    #[error("a message needs some text")]
    Empty,
    /// It has more than [`MAX_TEXT`].
    #[error("a message may have at most 300 characters")]
    TooLong,
    /// It holds U+0000, which PostgreSQL cannot store.
    #[error("a message cannot hold the character U+0000")]
    Unstorable,
}

impl Text {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`TextError`] says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, TextError> {
        if text.is_empty() {
            return Err(TextError::Empty);
        }
        // A scalar value takes four bytes at most: longer needs no counting.
        if text.len() > MAX_TEXT * 4 || text.chars().count() > MAX_TEXT {
            return Err(TextError::TooLong);
        }
        if text.contains('\0') {
            return Err(TextError::Unstorable);
        }
        Ok(Self(text.into()))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_inner(self) -> Box<str> {
        self.0
    }
}

/// A message as it stands in its room's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the room: 1 for the first, and no gaps.
    pub id: i64,
    /// When it was accepted. Never earlier than the message before it.
    pub at: Timestamp,
    /// Who posted it.
    pub author: AccountId,
    /// The author's name when it was posted.
    pub author_name: Arc<str>,
    /// What it says; empty once it was removed, which no posted text is.
    pub text: Box<str>,
    /// The number its client gave it, so that posting it again changes nothing.
    pub client_id: Option<Box<str>>,
}

/// The time of messages that are accepted `now`, after others at `newest`: a clock that is
/// set right by a little must not make a message older than the one before it. But one
/// that was ahead by more was wrong, and what it said is no measure for all that follows:
/// then times go back, and the order of messages is their ids' alone, as always.
pub(crate) fn accepted_at(now: Timestamp, newest: Timestamp) -> Timestamp {
    if newest.is_ahead_of(now) { now } else { now.max(newest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_counted_in_scalar_values() {
        assert_eq!(Text::new(""), Err(TextError::Empty));
        assert!(Text::new(&"😀".repeat(300)).is_ok());
        assert_eq!(Text::new(&"😀".repeat(301)), Err(TextError::TooLong));
        assert_eq!(Text::new(&"a".repeat(301)), Err(TextError::TooLong));
        assert_eq!(Text::new("a\0b"), Err(TextError::Unstorable));
    }

    #[test]
    fn times_do_not_go_back_unless_the_clock_was_wrong() {
        let at = |now, newest| accepted_at(Timestamp(now), Timestamp(newest)).0;
        assert_eq!(at(1_000, 0), 1_000, "the first message");
        assert_eq!(at(1_000, 900), 1_000);
        assert_eq!(at(1_000, 1_000), 1_000);
        assert_eq!(at(1_000, 61_000), 61_000, "the clock was set right");
        assert_eq!(at(1_000, 61_001), 1_000, "the clock was wrong");
        assert_eq!(at(1_000, i64::MAX), 1_000);
    }
}
