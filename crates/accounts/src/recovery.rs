//! What mailed links do: setting a new password, confirming an address.

use std::net::IpAddr;
use std::time::Duration;

use base::AccountId;
use mail::Draft;
use storage::{Connection, StorageError};

use crate::again::until_undisturbed;
use crate::ending::Ending;
use crate::invalid::Invalid;
use crate::link::{self, Purpose};
use crate::mails::PASSWORD_RESET;
use crate::password::hasher::{self, HashError};
use crate::password::problems;
use crate::secret::SecretHash;
use crate::sign_in::attempt::CountedAs;
use crate::store::accounts::{self, By, Changes, Person};
use crate::store::links::{self, OpenLink};
use crate::{Accounts, EmailAddress, Profile};

/// The most requests to reset a password that are looked into at once; one more is
/// refused.
pub(crate) const MAX_PENDING_RESETS: usize = 64;

/// Why a request to reset a password was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// Not an email address.
    #[error("not an email address")]
    InvalidEmail,
    /// Too many tries from this client address; wait this long.
    #[error("too many tries")]
    TooMany(Duration),
    /// Too many at once; try again in a moment.
    #[error("too busy")]
    Busy,
}

/// Why no new password was set.
#[derive(Debug, thiserror::Error)]
pub enum ResetPasswordError {
    /// The link was never made, was used, or has expired.
    #[error("the link does not work")]
    Unknown,
    /// The password may not be used; the link still works.
    #[error("a field is not valid")]
    Invalid(Vec<Invalid>),
    /// Too much is under way from this address or with this link; wait this long.
    #[error("too many tries")]
    TooMany(Duration),
    /// Passwords cannot be hashed now: too many wait, or there is no memory. Try again
    /// in a moment.
    #[error("too busy")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<HashError> for ResetPasswordError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooMany => Self::TooMany(hasher::RETRY),
            HashError::Busy => Self::Busy,
        }
    }
}

/// How often it is tried to make a link to reset a password while the database fails.
const RESET_TRIES: u32 = 120;

/// The pause between two such tries.
const RESET_PAUSE: Duration = Duration::from_secs(1);

/// An address that was confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub email: String,
}

impl Accounts {
    /// Mails a link to set a new password, if the address has an active account. The
    /// answer and the time it takes are the same if not: all the work is done after
    /// answering. At most three links of an account are open at once.
    ///
    /// An account with an access key and an address that was never confirmed gets no mail:
    /// its owner has the key, and the address may be a stranger's.
    ///
    /// # Errors
    /// [`ResetError`], which says nothing about the account. Counts as a refused try of
    /// the client address.
    pub fn request_password_reset(&self, email: &str, from: IpAddr) -> Result<(), ResetError> {
        let email: EmailAddress = email.parse().map_err(|_| ResetError::InvalidEmail)?;
        self.0.attempts.charge_refusal(from).map_err(ResetError::TooMany)?;
        let permit = self.0.resets.clone().try_acquire_owned().map_err(|_| ResetError::Busy)?;
        let accounts = self.clone();
        self.0.endings.spawn(async move {
            // It has been answered, so a disk that fails now must not make it come to nothing.
            for tried in 1.. {
                let Err(error) = accounts.mail_reset(By::Email(&email)).await else { break };
                if tried == RESET_TRIES || accounts.0.endings.is_closed() {
                    tracing::error!(%error, tried, "cannot make a link to reset a password");
                    break;
                }
                tokio::time::sleep(RESET_PAUSE).await;
            }
            drop(permit);
        });
        Ok(())
    }

