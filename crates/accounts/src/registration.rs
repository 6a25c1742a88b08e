//! Registering by username, and finding accounts by it. By email address:
//! [`sign_up`](crate::sign_up).

use std::net::IpAddr;
use std::time::Duration;

use base::{AccountId, Timestamp};
use storage::StorageError;

use crate::store::accounts::{self, By, Registration};
use crate::{AccessKey, Accounts, Username};

/// Why an account was not created.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// An account has this username, perhaps in another spelling.
    #[error("the username is taken")]
    Taken,
    /// Too many registrations from this address; wait this long.
    #[error("too many registrations")]
    TooMany(Duration),
    /// The database failed.
    #[error(transparent)]
    Storage(StorageError),
}

impl From<StorageError> for RegisterError {
    fn from(error: StorageError) -> Self {
        if error.is_unique_violation() { Self::Taken } else { Self::Storage(error) }
    }
}

/// What every person signed in may know of an account.
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
    /// The same as [`register`](Self::register), as often as the client address
    /// `from` may: 30 times at once, then once in 10 s.
    ///
    /// # Errors
    /// [`RegisterError::Taken`], [`RegisterError::TooMany`].
    pub async fn register_from(
        &self,
        username: &Username,
        from: IpAddr,
    ) -> Result<AccessKey, RegisterError> {
        self.0.quotas.registrations.consume(from).map_err(RegisterError::TooMany)?;
        self.register(username).await
    }

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
        let registration = Registration { key: Some(key.hash()), ..Registration::default() };
        accounts::insert(on, account, username, &registration, now).await?;
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
        let person = accounts::find(self.0.db.reader(), By::Username(username)).await?;
        Ok(person.map(|person| AccountSummary {
            account: person.profile.account,
            username: person.profile.username,
            created_at: person.profile.created_at,
        }))
    }
}
