//! The composition: which capabilities there are, and what one needs of another.
//!
//! Capabilities do not know each other. What accounts needs of the room
//! ([`accounts::Presence`]) is implemented here, and nowhere else; who is calling is asked
//! by all of them through [`Authenticate`], which accounts answers.

use std::sync::Arc;
use std::time::Duration;

use accounts::{Accounts, Presence, SessionEnded};
use admin::AuditLog;
use base::{AccountId, SessionRef, Vitals};
use chat::{Chat, Past};
use http_kit::{Authenticate, OriginPolicy, Routes, authenticated};
use limits::Exempt;
use mail::{MailService, Mailer};
use storage::{Database, Migration, StorageError};
use tokio::time::timeout;
use transport::{Limits, Sockets};

use crate::Environment;
use crate::administration;
use crate::config::Settings;
use crate::pages::Site;

/// Of the time for draining, what storing and delivering the last messages may take.
/// A database that stands still must not keep the sockets from their close frames.
const CHAT_LIMIT: Duration = Duration::from_secs(4);

/// Of the time for draining, what sockets may take to say good-bye.
const SOCKETS_LIMIT: Duration = Duration::from_millis(3_500);

/// Every capability's history, in one list.
#[must_use]
pub fn migrations() -> Vec<Migration> {
    [Accounts::migrations(), chat::migrations(), Mailer::migrations(), admin::migrations()].concat()
}

/// The capabilities of one server; cheap to clone.
#[derive(Clone)]
pub(crate) struct House {
    accounts: Accounts,
    chat: Chat,
    sockets: Sockets,
    mailer: Mailer,
    audit: AuditLog,
}

/// What a drained server should not hold any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Open WebSockets and Socket.IO connections.
    pub sockets: usize,
    /// People in the room.
    pub people: usize,
    /// Postings that were not stored.
    pub postings: usize,
    /// Bytes waiting for peers.
    pub bytes: usize,
}

impl House {
    /// On a database with all [`migrations`] applied.
    ///
    /// # Errors
    /// [`StorageError`] if what was left last time cannot be read.
    pub(crate) async fn open(
        settings: &Settings,
        environment: &Environment,
        (origins, database, mail): (OriginPolicy, Database, MailService),
        past: Past,
        vitals: &Vitals,
    ) -> Result<Self, crate::StartError> {
        let clock = Arc::clone(&environment.clock);
        let random = Arc::clone(&environment.random);
        let exempt = Exempt(settings.exempt.clone());
        let sockets = Sockets::new(Arc::clone(&clock), Limits::default());
        let partitions = std::thread::available_parallelism().map_or(1, usize::from);
        let of_chat = chat::Settings {
            exempt: exempt.clone(),
            origins,
            partitions,
            auth_timeout: chat::OperatorSettings::read(&settings.values)?.auth_timeout,
            past,
            vitals: vitals.clone(),
            ..chat::Settings::default()
        };
        let chat = Chat::open(
            database.clone(),
            sockets.clone(),
            Arc::clone(&clock),
            random.as_ref(),
            of_chat,
        )
        .await?;
        let mailer = mail.mailer.clone();
        let of_accounts = accounts::Options { mailer: Arc::new(mail), exempt };
        let audit = AuditLog::open(database.clone(), Arc::clone(&clock)).await?;
        let accounts = Accounts::new(database, clock, random, of_accounts);
        accounts.on_session_end(Arc::new(Room(chat.clone())));
        Ok(Self { accounts, chat, sockets, mailer, audit })
    }

    /// All capabilities' routes, and the pages of `site`.
    pub(crate) fn routes(&self, site: &Site) -> Routes {
        let room = Arc::new(Room(self.chat.clone()));
        let Self { accounts, chat, sockets, mailer, .. } = self;
        let shown = administration::Shown { accounts, chat, mailer, sockets };
        let authenticate: Arc<dyn Authenticate> = Arc::new(self.accounts.clone());
        let options = site.options();
        let routes = accounts::routes(self.accounts.clone(), room, options.signer.clone())
            .merge(accounts::pages(self.accounts.clone(), options))
            .merge(site.routes())
            .merge(administration::site(options, self.audit.clone(), &shown).routes())
            .merge(self.chat.routes(Arc::clone(&authenticate)));
        routes.map(|router| authenticated(router, Arc::clone(&authenticate)))
    }

    /// Where the first administrator can be made, if there is none.
    pub(crate) async fn setup_path(&self) -> Result<Option<String>, StorageError> {
        Ok(self.accounts.setup_token().await?.map(|token| format!("/setup/{token}/")))
    }

    /// Renews the gauges, and forgets what is over: called every second.
    pub(crate) fn upkeep(&self) {
        self.chat.upkeep();
    }

    /// Whether postings wait and none is answered.
    pub(crate) fn stands_still(&self) -> bool {
        self.chat.stands_still()
    }

    /// Ends sessions that are overdue: called every second. Waits for the database.
    pub(crate) async fn sweep(&self) {
        match self.accounts.sweep().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "sessions expired"),
            Err(error) => tracing::error!(%error, "cannot clean up sessions"),
        }
    }

    /// The newest message's id.
    pub(crate) fn head(&self) -> i64 {
        self.chat.head()
    }

    /// Keeps the dead-lines of the sockets; never waits for the database.
    pub(crate) async fn sweep_sockets(&self) {
        self.sockets.sweep().await;
    }

    /// Lets go of every long connection, with what was accepted delivered before.
    pub(crate) async fn drain(&self) {
        if timeout(CHAT_LIMIT, self.chat.drain()).await.is_err() {
            tracing::error!(postings = self.chat.waiting(), "the last messages are not stored");
        }
        let socketio = self.chat.close_socketio(SOCKETS_LIMIT);
        let (drained, ()) = tokio::join!(self.sockets.drain(SOCKETS_LIMIT), socketio);
        tracing::info!(told = drained.told, cut = drained.cut, "sockets drained");
    }

    /// Writes back what is only in memory. Nothing is served any more.
    pub(crate) async fn flush(&self) {
        if let Err(error) = self.accounts.flush().await {
            tracing::error!(%error, "cannot write back sessions");
        }
        self.mailer.flush().await;
    }

    /// What is still there.
    pub(crate) fn left(&self) -> Left {
        Left {
            sockets: self.sockets.open() + self.chat.socketio_connections(),
            people: self.chat.online().len(),
            postings: self.chat.waiting(),
            bytes: self.sockets.queued(),
        }
    }
}

/// The chat, as accounts sees it.
struct Room(Chat);

impl Presence for Room {
    fn online(&self) -> Vec<String> {
        self.0.online()
    }

    fn is_online(&self, account: AccountId) -> bool {
        self.0.is_online(account)
    }
}

impl SessionEnded for Room {
    fn session_ended(&self, account: AccountId, session: SessionRef) {
        self.0.session_ended(account, session);
    }
}
