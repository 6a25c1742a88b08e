//! Creating and finding accounts.

use base::{AccountId, Timestamp};
use storage::StorageError;

use crate::{AccessKey, Accounts, Username, store};

/// Why an account was not created.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// An account has this username, perhaps in another spelling.
    #[error("the username is taken")]
    Taken,
    /// The database failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for RegisterError {
    fn from(error: StorageError) -> Self {
        if error.is_unique_violation() { Self::Taken } else { Self::Storage(error) }
    }
}

/// What anybody signed in may know of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSummary {
    /// Which account.
    pub account: AccountId,
    /// Its username, spelled as registered.
    pub username: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

impl Accounts {
    /// Creates an account and the key to it, which cannot be had again.
    ///
    /// # Errors
    /// [`RegisterError::Taken`] if the username, in any spelling, exists.
    pub async fn register(&self, username: &Username) -> Result<AccessKey, RegisterError> {
        let inner = &self.0;
        let account = AccountId(base::id53(&*inner.random));
        let key = AccessKey::generate(&*inner.random);
        let now = inner.clock.now();

        let transaction = inner.db.begin_write().await?;
        let on = transaction.connection();
        store::insert_account(on, account, username, key.hash(), now).await?;
        transaction.commit().await?;

        metrics::counter!("packetboat_registrations_total").increment(1);
        tracing::info!(%account, "account registered");
        Ok(key)
    }

    /// The account of that username, however it is spelled.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn find(&self, username: &Username) -> Result<Option<AccountSummary>, StorageError> {
        store::account_by_username(self.0.db.reader(), username).await
    }
}
