//! Registering by email address and password.

use std::net::IpAddr;
use std::time::Duration;

use base::{AccountId, Random};
use mail::Draft;
use storage::{Connection, StorageError};

use crate::again::until_undisturbed;
use crate::invalid::{Invalid, checked, name};
use crate::link::Purpose;
use crate::mails::{ALREADY_REGISTERED, CONFIRM_ADDRESS};
use crate::password::hasher::{self, HashError};
use crate::password::{Identity, problems};
use crate::store::accounts::{self, By, Person, Registration};
use crate::{Accounts, EmailAddress, Username};

/// Characters of a local part that a username is made from; digits may follow.
const STEM: usize = 24;

/// Usernames that are tried for an account before giving up.
const CANDIDATES: usize = 12;

/// A request for an account; texts as typed.
#[derive(Clone, Default)]
pub struct SignUp {
    /// An email address.
    pub email: String,
    /// A password.
    pub password: String,
    /// May be empty.
    pub first_name: String,
    /// May be empty.
    pub last_name: String,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// These fields cannot be taken.
    #[error("a field is not valid")]
    Invalid(Vec<Invalid>),
    /// The address has an account.
    #[error("the address is taken")]
    Taken,
    /// Too many registrations from this address, or too many under way; wait this long.
    #[error("too many registrations")]
    TooMany(Duration),
    /// Passwords cannot be hashed now: too many wait, or there is no memory. Try again
    /// in a moment.
    #[error("too busy")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<HashError> for SignUpError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooMany => Self::TooMany(hasher::RETRY),
            HashError::Busy => Self::Busy,
        }
    }
}

/// What came of a sign-up.
enum Outcome {
    Registered(AccountId),
    Known(Box<Person>),
}

impl Accounts {
    /// Everything that is wrong with `request`; nothing if it may be registered.
    #[must_use]
    pub fn check(request: &SignUp) -> Vec<Invalid> {
        read(request).err().unwrap_or_default()
    }

    /// Creates an account with a username made from the address, and mails a link to
    /// confirm that. The account can be used at once.
    ///
    /// # Errors
    /// [`SignUpError::Taken`] if the address has an account: for callers that must
    /// tell. Others use [`sign_up_quietly`](Self::sign_up_quietly).
    pub async fn sign_up(&self, request: SignUp, from: IpAddr) -> Result<AccountId, SignUpError> {
        match self.create_or_find(request, from).await? {
            Outcome::Registered(account) => Ok(account),
            Outcome::Known(_) => Err(SignUpError::Taken),
        }
    }

    /// The same, but a known address gets a mail that says so, and the caller gets the
    /// same answer.
    ///
    /// # Errors
    /// [`SignUpError`], never [`SignUpError::Taken`].
    pub async fn sign_up_quietly(&self, request: SignUp, from: IpAddr) -> Result<(), SignUpError> {
        if let Outcome::Known(person) = self.create_or_find(request, from).await?
            && let Some(to) = person.address()
        {
            self.tell_already_registered(&to);
        }
        Ok(())
    }

    pub(crate) fn tell_already_registered(&self, to: &EmailAddress) {
        self.0.mailer.send(Draft::new(&ALREADY_REGISTERED, to.as_str()).link("/password/reset"));
    }

    async fn create_or_find(&self, request: SignUp, from: IpAddr) -> Result<Outcome, SignUpError> {
        let (email, mut registration) = read(&request).map_err(SignUpError::Invalid)?;
        let permit = self.0.hasher.permit(Some(from))?;
        self.0.quotas.registrations.consume(from).map_err(SignUpError::TooMany)?;
        // Before looking: a known address takes as long as an unknown one.
        registration.password_hash = Some(permit.hash(None, &request.password).await?);
        drop(permit);

        // Who is faster by a moment than another with the same address has the account, and
        // the other is answered as if it had been there before.
        until_undisturbed(|| self.store_sign_up(&email, &registration)).await
    }

