//! What a client asks for, and why it may not have it.

use crate::message::{Text, TextError};

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To post, or to have the refusal answered in the order of its postings.
    Post { text: Result<Text, Refusal>, client_id: Option<Box<str>> },
    /// For up to `limit` messages below `before`.
    History { before: i64, limit: usize },
    /// To tell the others that this person is typing.
    Typing,
    /// For nothing: the person is there.
    Alive,
}

impl Command {
    /// What a message that cannot be read comes to.
    pub(crate) const MALFORMED: Self =
        Self::Post { text: Err(Refusal::Malformed), client_id: None };
}

/// Why something a client sent was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooLong,
    Malformed,
    RateLimited,
    Unavailable,
}

impl Refusal {
    /// The stable code on the wire.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLong => "message_too_long",
            Self::Malformed => "malformed_message",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
        }
    }

    /// What a person may be told.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::TooLong => "A message may have at most 300 characters.",
            Self::Malformed => "This is not a message the server understands.",
            Self::RateLimited => "That was too fast: wait a moment and try again.",
            Self::Unavailable => "The message could not be stored: try again.",
        }
    }
}

impl From<TextError> for Refusal {
    fn from(error: TextError) -> Self {
        match error {
            TextError::TooLong => Self::TooLong,
            TextError::Empty | TextError::Unstorable => Self::Malformed,
        }
    }
}
