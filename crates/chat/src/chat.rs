//! The handle of the capability.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base::{AccountId, Clock, Random, SessionRef, Vitals};
use http_kit::{Authenticate, CrossOrigin, OriginPolicy, Routes};
use hub::Topic;
use limits::{Exempt, Quota};
use parking_lot::Mutex;
use storage::{Database, StorageError};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use transport::Sockets;

use crate::commit::Committers;
use crate::people::People;
use crate::recent::{RECENT, Recent};
use crate::room::{Room, Services};
use crate::rooms::Rooms;
use crate::routes;
use crate::settings::OperatorSettings;
use crate::socketio::{Options, Socketio};
use crate::store::Store;

/// The name of the room that everyone is in: the one on the wire for now.
const DEFAULT_ROOM: &str = "lobby";

/// How long postings may wait without any being answered before storing counts as standing
/// still. An answer is a refusal too: a disk that fails at once does not stand still.
pub const STANDSTILL: Duration = Duration::from_secs(5);

/// What can be set about the chat.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Messages one person may post at once.
    pub burst: u32,
    /// Then one in this time.
    pub interval: Duration,
    /// Addresses to which rate limits do not apply.
    pub exempt: Exempt,
    /// The origins whose pages may open sockets.
    pub origins: OriginPolicy,
    /// Delivering tasks of a large room; as many as cores.
    pub partitions: usize,
    /// How long a Socket.IO client may take to authenticate.
    pub auth_timeout: Duration,
    /// The newest message of the default room that was noted beside the database.
    pub last_known_head: LastKnownHead,
    /// Where the panic of a task of the chat is reported.
    pub vitals: Vitals,
}

/// The id of the default room's newest message when the room was open last. It is noted
/// outside the database, so that a database that was replaced by an older copy shows: then
/// the room has fewer messages than were noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastKnownHead {
    /// Nothing is noted: the room is taken as it is.
    NotNoted,
    /// Messages up to this id were known to clients. With fewer the room begins anew.
    Id(i64),
    /// The database is another one than before: the room begins anew.
    OtherDatabase,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            burst: 300,
            interval: Duration::from_millis(50),
            exempt: Exempt::default(),
            origins: OriginPolicy::default(),
            partitions: 1,
            auth_timeout: OperatorSettings::default().auth_timeout,
            last_known_head: LastKnownHead::NotNoted,
            vitals: Vitals::default(),
        }
    }
}

/// The chat: the only way in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Chat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rooms: Rooms,
    services: Arc<Services>,
    sockets: Sockets,
    settings: Settings,
    /// There once there are routes.
    socketio: OnceLock<Socketio>,
    committers: Mutex<Option<Committers>>,
}