    /// Mails a link to set a new password to the address of `account`; `false` if it
    /// has none or is not active. For staff.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn send_reset_link(&self, account: AccountId) -> Result<bool, StorageError> {
        self.mail_reset(By::Id(account)).await
    }

    async fn mail_reset(&self, by: By<'_>) -> Result<bool, StorageError> {
        let found = accounts::find(self.0.db.reader(), by).await?;
        let Some(found) = found.filter(|found| found.reset_address().is_some()) else {
            return Ok(false);
        };
        until_undisturbed(|| self.make_reset_link(found.profile.account)).await
    }

    async fn make_reset_link(&self, account: AccountId) -> Result<bool, StorageError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        let Some(person) = accounts::lock(on, account).await? else { return Ok(false) };
        let Some(to) = person.reset_address() else { return Ok(false) };
        let path = self.add_link(on, Purpose::ResetPassword, account, &to).await?;
        transaction.commit().await?;
        if let Some(path) = path {
            let draft = Draft::new(&PASSWORD_RESET, to.as_str()).name(&person.profile.called());
            self.0.mailer.send(draft.link(&path));
        }
        Ok(true)
    }

    /// Whether a link to set a new password still works. Changes nothing: mail
    /// programs open links before their readers do.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn is_reset_open(&self, token: &str) -> Result<bool, StorageError> {
        Ok(self.open_reset(self.0.db.reader(), token).await?.is_some())
    }

    /// Sets a new password by a mailed link, which works once. Ends all sessions and
    /// tokens of the account, opens none, voids its access key and all links mailed
    /// before, and confirms the address.
    ///
    /// # Errors
    /// [`ResetPasswordError`].
    pub async fn reset_password(
        &self,
        token: &str,
        new: &str,
        from: IpAddr,
    ) -> Result<AccountId, ResetPasswordError> {
        let permit = self.0.hasher.permit(Some(from))?;
        let person = self.open_reset(self.0.db.reader(), token).await?;
        let person = person.ok_or(ResetPasswordError::Unknown)?;
        let problems = problems(new, person.identity());
        if !problems.is_empty() {
            return Err(ResetPasswordError::Invalid(vec![Invalid::Password(problems)]));
        }
        let account = CountedAs::ResetOf(person.profile.account).hash();
        let hash = permit.hash(Some(account), new).await?;
        drop(permit);
        let accounts = self.clone();
        let token = token.to_owned();
        let reset =
            async move { until_undisturbed(|| accounts.reset_now(&token, hash.clone())).await };
        let done = self.finish(reset).await?;
        let profile = done.ok_or(ResetPasswordError::Unknown)?;
        tracing::info!(account = %profile.account, "password reset");
        // The owner is back: what others tried meanwhile must not keep them waiting.
        for name in [Some(&profile.username), profile.email.as_ref()].into_iter().flatten() {
            self.0.attempts.forgive(name);
        }
        self.tell_password_changed(&profile);
        Ok(profile.account)
    }

    /// Whose password the link with `token` sets: it is open, and was mailed to the
    /// address that the account has now.
    async fn open_reset(
        &self,
        on: &impl Connection,
        token: &str,
    ) -> Result<Option<Person>, StorageError> {
        let Some(hash) = link::parse(token) else { return Ok(None) };
        let found = links::find(on, hash, Purpose::ResetPassword, self.now()).await?;
        let Some(link) = found else { return Ok(None) };
        let person = accounts::find(on, By::Id(link.account)).await?;
        Ok(person.filter(|person| link.sets_password_of(person)))
    }

    /// Everything of a reset in one transaction; `None` if the link died meanwhile.
    async fn reset_now(
        &self,
        token: &str,
        password_hash: String,
    ) -> Result<Option<Profile>, StorageError> {
        let Some(hash) = link::parse(token) else { return Ok(None) };
        let now = self.now();
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        let found = links::find(on, hash, Purpose::ResetPassword, now).await?;
        let Some(link) = found else { return Ok(None) };
        let person = accounts::lock(on, link.account).await?;
        let Some(Person { profile, .. }) = person.filter(|person| link.sets_password_of(person))
        else {
            return Ok(None);
        };
        if !links::take(on, hash, Purpose::ResetPassword, now).await? {
            return Ok(None);
        }
        let account = profile.account;
        let changes = Changes {
            password_hash: Some(password_hash),
            password_changed_at: Some(now),
            // An intruder may have made it.
            key: Some(None),
            // Who read the mail owns the address that it went to.
            email_confirmed_at: (!profile.email_confirmed).then_some(Some(now)),
            ..Changes::default()
        };
        accounts::change(on, account, changes).await?;
        links::revoke(on, account).await?;
        let ending = Ending::All(account, "password_reset");
        let ended = self.delete_sessions(on, &ending).await?;
        transaction.commit().await?;
        self.announce(&ended, ending.reason());
        Ok(Some(profile))
    }

    /// Confirms the address that a link was mailed to: the account's, or the one that
    /// it shall have from now on. The link works once.
    ///
    /// `None` if it was never made, was used, has expired, or another account has the
    /// address by now.
    ///
    /// # Errors
    /// If the database fails; the link still works then.
    pub async fn confirm_email(&self, token: &str) -> Result<Option<Confirmed>, StorageError> {
        let Some(hash) = link::parse(token) else { return Ok(None) };
        until_undisturbed(|| self.confirm_now(hash)).await
    }

    async fn confirm_now(&self, hash: SecretHash) -> Result<Option<Confirmed>, StorageError> {
        let now = self.now();
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        let found = links::find(on, hash, Purpose::ConfirmAddress, now).await?;
        let Some(OpenLink { account, email }) = found else { return Ok(None) };
        let Ok(new) = email.parse::<EmailAddress>() else { return Ok(None) };
        let Some(before) = accounts::lock(on, account).await? else { return Ok(None) };
        let owner = accounts::find(on, By::Email(&new)).await?;
        let is_anothers = owner.is_some_and(|owner| owner.profile.account != account);
        if is_anothers || !links::take(on, hash, Purpose::ConfirmAddress, now).await? {
            return Ok(None);
        }
        let is_another = before.address().map(|is| is.folded()) != Some(new.folded());
        let changes = Changes {
            email: is_another.then(|| Some(new.clone())),
            email_confirmed_at: Some(Some(now)),
            ..Changes::default()
        };
        accounts::change(on, account, changes).await?;
        links::delete_of(on, account, Purpose::ConfirmAddress).await?;
        if is_another {
            // Links that went to the old address are dead with it.
            links::delete_of(on, account, Purpose::ResetPassword).await?;
        }
        let after = accounts::find(on, By::Id(account)).await?;
        transaction.commit().await?;
        tracing::info!(%account, "address confirmed");
        if let Some(Person { profile, .. }) = after {
            self.0.live.lock().rename(account, &profile.username, profile.display_name());
        }
        if is_another {
            self.tell_old_address(&before, &new);
        }
        Ok(Some(Confirmed { account, email }))
    }
}

impl OpenLink {
    /// Whether `person` gets a new password by it.
    fn sets_password_of(&self, person: &Person) -> bool {
        person.profile.is_active && person.profile.email.as_ref() == Some(&self.email)
    }
}

impl Person {
    /// Where a link to set a new password may be mailed.
    fn reset_address(&self) -> Option<EmailAddress> {
        let is_proven = self.profile.email_confirmed || !self.profile.has_key;
        self.address().filter(|_| self.profile.is_active && is_proven)
    }
}
