//! Opening a session by access key, and recognising sessions on every request. By
//! password: [`password_sign_in`](crate::password_sign_in).

use std::time::Duration;

use base::{AccountId, Principal, SessionRef};
use storage::StorageError;

use crate::ending::Ending;
use crate::password::hasher::{self, HashError};
use crate::secret::SecretHash;
use crate::session::SessionKind;
use crate::store::accounts::{self, By, Changes, Person};
use crate::store::sessions::{self, NewSession, SessionOf};
use crate::{AccessKey, Accounts, ApiToken, SessionToken, SignInContext, session};

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

/// What was shown to be let in: it must still be valid when the session is stored.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
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
        let opened = self.sign_in_by_key(key, &context).await;
        note(&opened);
        opened.map(|(token, _)| token)
    }

    async fn sign_in_by_key(
        &self,
        key: &str,
        context: &SignInContext,
    ) -> Result<(SessionToken, SessionOf), SignInError> {
        let refusals = &self.0.attempts.refusals;
        if let Some(wait) = refusals.blocked(context.address) {
            return Err(SignInError::TooMany(wait));
        }
        let opened = self.open_by_key(key, context).await;
        if matches!(opened, Err(SignInError::Refused)) {
            // Many tries at once all pass the look above; those beyond the burst are
            // told so here.
            refusals.consume(context.address).map_err(SignInError::TooMany)?;
        }
        opened
    }

    async fn open_by_key(
        &self,
        key: &str,
        context: &SignInContext,
    ) -> Result<(SessionToken, SessionOf), SignInError> {
        let key = AccessKey::parse(key).ok_or(SignInError::Refused)?.hash();
        let person = accounts::find(self.0.db.reader(), By::Key(key)).await?;
        let person = person.ok_or(SignInError::Refused)?;
        self.open_session(person.profile.account, &Proof::Key(key), context).await
    }

    /// Stores a browser session of `account`, unless `proof` has lost its worth since
    /// it was looked at: who changes a password ends the sessions that it opened, and
    /// none may slip in afterwards.
    pub(crate) async fn open_session(
        &self,
        account: AccountId,
        proof: &Proof,
        context: &SignInContext,
    ) -> Result<(SessionToken, SessionOf), SignInError> {
        let inner = &self.0;
        let token = SessionToken::generate(&*inner.random);
        let owner = SessionOf { account, session: SessionRef(base::id53(&*inner.random)) };
        let new = NewSession {
            token: token.hash(),
            kind: SessionKind::Browser,
            name: None,
            issued_by: None,
            context,
        };
        inner.attempts.sign_ins.consume(account, context.address).map_err(SignInError::TooMany)?;
        let now = inner.clock.now();
        let mut changes = Changes { last_login_at: Some(now), ..Changes::default() };
        if let Proof::Password { rehashed, .. } = proof {
            changes.password_hash.clone_from(rehashed);
        }
        let transaction = inner.db.begin_write().await?;
        let on = transaction.connection();
        let person = accounts::find(on, By::Id(account)).await?;
        if !person.is_some_and(|person| proof.is_valid_for(&person)) {
            return Err(SignInError::Refused);
        }
        sessions::insert(on, owner, new, now).await?;
        accounts::change(on, account, changes).await?;
        transaction.commit().await?;
        tracing::info!(%account, session = %owner.session, address = %context.address, "signed in");

        self.end(Ending::Displaced(account, SessionKind::Browser, owner.session)).await?;
        Ok((token, owner))
    }

    /// Whom the browser session of `token` acts for, `None` if it is unknown or over.
    /// Counts as activity. Asks the database only for a session that is not in memory.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Principal>, StorageError> {
        let Some(token) = SessionToken::parse(token) else { return Ok(None) };
        self.recognise(token.hash(), SessionKind::Browser).await
    }

    /// Whom the API token `key` acts for, `None` if it is unknown or dead. Counts as
    /// activity. Asks the database only for a token that is not in memory.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate_token(&self, key: &str) -> Result<Option<Principal>, StorageError> {
        let Some(token) = ApiToken::parse(key) else { return Ok(None) };
        self.recognise(token.hash(), SessionKind::Token).await
    }

    /// The two kinds of tokens differ in their form, so a hash is of one kind only.
    async fn recognise(
        &self,
        token: SecretHash,
        kind: SessionKind,
    ) -> Result<Option<Principal>, StorageError> {
        let known = self.0.live.lock().get(&token);
        let principal = match known {
            Some(principal) => Some(principal),
            None => self.load(token, kind).await?,
        };
        let now = self.0.clock.now();
        Ok(principal
            .filter(|principal| session::is_live(kind, principal.activity.last(), now))
            .inspect(|principal| principal.activity.touch(now)))
    }

    async fn load(
        &self,
        token: SecretHash,
        kind: SessionKind,
    ) -> Result<Option<Principal>, StorageError> {
        self.make_room().await?;
        // Again only if some session ended during the query: that is progress of
        // somebody else each time, and rare.
        loop {
            let removals = self.0.live.lock().removals();
            let found = sessions::principal_by_token(self.0.db.reader(), token).await?;
            let now = self.0.clock.now();
            let is_live = |found: &Principal| session::is_live(kind, found.activity.last(), now);
            let Some(found) = found.filter(is_live) else { return Ok(None) };
            if let Some(principal) = self.0.live.lock().admit(token, found, removals) {
                return Ok(Some(principal));
            }
        }
    }
}

/// Counts how a sign-in came out.
pub(crate) fn note<T>(opened: &Result<T, SignInError>) {
    let result = match opened {
        Ok(_) => "ok",
        Err(SignInError::Refused) => "refused",
        Err(SignInError::TooMany(_)) => "throttled",
        Err(SignInError::Busy) => "busy",
        Err(SignInError::Storage(_)) => "failed",
    };
    metrics::counter!("packetboat_sign_ins_total", "result" => result).increment(1);
}
