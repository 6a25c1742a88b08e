//! What unit tests of this crate share: rooms on a database, and clients that keep what
//! they hear.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Activity, Clock, ManualClock, OsRandom, Principal, SessionRef};
use base::{Timestamp, Vitals};
use hub::{Budget, Outbox, Policy, Sink, Topic};
use limits::Quota;
use parking_lot::Mutex;
use storage::Database;
use testdb::TestDatabase;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use transport::{CloseCode, WEBSOCKET};

use crate::commit::{EmbeddedCommitter, ServerCommitter};
use crate::dialect::Dialect;
use crate::intake::Intake;
use crate::people::People;
use crate::recent::Recent;
use crate::room::{JoinRequest, Resume, Room, Seat, Services};
use crate::rooms::Rooms;
use crate::store::{EmbeddedLedger, ServerLedger, Store};
use crate::{Message, Text};

/// How fast a person may post in tests.
const RATE: Quota = Quota { burst: 300, refill: Duration::from_millis(50) };

/// A peer that keeps what it takes, which is nothing until it reads.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    reads: Mutex<bool>,
    bytes: Mutex<Vec<u8>>,
}

impl Peer {
    /// What it has heard.
    pub(crate) fn heard(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock()).into_owned()
    }

    /// Lets it read; a connection's task would do the writing.
    pub(crate) fn read(&self, outbox: &Outbox) {
        *self.reads.lock() = true;
        outbox.drain(|buffers| self.try_write(buffers));
    }
}

impl Sink for Peer {
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        if !*self.reads.lock() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut bytes = self.bytes.lock();
        let before = bytes.len();
        buffers.iter().for_each(|buffer| bytes.extend_from_slice(buffer));
        Ok(bytes.len() - before)
    }
}

/// The default room and whatever else is opened, without a committer that runs.
pub(crate) struct Setup {
    pub(crate) db: Database,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) services: Arc<Services>,
    pub(crate) rooms: Rooms,
    pub(crate) policy: Arc<Policy>,
    /// Removed at the end.
    _database: Option<Arc<TestDatabase>>,
}

