//! Sessions and tokens as their owner sees them: listed, ended, issued.

use base::{AccountId, Principal, SessionRef, Timestamp};
use storage::StorageError;

use crate::again::until_undisturbed;
use crate::ending::Ending;
use crate::session::{MAX_TOKEN_NAME, SessionKind};
use crate::store::accounts;
use crate::store::sessions::{self, NewSession, SessionOf};
use crate::{Accounts, ApiToken, ChangeError, SignInContext};

/// A session or token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Which.
    pub session: SessionRef,
    /// Whose.
    pub account: AccountId,
    /// Its owner's username.
    pub username: String,
    /// By what its owner acts.
    pub kind: SessionKind,
    /// What its owner calls a token.
    pub name: Option<String>,
    /// What the client said it is.
    pub user_agent: Option<String>,
    /// The address that signed in or asked for the token.
    pub address: String,
    /// When it was opened or issued.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_used_at: Timestamp,
}

impl Accounts {
    /// The sessions and tokens of `account`, last used first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn sessions(&self, account: AccountId) -> Result<Vec<SessionInfo>, StorageError> {
        let mut infos = sessions::infos_of(self.0.db.reader(), account).await?;
        self.freshen(&mut infos);
        infos.sort_by_key(|info| std::cmp::Reverse(info.last_used_at));
        Ok(infos)
    }

    /// The memory knows later uses than the database.
    pub(crate) fn freshen(&self, infos: &mut [SessionInfo]) {
        let live = self.0.live.lock();
        for info in infos {
            let last_used = live.last_used(info.session).unwrap_or(info.last_used_at);
            info.last_used_at = info.last_used_at.max(last_used);
        }
    }

    /// Ends one session or token of `account`; whether it was theirs.
    ///
    /// # Errors
    /// If the database fails; it is not over then.
    pub async fn end_session(
        &self,
        account: AccountId,
        session: SessionRef,
    ) -> Result<bool, StorageError> {
        Ok(self.end(Ending::Revoked(account, session)).await? > 0)
    }

    /// Ends all sessions and tokens of the caller but the one they act by; how many.
    ///
    /// # Errors
    /// If the database fails; none is over then.
    pub async fn end_other_sessions(&self, caller: &Principal) -> Result<usize, StorageError> {
        self.end(Ending::Others(caller.account, caller.session)).await
    }

    /// Ends all sessions and tokens of `account`; how many.
    ///
    /// # Errors
    /// If the database fails; none is over then.
    pub async fn end_all_sessions(&self, account: AccountId) -> Result<usize, StorageError> {
        self.end(Ending::All(account, "revoked")).await
    }

    /// Issues an API token of `account`, at the request of the session `issued_by`;
    /// `None` if the account is not active or that session is over. Of `name`, 64
    /// characters are kept.
    ///
    /// Beyond [`MAX_TOKENS_PER_SESSION`](crate::MAX_TOKENS_PER_SESSION) of one session
    /// and [`MAX_TOKENS_PER_ACCOUNT`](crate::MAX_TOKENS_PER_ACCOUNT) the longest unused
    /// one ends.
    ///
    /// # Errors
    /// [`ChangeError::TooMany`] if the account's owner has written too much; or if the
    /// database fails.
    pub async fn issue_token(
        &self,
        account: AccountId,
        name: Option<&str>,
        context: &SignInContext,
        issued_by: Option<SessionRef>,
    ) -> Result<Option<ApiToken>, ChangeError> {
        let writes = &self.0.quotas.writes;
        writes.consume(account, context.address).map_err(ChangeError::TooMany)?;
        Ok(self.issue(account, name, context, issued_by).await?)
    }

    /// Issues the unnamed token that comes with `session`, just opened: who signs in is
    /// not held up by what others with a session of the account write.
    pub(crate) async fn issue_at_sign_in(
        &self,
        account: AccountId,
        context: &SignInContext,
        session: SessionRef,
    ) -> Result<Option<ApiToken>, StorageError> {
        self.issue(account, None, context, Some(session)).await
    }

    async fn issue(
        &self,
        account: AccountId,
        name: Option<&str>,
        context: &SignInContext,
        issued_by: Option<SessionRef>,
    ) -> Result<Option<ApiToken>, StorageError> {
        let inner = &self.0;
        let token = ApiToken::generate(&*inner.random);
        let owner = SessionOf { account, session: SessionRef(base::id53(&*inner.random)) };
        let printable = |text: &str| text.trim().chars().filter(|c| !c.is_control()).collect();
        let name = name.map(|text| -> String { printable(text) });
        let name = name.map(|text| text.chars().take(MAX_TOKEN_NAME).collect::<String>());
        let new = NewSession {
            token: token.hash(),
            kind: SessionKind::Token,
            name: name.as_deref().filter(|name| !name.is_empty()),
            issued_by,
            context,
        };
        if !until_undisturbed(|| self.store_token(owner, new)).await? {
            return Ok(None);
        }
        tracing::info!(%account, session = %owner.session, address = %context.address, "token issued");

        if let Some(issuer) = issued_by {
            let newest = owner.session;
            self.end(Ending::Reissued { owner: account, issuer, newest }).await?;
        }
        self.end(Ending::Displaced(account, SessionKind::Token, owner.session)).await?;
        Ok(Some(token))
    }

    /// Stores a token, unless its owner is not active or the session that asked for it is
    /// over; whether it did.
    async fn store_token(
        &self,
        owner: SessionOf,
        new: NewSession<'_>,
    ) -> Result<bool, StorageError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        // Locked: what ends sessions of the account waits, and then finds this token.
        let person = accounts::lock(on, owner.account).await?;
        let active = person.is_some_and(|person| person.profile.is_active);
        let issuer_lives = match new.issued_by {
            Some(issuer) => !sessions::own(on, owner.account, issuer).await?.is_empty(),
            None => true,
        };
        if !active || !issuer_lives {
            return Ok(false);
        }
        sessions::insert(on, owner, new, self.now()).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
