//! What happens in the background: the last uses of sessions are written back,
//! sessions and mailed links that ran out are removed, and what was noted while the
//! clock was ahead is cut, so that it does not last as much longer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base::Timestamp;
use storage::StorageError;

use crate::Accounts;
use crate::ending::Ending;
use crate::store::{links, sessions};

/// The last use of a session is written to the database at most this often.
pub const WRITE_BACK_INTERVAL: Duration = Duration::from_secs(60);

/// Sweeps between two looks, the first being one, for what lies in the future.
const CUT: u32 = 10;

/// Sessions in one write: short, so that messages need not wait behind it.
const WRITE_BACK_CHUNK: usize = 200;

impl Accounts {
    /// Writes back the last uses that are due and ends the sessions that ran out;
    /// returns how many. To be called every few seconds: that is how late a
    /// session may end, and [`SWEEP_GRACE`](crate::SWEEP_GRACE) later in a database that
    /// several servers can share. Its queries cost as much as has changed or ended, and one
    /// call ends at most 500 sessions of a kind; more wait for the next.
    ///
    /// # Errors
    /// If the database fails; the next call makes up for it.
    pub async fn sweep(&self) -> Result<usize, StorageError> {
        if self.0.sweeps.fetch_add(1, Ordering::Relaxed).is_multiple_of(CUT) {
            self.cut_futures().await?;
        }
        self.write_back(self.now().minus(WRITE_BACK_INTERVAL)).await?;
        self.forget_links().await?;
        self.end(Ending::Expired).await
    }

