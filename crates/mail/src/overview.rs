//! The queue for the admin site: what waits, what failed and why; retrying and discarding.

use storage::StorageError;

use crate::message::DEFAULT_LIFETIME;
use crate::record::{MailQuery, QueuedMail};
use crate::{Mailer, store};

/// The most mails of one page, and the most that are retried or dropped at once.
pub const MAX_PAGE: u64 = 500;

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
        store::by_id(self.0.db.reader(), id).await
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