impl Setup {
    /// On a database of its own, of the kind that the run is for.
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(TestDatabase::in_memory())).await
    }

    /// One more server on `database`.
    pub(crate) async fn on(database: Arc<TestDatabase>) -> Self {
        let db = Database::connect(database.url()).await.unwrap();
        Self { _database: Some(database), ..Self::of(db).await }
    }

    /// On SQLite, whatever the run is for.
    pub(crate) async fn embedded() -> Self {
        Self::of(Database::connect("sqlite::memory:").await.unwrap()).await
    }

    async fn of(db: Database) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(5)));
        db.migrate(&crate::migrations(), &*clock).await.unwrap();
        let store = Store::new(db.clone());
        let record = store.open_room("lobby", Timestamp(5), &OsRandom).await.unwrap();
        let services = Arc::new(Services {
            store,
            clock: clock.clone(),
            random: Arc::new(OsRandom),
            intake: Arc::default(),
            people: People::new(clock.clone(), RATE),
            vitals: Vitals::default(),
            reads: TaskTracker::new(),
            runtime: Handle::current(),
        });
        let topic = Topic::start(1, &services.vitals);
        let room = Room::new(record, Recent::default(), topic, services.clone());
        let rooms = Rooms::new(Arc::new(room), services.clone(), 2);
        let policy = Arc::new(Policy {
            cap: 1024 * 1024,
            cut: CloseCode::TryAgainLater.because("cut"),
            clock: clock.clone(),
            budget: Arc::new(Budget::new(256 * 1024 * 1024)),
        });
        Self { db, clock, services, rooms, policy, _database: None }
    }

    pub(crate) fn committer(&self) -> EmbeddedCommitter {
        let intake: Arc<Intake> = self.services.intake.clone();
        let clock: Arc<dyn Clock> = self.clock.clone();
        EmbeddedCommitter::new(intake, self.rooms.clone(), self.ledger(), clock)
    }

    /// Stores all that was posted, as the committers of this kind of database do.
    pub(crate) async fn store(&self) {
        let intake = &self.services.intake;
        let (mut embedded, server) = (self.committer(), self.server_committer());
        while intake.waiting() > 0 {
            if self.db.kind().is_server() {
                server.carry_out(intake.take_room().await.unwrap()).await;
            } else {
                embedded.carry_out(intake.take().await.unwrap()).await;
            }
        }
    }

    /// On a database of a server: one that stores one room at a time.
    pub(crate) fn server_committer(&self) -> ServerCommitter {
        let ledger = ServerLedger::new(self.db.clone(), &OsRandom);
        ServerCommitter::new(self.rooms.clone(), ledger, self.services.clone())
    }

    pub(crate) fn ledger(&self) -> EmbeddedLedger {
        EmbeddedLedger::new(self.db.clone())
    }

    /// The room called `name`, made if there is none; its id.
    pub(crate) async fn room(&self, name: &str) -> i64 {
        self.services.store.open_room(name, Timestamp(5), &OsRandom).await.unwrap().id
    }

    /// Stores `messages` in `room` past everything that keeps account of them.
    pub(crate) async fn append(&self, room: i64, messages: &[Arc<Message>]) {
        let messages: Vec<_> = messages.iter().map(|message| (room, message.clone())).collect();
        self.ledger().begin().await.unwrap().commit(&messages).await.unwrap();
    }

    /// All messages of `room`, as they are stored.
    pub(crate) async fn stored(&self, room: i64) -> Vec<Arc<Message>> {
        self.ledger().after(room, 0).await.unwrap()
    }

    /// A client whose connection has this number.
    pub(crate) fn client(&self, connection: u64, account: i64) -> Client {
        Client::new(connection, account, &self.policy)
    }
}

/// A client of our own dialect.
pub(crate) struct Client {
    pub(crate) request: JoinRequest,
    pub(crate) peer: Arc<Peer>,
}

impl Client {
    pub(crate) fn new(connection: u64, account: i64, policy: &Arc<Policy>) -> Self {
        let outbox = Arc::new(Outbox::new(connection, None, &WEBSOCKET, policy.clone()));
        let peer = Arc::new(Peer::default());
        outbox.attach(peer.clone());
        Self { request: request(account, outbox), peer }
    }

    pub(crate) fn resuming(mut self, last_id: i64, epoch: &str) -> Self {
        self.request.resume = Some(Resume { last_id, epoch: epoch.to_owned() });
        self
    }

    /// Takes what it has been told.
    pub(crate) fn read(&self) {
        self.peer.read(&self.request.outbox);
    }

    pub(crate) fn heard(&self) -> String {
        self.peer.heard()
    }
}

/// A client of our own dialect that is told by `outbox`.
pub(crate) fn request(account: i64, outbox: Arc<Outbox>) -> JoinRequest {
    let principal = Principal {
        account: AccountId(account),
        username: format!("p{account}").into(),
        display_name: format!("p{account}").into(),
        session: SessionRef(account),
        activity: Arc::new(Activity::new(Timestamp(0))),
    };
    JoinRequest { principal, outbox, dialect: Dialect::Packetboat, resume: None, exempt: true }
}

/// Posts `text` under the client id `text`.
pub(crate) fn post(seat: &Seat, text: &str) {
    seat.poster().post(Ok(Text::new(text).unwrap()), Some(text.into()));
}

/// A message that was accepted at the time at which tests begin.
pub(crate) fn message(id: i64, text: &str) -> Arc<Message> {
    Arc::new(Message {
        id,
        at: Timestamp(5),
        author: AccountId(7),
        author_name: "ann".into(),
        text: text.into(),
        client_id: Some(format!("client-{id}").into()),
    })
}
