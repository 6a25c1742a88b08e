//! Finding the session or token of a secret, on every request.

use base::Principal;
use storage::StorageError;

use crate::secret::SecretHash;
use crate::session::{self, SessionKind};
use crate::store::sessions;
use crate::{Accounts, ApiToken, SessionToken};

impl Accounts {
    /// The account that the browser session of `token` acts for, `None` if it is unknown or
    /// over.
    /// Counts as activity. Asks the database only for a session that is not in memory.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Principal>, StorageError> {
        let Some(token) = SessionToken::parse(token) else { return Ok(None) };
        self.recognise(token.hash(), SessionKind::Browser).await
    }

    /// The account that the API token `key` acts for, `None` if it is unknown or dead.
    /// Counts as activity. Asks the database only for a token that is not in memory.
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
        // another request each time, and rare.
        loop {
            let removals = self.0.live.lock().removals();
            let found = sessions::principal_by_token(self.0.db.reader(), token).await?;
            let now = self.0.clock.now();
            let is_live = |found: &Principal| session::is_live(kind, found.activity.last(), now);
            let Some(found) = found.filter(is_live) else { return Ok(None) };
            if let Some(principal) = self.0.live.lock().take_in(token, found, removals) {
                return Ok(Some(principal));
            }
        }
    }
}
