//! What the tests of this crate share: accounts on a fresh database, with time
//! moved by hand.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, SessionEnded, SignInContext, Username};
use base::{AccountId, ManualClock, OsRandom, SessionRef, Timestamp};
use parking_lot::Mutex;
use storage::Database;
use tempfile::TempDir;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// A database file, a clock, and accounts on them.
pub(crate) struct World {
    pub(crate) db: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) accounts: Accounts,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
        let db = Database::connect(&url).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_790_000_000_000)));
        db.migrate(&Accounts::migrations(), &*clock).await.unwrap();
        let accounts = Accounts::new(db.clone(), clock.clone(), Arc::new(OsRandom));
        Self { db, clock, accounts, _folder: folder }
    }

    /// Accounts as after a restart: the same database, nothing in memory.
    pub(crate) fn restarted(&self) -> Accounts {
        Accounts::new(self.db.clone(), self.clock.clone(), Arc::new(OsRandom))
    }

    /// The key of a new account.
    pub(crate) async fn register(&self, username: &str) -> String {
        let key = self.accounts.register(&name(username)).await.unwrap();
        key.expose().to_owned()
    }

    /// The token of a new session.
    pub(crate) async fn sign_in(&self, key: &str) -> String {
        self.accounts.sign_in(key, context()).await.unwrap().expose().to_owned()
    }

    /// The token of a session of a new account.
    pub(crate) async fn session(&self, username: &str) -> String {
        let key = self.register(username).await;
        self.sign_in(&key).await
    }

    /// Whether `token` is valid for who knows only the database. Changes nothing.
    pub(crate) async fn is_on_record(&self, token: &str) -> bool {
        self.restarted().authenticate(token).await.unwrap().is_some()
    }

    /// Hears of every session that ends.
    pub(crate) fn listener(&self) -> Arc<Heard> {
        let heard = Arc::new(Heard::default());
        self.accounts.on_session_end(heard.clone());
        heard
    }
}

pub(crate) fn name(text: &str) -> Username {
    text.parse().unwrap()
}

pub(crate) fn context() -> SignInContext {
    SignInContext { address: HOME, user_agent: Some("test".to_owned()) }
}

/// The sessions that ended, in the order in which it was told.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(AccountId, SessionRef)>>);

impl Heard {
    pub(crate) fn all(&self) -> Vec<(AccountId, SessionRef)> {
        self.0.lock().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }
}

impl SessionEnded for Heard {
    fn session_ended(&self, account: AccountId, session: SessionRef) {
        self.0.lock().push((account, session));
    }
}
