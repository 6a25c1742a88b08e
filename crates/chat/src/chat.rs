//! The handle of the capability.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base::{AccountId, Clock, Random, SessionRef, Vitals};
use http_kit::{Authenticate, CrossOrigin, OriginPolicy, Routes};
use hub::Topic;
use limits::{Exempt, Quota};
use parking_lot::Mutex;
use storage::{Database, StorageError};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;
use transport::Sockets;

use crate::commit;
use crate::recent::{RECENT, Recent};
use crate::room::{Room, usher};
use crate::routes;
use crate::settings::OperatorSettings;
use crate::socketio::{Options, Socketio};
use crate::store::Store;

/// The one room there is for now.
const ROOM: &str = "lobby";

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
    /// Whose pages may open sockets.
    pub origins: OriginPolicy,
    /// Delivering tasks; as many as cores.
    pub partitions: usize,
    /// How long a Socket.IO client may take to authenticate.
    pub auth_timeout: Duration,
    /// How far the room had come, as noted beside the database.
    pub past: Past,
    /// Who is told if a task of the chat panics.
    pub vitals: Vitals,
}

/// How far the room had come when it was open last, noted where the database's fate is
/// not shared. It tells a room that lost its end from one that did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Nothing is noted: the room is believed as it is.
    Unnoted,
    /// Messages up to this id were known to clients. With fewer the room begins anew.
    Reached(i64),
    /// The database is another one than before: the room begins anew.
    Unknown,
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
            past: Past::Unnoted,
            vitals: Vitals::default(),
        }
    }
}

/// The chat: the only way in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Chat(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    room: Arc<Room>,
    sockets: Sockets,
    settings: Settings,
    /// There once there are routes.
    socketio: OnceLock<Socketio>,
    committer: Mutex<Option<JoinHandle<()>>>,
    /// Let clients in and tell changes of presence, until the chat is dropped.
    _ushers: [AbortOnDropHandle<()>; 2],
}

impl Chat {
    /// Opens the room as it was left: its newest messages are read into memory. Needs
    /// [`migrations`](crate::migrations) applied. [`Chat::drain`] ends it.
    ///
    /// # Errors
    /// [`StorageError`] if the database does not answer.
    pub async fn open(
        db: Database,
        sockets: Sockets,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
        settings: Settings,
    ) -> Result<Self, StorageError> {
        let store = Store::new(db);
        let mut record = store.open_room(ROOM, clock.now(), random).await?;
        let mut recent = Recent::default();
        for message in store.before(record.id, i64::MAX, RECENT).await? {
            recent.push(message);
        }
        if begins_anew(settings.past, recent.head()) {
            // Ids will be given again that clients know as other messages.
            store.begin_anew(&mut record, random).await?;
            let (head, past) = (recent.head(), settings.past);
            tracing::warn!(head, ?past, "the room's history was cut: clients start afresh");
        }
        let rate = Quota { burst: settings.burst, refill: settings.interval };
        let topic = Topic::start(settings.partitions, &settings.vitals);
        let room = Arc::new(Room::new(record, recent, store, clock, rate, topic));
        let watch = |task| settings.vitals.watch(task);
        let committer = commit::run(room.clone(), watch("committer"));
        let committer = Mutex::new(Some(tokio::spawn(committer)));
        let _ushers = [
            AbortOnDropHandle::new(tokio::spawn(usher::run(room.clone(), watch("usher")))),
            AbortOnDropHandle::new(tokio::spawn(usher::tell_changes(
                room.clone(),
                watch("presence"),
            ))),
        ];
        let socketio = OnceLock::new();
        Ok(Self(Arc::new(Inner { room, sockets, settings, socketio, committer, _ushers })))
    }

