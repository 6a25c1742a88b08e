//! What staff does with accounts and sessions. The caller checks that it is staff who
//! asks.
//!
//! Invariant: once there is an active account of staff, there always is one: the last active account of staff can be
//! neither deleted nor deactivated nor demoted.

mod creation;
mod lists;

use std::sync::Arc;

use base::{AccountId, SessionRef};
use storage::{Connection, StorageError};

use crate::again::until_undisturbed;
use crate::change::Author;
use crate::ending::Ending;
use crate::invalid::{Invalid, checked, name};
use crate::store::accounts::{self, Changes};
use crate::{Accounts, ChangeError, EmailAddress, Profile, Username};

pub use self::creation::NewAccount;
pub(crate) use self::creation::Prepared;
pub use self::lists::{AccountQuery, AccountSort, Page, SessionQuery, SessionSort};

/// Held by transactions that count who is staff and may change it.
pub(crate) const STAFF_LOCK: &str = "staff";

/// The most accounts or sessions of one bulk action.
pub const MAX_BULK: usize = 500;

/// What staff changes about an account; texts as typed, what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct AccountEdit {
    /// Another username.
    pub username: Option<String>,
    /// Another address, which counts as confirmed; empty: none.
    pub email: Option<String>,
    /// May be empty.
    pub first_name: Option<String>,
    /// May be empty.
    pub last_name: Option<String>,
    /// See [`Profile::shows_username`].
    pub shows_username: Option<bool>,
    /// See [`Profile::is_staff`].
    pub is_staff: Option<bool>,
    /// See [`Profile::is_active`]. Deactivating ends all sessions and tokens.
    pub is_active: Option<bool>,
}

/// Why staff could not change something.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// As for any change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// No active account of staff would be left.
    #[error("this is the last active account of staff")]
    LastStaff,
}

impl From<StorageError> for EditError {
    fn from(error: StorageError) -> Self {
        Self::Change(error.into())
    }
}

impl Accounts {
    /// Ends these sessions and tokens, whosever they are; how many there were. At most
    /// [`MAX_BULK`]; those beyond it stay.
    ///
    /// # Errors
    /// If the database fails; none is over then.
    pub async fn end_sessions(&self, sessions: &[SessionRef]) -> Result<usize, StorageError> {
        let sessions: Arc<[SessionRef]> = sessions.iter().copied().take(MAX_BULK).collect();
        self.end(Ending::Listed(sessions)).await
    }

    /// Changes an account.
    ///
    /// # Errors
    /// [`EditError`]; nothing was changed then.
    pub async fn edit_account(
        &self,
        account: AccountId,
        edit: AccountEdit,
    ) -> Result<Profile, EditError> {
        let before = self.person(account).await?.profile;
        let mut invalid = Vec::new();
        let changes = changes(&edit, &before, self.now(), &mut invalid);
        if !invalid.is_empty() {
            return Err(ChangeError::Invalid(invalid).into());
        }
        let may_remove_staff = edit.is_staff == Some(false) || edit.is_active == Some(false);
        let ending = Ending::All(account, "deactivated");
        let ending = (edit.is_active == Some(false)).then_some(ending);
        let leaving: Arc<[AccountId]> = may_remove_staff.then_some(account).into_iter().collect();
        self.apply_by_staff(account, changes, ending, leaving).await
    }

    /// Makes or unmakes staff; how many accounts there were. At most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nothing was changed, unless others stop being staff at the
    /// same time; then no more are.
    pub async fn set_staff(&self, ids: &[AccountId], staff: bool) -> Result<usize, EditError> {
        let changes = Changes { is_staff: Some(staff), ..Changes::default() };
        self.apply_to_all(ids, &changes, !staff, None).await
    }

    /// Lets accounts sign in, or not any more, which ends their sessions and tokens;
    /// how many accounts there were. At most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nothing was changed, unless others stop being staff at the
    /// same time; then no more are.
    pub async fn set_active(&self, ids: &[AccountId], active: bool) -> Result<usize, EditError> {
        let changes = Changes { is_active: Some(active), ..Changes::default() };
        let reason = (!active).then_some("deactivated");
        self.apply_to_all(ids, &changes, !active, reason).await
    }

