//! What staff does with accounts and sessions. Who may call this is the caller's
//! business.
//!
//! Invariant: there was staff, so there is: the last active account of staff can be
//! neither deleted nor deactivated nor demoted.

use std::sync::Arc;

use base::{AccountId, SessionRef};
use storage::StorageError;
use tokio::sync::MutexGuard;

use crate::change::Author;
use crate::ending::Ending;
use crate::invalid::{Invalid, checked, name};
use crate::password::{Identity, problems};
use crate::session::SessionKind;
use crate::store::accounts::{self, By, Changes, Registration};
use crate::store::sessions;
use crate::{Accounts, ChangeError, EmailAddress, Profile, SessionInfo, Username};

/// The most accounts or sessions of one bulk action.
pub const MAX_BULK: usize = 500;

/// Some rows of a list, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows of the page, in order.
    pub rows: Vec<T>,
    /// Rows on all pages.
    pub total: u64,
}

/// By what accounts are sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccountSort {
    /// When registered.
    #[default]
    Created,
    /// Without regard to case.
    Username,
    /// Without regard to case.
    Email,
    /// When somebody last signed in.
    LastLogin,
}

/// Which accounts to list.
#[derive(Clone, Debug, Default)]
pub struct AccountQuery {
    /// A part of the username, address, first or last name, in any case.
    pub search: Option<String>,
    /// Only staff, or only others.
    pub staff: Option<bool>,
    /// Only the active, or only others.
    pub active: Option<bool>,
    /// By what to sort.
    pub sort: AccountSort,
    /// The last first.
    pub descending: bool,
    /// Rows to skip.
    pub offset: u64,
    /// Rows to give, at most 500.
    pub limit: u64,
}

/// By what sessions are sorted; ties by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionSort {
    /// When last used, as far as the database knows: up to a minute late.
    #[default]
    LastUsed,
    /// When opened.
    Created,
    /// The owner's, without regard to case.
    Username,
}

/// Which sessions and tokens to list.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// A part of the owner's username or address, of the client address or of a
    /// token's name, in any case.
    pub search: Option<String>,
    /// Only of this kind.
    pub kind: Option<SessionKind>,
    /// Only this account's.
    pub account: Option<AccountId>,
    /// By what to sort.
    pub sort: SessionSort,
    /// The last first.
    pub descending: bool,
    /// Rows to skip.
    pub offset: u64,
    /// Rows to give, at most 500.
    pub limit: u64,
}

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
    /// Nobody of staff would be left.
    #[error("this is the last active account of staff")]
    LastStaff,
}

impl From<StorageError> for EditError {
    fn from(error: StorageError) -> Self {
        Self::Change(error.into())
    }
}