    /// `GET /ws` and `/socket.io`, for [`authenticated`](http_kit::authenticated) routes.
    pub fn routes(&self, authenticate: Arc<dyn Authenticate>) -> Routes {
        let origins = Arc::new(self.0.settings.origins.clone());
        let socketio = self.0.socketio.get_or_init(|| {
            Socketio::open(Options {
                room: self.0.room.clone(),
                sockets: self.0.sockets.clone(),
                authenticate: authenticate.clone(),
                origins: origins.clone(),
                exempt: self.0.settings.exempt.clone(),
                auth_timeout: self.0.settings.auth_timeout,
            })
        });
        let ws = routes::routes(
            self.0.room.clone(),
            self.0.sockets.clone(),
            authenticate,
            origins,
            self.0.settings.exempt.clone(),
        );
        Routes::from(ws).with(CrossOrigin::SocketIo, socketio.routes())
    }

    pub(crate) fn room(&self) -> &Room {
        &self.0.room
    }

    /// The id of the newest message; zero if there never was one. What is to be noted
    /// for the next start's [`Past`].
    #[must_use]
    pub fn head(&self) -> i64 {
        self.0.room.head()
    }

    /// The names of those present, sorted.
    #[must_use]
    pub fn online(&self) -> Vec<String> {
        self.0.room.names()
    }

    /// Whether `account` is present.
    #[must_use]
    pub fn is_online(&self, account: AccountId) -> bool {
        self.0.room.is_present(account)
    }

    /// Closes the sockets that `session` opened, with 1008.
    pub fn session_ended(&self, account: AccountId, session: SessionRef) {
        self.0.room.session_ended(account, session);
    }

    /// Postings that wait to be stored.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.room.intake.waiting()
    }

    /// Whether postings have waited for longer than [`STANDSTILL`] without any being
    /// answered: the database or delivery stands still.
    #[must_use]
    pub fn stands_still(&self) -> bool {
        let room = &self.0.room;
        room.intake.unanswered_for(room.clock.monotonic()) > STANDSTILL
    }

    /// Socket.IO connections open now.
    #[must_use]
    pub fn socketio_connections(&self) -> usize {
        self.0.socketio.get().map_or(0, Socketio::count)
    }

    /// Publishes gauges, and forgets what is over; call it every second.
    pub fn upkeep(&self) {
        self.0.room.forget_the_calm();
        metrics::counter!("packetboat_deliveries_total").absolute(self.0.room.delivered() as u64);
        metrics::gauge!("packetboat_postings_waiting").set(self.waiting() as f64);
        let socketio = self.socketio_connections();
        metrics::gauge!("packetboat_socketio_open").set(socketio as f64);
        metrics::gauge!("packetboat_people_online").set(self.0.room.count() as f64);
    }

    /// Hangs up all Socket.IO clients, after what they have been told; whoever does not
    /// take that `within` the time is cut. Comes after [`Chat::drain`].
    pub async fn close_socketio(&self, within: Duration) {
        if let Some(socketio) = self.0.socketio.get() {
            socketio.close(within).await;
        }
    }

    /// Takes no more postings, stores and delivers those it has taken. The sockets are
    /// still open afterwards: whoever drains them comes next.
    pub async fn drain(&self) {
        self.0.room.intake.close();
        let committer = self.0.committer.lock().take();
        if let Some(committer) = committer
            && let Err(error) = committer.await
        {
            tracing::error!(%error, "the committer ended badly");
        }
        self.0.room.close().await;
    }
}

/// Whether a room with this `head` lost messages that clients know.
fn begins_anew(past: Past, head: i64) -> bool {
    match past {
        Past::Unnoted => false,
        Past::Reached(noted) => head < noted,
        Past::Unknown => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_room_that_lost_its_end_begins_anew() {
        assert!(!begins_anew(Past::Unnoted, 0));
        assert!(!begins_anew(Past::Reached(5), 5));
        assert!(!begins_anew(Past::Reached(5), 6), "the note is a second old");
        assert!(begins_anew(Past::Reached(5), 4));
        assert!(begins_anew(Past::Unknown, 5));
    }
}
