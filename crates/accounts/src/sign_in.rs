//! Signing in: a key or a name and password in, a session out. Every way in comes here,
//! whatever form or API it was asked for by.
//!
//! How often a client may try: [`attempt`]. Who is let in to hash:
//! [`hasher`].
//!
//! Invariants:
//! - Whether the account exists does not show: an unknown name is counted, looked up
//!   and verified like a known one.
//! - What was shown to be let in must still be valid in the transaction that stores the
//!   session: a change of password ends the sessions that it opened, and none may slip
//!   in afterwards.
//!
//! Deliberately absent: recognising the session afterwards
//! ([`authentication`](crate::authentication)), cookies and forms.

pub(crate) mod attempt;

use std::time::Duration;

use base::{AccountId, SessionRef};
use storage::StorageError;

use crate::again::until_undisturbed;
use crate::ending::Ending;
use crate::password::hasher::{self, HashError, HashPermit, Verdict};
use crate::secret::SecretHash;
use crate::session::{SESSION_INACTIVITY, SessionKind};
use crate::store::accounts::{self, By, Changes, Person};
use crate::store::sessions::{self, NewSession, SessionOf};
use crate::{AccessKey, Accounts, EmailAddress, SessionToken, SignInContext, Username};

use attempt::{Attempt, CountedAs};

/// A session just opened.
#[derive(Debug)]
pub struct SignedIn {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub session: SessionRef,
    /// Its secret.
    pub token: SessionToken,
}

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No active account has these credentials. Which part is wrong stays unsaid.
    #[error("the credentials are wrong")]
    Refused,
    /// Too many tries, or too many under way; wait this long.
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

impl From<HashError> for SignInError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooMany => Self::TooMany(hasher::RETRY),
            HashError::Busy => Self::Busy,
        }
    }
}

/// What was shown to be let in.
#[derive(Clone, Debug)]
enum Proof {
    /// The access key with this hash.
    Key(SecretHash),
    /// The password with this hash, and its new hash if that is due.
    Password { verified: String, rehashed: Option<String> },
}

impl Proof {
    fn is_valid_for(&self, person: &Person) -> bool {
        let holds = match self {
            Self::Key(key) => person.key_hash.as_deref() == Some(&key.to_hex()),
            Self::Password { verified, .. } => person.password_hash.as_ref() == Some(verified),
        };
        holds && person.profile.is_active
    }
}

impl Accounts {
    /// Opens a session of the account that `key` belongs to. Beyond
    /// [`MAX_SESSIONS_PER_ACCOUNT`](crate::MAX_SESSIONS_PER_ACCOUNT) the longest
    /// unused one ends. Refusals are throttled by client address; a key cannot be
    /// guessed, so its account is never kept waiting.
    ///
    /// # Errors
    /// [`SignInError::Refused`] if there is no such account or it is not active.
    pub async fn sign_in(
        &self,
        key: &str,
        context: SignInContext,
    ) -> Result<SessionToken, SignInError> {
        let begun = self.0.attempts.begin_with_key(context.address);
        let opened = match begun {
            Ok(attempt) => settle(attempt, self.open_by_key(key, &context).await),
            Err(error) => Err(error),
        };
        count_result(&opened);
        opened.map(|signed_in| signed_in.token)
    }

    /// Opens a session of the account with this email address or username, if
    /// `password` is its password. Beyond
    /// [`MAX_SESSIONS_PER_ACCOUNT`](crate::MAX_SESSIONS_PER_ACCOUNT) the longest unused
    /// one ends.
    ///
    /// After five wrong passwords a name has to wait 1 minute, then 5, then 60 after
    /// each. The right password from a device that has a valid session of the account,
    /// or from an address that has one, need not.
    ///
    /// # Errors
    /// [`SignInError`]; [`TooMany`](SignInError::TooMany) also for a network that has
    /// too many under way, [`Busy`](SignInError::Busy) also beyond 128 that wait under
    /// one name;
    /// [`Refused`](SignInError::Refused) looks and takes the same whether the account
    /// does not exist, is not active, has no password, or has another.
    pub async fn sign_in_with_password(
        &self,
        name: &str,
        password: &str,
        context: SignInContext,
    ) -> Result<SignedIn, SignInError> {
        let opened = self.sign_in_by_password(name, password, &context).await;
        count_result(&opened);
        opened
    }

    async fn sign_in_by_password(
        &self,
        name: &str,
        password: &str,
        context: &SignInContext,
    ) -> Result<SignedIn, SignInError> {
        let permit = self.0.hasher.permit(Some(context.address))?;
        let mut attempt = self.0.attempts.begin_with_password(context)?;
        let opened = self.open_by_password(&permit, &mut attempt, name, password, context).await;
        settle(attempt, opened)
    }

    async fn open_by_key(
        &self,
        key: &str,
        context: &SignInContext,
    ) -> Result<SignedIn, SignInError> {
        let key = AccessKey::parse(key).ok_or(SignInError::Refused)?.hash();
        let person = accounts::find(self.0.db.reader(), By::Key(key)).await?;
        let person = person.ok_or(SignInError::Refused)?;
        self.open_session(person.profile.account, &Proof::Key(key), context).await
    }

