//! A connection's place in the room. Dropping it is leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use base::Owner;
use hub::{Except, MAX_FORMATS, Op, Publication};

use super::Room;
use crate::dialect::{self, Refusal};
use crate::intake::Poster;

/// How often typing is passed on at most, for each connection.
const TYPING_INTERVAL: Duration = Duration::from_secs(1);

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    poster: Poster,
    /// History is being read for it.
    reading: Arc<AtomicBool>,
    /// When typing was last passed on, in milliseconds of the monotonic clock.
    typed: AtomicU64,
}

impl Seat {
    pub(super) fn new(room: Arc<Room>, poster: Poster) -> Self {
        Self { room, poster, reading: Arc::default(), typed: AtomicU64::new(0) }
    }

    /// What the connection posts by.
    pub(crate) fn poster(&self) -> &Poster {
        &self.poster
    }

    /// Counts as activity of the session.
    pub(crate) fn touch(&self) {
        self.poster.touch();
    }

    /// Tells the others that this person is typing.
    pub(crate) fn typing(&self) {
        self.touch();
        let now = self.room.services.clock.monotonic();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX).max(1);
        let interval = TYPING_INTERVAL.as_millis() as u64; // One second fits.
        let before = self.typed.load(Ordering::Relaxed);
        if before > 0 && now.saturating_sub(before) < interval {
            return;
        }
        self.typed.store(now, Ordering::Relaxed);
        let principal = &self.poster.principal;
        let publication = Publication {
            frames: dialect::typing(&principal.username),
            except: [Except::Owner(Owner::Account(principal.account)); MAX_FORMATS],
            volatile: true,
        };
        // Volatile publications have no order to keep, so the room's lock is not taken.
        self.room.topic.submit(&[Op::Publish(publication)]);
    }

    /// Sends up to `limit` messages below `before` to this connection: from memory,
    /// or from the database in a task of its own, one at a time.
    pub(crate) fn history(&self, before: i64, limit: usize) {
        self.touch();
        let (dialect, connection) = (self.poster.dialect, self.poster.in_flight.connection());
        let recent = self.room.state.lock().recent.before(before, limit);
        if let Some((messages, more)) = recent {
            let page = dialect.history(before, messages.iter().map(Arc::as_ref), more);
            return self.room.reply(connection, page);
        }
        if self.reading.swap(true, Ordering::SeqCst) {
            return self.room.reply(connection, dialect.nack(None, Refusal::RateLimited));
        }
        let (room, reading) = (self.room.clone(), self.reading.clone());
        self.room.services.reads.spawn(async move {
            loop {
                let removals = room.removals();
                let answer = match room.services.store.before(room.id(), before, limit).await {
                    Ok(messages) => {
                        let more = messages.first().is_some_and(|first| first.id > 1);
                        dialect.history(before, messages.iter().map(Arc::as_ref), more)
                    }
                    Err(error) => {
                        tracing::error!(%error, "history could not be read");
                        dialect.nack(None, Refusal::Unavailable)
                    }
                };
                reading.store(false, Ordering::SeqCst);
                if room.reply_unless_removed(connection, answer, removals) {
                    return;
                }
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(&self.poster);
    }
}