    /// Waits for the sessions that are ending and writes back every last use: the
    /// last call before the process ends. What happens afterwards may be lost, as
    /// in a crash.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn flush(&self) -> Result<(), StorageError> {
        self.0.endings.close();
        self.0.endings.wait().await;
        self.write_back(Timestamp(i64::MAX)).await
    }

    /// Nothing was used in the future, and no link lives longer than its kind. Two looks
    /// at the end of an index; mostly there is nothing to write.
    async fn cut_futures(&self) -> Result<(), StorageError> {
        let now = self.now();
        self.0.live.lock().cut(now);
        let on = self.0.db.reader();
        let ahead = sessions::any_ahead(on, now).await?;
        let long_lived = links::any_outliving(on, now).await?;
        if ahead || long_lived {
            let transaction = self.0.db.begin_write().await?;
            let sessions = sessions::cut_ahead(transaction.connection(), now).await?;
            let links = links::cut_outliving(transaction.connection(), now).await?;
            transaction.commit().await?;
            tracing::warn!(sessions, links, "cut what was noted while the clock was ahead");
        }
        Ok(())
    }

    async fn forget_links(&self) -> Result<(), StorageError> {
        let now = self.now();
        if links::any_expired(self.0.db.reader(), now).await? {
            let transaction = self.0.db.begin_write().await?;
            links::delete_expired(transaction.connection(), now).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Sees to it that there is room for one more session in memory.
    pub(crate) async fn make_room(&self) -> Result<(), StorageError> {
        if !self.0.live.lock().is_full() {
            return Ok(());
        }
        let _one_at_a_time = self.0.making_room.lock().await;
        if self.0.live.lock().is_full() {
            self.write_back(Timestamp(i64::MAX)).await?;
            self.0.live.lock().evict();
        }
        Ok(())
    }

    /// Writes back the last uses of the sessions that were written back at
    /// `cutoff` or before.
    async fn write_back(&self, cutoff: Timestamp) -> Result<(), StorageError> {
        let changed = self.0.live.lock().changed(cutoff);
        for uses in changed.chunks(WRITE_BACK_CHUNK) {
            let transaction = self.0.db.begin_write().await?;
            sessions::record_uses(transaction.connection(), uses).await?;
            transaction.commit().await?;
            self.0.live.lock().written(uses, self.0.clock.now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use base::{ManualClock, OsRandom};
    use storage::Database;
    use testdb::TestDatabase;

    use super::*;
    use crate::{Options, SessionEnded, SignInContext, Username};

    const CACHED: usize = 16;

    struct NoMail;

    impl mail::SendMail for NoMail {
        fn send(&self, _: mail::Draft) {}
    }

    struct TestSetup {
        _database: TestDatabase,
        accounts: Accounts,
        clock: Arc<ManualClock>,
        tokens: Vec<String>,
    }

    /// Four times as many sessions as the memory keeps.
    async fn more_sessions_than_cached() -> TestSetup {
        let database = TestDatabase::in_memory();
        let db = Database::connect(database.url()).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        db.migrate(&Accounts::migrations(), &*clock).await.unwrap();
        let options = Options { mailer: Arc::new(NoMail), exempt: limits::Exempt::default() };
        let accounts = Accounts::with_cache(db, clock.clone(), Arc::new(OsRandom), options, CACHED);
        let key = accounts.register(&"ann".parse::<Username>().unwrap()).await.unwrap();
        let mut tokens = Vec::new();
        for _ in 0..4 * CACHED {
            let address = [127, 0, 0, 1].into();
            let context = SignInContext { address, user_agent: None, device: None };
            let token = accounts.sign_in(key.expose(), context).await.unwrap();
            tokens.push(token.expose().to_owned());
        }
        TestSetup { _database: database, accounts, clock, tokens }
    }

    #[tokio::test]
    async fn more_sessions_than_fit_in_memory_all_work_and_lose_no_activity() {
        let TestSetup { _database, accounts, clock, tokens } = more_sessions_than_cached().await;
        // No sweep runs here: what is evicted was written back before.
        for _ in 0..3 {
            clock.advance(Duration::from_secs(59 * 60));
            for token in &tokens {
                assert!(accounts.authenticate(token).await.unwrap().is_some());
                assert!(accounts.0.live.lock().len() <= CACHED);
            }
        }
    }

    #[tokio::test]
    async fn a_held_session_is_never_evicted_and_its_use_keeps_it() {
        struct EndedSessions(Arc<parking_lot::Mutex<Vec<base::SessionRef>>>);
        impl SessionEnded for EndedSessions {
            fn session_ended(&self, _: base::AccountId, session: base::SessionRef) {
                self.0.lock().push(session);
            }
        }
        let TestSetup { _database, accounts, clock, tokens } = more_sessions_than_cached().await;
        let ended_sessions = Arc::default();
        accounts.on_session_end(Arc::new(EndedSessions(Arc::clone(&ended_sessions))));

        let held = accounts.authenticate(&tokens[0]).await.unwrap().unwrap();
        for token in &tokens[1..] {
            accounts.authenticate(token).await.unwrap();
        }
        assert!(accounts.is_current(&held));

        clock.advance(Duration::from_secs(59 * 60));
        held.activity.touch(base::Clock::now(&*clock));
        clock.advance(Duration::from_secs(60) + accounts.sweep_grace());
        // Without the write-back of a sweep: the database knows of no use.
        let ended = accounts.end(Ending::Expired).await.unwrap();
        assert_eq!(ended, tokens.len() - 1);
        assert!(accounts.is_current(&held));
        assert!(!ended_sessions.lock().contains(&held.session));
    }

    const DAY: i64 = 24 * 60 * 60 * 1_000;

    #[tokio::test]
    async fn what_was_used_while_the_clock_was_ahead_ends_an_hour_after_it_is_right() {
        let TestSetup { accounts, clock, _database, .. } = more_sessions_than_cached().await;
        clock.jump(DAY);
        let token = sign_in(&accounts).await;
        accounts.flush().await.unwrap();
        clock.jump(-DAY);
        // Also after a restart, which knows what the database knows.
        let inner = &accounts.0;
        let options = Options { mailer: Arc::new(NoMail), exempt: limits::Exempt::default() };
        let restarted = Accounts::new(inner.db.clone(), clock.clone(), Arc::new(OsRandom), options);
        assert_eq!(restarted.sweep().await.unwrap(), 0, "it lives");
        clock.advance(Duration::from_secs(60 * 60));
        restarted.sweep().await.unwrap();
        assert!(restarted.authenticate(&token).await.unwrap().is_none());
    }

    /// A session of a new account, opened and used.
    async fn sign_in(accounts: &Accounts) -> String {
        let key = accounts.register(&"bob".parse::<Username>().unwrap()).await.unwrap();
        let address = [127, 0, 0, 1].into();
        let context = SignInContext { address, user_agent: None, device: None };
        let token = accounts.sign_in(key.expose(), context).await.unwrap();
        let token = token.expose().to_owned();
        accounts.authenticate(&token).await.unwrap().unwrap();
        token
    }

    #[tokio::test]
    async fn a_link_that_was_mailed_while_the_clock_was_ahead_lives_no_longer() {
        use crate::link::{self, Purpose};
        let TestSetup { accounts, clock, _database, .. } = more_sessions_than_cached().await;
        let db = &accounts.0.db;
        let owner = accounts.register(&"bob".parse::<Username>().unwrap()).await.unwrap();
        let by = crate::store::accounts::By::Key(owner.hash());
        let person = crate::store::accounts::find(db.reader(), by).await.unwrap().unwrap();
        let (bob, email) = (person.profile.account, "bob@example.org".parse().unwrap());
        clock.jump(DAY);
        let transaction = db.begin_write().await.unwrap();
        let on = transaction.connection();
        let path = accounts.add_link(on, Purpose::ResetPassword, bob, &email).await.unwrap();
        transaction.commit().await.unwrap();
        clock.jump(-DAY);

        let path = path.unwrap();
        let token = link::parse(path.rsplit('/').next().unwrap()).unwrap();
        let open = async || {
            let now = accounts.now();
            links::find(db.reader(), token, Purpose::ResetPassword, now).await.unwrap().is_some()
        };
        accounts.sweep().await.unwrap();
        assert!(open().await);
        clock.advance(crate::RESET_LIFE);
        assert!(!open().await);
    }
}
