//! What staff does with accounts and sessions. The caller checks that it is staff who
//! asks.
//!
//! Invariant: once there is an active account of staff, there always is one: the last active account of staff can be
//! neither deleted nor deactivated nor demoted.

mod lists;

use std::sync::Arc;

use base::{AccountId, SessionRef};
use storage::StorageError;
use tokio::sync::MutexGuard;

use crate::change::Author;
use crate::ending::Ending;
use crate::invalid::{Invalid, checked, name};
use crate::password::{Identity, problems};
use crate::store::accounts::{self, By, Changes, Registration};
use crate::{Accounts, ChangeError, EmailAddress, Profile, Username};

pub use self::lists::{AccountQuery, AccountSort, Page, SessionQuery, SessionSort};

/// The most accounts or sessions of one bulk action.
pub const MAX_BULK: usize = 500;

/// An account made by staff; texts as typed.
#[derive(Clone, Default)]
pub struct NewAccount {
    /// Empty: one is made from the address.
    pub username: String,
    /// Empty: none. Counts as confirmed.
    pub email: String,
    /// `None`: its owner sets one by a reset link.
    pub password: Option<String>,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// May it use the admin site?
    pub is_staff: bool,
}

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

    /// Makes an account.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`], [`ChangeError::UsernameTaken`],
    /// [`ChangeError::EmailTaken`].
    pub async fn create_account(&self, new: NewAccount) -> Result<AccountId, ChangeError> {
        let (username, mut registration) = parse(&new)?;
        if let Some(password) = &new.password {
            let permit = self.0.hasher.permit(None)?;
            registration.password_hash = Some(permit.hash(None, password).await?);
        }
        let now = self.now();
        registration.email_confirmed_at = registration.email.as_ref().map(|_| now);
        let account = AccountId(base::id53(&*self.0.random));
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        if let Some(email) = &registration.email
            && accounts::find(on, By::Email(email)).await?.is_some()
        {
            return Err(ChangeError::EmailTaken);
        }
        let username = match username {
            Some(username) if accounts::find(on, By::Username(&username)).await?.is_some() => {
                return Err(ChangeError::UsernameTaken);
            }
            Some(username) => username,
            None => {
                let local = registration.email.as_ref().map(EmailAddress::local_part);
                self.free_username(on, local.unwrap_or_default()).await?
            }
        };
        accounts::insert(on, account, &username, &registration, now).await?;
        transaction.commit().await?;
        tracing::info!(%account, staff = registration.is_staff, "account created");
        Ok(account)
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
        let _kept = if may_remove_staff { Some(self.keep_staff(&[account]).await?) } else { None };
        let ending = Ending::All(account, "deactivated");
        let ending = (edit.is_active == Some(false)).then_some(ending);
        Ok(self.apply(account, Author::Staff, changes, ending).await?)
    }

    /// Makes or unmakes staff; how many accounts there were. At most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nothing was changed.
    pub async fn set_staff(&self, ids: &[AccountId], staff: bool) -> Result<usize, EditError> {
        let changes = Changes { is_staff: Some(staff), ..Changes::default() };
        self.apply_to_all(ids, &changes, !staff, None).await
    }

    /// Lets accounts sign in, or not any more, which ends their sessions and tokens;
    /// how many accounts there were. At most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nothing was changed.
    pub async fn set_active(&self, ids: &[AccountId], active: bool) -> Result<usize, EditError> {
        let changes = Changes { is_active: Some(active), ..Changes::default() };
        let reason = (!active).then_some("deactivated");
        self.apply_to_all(ids, &changes, !active, reason).await
    }

    /// Deletes accounts with their sessions, tokens and links; how many there were. At
    /// most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nothing was deleted.
    pub async fn delete_accounts(&self, ids: &[AccountId]) -> Result<usize, EditError> {
        let ids = &ids[..ids.len().min(MAX_BULK)];
        let _kept = self.keep_staff(ids).await?;
        let mut deleted = 0;
        for account in ids.iter().copied() {
            let accounts = self.clone();
            let done = self.finish(async move { accounts.delete_now(account).await }).await?;
            deleted += usize::from(done);
        }
        Ok(deleted)
    }

    async fn delete_now(&self, account: AccountId) -> Result<bool, StorageError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        if accounts::find(on, By::Id(account)).await?.is_none() {
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
        let _kept = if may_remove_staff { Some(self.keep_staff(ids).await?) } else { None };
        let mut changed = 0;
        for account in ids.iter().copied() {
            let ending = ends.map(|reason| Ending::All(account, reason));
            match self.apply(account, Author::Staff, changes.clone(), ending).await {
                Ok(_) => changed += 1,
                Err(ChangeError::Gone) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(changed)
    }

    /// Refuses if no active account of staff would be left without `leaving`, and there
    /// is one. As long as the guard is held, no other account stops being staff.
    async fn keep_staff(&self, leaving: &[AccountId]) -> Result<MutexGuard<'_, ()>, EditError> {
        let kept = self.0.staff.lock().await;
        let on = self.0.db.reader();
        let left = accounts::staff_besides(on, leaving).await?;
        if left == 0 && accounts::staff_besides(on, &[]).await? > 0 {
            return Err(EditError::LastStaff);
        }
        Ok(kept)
    }
}

/// Parses what staff typed; the password is hashed later.
fn parse(new: &NewAccount) -> Result<(Option<Username>, Registration), ChangeError> {
    let mut invalid = Vec::new();
    let username = Some(new.username.trim()).filter(|text| !text.is_empty());
    let username = username
        .and_then(|text| checked(text.parse::<Username>(), Invalid::Username, &mut invalid));
    let email = Some(new.email.trim()).filter(|text| !text.is_empty());
    let email =
        email.and_then(|text| checked(text.parse::<EmailAddress>(), Invalid::Email, &mut invalid));
    let first_name = checked(name(&new.first_name), Invalid::FirstName, &mut invalid);
    let last_name = checked(name(&new.last_name), Invalid::LastName, &mut invalid);
    if new.username.trim().is_empty() && new.email.trim().is_empty() {
        invalid.push(Invalid::Username(crate::InvalidUsername));
    }
    let identity = Identity {
        email: &new.email,
        username: &new.username,
        first_name: &new.first_name,
        last_name: &new.last_name,
    };
    let problems = new.password.as_deref().map(|password| problems(password, identity));
    if let Some(problems) = problems.filter(|problems| !problems.is_empty()) {
        invalid.push(Invalid::Password(problems));
    }
    match (first_name, last_name) {
        (Some(first_name), Some(last_name)) if invalid.is_empty() => {
            let is_staff = new.is_staff;
            let registration =
                Registration { email, first_name, last_name, is_staff, ..Registration::default() };
            Ok((username, registration))
        }
        _ => Err(ChangeError::Invalid(invalid)),
    }
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