    async fn store_sign_up(
        &self,
        email: &EmailAddress,
        registration: &Registration,
    ) -> Result<Outcome, SignUpError> {
        let account = AccountId(base::id53(&*self.0.random));
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        if let Some(person) = accounts::find(on, By::Email(email)).await? {
            return Ok(Outcome::Known(Box::new(person)));
        }
        let username = self.free_username(on, email.local_part()).await?;
        accounts::insert(on, account, &username, registration, self.now()).await?;
        let path = self.add_link(on, Purpose::ConfirmAddress, account, email).await?;
        transaction.commit().await?;

        metrics::counter!("packetboat_registrations_total").increment(1);
        tracing::info!(%account, "account registered");
        if let Some(path) = path {
            self.0.mailer.send(Draft::new(&CONFIRM_ADDRESS, email.as_str()).link(&path));
        }
        Ok(Outcome::Registered(account))
    }

    /// A username that is free, made from what stands before the `@`: its letters
    /// and digits, and random digits if those are taken. It shows nothing else of the
    /// address.
    pub(crate) async fn free_username(
        &self,
        on: &impl Connection,
        local: &str,
    ) -> Result<Username, StorageError> {
        for attempt in 0..CANDIDATES {
            let candidate = candidate(local, attempt, &*self.0.random);
            if accounts::find(on, By::Username(&candidate)).await?.is_none() {
                return Ok(candidate);
            }
        }
        // Twelve of ever more digits were taken: after so many million accounts of a
        // name, the next gets a username without it.
        Ok(candidate("", CANDIDATES, &*self.0.random))
    }
}

/// The `attempt`th username for `local`, with ever more digits.
fn candidate(local: &str, attempt: usize, random: &dyn Random) -> Username {
    let mut text: String = local.chars().filter(char::is_ascii_alphanumeric).take(STEM).collect();
    if text.is_empty() {
        text.push_str("user");
    }
    let digits = (attempt + 1).min(8) * usize::from(attempt > 0);
    text.extend(base::id53(random).to_string().chars().rev().take(digits));
    text.parse().expect("at most 24 letters and digits and 8 digits make a username")
}

/// Parses what was typed; the password is hashed later.
fn read(request: &SignUp) -> Result<(EmailAddress, Registration), Vec<Invalid>> {
    let mut invalid = Vec::new();
    let email = checked(request.email.parse::<EmailAddress>(), Invalid::Email, &mut invalid);
    let first_name = checked(name(&request.first_name), Invalid::FirstName, &mut invalid);
    let last_name = checked(name(&request.last_name), Invalid::LastName, &mut invalid);
    let identity = Identity {
        email: &request.email,
        username: "",
        first_name: &request.first_name,
        last_name: &request.last_name,
    };
    let problems = problems(&request.password, identity);
    if !problems.is_empty() {
        invalid.push(Invalid::Password(problems));
    }
    match (email, first_name, last_name) {
        (Some(email), Some(first_name), Some(last_name)) if invalid.is_empty() => {
            let email_of = Some(email.clone());
            let registration =
                Registration { email: email_of, first_name, last_name, ..Registration::default() };
            Ok((email, registration))
        }
        _ => Err(invalid),
    }
}

impl Person {
    /// Where mails about the account go.
    pub(crate) fn address(&self) -> Option<EmailAddress> {
        // What is stored was parsed before.
        self.profile.email.as_deref().and_then(|email| email.parse().ok())
    }

    /// What a password must not be like.
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            email: self.profile.email.as_deref().unwrap_or_default(),
            username: &self.profile.username,
            first_name: &self.profile.first_name,
            last_name: &self.profile.last_name,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OsRandom;

    fn candidates(local: &str) -> Vec<String> {
        let made = (0..CANDIDATES).map(|n| candidate(local, n, &OsRandom));
        made.map(|name| name.as_str().to_owned()).collect()
    }

    #[test]
    fn a_username_is_the_letters_and_digits_of_the_local_part() {
        assert_eq!(candidates("ann.o'neil+news")[0], "annoneilnews");
        assert_eq!(candidates("_-_")[0], "user");
        assert_eq!(candidates(&"x".repeat(64))[0], "x".repeat(24));
    }

    #[test]
    fn taken_ones_get_ever_more_digits_and_stay_usernames() {
        let all = candidates(&"x".repeat(64));
        assert!(all[1].len() > all[0].len() && all[11].len() == 32, "{all:?}");
        assert!(all[11].starts_with(&all[0]));
    }
}
