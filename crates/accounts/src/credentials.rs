//! What a person signs in with, changed by themselves: password, address, access key.

use std::net::IpAddr;

use base::{AccountId, Principal};
use mail::Draft;

use crate::change::{Author, find_for};
use crate::ending::Ending;
use crate::invalid::{Invalid, checked, name};
use crate::link::Purpose;
use crate::mails::{ADDRESS_CHANGED, CONFIRM_ADDRESS, PASSWORD_CHANGED};
use crate::password::hasher::{HashPermit, Verdict};
use crate::password::{Identity, problems};
use crate::sign_in::attempt::CountedAs;
use crate::store::accounts::{self, By, Changes, Person};
use crate::{AccessKey, Accounts, ChangeError, EmailAddress, Profile};

/// What a person changes about themselves in one go, as a program sends it; texts as
/// typed, what is `None` stays.
#[derive(Clone, Default)]
pub(crate) struct Amendment {
    pub(crate) email: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
}

impl Accounts {
    pub(crate) async fn person(&self, account: AccountId) -> Result<Person, ChangeError> {
        let person = accounts::find(self.0.db.reader(), By::Id(account)).await?;
        person.ok_or(ChangeError::Gone)
    }

    /// Makes or replaces the caller's access key, which cannot be had again. The old
    /// one opens no sessions any more; those that it opened stay.
    ///
    /// # Errors
    /// [`ChangeError::Unconfirmed`] for an account without a key whose address is not
    /// confirmed: a key must not outlast the address's owner taking their account back
    /// by a password reset.
    pub async fn rotate_key(
        &self,
        caller: &Principal,
        from: IpAddr,
    ) -> Result<AccessKey, ChangeError> {
        let profile = self.person(caller.account).await?.profile;
        if profile.email.is_some() && !profile.email_confirmed && !profile.has_key {
            return Err(ChangeError::Unconfirmed);
        }
        let key = AccessKey::generate(&*self.0.random);
        let changes = Changes { key: Some(Some(key.hash())), ..Changes::default() };
        self.apply(caller.account, Author::owner(caller, from), changes, None).await?;
        tracing::info!(account = %caller.account, "access key made");
        Ok(key)
    }

    /// Sets the caller's password, and ends all their sessions and tokens but the one
    /// they act by. `current` is not looked at if there is no password yet.
    ///
    /// # Errors
    /// [`ChangeError::WrongPassword`], throttled like signing in;
    /// [`ChangeError::Invalid`] if the new one may not be used, which is looked at
    /// first: it costs nothing; [`ChangeError::TooMany`] after five changes in an hour.
    pub async fn change_password(
        &self,
        caller: &Principal,
        current: &str,
        new: &str,
        from: IpAddr,
    ) -> Result<(), ChangeError> {
        let password = Some(new.to_owned());
        let wanted = Amendment { password, ..Amendment::default() };
        self.amend_with(caller, wanted, Some(current), from).await.map(drop)
    }

    /// Changes several things about the caller at once, or nothing. Another password
    /// ends their other sessions and tokens; another address is to be confirmed.
    ///
    /// # Errors
    /// As for [`change_password`](Self::change_password), but no current password is
    /// asked for.
    pub(crate) async fn amend(
        &self,
        caller: &Principal,
        wanted: Amendment,
        from: IpAddr,
    ) -> Result<Profile, ChangeError> {
        self.amend_with(caller, wanted, None, from).await
    }

    async fn amend_with(
        &self,
        caller: &Principal,
        wanted: Amendment,
        current: Option<&str>,
        from: IpAddr,
    ) -> Result<Profile, ChangeError> {
        let before = self.person(caller.account).await?;
        let mut changes = read(&wanted, &before)?;
        if let Some(password) = &wanted.password {
            let hash = self.replace_password(&before, current, password, from).await?;
            changes.password_hash = Some(hash);
            changes.password_changed_at = Some(self.now());
        }
        let others = Ending::Others(caller.account, caller.session);
        let ending = wanted.password.is_some().then_some(others);
        let author = Author::owner(caller, from);
        let after = self.apply(caller.account, author, changes, ending).await?;
        if wanted.password.is_some() {
            tracing::info!(account = %caller.account, "password changed");
            self.tell_password_changed(&after);
        }
        Ok(after)
    }

    /// The hash of `new`, if the owner of `before` may have another password now.
    /// Charged before anything is hashed, and given back if nothing came of it.
    async fn replace_password(
        &self,
        before: &Person,
        current: Option<&str>,
        new: &str,
        from: IpAddr,
    ) -> Result<String, ChangeError> {
        let account = before.profile.account;
        let permit = self.0.hasher.permit(Some(from))?;
        let changes = &self.0.quotas.password_changes;
        let charge = changes.consume(account, from).map_err(ChangeError::TooMany)?;
        let hashed = self.verify_and_hash(&permit, before, current, new).await;
        if hashed.is_err() {
            charge.refund();
        }
        hashed
    }