    /// Deletes accounts with their sessions, tokens and links; how many there were. At
    /// most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nothing was deleted, unless others stop being staff at the
    /// same time; then no more are.
    pub async fn delete_accounts(&self, ids: &[AccountId]) -> Result<usize, EditError> {
        let ids: Arc<[AccountId]> = ids.iter().copied().take(MAX_BULK).collect();
        let mut deleted = 0;
        for account in ids.iter().copied() {
            let (accounts, leaving) = (self.clone(), Arc::clone(&ids));
            let delete =
                async move { until_undisturbed(|| accounts.delete_now(account, &leaving)).await };
            deleted += usize::from(self.finish(delete).await?);
        }
        Ok(deleted)
    }

    async fn delete_now(
        &self,
        account: AccountId,
        leaving: &[AccountId],
    ) -> Result<bool, EditError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        keep_staff(on, leaving).await?;
        if accounts::lock(on, account).await?.is_none() {
            return Ok(false);
        }
        let ending = Ending::All(account, "deleted");
        let ended = self.delete_sessions(on, &ending).await?;
        accounts::delete(on, account).await?;
        transaction.commit().await?;
        tracing::info!(%account, "account deleted");
        self.announce(&ended, ending.reason());
        Ok(true)
    }

    async fn apply_to_all(
        &self,
        ids: &[AccountId],
        changes: &Changes,
        may_remove_staff: bool,
        ends: Option<&'static str>,
    ) -> Result<usize, EditError> {
        let ids = &ids[..ids.len().min(MAX_BULK)];
        let leaving: Arc<[AccountId]> = if may_remove_staff { ids.into() } else { [].into() };
        let mut changed = 0;
        for account in ids.iter().copied() {
            let ending = ends.map(|reason| Ending::All(account, reason));
            let leaving = Arc::clone(&leaving);
            match self.apply_by_staff(account, changes.clone(), ending, leaving).await {
                Ok(_) => changed += 1,
                Err(EditError::Change(ChangeError::Gone)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(changed)
    }

    /// Like [`apply`](Self::apply); the accounts that are `leaving` with this one may stop
    /// being active staff by it.
    async fn apply_by_staff(
        &self,
        account: AccountId,
        changes: Changes,
        ending: Option<Ending>,
        leaving: Arc<[AccountId]>,
    ) -> Result<Profile, EditError> {
        let accounts = self.clone();
        self.finish(async move {
            let change = async || {
                let transaction = accounts.0.db.begin_write().await?;
                keep_staff(transaction.connection(), &leaving).await?;
                let (changes, ending) = (changes.clone(), ending.as_ref());
                let applied =
                    accounts.apply_in(transaction, account, Author::Staff, changes, ending);
                Ok(applied.await?)
            };
            until_undisturbed(change).await
        })
        .await
    }
}

/// Refuses if no active account of staff would be left without those that are `leaving`, and
/// there is one. Until the end of the transaction no other account stops being staff.
async fn keep_staff(on: &impl Connection, leaving: &[AccountId]) -> Result<(), EditError> {
    if leaving.is_empty() {
        return Ok(());
    }
    storage::lock(on, STAFF_LOCK).await?;
    let left = accounts::staff_besides(on, leaving).await?;
    if left == 0 && accounts::staff_besides(on, &[]).await? > 0 {
        return Err(EditError::LastStaff);
    }
    Ok(())
}

/// Parses what staff typed, as far as it differs from what is.
fn changes(
    edit: &AccountEdit,
    before: &Profile,
    now: base::Timestamp,
    invalid: &mut Vec<Invalid>,
) -> Changes {
    let username = edit.username.as_deref().map(|text| text.trim().parse::<Username>());
    let username = username.and_then(|parsed| checked(parsed, Invalid::Username, invalid));
    let typed = edit.email.as_deref().map(str::trim);
    // A form sends every field; what is the same says nothing about being confirmed.
    let typed = typed.filter(|text| *text != before.email.as_deref().unwrap_or_default());
    let email = match typed {
        None => None,
        Some("") => Some(None),
        Some(text) => checked(text.parse::<EmailAddress>(), Invalid::Email, invalid).map(Some),
    };
    let email_confirmed_at = email.as_ref().map(|email| email.as_ref().map(|_| now));
    let mut named = |text: &Option<String>, wrong| {
        text.as_deref().and_then(|text| checked(name(text), wrong, invalid))
    };
    Changes {
        username,
        email,
        email_confirmed_at,
        first_name: named(&edit.first_name, Invalid::FirstName),
        last_name: named(&edit.last_name, Invalid::LastName),
        shows_username: edit.shows_username,
        is_staff: edit.is_staff,
        is_active: edit.is_active,
        ..Changes::default()
    }
}
