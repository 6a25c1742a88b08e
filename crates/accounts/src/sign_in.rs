//! Opening a session, and recognising it on every request.

use base::{Principal, SessionRef};
use storage::StorageError;

use crate::ending::Ending;
use crate::secret::SecretHash;
use crate::store::SessionOf;
use crate::{AccessKey, Accounts, SessionToken, SignInContext, session, store};

/// Why no session was opened.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No account has this key.
    #[error("the key is unknown")]
    UnknownKey,
    /// The database failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Accounts {
    /// Opens a session of the account that `key` belongs to. Beyond
    /// [`MAX_SESSIONS_PER_ACCOUNT`](crate::MAX_SESSIONS_PER_ACCOUNT) the longest
    /// unused one ends.
    ///
    /// # Errors
    /// [`SignInError::UnknownKey`] if there is no such account.
    pub async fn sign_in(
        &self,
        key: &str,
        context: SignInContext,
    ) -> Result<SessionToken, SignInError> {
        let opened = self.open_session(key, context).await;
        let result = match &opened {
            Ok(_) => "ok",
            Err(SignInError::UnknownKey) => "refused",
            Err(SignInError::Storage(_)) => "failed",
        };
        metrics::counter!("packetboat_sign_ins_total", "result" => result).increment(1);
        opened
    }

    async fn open_session(
        &self,
        key: &str,
        context: SignInContext,
    ) -> Result<SessionToken, SignInError> {
        let inner = &self.0;
        let key = AccessKey::parse(key).ok_or(SignInError::UnknownKey)?.hash();
        let account = store::account_by_key(inner.db.reader(), key).await?;
        let account = account.ok_or(SignInError::UnknownKey)?;

        let token = SessionToken::generate(&*inner.random);
        let owner = SessionOf { account, session: SessionRef(base::id53(&*inner.random)) };
        let now = inner.clock.now();
        let transaction = inner.db.begin_write().await?;
        let on = transaction.connection();
        store::insert_session(on, owner, token.hash(), &context, now).await?;
        transaction.commit().await?;
        tracing::info!(%account, session = %owner.session, address = %context.address, "signed in");

        self.end(Ending::Displaced(account)).await?;
        Ok(token)
    }

    /// Whom `token` acts for, `None` if its session is unknown or over. Counts as
    /// activity. Asks the database only for a session that is not in memory.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Principal>, StorageError> {
        let Some(token) = SessionToken::parse(token) else { return Ok(None) };
        let token = token.hash();
        let known = self.0.live.lock().get(&token);
        let principal = match known {
            Some(principal) => Some(principal),
            None => self.load(token).await?,
        };
        let now = self.0.clock.now();
        Ok(principal
            .filter(|principal| session::is_live(principal.activity.last(), now))
            .inspect(|principal| principal.activity.touch(now)))
    }

    async fn load(&self, token: SecretHash) -> Result<Option<Principal>, StorageError> {
        self.make_room().await?;
        // Again only if some session ended during the query: that is progress of
        // somebody else each time, and rare.
        loop {
            let removals = self.0.live.lock().removals();
            let found = store::principal_by_token(self.0.db.reader(), token).await?;
            let now = self.0.clock.now();
            let is_live = |found: &Principal| session::is_live(found.activity.last(), now);
            let Some(found) = found.filter(is_live) else { return Ok(None) };
            if let Some(principal) = self.0.live.lock().admit(token, found, removals) {
                return Ok(Some(principal));
            }
        }
    }
}
