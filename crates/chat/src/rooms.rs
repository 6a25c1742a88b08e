//! The rooms of the process: which are open, and opening and closing them.
//!
//! A room is *stored* (a row: it costs nothing here) or *open* (a client is in it, or was
//! within [`GRACE`]). Opening reads its newest messages, once however many clients want to
//! join at the same time; closing needs no timer of the room's own, for one sweep a second
//! looks at all that are open. The default room is read at the start, with all that memory
//! holds of a room, and is never closed.
//!
//! Invariant: there is one open room for an id, and none is closed while a client is in it
//! or a posting to it is not answered. A client that meets a room in the moment it closes
//! opens it anew.
//!
//! Deliberately absent: who may be in which room; the wire knows one room for now.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hub::Topic;
use parking_lot::Mutex;
use storage::StorageError;
use tokio::sync::OnceCell;

use crate::recent::Recent;
use crate::room::{JoinError, JoinRequest, Room, Seat, Services};

/// How long a room stays open after the last client left: one that comes back, or whose
/// connection broke, finds it as it was.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// Messages read when a room is opened; it keeps more as people talk, up to
/// [`RECENT`](crate::recent::RECENT).
pub(crate) const AT_FIRST: usize = 50;

/// Rooms open at once.
const MAX_OPEN: usize = 10_000;

/// Bytes that messages of all open rooms together may take up, besides the default room's.
/// Beyond it those that have been silent for longest keep [`AT_FIRST`] messages.
const MAX_MEMORY: usize = 64 * 1024 * 1024;

/// See the module's documentation. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rooms(Arc<Inner>);

/// A room that is open, or is being read.
type Opening = Arc<OnceCell<Arc<Room>>>;

#[derive(Debug)]
struct Inner {
    default: Arc<Room>,
    /// All but the default one.
    open: Mutex<HashMap<i64, Opening>>,
    services: Arc<Services>,
    /// Delivering tasks of a large room.
    partitions: usize,
    /// Frames that rooms which are closed now have delivered.
    delivered: AtomicUsize,
    /// Times that a room was read.
    #[cfg(test)]
    read: AtomicUsize,
}

impl Rooms {
    /// Only the default room is open.
    pub(crate) fn new(default: Arc<Room>, services: Arc<Services>, partitions: usize) -> Self {
        Self(Arc::new(Inner {
            default,
            open: Mutex::default(),
            services,
            partitions,
            delivered: AtomicUsize::new(0),
            #[cfg(test)]
            read: AtomicUsize::new(0),
        }))
    }

    /// The room that everyone is in.
    pub(crate) fn default_room(&self) -> &Arc<Room> {
        &self.0.default
    }

    /// Lets a connection into `room`, which is opened if it is not open.
    pub(crate) async fn join(&self, room: i64, request: &JoinRequest) -> Result<Seat, JoinError> {
        loop {
            match self.open(room).await?.join(request) {
                Err(JoinError::Closed) => {} // Since it was looked up.
                joined => return joined,
            }
        }
    }

    /// The room, opened if it is not open.
    async fn open(&self, room: i64) -> Result<Arc<Room>, JoinError> {
        if room == self.0.default.id() {
            return Ok(self.0.default.clone());
        }
        let opening = {
            let mut open = self.0.open.lock();
            if open.len() >= MAX_OPEN && !open.contains_key(&room) {
                return Err(JoinError::TooManyRooms);
            }
            open.entry(room).or_default().clone()
        };
        opening.get_or_try_init(|| self.read(room)).await.cloned()
    }

    async fn read(&self, room: i64) -> Result<Arc<Room>, JoinError> {
        #[cfg(test)]
        self.0.read.fetch_add(1, Ordering::SeqCst);
        let services = &self.0.services;
        let record = services.store.room(room).await.map_err(JoinError::Storage)?;
        let record = record.ok_or(JoinError::NoSuchRoom)?;
        let newest = services.store.before(room, i64::MAX, AT_FIRST).await;
        let recent: Recent = newest.map_err(JoinError::Storage)?.into_iter().collect();
        let topic = Topic::growing(self.0.partitions, &services.vitals);
        Ok(Arc::new(Room::new(record, recent, topic, services.clone())))
    }

