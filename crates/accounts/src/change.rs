//! Changing an account: one way for all changes, so that what follows from one (other
//! sessions end, open sessions bear the new name) is never forgotten.

use base::AccountId;
use storage::StorageError;

use crate::ending::Ending;
use crate::password::hasher::HashError;
use crate::profile::Profile;
use crate::store::accounts::{self, By, Changes};
use crate::{Accounts, Invalid};

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// These fields cannot be taken.
    #[error("a field is not valid")]
    Invalid(Vec<Invalid>),
    /// The current password is another one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Another account has this username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another account has this address.
    #[error("the address is taken")]
    EmailTaken,
    /// The account's address must be confirmed first.
    #[error("the address is not confirmed")]
    Unconfirmed,
    /// There is no such account (any more).
    #[error("there is no such account")]
    Gone,
    /// Too many wrong tries; wait this long.
    #[error("too many tries")]
    TooMany(std::time::Duration),
    /// Too many passwords are being hashed; try again in a moment.
    #[error("too busy")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<HashError> for ChangeError {
    fn from(HashError::Busy: HashError) -> Self {
        Self::Busy
    }
}

impl Accounts {
    /// Makes `changes` and ends the sessions of `ending`, both or neither; comes to
    /// its end even if who asked has gone.
    pub(crate) async fn apply(
        &self,
        account: AccountId,
        changes: Changes,
        ending: Option<Ending>,
    ) -> Result<Profile, ChangeError> {
        let accounts = self.clone();
        self.finish(async move { accounts.apply_now(account, changes, ending).await }).await
    }

    async fn apply_now(
        &self,
        account: AccountId,
        changes: Changes,
        ending: Option<Ending>,
    ) -> Result<Profile, ChangeError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        // Asked before changing: databases differ in what a failed statement leaves of
        // a transaction.
        if let Some(Some(email)) = &changes.email
            && let Some(other) = accounts::find(on, By::Email(email)).await?
            && other.profile.account != account
        {
            return Err(ChangeError::EmailTaken);
        }
        if let Some(username) = &changes.username
            && let Some(other) = accounts::find(on, By::Username(username)).await?
            && other.profile.account != account
        {
            return Err(ChangeError::UsernameTaken);
        }
        accounts::change(on, account, changes).await?;
        let person = accounts::find(on, By::Id(account)).await?.ok_or(ChangeError::Gone)?;
        let ended = match &ending {
            Some(ending) => self.delete_doomed(on, ending).await?,
            None => Vec::new(),
        };
        transaction.commit().await?;
        let profile = person.profile;
        self.0.live.lock().rename(account, &profile.username, profile.display_name());
        if let Some(ending) = &ending {
            self.announce(&ended, ending.reason());
        }
        Ok(profile)
    }
}
