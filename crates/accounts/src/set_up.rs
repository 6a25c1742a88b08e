//! The first account of staff, on a server that has none.

use storage::StorageError;

use crate::administration::NewAccount;
use crate::secret::{self, SecretHash};
use crate::{Accounts, ChangeError};

use base::AccountId;

/// Why the first account of staff was not made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The token is not the one that was given out, or there is staff by now.
    #[error("the set-up link does not work")]
    Refused,
    /// As for any account.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl Accounts {
    /// Whether there is an active account of staff.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_staff(&self) -> Result<bool, StorageError> {
        Ok(crate::store::accounts::staff_besides(self.0.db.reader(), &[]).await? > 0)
    }

    /// Whether `account` is staff.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn is_staff(&self, account: AccountId) -> Result<bool, StorageError> {
        Ok(self.profile(account).await?.is_some_and(|profile| profile.is_staff))
    }

    /// A secret with which the first account of staff can be made, once; `None` if
    /// there is staff. A hash of it is kept in memory only: the next start gives out
    /// another, and so does asking again.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setup_token(&self) -> Result<Option<String>, StorageError> {
        if self.has_staff().await? {
            return Ok(None);
        }
        let token = secret::generate(&*self.0.random);
        *self.0.set_up.lock() = Some(SecretHash::of(&token));
        Ok(Some(token))
    }

    /// Whether `token` is the one that was given out last and was not used.
    #[must_use]
    pub fn is_setup_open(&self, token: &str) -> bool {
        *self.0.set_up.lock() == Some(SecretHash::of(token))
    }

    /// Makes the first account of staff, with a confirmed address. `token` works once.
    ///
    /// # Errors
    /// [`SetUpError`]; after [`SetUpError::Change`] the token still works.
    pub async fn set_up(
        &self,
        token: &str,
        email: &str,
        password: &str,
    ) -> Result<AccountId, SetUpError> {
        let hash = SecretHash::of(token);
        // Taken out while it is used: of two at once, one gets in.
        if self.0.set_up.lock().take_if(|open| *open == hash).is_none() {
            return Err(SetUpError::Refused);
        }
        let made = self.make_first(email, password).await;
        if matches!(made, Err(SetUpError::Change(_))) {
            self.0.set_up.lock().get_or_insert(hash);
        }
        made
    }

    async fn make_first(&self, email: &str, password: &str) -> Result<AccountId, SetUpError> {
        if self.has_staff().await.map_err(ChangeError::from)? {
            return Err(SetUpError::Refused);
        }
        let first = NewAccount {
            email: email.to_owned(),
            password: Some(password.to_owned()),
            is_staff: true,
            ..NewAccount::default()
        };
        Ok(self.create_account(first).await?)
    }
}