impl Accounts {
    /// The accounts that `query` asks for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn accounts_page(&self, query: &AccountQuery) -> Result<Page<Profile>, StorageError> {
        accounts::page(self.0.db.reader(), query).await
    }

    /// The sessions and tokens that `query` asks for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sessions_page(
        &self,
        query: &SessionQuery,
    ) -> Result<Page<SessionInfo>, StorageError> {
        let mut page = sessions::page(self.0.db.reader(), query).await?;
        self.freshen(&mut page.rows);
        Ok(page)
    }

    /// One session or token.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn session_info(
        &self,
        session: SessionRef,
    ) -> Result<Option<SessionInfo>, StorageError> {
        let mut info = sessions::info_of(self.0.db.reader(), session).await?;
        self.freshen(info.as_mut_slice());
        Ok(info)
    }

    /// Ends these sessions and tokens, whosever they are; how many there were. At most
    /// [`MAX_BULK`]; those beyond it stay.
    ///
    /// # Errors
    /// If the database fails; none is over then.
    pub async fn end_sessions(&self, wanted: &[SessionRef]) -> Result<usize, StorageError> {
        let wanted: Arc<[SessionRef]> = wanted.iter().copied().take(MAX_BULK).collect();
        self.end(Ending::Listed(wanted)).await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`], [`ChangeError::UsernameTaken`],
    /// [`ChangeError::EmailTaken`].
    pub async fn create_account(&self, wanted: NewAccount) -> Result<AccountId, ChangeError> {
        let (username, mut registration) = read(&wanted)?;
        if let Some(password) = &wanted.password {
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
        let goes = edit.is_staff == Some(false) || edit.is_active == Some(false);
        let _kept = if goes { Some(self.keep_staff(&[account]).await?) } else { None };
        let ending = Ending::All(account, "deactivated");
        let ending = (edit.is_active == Some(false)).then_some(ending);
        Ok(self.apply(account, Author::Staff, changes, ending).await?)
    }

    /// Makes or unmakes staff; how many accounts there were. At most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nobody was changed.
    pub async fn set_staff(&self, wanted: &[AccountId], staff: bool) -> Result<usize, EditError> {
        let changes = Changes { is_staff: Some(staff), ..Changes::default() };
        self.apply_to_all(wanted, &changes, !staff, None).await
    }

    /// Lets accounts sign in, or not any more, which ends their sessions and tokens;
    /// how many accounts there were. At most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nobody was changed.
    pub async fn set_active(&self, wanted: &[AccountId], active: bool) -> Result<usize, EditError> {
        let changes = Changes { is_active: Some(active), ..Changes::default() };
        let reason = (!active).then_some("deactivated");
        self.apply_to_all(wanted, &changes, !active, reason).await
    }

    /// Deletes accounts with their sessions, tokens and links; how many there were. At
    /// most [`MAX_BULK`].
    ///
    /// # Errors
    /// [`EditError::LastStaff`]: nobody was deleted.
    pub async fn delete_accounts(&self, wanted: &[AccountId]) -> Result<usize, EditError> {
        let wanted = &wanted[..wanted.len().min(MAX_BULK)];
        let _kept = self.keep_staff(wanted).await?;
        let mut deleted = 0;
        for account in wanted.iter().copied() {
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
        let ended = self.delete_doomed(on, &ending).await?;
        accounts::delete(on, account).await?;
        transaction.commit().await?;
        tracing::info!(%account, "account deleted");
        self.announce(&ended, ending.reason());
        Ok(true)
    }

    async fn apply_to_all(
        &self,
        wanted: &[AccountId],
        changes: &Changes,
        goes: bool,
        ends: Option<&'static str>,
    ) -> Result<usize, EditError> {
        let wanted = &wanted[..wanted.len().min(MAX_BULK)];
        let _kept = if goes { Some(self.keep_staff(wanted).await?) } else { None };
        let mut changed = 0;
        for account in wanted.iter().copied() {
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
    /// is one. As long as the guard is held, nobody else of staff leaves.
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
fn read(wanted: &NewAccount) -> Result<(Option<Username>, Registration), ChangeError> {
    let mut invalid = Vec::new();
    let username = Some(wanted.username.trim()).filter(|text| !text.is_empty());
    let username = username
        .and_then(|text| checked(text.parse::<Username>(), Invalid::Username, &mut invalid));
    let email = Some(wanted.email.trim()).filter(|text| !text.is_empty());
    let email =
        email.and_then(|text| checked(text.parse::<EmailAddress>(), Invalid::Email, &mut invalid));
    let first_name = checked(name(&wanted.first_name), Invalid::FirstName, &mut invalid);
    let last_name = checked(name(&wanted.last_name), Invalid::LastName, &mut invalid);
    if wanted.username.trim().is_empty() && wanted.email.trim().is_empty() {
        invalid.push(Invalid::Username(crate::InvalidUsername));
    }
    let identity = Identity {
        email: &wanted.email,
        username: &wanted.username,
        first_name: &wanted.first_name,
        last_name: &wanted.last_name,
    };
    let problems = wanted.password.as_deref().map(|password| problems(password, identity));
    if let Some(problems) = problems.filter(|problems| !problems.is_empty()) {
        invalid.push(Invalid::Password(problems));
    }
    match (first_name, last_name) {
        (Some(first_name), Some(last_name)) if invalid.is_empty() => {
            let is_staff = wanted.is_staff;
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