    async fn open_by_password(
        &self,
        permit: &HashPermit<'_>,
        attempt: &mut Attempt<'_>,
        name: &str,
        password: &str,
        context: &SignInContext,
    ) -> Result<SignedIn, SignInError> {
        let device = context.device.as_ref().map(|device| CountedAs::DeviceOf(device.account));
        attempt.take_turn(device.unwrap_or(CountedAs::Name(name))).await?;
        let person = self.named(name).await?;
        let counted = self.count(attempt, name, person.as_ref(), context).await?;
        let stored = person.as_ref().and_then(|person| person.password_hash.clone());
        let verdict = permit.verify(Some(counted), password, stored.as_deref()).await?;
        let (Some(person), Some(verified)) = (person, stored) else {
            return Err(SignInError::Refused);
        };
        let rehashed = match verdict {
            Verdict::Wrong => return Err(SignInError::Refused),
            Verdict::Right => None,
            // If there is no time for it now, then at the next sign-in.
            Verdict::RightButOld => permit.hash(Some(counted), password).await.ok(),
        };
        let proof = Proof::Password { verified, rehashed };
        self.open_session(person.profile.account, &proof, context).await
    }

    /// The account with this email address or username.
    async fn named(&self, name: &str) -> Result<Option<Person>, StorageError> {
        let on = self.0.db.reader();
        if let Ok(email) = name.parse::<EmailAddress>() {
            accounts::find(on, By::Email(&email)).await
        } else if let Ok(username) = name.trim().parse::<Username>() {
            accounts::find(on, By::Username(&username)).await
        } else {
            Ok(None)
        }
    }

    /// Charges the attempt to the owner's device, or to the name, or, if that has to
    /// wait, to an address that has a session of the account. Gives back which.
    async fn count(
        &self,
        attempt: &mut Attempt<'_>,
        name: &str,
        person: Option<&Person>,
        context: &SignInContext,
    ) -> Result<SecretHash, SignInError> {
        let account = person.map(|person| person.profile.account);
        if let Some(device) = &context.device
            && Some(device.account) == account
        {
            return attempt.charge(CountedAs::DeviceOf(device.account));
        }
        attempt.refuse_blocked()?;
        let refused = match attempt.charge(CountedAs::Name(name)) {
            Err(refused) => refused,
            charged => return charged,
        };
        // Also for a name that no account has, so that it takes as long.
        let owner = account.unwrap_or(AccountId(0));
        let cutoff = self.now().minus(SESSION_INACTIVITY);
        let on = self.0.db.reader();
        if !sessions::any_from(on, owner, context.address, cutoff).await? {
            return Err(refused);
        }
        attempt.charge(CountedAs::KnownAddress(name, context.address))
    }

    /// Stores a browser session of `account`, unless `proof` has lost its worth since
    /// it was looked at.
    async fn open_session(
        &self,
        account: AccountId,
        proof: &Proof,
        context: &SignInContext,
    ) -> Result<SignedIn, SignInError> {
        let inner = &self.0;
        let token = SessionToken::generate(&*inner.random);
        let session = SessionRef(base::id53(&*inner.random));
        let new = NewSession {
            token: token.hash(),
            kind: SessionKind::Browser,
            name: None,
            issued_by: None,
            context,
        };
        let sign_ins = &inner.attempts.sign_ins;
        sign_ins.consume(account, context.address).map_err(SignInError::TooMany)?;
        let now = inner.clock.now();
        let mut changes = Changes { last_login_at: Some(now), ..Changes::default() };
        if let Proof::Password { rehashed, .. } = proof {
            changes.password_hash.clone_from(rehashed);
        }
        let store = async || {
            let transaction = inner.db.begin_write().await?;
            let on = transaction.connection();
            // Locked: what changes the account waits, and then finds this session.
            let person = accounts::lock(on, account).await?;
            if !person.is_some_and(|person| proof.is_valid_for(&person)) {
                return Err(SignInError::Refused);
            }
            sessions::insert(on, SessionOf { account, session }, new, now).await?;
            accounts::change(on, account, changes.clone()).await?;
            Ok(transaction.commit().await?)
        };
        until_undisturbed(store).await?;
        tracing::info!(%account, %session, address = %context.address, "signed in");

        self.end(Ending::Displaced(account, SessionKind::Browser, session)).await?;
        Ok(SignedIn { account, session, token })
    }
}

/// Settles `attempt` by what came of it: only what was refused is paid for.
fn settle<T>(attempt: Attempt<'_>, opened: Result<T, SignInError>) -> Result<T, SignInError> {
    match &opened {
        Ok(_) => attempt.succeeded(),
        // Beyond what the address may have refused, it is told to wait instead.
        Err(SignInError::Refused) => attempt.refused().map_err(SignInError::TooMany)?,
        Err(_) => attempt.failed(),
    }
    opened
}

/// Counts how a sign-in came out.
fn count_result<T>(opened: &Result<T, SignInError>) {
    let result = match opened {
        Ok(_) => "ok",
        Err(SignInError::Refused) => "refused",
        Err(SignInError::TooMany(_)) => "throttled",
        Err(SignInError::Busy) => "busy",
        Err(SignInError::Storage(_)) => "failed",
    };
    metrics::counter!("packetboat_sign_ins_total", "result" => result).increment(1);
}
