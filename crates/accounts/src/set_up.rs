//! The first account of staff, on a server that has none.

use std::time::Duration;

use base::AccountId;
use storage::StorageError;

use crate::administration::{NewAccount, Prepared, STAFF_LOCK};
use crate::again::until_undisturbed;
use crate::secret::{self, SecretHash};
use crate::store::{accounts, set_up};
use crate::{Accounts, ChangeError, link};

/// How long a set-up link works, unless another is given out.
pub const SETUP_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

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

impl From<StorageError> for SetUpError {
    fn from(error: StorageError) -> Self {
        Self::Change(error.into())
    }
}

impl Accounts {
    /// Whether there is an active account of staff.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_staff(&self) -> Result<bool, StorageError> {
        Ok(accounts::staff_besides(self.0.db.reader(), &[]).await? > 0)
    }

    /// Whether `account` is staff.
    ///
    /// # Errors
    /// If the database fails.
    pub(crate) async fn is_staff(&self, account: AccountId) -> Result<bool, StorageError> {
        Ok(self.profile(account).await?.is_some_and(|profile| profile.is_staff))
    }

    /// A secret with which the first account of staff can be made, once and within
    /// [`SETUP_LIFE`]; `None` if there is staff. The one that is given out last works, on
    /// every server that has the database.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn setup_token(&self) -> Result<Option<String>, StorageError> {
        if self.has_staff().await? {
            return Ok(None);
        }
        let token = secret::generate(&*self.0.random);
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        storage::lock(on, STAFF_LOCK).await?;
        set_up::replace(on, SecretHash::of(&token), self.now().plus(SETUP_LIFE)).await?;
        transaction.commit().await?;
        Ok(Some(token))
    }

    /// Whether `token` is the one that was given out last, and was neither used nor given
    /// out too long ago.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_setup_open(&self, token: &str) -> Result<bool, StorageError> {
        match link::parse(token) {
            Some(token) => set_up::is_open(self.0.db.reader(), token, self.now()).await,
            None => Ok(false),
        }
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
        // Asked before a password is hashed, and again when the token is used.
        if !self.is_setup_open(token).await? {
            return Err(SetUpError::Refused);
        }
        let first = NewAccount {
            email: email.to_owned(),
            password: Some(password.to_owned()),
            is_staff: true,
            ..NewAccount::default()
        };
        let first = self.prepare(&first).await?;
        let token = SecretHash::of(token);
        let account = until_undisturbed(|| self.make_first(token, &first)).await?;
        tracing::info!(%account, "first account of staff created");
        Ok(account)
    }

    /// In one transaction: there is no staff, the token is used up, the account is made.
    async fn make_first(
        &self,
        token: SecretHash,
        first: &Prepared,
    ) -> Result<AccountId, SetUpError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        storage::lock(on, STAFF_LOCK).await?;
        let has_staff = accounts::staff_besides(on, &[]).await? > 0;
        if has_staff || !set_up::take(on, token, self.now()).await? {
            return Err(SetUpError::Refused);
        }
        let account = self.add_account(on, first).await?;
        transaction.commit().await?;
        Ok(account)
    }
}
