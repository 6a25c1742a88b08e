//! The queue as its operator sees it: what waits, what failed and why, and the two things
//! to do about it.

use base::Timestamp;
use storage::StorageError;

use crate::message::DEFAULT_LIFETIME;
use crate::{Mailer, store};

/// The most mails of one page, and the most that are retried or dropped at once.
pub const MAX_PAGE: u64 = 500;

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
    /// How many to return; [`MAX_PAGE`] at most.
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

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailPage {
    /// The mails.
    pub rows: Vec<QueuedMail>,
    /// How many there are on all pages.
    pub total: u64,
}

impl Mailer {
    /// A page of the mails that are on record.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn page(&self, query: &MailQuery) -> Result<MailPage, StorageError> {
        let query = MailQuery { limit: query.limit.min(MAX_PAGE), ..query.clone() };
        let (rows, total) = store::page(self.0.db.reader(), &query).await?;
        Ok(MailPage { rows, total })
    }

    /// One mail.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn get(&self, id: i64) -> Result<Option<QueuedMail>, StorageError> {
        store::one(self.0.db.reader(), id).await
    }

    /// Has those of `ids` (the first [`MAX_PAGE`]) that did not leave tried at once, and
    /// given up three days from now at the earliest; how many there are of them.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn retry(&self, ids: &[i64]) -> Result<u64, StorageError> {
        let now = self.0.clock.now();
        let transaction = self.0.db.begin_write().await?;
        let give_up_at = now.plus(DEFAULT_LIFETIME);
        let done = store::retry(transaction.connection(), bounded(ids), now, give_up_at).await?;
        transaction.commit().await?;
        self.0.wake.notify_one();
        Ok(done)
    }

    /// Forgets `ids` (the first [`MAX_PAGE`]), whatever their state; how many there were. One
    /// that is being handed in at this moment may still arrive.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn discard(&self, ids: &[i64]) -> Result<u64, StorageError> {
        let transaction = self.0.db.begin_write().await?;
        let done = store::delete(transaction.connection(), bounded(ids)).await?;
        transaction.commit().await?;
        Ok(done)
    }
}

fn bounded(ids: &[i64]) -> &[i64] {
    let most = usize::try_from(MAX_PAGE).unwrap_or(usize::MAX);
    &ids[..ids.len().min(most)]
}
