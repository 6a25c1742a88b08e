//! Links that are mailed: a secret that works once, for one purpose, for a while.

use std::time::Duration;

use base::{AccountId, Timestamp};
use storage::{Connection, StorageError};

use crate::secret::{self, SecretHash};
use crate::store::links;
use crate::{Accounts, EmailAddress};

/// How long a link to set a new password works.
pub const RESET_LIFE: Duration = Duration::from_secs(60 * 60);

/// How long a link to confirm an address works.
pub const CONFIRMATION_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The most open links of one purpose of one account: a client that asks for more gets none.
/// Bounds the mails that a client without the account can have sent to its address.
pub(crate) const MAX_OPEN_LINKS: u64 = 3;

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    ResetPassword,
    ConfirmAddress,
}

impl Purpose {
    pub(crate) fn life(self) -> Duration {
        match self {
            Self::ResetPassword => RESET_LIFE,
            Self::ConfirmAddress => CONFIRMATION_LIFE,
        }
    }

    fn path(self, token: &str) -> String {
        match self {
            Self::ResetPassword => format!("/password/reset/{token}"),
            Self::ConfirmAddress => format!("/confirm/{token}"),
        }
    }
}

/// What is kept of a link's secret; `None` if `token` cannot be one.
pub(crate) fn parse(token: &str) -> Option<SecretHash> {
    secret::is_well_formed(token).then(|| SecretHash::of(token))
}

impl Accounts {
    /// Makes a link and returns its path, to be mailed to `email` once committed;
    /// `None` if the account has enough of them open. The caller holds the account's row, so
    /// that no two count at the same time.
    pub(crate) async fn add_link(
        &self,
        on: &impl Connection,
        purpose: Purpose,
        account: AccountId,
        email: &EmailAddress,
    ) -> Result<Option<String>, StorageError> {
        let now: Timestamp = self.now();
        if links::count(on, account, purpose, now).await? >= MAX_OPEN_LINKS {
            return Ok(None);
        }
        let token = secret::generate(&*self.0.random);
        let hash = SecretHash::of(&token);
        links::insert(on, hash, purpose, account, email, now.plus(purpose.life())).await?;
        Ok(Some(purpose.path(&token)))
    }
}