impl Chat {
    /// Opens the default room as it was left: its newest messages are read into memory.
    /// Other rooms are read when they are joined. Needs
    /// [`migrations`](crate::migrations) applied. [`Chat::drain`] ends it.
    ///
    /// # Errors
    /// [`StorageError`] if the database does not answer.
    pub async fn open(
        db: Database,
        sockets: Sockets,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Result<Self, StorageError> {
        let store = Store::new(db.clone());
        if store.follow_timeline(random.as_ref()).await? {
            tracing::warn!("the database's history took another turn: all rooms begin anew");
        }
        let mut record = store.open_room(DEFAULT_ROOM, clock.now(), random.as_ref()).await?;
        let newest = store.before(record.id, i64::MAX, RECENT).await?;
        let recent: Recent = newest.iter().cloned().collect();
        if begins_anew(settings.last_known_head, recent.head()) {
            // Ids will be given again that clients know as other messages.
            store.begin_anew(&mut record, random.as_ref()).await?;
            let (head, last_known) = (recent.head(), settings.last_known_head);
            tracing::warn!(head, ?last_known, "the room's history was cut: clients start afresh");
        }
        let rate = Quota { burst: settings.burst, refill: settings.interval };
        let services = Arc::new(Services {
            store,
            clock: clock.clone(),
            random,
            intake: Arc::default(),
            people: People::new(clock.clone(), rate),
            vitals: settings.vitals.clone(),
            reads: TaskTracker::new(),
            runtime: Handle::current(),
        });
        let topic = Topic::start(settings.partitions, &settings.vitals);
        let room = Arc::new(Room::new(record, recent, topic, services.clone()));
        let rooms = Rooms::new(room.clone(), services.clone(), settings.partitions);
        let committers = Committers::start(&db, &rooms, &services, &newest);
        Ok(Self(Arc::new(Inner {
            rooms,
            services,
            sockets,
            settings,
            socketio: OnceLock::new(),
            committers: Mutex::new(Some(committers)),
        })))
    }

    /// `GET /ws` and `/socket.io`, for [`authenticated`](http_kit::authenticated) routes.
    pub fn routes(&self, authenticate: Arc<dyn Authenticate>) -> Routes {
        let origins = Arc::new(self.0.settings.origins.clone());
        let socketio = self.0.socketio.get_or_init(|| {
            Socketio::open(Options {
                rooms: self.0.rooms.clone(),
                sockets: self.0.sockets.clone(),
                authenticate: authenticate.clone(),
                origins: origins.clone(),
                exempt: self.0.settings.exempt.clone(),
                auth_timeout: self.0.settings.auth_timeout,
            })
        });
        let ws = routes::routes(
            self.0.rooms.clone(),
            self.0.sockets.clone(),
            authenticate,
            origins,
            self.0.settings.exempt.clone(),
        );
        Routes::from(ws).with(CrossOrigin::SocketIo, socketio.routes())
    }

    pub(crate) fn rooms(&self) -> &Rooms {
        &self.0.rooms
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.services.store
    }

    /// The id of the newest message of the default room; zero if there never was one. What
    /// is to be noted for the next start's [`LastKnownHead`]. Another room that lost its end goes
    /// unnoticed: that takes a note of each room, or one number over all of them.
    #[must_use]
    pub fn head(&self) -> i64 {
        self.0.rooms.default_room().head()
    }

    /// The names of those present in the default room, sorted.
    #[must_use]
    pub fn online(&self) -> Vec<String> {
        self.0.rooms.default_room().names()
    }

    /// Whether `account` is present in the default room.
    #[must_use]
    pub fn is_online(&self, account: AccountId) -> bool {
        self.0.rooms.default_room().is_present(account)
    }

    /// Closes the sockets that `session` opened, with 1008, whatever rooms they are in.
    pub fn session_ended(&self, account: AccountId, session: SessionRef) {
        self.0.services.people.session_ended(account, session);
    }

    /// Postings that wait to be stored.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.services.intake.waiting()
    }

    /// Whether postings have waited for longer than [`STANDSTILL`] without any being
    /// answered: the database or delivery stands still.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        let Services { intake, clock, .. } = &*self.0.services;
        intake.unanswered_for(clock.monotonic()) > STANDSTILL
    }

    /// Socket.IO connections open now.
    #[must_use]
    pub fn socketio_connections(&self) -> usize {
        self.0.socketio.get().map_or(0, Socketio::count)
    }

    /// Publishes gauges, closes rooms that are empty, and forgets what is over; call it
    /// every second.
    pub fn upkeep(&self) {
        let Inner { rooms, services, .. } = &*self.0;
        services.people.forget_calm();
        rooms.sweep();
        metrics::counter!("packetboat_deliveries_total").absolute(rooms.delivered() as u64);
        metrics::gauge!("packetboat_rooms_open").set(rooms.count() as f64);
        metrics::gauge!("packetboat_postings_waiting").set(self.waiting() as f64);
        let socketio = self.socketio_connections();
        metrics::gauge!("packetboat_socketio_open").set(socketio as f64);
        let online = rooms.default_room().count();
        metrics::gauge!("packetboat_people_online").set(online as f64);
    }

    /// Disconnects all Socket.IO clients, after what they have been sent; those that do not
    /// take that `within` the time are cut. Comes after [`Chat::drain`].
    pub async fn close_socketio(&self, within: Duration) {
        if let Some(socketio) = self.0.socketio.get() {
            socketio.close(within).await;
        }
    }

    /// Takes no more postings, stores and delivers those it has taken. The sockets are
    /// still open afterwards: the caller drains them next.
    pub async fn drain(&self) {
        self.0.services.intake.close();
        let committers = self.0.committers.lock().take();
        if let Some(committers) = committers {
            committers.finish().await;
        }
        self.0.rooms.drain().await;
    }
}

/// Whether a room with this `head` lost messages that clients know.
fn begins_anew(last_known: LastKnownHead, head: i64) -> bool {
    match last_known {
        LastKnownHead::NotNoted => false,
        LastKnownHead::Id(noted) => head < noted,
        LastKnownHead::OtherDatabase => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_room_that_lost_its_end_begins_anew() {
        assert!(!begins_anew(LastKnownHead::NotNoted, 0));
        assert!(!begins_anew(LastKnownHead::Id(5), 5));
        assert!(!begins_anew(LastKnownHead::Id(5), 6), "the note is a second old");
        assert!(begins_anew(LastKnownHead::Id(5), 4));
        assert!(begins_anew(LastKnownHead::OtherDatabase, 5));
    }
}
