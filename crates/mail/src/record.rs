//! A mail of the queue as it is listed, and what a list is asked for.

use base::Timestamp;

/// How far a mail has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MailState {
    /// It waits, for its first attempt or for another one.
    Queued,
    /// It has left; its texts are forgotten, and the rest after
    /// [`KEEP_SENT`](crate::KEEP_SENT).
    Sent,
    /// It was refused for good or not taken in time; forgotten after
    /// [`KEEP_FAILED`](crate::KEEP_FAILED).
    Failed,
}

impl MailState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Queued, Self::Sent, Self::Failed];

    /// `queued`, `sent` or `failed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }

    /// The state with that name; an unknown one failed.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.as_str() == name).unwrap_or(Self::Failed)
    }
}

/// A mail of the queue, without its texts: they hold what only its receiver may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMail {
    /// Names it.
    pub id: i64,
    /// The template's name.
    pub kind: String,
    /// The full address; [`masked`](crate::masked) where it must not be seen.
    pub to: String,
    /// One line.
    pub subject: String,
    /// How far it has come.
    pub state: MailState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it is tried (again), if it waits.
    pub next_attempt_at: Option<Timestamp>,
    /// When it left or was given up.
    pub finished_at: Option<Timestamp>,
    /// What went wrong last, addresses masked, at most 300 characters.
    pub last_error: Option<String>,
}

/// Which mails to list.
#[derive(Clone, Debug)]
pub struct MailQuery {
    /// Part of the address, the subject or the kind.
    pub search: Option<String>,
    /// Only these.
    pub state: Option<MailState>,
    /// In which order.
    pub sort: MailSort,
    /// The other way round.
    pub descending: bool,
    /// How many to skip.
    pub offset: u64,
    /// How many to return; [`MAX_PAGE`](crate::MAX_PAGE) at most.
    pub limit: u64,
}

impl Default for MailQuery {
    /// The first hundred, newest first.
    fn default() -> Self {
        let sort = MailSort::Created;
        Self { search: None, state: None, sort, descending: true, offset: 0, limit: 100 }
    }
}

/// What a list of mails is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailSort {
    /// When it was asked for.
    Created,
    /// When it is tried.
    NextAttempt,
    /// How often it was tried.
    Attempts,
    /// The address.
    Recipient,
    /// How far it has come.
    State,
}
