//! Ending sessions, for whatever reason: the row is deleted, the memory forgets
//! it, and the listeners are told.
//!
//! The database decides: a session ends in the transaction that deletes its row,
//! so it ends once, however many ways lead there at the same time, and on however many
//! servers. Rows are locked in one order everywhere: first accounts, then sessions, each by
//! id.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, SessionRef, Timestamp};
use storage::{Connection, StorageError};

use crate::again::until_undisturbed;
use crate::secret::SecretHash;
use crate::session::SessionKind;
use crate::store::accounts;
use crate::store::sessions::{self, SessionOf};
use crate::upkeep::WRITE_BACK_INTERVAL;
use crate::{Accounts, ApiToken, MAX_TOKENS_PER_SESSION, SessionToken};

/// Which sessions end, and why.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// The one with this token: its owner signed out.
    SignedOut(SecretHash),
    /// Those that were not used for too long.
    Expired,
    /// The longest unused of an account that has too many of a kind, with the one just
    /// opened, which stays.
    Displaced(AccountId, SessionKind, SessionRef),
    /// The longest unused tokens of a session that has asked for too many, the last of
    /// which stays.
    Reissued { owner: AccountId, issuer: SessionRef, newest: SessionRef },
    /// One, by its owner.
    Revoked(AccountId, SessionRef),
    /// All but one, by their owner.
    Others(AccountId, SessionRef),
    /// All of an account, for this reason.
    All(AccountId, &'static str),
    /// These, by a member of staff.
    Listed(Arc<[SessionRef]>),
}

impl Ending {
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::SignedOut(_) => "signed_out",
            Self::Expired => "expired",
            Self::Displaced(..) | Self::Reissued { .. } => "displaced",
            Self::Revoked(..) | Self::Others(..) => "revoked",
            Self::All(_, reason) => reason,
            Self::Listed(_) => "by_staff",
        }
    }
}

/// How much longer a session that ran out stays on record in a database that several servers
/// can share: another one may know of a use that it has not written back yet. A SQLite file
/// has one server, which knows every use.
pub const SWEEP_GRACE: Duration = WRITE_BACK_INTERVAL.saturating_add(Duration::from_secs(5));

impl Accounts {
    /// Ends the browser session of `token`, if there is one.
    ///
    /// # Errors
    /// If the database fails; the session is not over then.
    pub async fn sign_out(&self, token: &str) -> Result<(), StorageError> {
        if let Some(token) = SessionToken::parse(token) {
            self.end(Ending::SignedOut(token.hash())).await?;
        }
        Ok(())
    }

    /// Ends the API token `key`; whether there was one.
    ///
    /// # Errors
    /// If the database fails; the token is not dead then.
    pub async fn sign_out_token(&self, key: &str) -> Result<bool, StorageError> {
        let Some(token) = ApiToken::parse(key) else { return Ok(false) };
        Ok(self.end(Ending::SignedOut(token.hash())).await? > 0)
    }

    /// Ends the sessions that `ending` describes and returns how many there were.
    pub(crate) async fn end(&self, ending: Ending) -> Result<usize, StorageError> {
        // Mostly there is nothing to end, and then no turn to write is taken.
        if self.selected(self.0.db.reader(), &ending).await?.is_empty() {
            return Ok(0);
        }
        let accounts = self.clone();
        self.finish(async move { until_undisturbed(|| accounts.end_now(&ending)).await }).await
    }

    /// Does `work` to its end. When a client disconnects, the future of its request is
    /// dropped; what is changed in the database must change in memory as well.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.0.endings.spawn(work).await {
            Ok(done) => done,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Only the runtime aborts it, when the process ends; then there is no
                // client to answer.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn end_now(&self, ending: &Ending) -> Result<usize, StorageError> {
        let transaction = self.0.db.begin_write().await?;
        let ended = self.delete_sessions(transaction.connection(), ending).await?;
        transaction.commit().await?;
        self.announce(&ended, ending.reason());
        Ok(ended.len())
    }

    /// Deletes the sessions of `ending` and gives those that it did delete: others may be
    /// ending the same. The caller commits, then [`announce`](Self::announce)s them.
    pub(crate) async fn delete_sessions(
        &self,
        on: &impl Connection,
        ending: &Ending,
    ) -> Result<Vec<SessionOf>, StorageError> {
        let selected = self.selected(on, ending).await?;
        // Whoever opens a session or issues a token holds the account's row: what is selected
        // now is complete.
        accounts::lock_all(on, selected.iter().map(|selected| selected.account)).await?;
        let selected = self.selected(on, ending).await?;
        let mut locked = sessions::lock(on, &selected).await?;
        if matches!(ending, Ending::Expired) {
            locked.retain(|locked| locked.last_used_at <= self.cutoff(locked.kind));
        }
        let ended: Vec<_> = locked.iter().map(|locked| locked.session).collect();
        sessions::delete(on, &ended).await?;
        Ok(ended)
    }

    async fn selected(
        &self,
        on: &impl Connection,
        ending: &Ending,
    ) -> Result<Vec<SessionOf>, StorageError> {
        match ending {
            Ending::SignedOut(token) => sessions::by_token(on, *token).await,
            Ending::Displaced(account, kind, newest) => {
                sessions::surplus(on, *account, *kind, *newest, kind.limit()).await
            }
            Ending::Reissued { owner, issuer, newest } => {
                let kept = MAX_TOKENS_PER_SESSION;
                sessions::surplus_issued(on, *owner, *issuer, *newest, kept).await
            }
            Ending::Revoked(account, session) => {
                let ended = sessions::own(on, *account, *session).await?;
                sessions::with_issued(on, ended).await
            }
            Ending::Others(account, kept) => sessions::of_owner(on, *account, Some(*kept)).await,
            Ending::All(account, _) => sessions::of_owner(on, *account, None).await,
            Ending::Listed(wanted) => {
                let ended = sessions::listed(on, wanted).await?;
                sessions::with_issued(on, ended).await
            }
            Ending::Expired => self.expired(on).await,
        }
    }

    async fn expired(&self, on: &impl Connection) -> Result<Vec<SessionOf>, StorageError> {
        let mut all = Vec::new();
        for kind in SessionKind::ALL {
            let cutoff = self.cutoff(kind);
            let mut unused = sessions::unused_since(on, kind, cutoff).await?;
            // Some may have been used since the last write-back.
            let live = self.0.live.lock();
            unused.retain(|unused| !live.used_after(unused.session, cutoff));
            all.extend(unused);
        }
        Ok(all)
    }

    /// Sessions of `kind` that were not used after this are swept away. They are refused
    /// before: [`authenticate`](Self::authenticate) is exact.
    fn cutoff(&self, kind: SessionKind) -> Timestamp {
        self.now().minus(kind.inactivity() + self.sweep_grace())
    }

    /// [`SWEEP_GRACE`], where it is granted.
    pub(crate) fn sweep_grace(&self) -> Duration {
        if self.0.db.kind().is_server() { SWEEP_GRACE } else { Duration::ZERO }
    }

    /// Has the memory forget what ended, and tells the listeners.
    pub(crate) fn announce(&self, ended: &[SessionOf], reason: &'static str) {
        self.0.live.lock().remove(ended.iter().map(|ended| ended.session));
        let count = ended.len() as u64;
        metrics::counter!("packetboat_sessions_ended_total", "reason" => reason).increment(count);
        let listeners = self.0.listeners.read().clone();
        for SessionOf { account, session } in ended {
            tracing::info!(%account, %session, reason, "session ended");
            for listener in &listeners {
                listener.session_ended(*account, *session);
            }
        }
    }
}
