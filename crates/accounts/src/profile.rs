//! What an account's owner may see of it, and change without proving more.

use std::net::IpAddr;

use base::{AccountId, Principal, Timestamp};
use storage::StorageError;

use crate::change::Author;
use crate::invalid::{Invalid, checked, name};
use crate::store::accounts::{self, By, Changes};
use crate::{Accounts, ChangeError};

/// An account, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Which account.
    pub account: AccountId,
    /// Its username, spelled as registered.
    pub username: String,
    /// Its email address.
    pub email: Option<String>,
    /// Whether its owner has shown that the address is theirs.
    pub email_confirmed: bool,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
    /// Whether its owner wants the username shown where others are shown by address.
    pub shows_username: bool,
    /// Whether it may use the admin site.
    pub is_staff: bool,
    /// Whether it may sign in.
    pub is_active: bool,
    /// Whether it has an access key.
    pub has_key: bool,
    /// Whether it has a password.
    pub has_password: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When its owner last signed in.
    pub last_login_at: Option<Timestamp>,
    /// When its password was set.
    pub password_changed_at: Option<Timestamp>,
}

impl Profile {
    /// What dialects without usernames show: the address, or the username where there
    /// is none or its owner does not want it shown.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let shown = self.email.as_deref().filter(|_| !self.shows_username);
        shown.unwrap_or(&self.username)
    }

    /// How to address the person: their first name, or their username.
    pub(crate) fn called(&self) -> String {
        let first = Some(self.first_name.as_str()).filter(|name| !name.is_empty());
        first.unwrap_or(&self.username).to_owned()
    }
}

/// What its owner changes about an account; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ProfileChange {
    /// See [`Profile::first_name`].
    pub first_name: Option<String>,
    /// See [`Profile::last_name`].
    pub last_name: Option<String>,
    /// See [`Profile::shows_username`].
    pub shows_username: Option<bool>,
}

impl Accounts {
    /// The account, if it exists.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn profile(&self, account: AccountId) -> Result<Option<Profile>, StorageError> {
        let person = accounts::find(self.0.db.reader(), By::Id(account)).await?;
        Ok(person.map(|person| person.profile))
    }

    /// Changes the caller's names and what is shown.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] with every field that is; [`ChangeError::Gone`] if the
    /// caller's session is over; [`ChangeError::TooMany`]. Nothing was changed then.
    pub async fn update_profile(
        &self,
        caller: &Principal,
        change: ProfileChange,
        from: IpAddr,
    ) -> Result<Profile, ChangeError> {
        let mut invalid = Vec::new();
        let mut named = |text: Option<String>, wrong| {
            text.and_then(|text| checked(name(&text), wrong, &mut invalid))
        };
        let first_name = named(change.first_name, Invalid::FirstName);
        let last_name = named(change.last_name, Invalid::LastName);
        if !invalid.is_empty() {
            return Err(ChangeError::Invalid(invalid));
        }
        let shows_username = change.shows_username;
        let changes = Changes { first_name, last_name, shows_username, ..Changes::default() };
        self.apply(caller.account, Author::owner(caller, from), changes, None).await
    }
}
