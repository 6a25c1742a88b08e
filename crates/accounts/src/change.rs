//! Changing an account: one way for all changes, so that what follows from one (other
//! sessions end, mailed links die, open sessions bear the new name) is never forgotten.

use std::net::IpAddr;
use std::time::Duration;

use base::{AccountId, Principal, SessionRef};
use storage::{Connection, StorageError, WriteTransaction};

use crate::again::until_undisturbed;
use crate::ending::Ending;
use crate::link::Purpose;
use crate::password::hasher::{self, HashError};
use crate::profile::Profile;
use crate::store::accounts::{self, By, Changes, Person};
use crate::store::{links, sessions};
use crate::{Accounts, Invalid};

/// Why an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// These fields cannot be taken.
    #[error("a field is not valid")]
    Invalid(Vec<Invalid>),
    /// The current password is another one.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Another account has this username.
    #[error("the username is taken")]
    UsernameTaken,
    /// Another account has this address.
    #[error("the address is taken")]
    EmailTaken,
    /// The account's address must be confirmed first.
    #[error("the address is not confirmed")]
    Unconfirmed,
    /// There is no such account (any more), or the session that asked is over.
    #[error("there is no such account")]
    Gone,
    /// Too many tries or changes, or too many under way; wait this long.
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

impl From<HashError> for ChangeError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooMany => Self::TooMany(hasher::RETRY),
            HashError::Busy => Self::Busy,
        }
    }
}

/// The author of a change to an account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Author {
    /// Its owner, by this session or token, from this client address.
    Owner(SessionRef, IpAddr),
    /// A member of staff.
    Staff,
}

impl Author {
    /// The owner that `caller` is, at `from`.
    pub(crate) fn owner(caller: &Principal, from: IpAddr) -> Self {
        Self::Owner(caller.session, from)
    }
}

impl Accounts {
    /// Makes `changes` and ends the sessions of `ending`, both or neither; comes to
    /// its end even if the client disconnects.
    ///
    /// Another password or address is the end of every link mailed before. An address
    /// that is not confirmed is to be, and the owner of the one before is told.
    ///
    /// # Errors
    /// [`ChangeError::Gone`] also if the author's session is over by now;
    /// [`ChangeError::TooMany`] if the owner has written too much.
    pub(crate) async fn apply(
        &self,
        account: AccountId,
        author: Author,
        changes: Changes,
        ending: Option<Ending>,
    ) -> Result<Profile, ChangeError> {
        // A change of password is counted by itself, and has been: refused here, it would be
        // charged although nothing came of it.
        if let Author::Owner(_, from) = author
            && changes.password_hash.is_none()
        {
            self.0.quotas.writes.consume(account, from).map_err(ChangeError::TooMany)?;
        }
        let accounts = self.clone();
        self.finish(async move {
            let change = async || {
                let transaction = accounts.0.db.begin_write().await?;
                let (changes, ending) = (changes.clone(), ending.as_ref());
                accounts.apply_in(transaction, account, author, changes, ending).await
            };
            until_undisturbed(change).await
        })
        .await
    }

    /// The same in `transaction`, which it commits. If another transaction takes the username
    /// or the address meanwhile, that is a unique violation; the caller looks again, in a new
    /// transaction.
    pub(crate) async fn apply_in(
        &self,
        transaction: WriteTransaction,
        account: AccountId,
        author: Author,
        changes: Changes,
        ending: Option<&Ending>,
    ) -> Result<Profile, ChangeError> {
        let on = transaction.connection();
        let before = find_for(on, account, author).await?;
        refuse_taken(on, account, &changes).await?;
        if changes.password_hash.is_some() || changes.email.is_some() {
            links::revoke(on, account).await?;
        }
        let unconfirmed = match (&changes.email, changes.email_confirmed_at) {
            (Some(Some(new)), Some(None)) => Some(new.clone()),
            _ => None,
        };
        let path = match &unconfirmed {
            Some(new) => self.add_link(on, Purpose::ConfirmAddress, account, new).await?,
            None => None,
        };
        accounts::change(on, account, changes).await?;
        let person = accounts::find(on, By::Id(account)).await?.ok_or(ChangeError::Gone)?;
        let ended = match ending {
            Some(ending) => self.delete_sessions(on, ending).await?,
            None => Vec::new(),
        };
        transaction.commit().await?;
        let profile = person.profile;
        self.0.live.lock().rename(account, &profile.username, profile.display_name());
        if let Some(ending) = ending {
            self.announce(&ended, ending.reason());
        }
        if let Some(new) = unconfirmed {
            self.tell_address_changed(&before, new, path);
        }
        Ok(profile)
    }
}

/// The account, if `author` may change it: once a session has ended, nothing that it
/// asked for before may come true later. Locks the account's row: until the end of the
/// transaction it is as it was read, and none of its sessions begins or ends.
pub(crate) async fn find_for(
    on: &impl Connection,
    account: AccountId,
    author: Author,
) -> Result<Person, ChangeError> {
    let person = accounts::lock(on, account).await?.ok_or(ChangeError::Gone)?;
    if let Author::Owner(session, _) = author {
        let is_over = sessions::own(on, account, session).await?.is_empty();
        if is_over || !person.profile.is_active {
            return Err(ChangeError::Gone);
        }
    }
    Ok(person)
}

/// Refuses an address or username that is another account's. Asked before changing:
/// databases differ in what a failed statement leaves of a transaction.
async fn refuse_taken(
    on: &impl Connection,
    account: AccountId,
    changes: &Changes,
) -> Result<(), ChangeError> {
    if let Some(Some(email)) = &changes.email
        && let Some(other) = accounts::find(on, By::Email(email)).await?
        && other.profile.account != account
    {
        return Err(ChangeError::EmailTaken);
    }
    if let Some(username) = &changes.username
        && let Some(other) = accounts::find(on, By::Username(username)).await?
        && other.profile.account != account
    {
        return Err(ChangeError::UsernameTaken);
    }
    Ok(())
}
