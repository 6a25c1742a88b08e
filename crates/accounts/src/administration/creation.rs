//! Making accounts for others.

use base::AccountId;
use storage::Connection;

use crate::again::until_undisturbed;
use crate::invalid::{Invalid, checked, name};
use crate::password::{Identity, problems};
use crate::store::accounts::{self, By, Registration};
use crate::{Accounts, ChangeError, EmailAddress, Username};

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

/// An account that can be stored, if nothing of it is taken.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// `None`: one is made up.
    username: Option<Username>,
    registration: Registration,
}

impl Accounts {
    /// Makes an account.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`], [`ChangeError::UsernameTaken`],
    /// [`ChangeError::EmailTaken`].
    pub async fn create_account(&self, new: NewAccount) -> Result<AccountId, ChangeError> {
        let prepared = self.prepare(&new).await?;
        let create = async || {
            let transaction = self.0.db.begin_write().await?;
            let account = self.add_account(transaction.connection(), &prepared).await?;
            transaction.commit().await?;
            Ok::<_, ChangeError>(account)
        };
        let account = until_undisturbed(create).await?;
        tracing::info!(%account, staff = prepared.registration.is_staff, "account created");
        Ok(account)
    }

    /// Checks what was typed, and hashes the password.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`].
    pub(crate) async fn prepare(&self, new: &NewAccount) -> Result<Prepared, ChangeError> {
        let (username, mut registration) = parse(new)?;
        if let Some(password) = &new.password {
            let permit = self.0.hasher.permit(None)?;
            registration.password_hash = Some(permit.hash(None, password).await?);
        }
        Ok(Prepared { username, registration })
    }

    /// Stores it. If another transaction takes the username or the address meanwhile, that is
    /// a unique violation; the caller looks again, in a new transaction.
    ///
    /// # Errors
    /// [`ChangeError::UsernameTaken`], [`ChangeError::EmailTaken`].
    pub(crate) async fn add_account(
        &self,
        on: &impl Connection,
        new: &Prepared,
    ) -> Result<AccountId, ChangeError> {
        let Prepared { username, mut registration } = new.clone();
        let now = self.now();
        registration.email_confirmed_at = registration.email.as_ref().map(|_| now);
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
        let account = AccountId(base::id53(&*self.0.random));
        accounts::insert(on, account, &username, &registration, now).await?;
        Ok(account)
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