    async fn verify_and_hash(
        &self,
        permit: &HashPermit<'_>,
        before: &Person,
        current: Option<&str>,
        new: &str,
    ) -> Result<String, ChangeError> {
        let account = before.profile.account;
        let counted = CountedAs::DeviceOf(account).hash();
        if let (Some(current), Some(stored)) = (current, &before.password_hash) {
            let attempts = &self.0.attempts;
            let attempt = attempts.begin_with_session(account).map_err(ChangeError::TooMany)?;
            match permit.verify(Some(counted), current, Some(stored)).await {
                Ok(Verdict::Wrong) => {
                    attempt.refused().map_err(ChangeError::TooMany)?;
                    return Err(ChangeError::WrongPassword);
                }
                Ok(Verdict::Right | Verdict::RightButOld) => attempt.succeeded(),
                Err(error) => {
                    attempt.failed();
                    return Err(error.into());
                }
            }
        }
        Ok(permit.hash(Some(counted), new).await?)
    }

    pub(crate) fn tell_password_changed(&self, profile: &Profile) {
        if let Some(to) = profile.email.as_deref() {
            self.0.mailer.send(Draft::new(&PASSWORD_CHANGED, to).name(&profile.called()));
        }
    }

    /// Mails the link at `path` to the `new` address, to confirm it, and word of it to
    /// the one before.
    pub(crate) fn tell_address_changed(
        &self,
        before: &Person,
        new: EmailAddress,
        path: Option<String>,
    ) {
        if let Some(path) = path {
            self.0.mailer.send(Draft::new(&CONFIRM_ADDRESS, new.as_str()).link(&path));
        }
        self.tell_old_address(before, &new);
    }

    /// Mails the address that `before` has that there is a `new` one.
    pub(crate) fn tell_old_address(&self, before: &Person, new: &EmailAddress) {
        if let Some(old) = before.address() {
            let draft = Draft::new(&ADDRESS_CHANGED, old.as_str()).name(&before.profile.called());
            self.0.mailer.send(draft.with("detail", &new.masked()));
        }
    }

    /// Mails a link to `new`; once it is opened, that is the caller's address. If
    /// another account has it, its owner gets a mail that says so, and the caller the
    /// same answer.
    ///
    /// # Errors
    /// [`ChangeError::Invalid`] if `new` is no address; [`ChangeError::Gone`] if the
    /// caller's session is over.
    pub async fn request_email_change(
        &self,
        caller: &Principal,
        new: &str,
        from: IpAddr,
    ) -> Result<(), ChangeError> {
        let to: EmailAddress =
            new.parse().map_err(|problem| ChangeError::Invalid(vec![Invalid::Email(problem)]))?;
        let account = caller.account;
        self.0.quotas.writes.consume(account, from).map_err(ChangeError::TooMany)?;
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        find_for(on, account, Author::owner(caller, from)).await?;
        let other = accounts::find(on, By::Email(&to)).await?;
        if other.is_some_and(|other| other.profile.account != account) {
            // Charged like the mail that would go out otherwise.
            if self.add_link(on, Purpose::ConfirmAddress, account, &to).await?.is_some() {
                transaction.commit().await?;
                self.tell_already_registered(&to);
            }
            return Ok(());
        }
        let path = self.add_link(on, Purpose::ConfirmAddress, account, &to).await?;
        transaction.commit().await?;
        if let Some(path) = path {
            self.0.mailer.send(Draft::new(&CONFIRM_ADDRESS, to.as_str()).link(&path));
        }
        Ok(())
    }

    /// Mails another link to confirm the address that the caller has, unless that is
    /// done or enough links are open.
    ///
    /// # Errors
    /// [`ChangeError::Gone`] if the caller's session is over; or if the database fails.
    pub async fn resend_confirmation(
        &self,
        caller: &Principal,
        from: IpAddr,
    ) -> Result<(), ChangeError> {
        let profile = self.person(caller.account).await?.profile;
        match profile.email {
            Some(email) if !profile.email_confirmed => {
                self.request_email_change(caller, &email, from).await
            }
            _ => Ok(()),
        }
    }
}

/// Parses what is wanted, as far as it differs from what is.
fn read(wanted: &Amendment, before: &Person) -> Result<Changes, ChangeError> {
    let mut invalid = Vec::new();
    let is = before.identity();
    let parsed = wanted.email.as_deref().map(str::parse::<EmailAddress>);
    let email = parsed.and_then(|parsed| checked(parsed, Invalid::Email, &mut invalid));
    let mut named = |text: &Option<String>, wrong| {
        text.as_deref().and_then(|text| checked(name(text), wrong, &mut invalid))
    };
    let first_name = named(&wanted.first_name, Invalid::FirstName);
    let last_name = named(&wanted.last_name, Invalid::LastName);
    if let Some(password) = &wanted.password {
        let identity = Identity {
            email: email.as_ref().map_or(is.email, EmailAddress::as_str),
            username: is.username,
            first_name: first_name.as_deref().unwrap_or(is.first_name),
            last_name: last_name.as_deref().unwrap_or(is.last_name),
        };
        let problems = problems(password, identity);
        if !problems.is_empty() {
            invalid.push(Invalid::Password(problems));
        }
    }
    if !invalid.is_empty() {
        return Err(ChangeError::Invalid(invalid));
    }
    // Another spelling of the same address is not to be confirmed again, nor stored.
    let is_new =
        |email: &EmailAddress| before.address().map(|is| is.folded()) != Some(email.folded());
    let email = email.filter(is_new);
    let email_confirmed_at = email.as_ref().map(|_| None);
    Ok(Changes {
        email: email.map(Some),
        email_confirmed_at,
        first_name,
        last_name,
        ..Changes::default()
    })
}
