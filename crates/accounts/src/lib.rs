//! People and their credentials: access keys, sessions, sign-in throttling.
//!
//! Owns the tables `accounts` and `sessions` and the routes around them. The
//! only way in is [`Accounts`]; everything HTTP is behind [`routes()`].
//!
//! Invariants:
//! - Secrets are random, shown once, and kept as hashes only.
//! - A session is valid for [`SESSION_INACTIVITY`] after its last use. The last
//!   use is kept in memory and written to the database at most once a minute, so
//!   after a crash a session may count up to a minute less.
//! - A session that has ended stays ended, whatever was under way, and every
//!   [`SessionEnded`] hears of it exactly once.
//!
//! Deliberately absent: rooms and connections (the server tells this crate who is
//! online through [`Presence`], and chat what ends through [`SessionEnded`]), and
//! several servers on one database: sessions in use are kept in this process.

mod admission;
mod ending;
mod key;
mod live;
mod registration;
mod routes;
mod secret;
mod session;
mod sign_in;
mod store;
mod upkeep;
mod username;
mod wire;

use std::fmt;
use std::sync::Arc;

use base::{Clock, Principal, Random, Timestamp};
use parking_lot::{Mutex, RwLock};
use storage::{Database, Migration};
use tokio_util::task::TaskTracker;

pub use crate::admission::Admitted;
pub use crate::key::AccessKey;
pub use crate::registration::{AccountSummary, RegisterError};
pub use crate::routes::{Presence, SESSION_COOKIE, Throttles, routes};
pub use crate::session::{
    MAX_SESSIONS_PER_ACCOUNT, SESSION_INACTIVITY, SessionEnded, SessionToken, SignInContext,
};
pub use crate::sign_in::SignInError;
pub use crate::upkeep::WRITE_BACK_INTERVAL;
pub use crate::username::{InvalidUsername, Username};

use crate::live::LiveSessions;

/// The most sessions kept in memory without an open connection holding them, an
/// estimated 250 bytes each; the longest unused give way to new ones.
pub const MAX_CACHED_SESSIONS: usize = 100_000;

/// Accounts and sessions. Cloning is cheap; all clones are the same.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    db: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    live: Mutex<LiveSessions>,
    /// Held while room is made among the live sessions, so that one request does
    /// it for all.
    making_room: tokio::sync::Mutex<()>,
    listeners: RwLock<Vec<Arc<dyn SessionEnded>>>,
    /// Changes that must come to their end even if who asked has gone.
    endings: TaskTracker,
}

impl Accounts {
    /// On a database that has [`migrations`](Self::migrations) applied.
    #[must_use]
    pub fn new(db: Database, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self::with_cache(db, clock, random, MAX_CACHED_SESSIONS)
    }

    fn with_cache(
        db: Database,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        sessions: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            clock,
            random,
            live: Mutex::new(LiveSessions::new(sessions)),
            making_room: tokio::sync::Mutex::default(),
            listeners: RwLock::default(),
            endings: TaskTracker::new(),
        }))
    }

    /// The history of this crate's tables.
    #[must_use]
    pub fn migrations() -> Vec<Migration> {
        store::migrations::all()
    }

    /// Has `listener` told of every session that ends from now on.
    pub fn on_session_end(&self, listener: Arc<dyn SessionEnded>) {
        self.0.listeners.write().push(listener);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Whether the session that `principal` was authenticated by has not ended.
    /// Exact and without a query.
    ///
    /// Who opens something in the name of a session (a socket) asks after putting
    /// it where [`SessionEnded`] will find it: the session may have ended between
    /// authentication and then, and nobody would be told again.
    #[must_use]
    pub fn is_current(&self, principal: &Principal) -> bool {
        self.0.live.lock().holds(principal)
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").finish_non_exhaustive()
    }
}