    /// The room, if it is open.
    pub(crate) fn open_now(&self, room: i64) -> Option<Arc<Room>> {
        if room == self.0.default.id() {
            return Some(self.0.default.clone());
        }
        self.0.open.lock().get(&room)?.get().cloned()
    }

    /// The room, if it is open once it has been read.
    async fn open_soon(&self, room: i64) -> Option<Arc<Room>> {
        let opening = self.0.open.lock().get(&room).cloned();
        match opening {
            Some(opening) => opening.get_or_try_init(|| self.read(room)).await.ok().cloned(),
            None => self.open_now(room),
        }
    }

    /// Takes the text of message `id` of `room` away for good: from the database, from memory
    /// and from the clients that have a word for it. Whether there was one to take.
    pub(crate) async fn remove(&self, room: i64, id: i64) -> Result<bool, StorageError> {
        let Services { store, clock, .. } = &*self.0.services;
        // One that is stored and not yet published would come into memory afterwards.
        let open = self.open_soon(room).await;
        // Nor is one read from the database meanwhile that would.
        let _turn = match &open {
            Some(open) => Some(open.turn().await),
            None => None,
        };
        if open.as_ref().is_some_and(|open| id > open.head())
            || !store.remove(room, id, clock.now()).await?
        {
            return Ok(false);
        }
        // Asked again: a room that was opened meanwhile may have been read before.
        if let Some(open) = self.open_soon(room).await {
            open.removed(id);
        }
        Ok(true)
    }

    /// Closes the rooms that have been empty for a while, and has those that are open
    /// forget what takes up too much. Called every second.
    pub(crate) fn sweep(&self) {
        let mut open = Vec::new();
        self.0.open.lock().retain(|_, opening| match opening.get() {
            Some(room) if room.close_unused(GRACE) => {
                self.0.delivered.fetch_add(room.delivered(), Ordering::Relaxed);
                false
            }
            Some(room) => {
                open.push(room.clone());
                true
            }
            // Not read, and no client waits for it: reading failed, or was given up.
            None => Arc::strong_count(opening) > 1,
        });
        open.iter().for_each(|room| room.forget_welcomes());
        keep_within(MAX_MEMORY, open);
    }

    /// Rooms open now, the default one among them.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    /// Frames handed to connections since the start.
    pub(crate) fn delivered(&self) -> usize {
        let now: usize = self.all().iter().map(|room| room.delivered()).sum();
        now + self.0.delivered.load(Ordering::Relaxed)
    }

    /// Waits until all that was published has been handed to the connections. From now on
    /// clients are not told that others leave.
    pub(crate) async fn drain(&self) {
        let rooms = self.all();
        rooms.iter().for_each(|room| room.begin_draining());
        self.0.services.reads.close();
        self.0.services.reads.wait().await;
        for room in rooms {
            room.flushed().await;
        }
    }

    /// The rooms that are open.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        let open = self.0.open.lock();
        let read = open.values().filter_map(|opening| opening.get().cloned());
        std::iter::once(self.0.default.clone()).chain(read).collect()
    }
}

/// Has the `rooms` that have been silent for longest shrink until all take up `limit` bytes
/// at most, or nothing is left to forget.
fn keep_within(limit: usize, mut rooms: Vec<Arc<Room>>) {
    let mut bytes: usize = rooms.iter().map(|room| room.memory()).sum();
    if bytes <= limit {
        return;
    }
    rooms.sort_by_cached_key(|room| room.last_at());
    for room in rooms {
        let before = room.memory();
        room.shrink(AT_FIRST);
        bytes = bytes.saturating_sub(before.saturating_sub(room.memory()));
        if bytes <= limit {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
