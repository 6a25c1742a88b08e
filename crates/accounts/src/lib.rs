//! People and their credentials: access keys, passwords, sessions, tokens, sign-in throttling.
//!
//! Owns the tables `accounts`, `sessions`, `mailed_links` and `setup_links` and the routes
//! around them. The only way in is [`Accounts`]; everything HTTP is behind [`routes()`].
//!
//! A person has a username, always, and any of an access key and an email address
//! with a password. They act by a browser's session or by an API token; both are
//! sessions here, and [`SessionKind`] tells them apart.
//!
//! Invariants:
//! - Keys, tokens and mailed links are random, shown once, and kept as hashes only;
//!   passwords are kept as Argon2id.
//! - A session is valid for [`SESSION_INACTIVITY`] after its last use, a token for
//!   [`TOKEN_INACTIVITY`]. The last use is kept in memory and written to the database
//!   at most once a minute, so after a crash one may count up to a minute less.
//! - A session that has ended stays ended, whatever was under way, and every
//!   [`SessionEnded`] hears of it exactly once. What ends a session changes in the
//!   transaction in which it ends: a password, whether an account is active.
//! - Signing in answers the same, and takes the same time, whether an account exists,
//!   and all ways in are throttled together.
//!
//! Deliberately absent: rooms and connections (the server tells this crate who is
//! online through [`Presence`], and chat what ends through [`SessionEnded`]), sending
//! mails, and several servers on one database: sessions in use
//! are kept in this process.

mod admin;
mod administration;
mod again;
mod authentication;
mod change;
mod credentials;
mod devices;
mod email;
mod ending;
mod invalid;
mod link;
mod live;
pub mod mails;
mod pages;
mod part;
mod password;
mod profile;
mod quotas;
mod recovery;
mod registration;
mod request_slots;
mod rest;
mod routes;
mod secret;
mod session;
mod set_up;
mod sign_in;
mod sign_up;
mod store;
mod upkeep;
mod username;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use base::{Clock, Principal, Random, Timestamp};
use limits::Exempt;
use mail::SendMail;
use parking_lot::{Mutex, RwLock};
use storage::{Database, Migration};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

pub use crate::administration::{
    AccountEdit, AccountQuery, AccountSort, EditError, MAX_BULK, NewAccount, Page, SessionQuery,
    SessionSort,
};
pub use crate::authentication::{SESSION_COOKIE, clear_session_cookie};
pub use crate::change::ChangeError;
pub use crate::devices::SessionInfo;
pub use crate::email::{EmailAddress, InvalidEmail};
pub use crate::ending::SWEEP_GRACE;
pub use crate::invalid::{Invalid, NameProblem};
pub use crate::link::{CONFIRMATION_LIFE, RESET_LIFE};
pub use crate::pages::{PageOptions, pages};
pub use crate::part::DECLARATION;
pub use crate::password::{MAX_PASSWORD, MIN_PASSWORD, PasswordProblem};
pub use crate::profile::{Profile, ProfileChange};
pub use crate::recovery::{Confirmed, ResetError, ResetPasswordError};
pub use crate::registration::{AccountSummary, RegisterError};
pub use crate::routes::{Presence, routes};
pub use crate::secret::{AccessKey, ApiToken, SessionToken};
pub use crate::session::{
    MAX_SESSIONS_PER_ACCOUNT, MAX_TOKENS_PER_ACCOUNT, MAX_TOKENS_PER_SESSION, SESSION_INACTIVITY,
    SessionEnded, SessionKind, SignInContext, TOKEN_INACTIVITY,
};
pub use crate::set_up::{SETUP_LIFE, SetUpError};
pub use crate::sign_in::{SignInError, SignedIn};
pub use crate::sign_up::{SignUp, SignUpError};
pub use crate::upkeep::WRITE_BACK_INTERVAL;
pub use crate::username::{InvalidUsername, Username};

use crate::live::LiveSessions;
use crate::password::hasher::Hasher;
use crate::quotas::Quotas;
use crate::recovery::MAX_PENDING_RESETS;
use crate::request_slots::RequestSlots;
use crate::sign_in::attempt::Attempts;

/// The most sessions kept in memory without an open connection holding them, an
/// estimated 300 bytes each; the longest unused give way to new ones.
pub const MAX_CACHED_SESSIONS: usize = 100_000;

/// Accounts and sessions. Cloning is cheap; all clones are the same.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

/// What [`Accounts`] needs of the server besides a database.
#[derive(Clone)]
pub struct Options {
    /// Sends mails.
    pub mailer: Arc<dyn SendMail>,
    /// Networks whose addresses are not throttled. What guards a password of one
    /// account applies to them too.
    pub exempt: Exempt,
}

struct Inner {
    db: Database,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    mailer: Arc<dyn SendMail>,
    hasher: Hasher,
    attempts: Attempts,
    quotas: Quotas,
    requests: RequestSlots,
    live: Mutex<LiveSessions>,
    /// Held while room is made among the live sessions, so that one request does
    /// it for all.
    making_room: tokio::sync::Mutex<()>,
    /// How often [`sweep`](Accounts::sweep) was called.
    sweeps: AtomicU32,
    listeners: RwLock<Vec<Arc<dyn SessionEnded>>>,
    /// Changes that are carried out to their end even if the client disconnects.
    endings: TaskTracker,
    /// A permit for every request to reset a password that is being looked into.
    resets: Arc<Semaphore>,
}

impl Accounts {
    /// On a database that has [`migrations`](Self::migrations) applied.
    #[must_use]
    pub fn new(
        db: Database,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: Options,
    ) -> Self {
        Self::with_cache(db, clock, random, options, MAX_CACHED_SESSIONS)
    }

    fn with_cache(
        db: Database,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        options: Options,
        sessions: usize,
    ) -> Self {
        Self(Arc::new(Inner {
            db,
            mailer: options.mailer,
            hasher: Hasher::new(Arc::clone(&random), options.exempt.clone()),
            attempts: Attempts::new(&options.exempt, &clock),
            quotas: Quotas::new(&options.exempt, &clock),
            requests: RequestSlots::new(options.exempt),
            clock,
            random,
            live: Mutex::new(LiveSessions::new(sessions)),
            making_room: tokio::sync::Mutex::default(),
            sweeps: AtomicU32::new(0),
            listeners: RwLock::default(),
            endings: TaskTracker::new(),
            resets: Arc::new(Semaphore::new(MAX_PENDING_RESETS)),
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
    /// Code that opens something in the name of a session (a socket) asks after putting
    /// it where [`SessionEnded`] will find it: the session may have ended between
    /// authentication and then, and that is told once only.
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

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("exempt", &self.exempt).finish_non_exhaustive()
    }
}
