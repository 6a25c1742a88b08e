//! Ending sessions, for whatever reason: the row is deleted, the memory forgets
//! it, and whoever asked to be told is told.
//!
//! The database decides: a session ends in the transaction that deletes its row,
//! so it ends once, however many ways lead there at the same time.

use std::panic::resume_unwind;

use base::AccountId;

use storage::{Connection, StorageError};

use crate::secret::SecretHash;
use crate::session::{MAX_SESSIONS_PER_ACCOUNT, SESSION_INACTIVITY};
use crate::store::{self, SessionOf};
use crate::{Accounts, SessionToken};

/// Which sessions end, and why.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// The one with this token: its owner signed out.
    SignedOut(SecretHash),
    /// Those that were not used for too long.
    Expired,
    /// The longest unused of an account that has too many.
    Displaced(AccountId),
}

impl Ending {
    fn reason(self) -> &'static str {
        match self {
            Self::SignedOut(_) => "signed_out",
            Self::Expired => "expired",
            Self::Displaced(_) => "displaced",
        }
    }
}

impl Accounts {
    /// Ends the session of `token`, if there is one.
    ///
    /// # Errors
    /// If the database fails; the session is not over then.
    pub async fn sign_out(&self, token: &str) -> Result<(), StorageError> {
        if let Some(token) = SessionToken::parse(token) {
            self.end(Ending::SignedOut(token.hash())).await?;
        }
        Ok(())
    }

    /// Ends the sessions that `ending` describes and returns how many there were.
    pub(crate) async fn end(&self, ending: Ending) -> Result<usize, StorageError> {
        // Mostly there is nothing to end: nobody waits for a turn to write then.
        if self.doomed(self.0.db.reader(), ending).await?.is_empty() {
            return Ok(0);
        }
        let accounts = self.clone();
        // A client that hangs up takes the future of its request with it. What is
        // deleted in the database must leave the memory as well.
        let work = self.0.endings.spawn(async move { accounts.end_now(ending).await });
        match work.await {
            Ok(ended) => ended,
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                // Nobody aborts it but the runtime on its way out, and then there
                // is nobody to answer.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn end_now(&self, ending: Ending) -> Result<usize, StorageError> {
        let transaction = self.0.db.begin_write().await?;
        let on = transaction.connection();
        let doomed = self.doomed(on, ending).await?;
        store::delete_sessions(on, &doomed).await?;
        transaction.commit().await?;
        self.announce(&doomed, ending.reason());
        Ok(doomed.len())
    }

    async fn doomed(
        &self,
        on: &impl Connection,
        ending: Ending,
    ) -> Result<Vec<SessionOf>, StorageError> {
        match ending {
            Ending::SignedOut(token) => store::session_by_token(on, token).await,
            Ending::Displaced(account) => {
                store::surplus_sessions(on, account, MAX_SESSIONS_PER_ACCOUNT).await
            }
            Ending::Expired => {
                let cutoff = self.0.clock.now().minus(SESSION_INACTIVITY);
                let mut unused = store::sessions_unused_since(on, cutoff).await?;
                // Some may have been used since the last write-back.
                let live = self.0.live.lock();
                unused.retain(|unused| !live.used_after(unused.session, cutoff));
                Ok(unused)
            }
        }
    }

    fn announce(&self, ended: &[SessionOf], reason: &'static str) {
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
