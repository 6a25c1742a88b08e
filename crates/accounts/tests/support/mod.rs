//! What the tests of this crate share: accounts on a fresh database, with time
//! moved by hand.
#![allow(clippy::unwrap_used, reason = "a failing helper is a failing test")]
#![allow(dead_code, reason = "each test binary uses its part")]

pub(crate) mod nodes;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use accounts::{
    Accounts, Options, SWEEP_GRACE, SessionEnded, SignInContext, SignUp, SignedIn, Username,
};
use base::{AccountId, ManualClock, OsRandom, Principal, SessionRef, Timestamp};
use limits::Exempt;
use mail::{Draft, SendMail};
use parking_lot::Mutex;
use storage::Database;
use testdb::TestDatabase;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// What everybody's password is here.
pub(crate) const PASSWORD: &str = "tide-lamp-9";

/// A database, a clock, a mailbox, and accounts on them.
pub(crate) struct World {
    pub(crate) db: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) accounts: Accounts,
    exempt: Exempt,
    pub(crate) database: TestDatabase,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::exempting("").await
    }

    /// With `networks`, by white space, that are not throttled.
    pub(crate) async fn exempting(networks: &str) -> Self {
        let networks = networks.split_whitespace().map(|network| network.parse().unwrap());
        let exempt = Exempt(networks.collect());
        let database = TestDatabase::new();
        let db = Database::connect(database.url()).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_790_000_000_000)));
        db.migrate(&Accounts::migrations(), &*clock).await.unwrap();
        let mailbox = Arc::new(Mailbox::default());
        let options = Options { mailer: mailbox.clone(), exempt: exempt.clone() };
        let accounts = Accounts::new(db.clone(), clock.clone(), Arc::new(OsRandom), options);
        Self { db, clock, mailbox, accounts, exempt, database }
    }

    /// Accounts as after a restart: the same database, nothing in memory.
    pub(crate) fn restarted(&self) -> Accounts {
        let options = Options { mailer: self.mailbox.clone(), exempt: self.exempt.clone() };
        Accounts::new(self.db.clone(), self.clock.clone(), Arc::new(OsRandom), options)
    }

    /// How much longer than it is valid a session stays on record.
    pub(crate) fn grace(&self) -> Duration {
        if self.db.kind().is_server() { SWEEP_GRACE } else { Duration::ZERO }
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

    /// A new account with this address and [`PASSWORD`].
    pub(crate) async fn sign_up(&self, email: &str) -> AccountId {
        let (email, password) = (email.to_owned(), PASSWORD.to_owned());
        let wanted = SignUp { email, password, ..SignUp::default() };
        self.accounts.sign_up(wanted, HOME).await.unwrap()
    }

    /// A new session by [`PASSWORD`].
    pub(crate) async fn enter(&self, name: &str) -> SignedIn {
        self.accounts.sign_in_with_password(name, PASSWORD, context()).await.unwrap()
    }

    /// The principal of a new session by [`PASSWORD`].
    pub(crate) async fn caller(&self, name: &str) -> Principal {
        let token = self.enter(name).await.token;
        self.accounts.authenticate(token.expose()).await.unwrap().unwrap()
    }

    /// A new account whose address is confirmed.
    pub(crate) async fn confirmed(&self, email: &str) -> AccountId {
        let account = self.sign_up(email).await;
        let token = self.mailbox.token();
        self.accounts.confirm_email(&token).await.unwrap().unwrap();
        account
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
    context_from(HOME)
}

pub(crate) fn context_from(address: IpAddr) -> SignInContext {
    SignInContext { address, user_agent: Some("test".to_owned()), device: None }
}

/// Keeps what would be mailed.
#[derive(Default)]
pub(crate) struct Mailbox(Mutex<Vec<Draft>>);

impl Mailbox {
    /// All mails so far, and empties itself.
    pub(crate) fn take(&self) -> Vec<Draft> {
        std::mem::take(&mut self.0.lock())
    }

    /// The secret in the last mail, which it removes.
    pub(crate) fn token(&self) -> String {
        let mail = self.0.lock().pop().expect("a mail");
        assert!(mail.template.link_life.is_some(), "no link in {mail:?}");
        mail.value("link").rsplit('/').next().unwrap().to_owned()
    }
}

impl SendMail for Mailbox {
    fn send(&self, mail: Draft) {
        self.0.lock().push(mail);
    }
}

/// Of each mail, which it is and where it goes.
pub(crate) fn kinds_and_addresses(mails: &[Draft]) -> Vec<(&str, &str)> {
    mails.iter().map(|mail| (mail.template.name, mail.to.as_str())).collect()
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
