//! A connection's place in the room. Dropping it is leaving.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base::{Owner, Principal};
use hub::{Except, Format, MAX_FORMATS, Op, Outbox, Publication};

use super::{Paces, Room};
use crate::Text;
use crate::commit::Posting;
use crate::dialect::packetboat;
use crate::dialect::{self, Refusal};

/// Postings of one connection that may wait for storage; more are not read. Deep
/// enough that a group commit never leaves a fast sender idle.
const MAX_IN_FLIGHT: usize = 64;

/// How often typing is passed on at most, for each connection.
const TYPING_INTERVAL: Duration = Duration::from_secs(1);

/// The postings of one connection that have not been answered yet.
#[derive(Debug)]
pub(crate) struct InFlight {
    outbox: Arc<Outbox>,
    waiting: AtomicUsize,
    reading: AtomicBool,
    /// The connection is in the topic: what is told to it arrives.
    welcomed: AtomicBool,
}

impl InFlight {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self {
            outbox,
            waiting: AtomicUsize::new(0),
            reading: AtomicBool::new(false),
            welcomed: AtomicBool::new(false),
        }
    }

    /// The connection hears the room from now on, so it may be read from.
    pub(super) fn welcome(&self) {
        self.welcomed.store(true, Ordering::SeqCst);
        self.outbox.wake();
    }

    pub(crate) fn connection(&self) -> u64 {
        self.outbox.id()
    }

    /// A posting has been answered: there may be room to read the next.
    pub(crate) fn landed(&self) {
        if self.waiting.fetch_sub(1, Ordering::SeqCst) >= MAX_IN_FLIGHT {
            self.outbox.wake();
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Seat {
    room: Arc<Room>,
    principal: Principal,
    format: Format,
    paces: Arc<Paces>,
    exempt: bool,
    in_flight: Arc<InFlight>,
    /// When typing was last passed on, in milliseconds of the monotonic clock.
    typed: AtomicU64,
}

impl Seat {
    pub(super) fn new(
        room: Arc<Room>,
        principal: Principal,
        in_flight: Arc<InFlight>,
        format: Format,
        paces: Arc<Paces>,
        exempt: bool,
    ) -> Self {
        Self { room, principal, format, paces, exempt, in_flight, typed: AtomicU64::new(0) }
    }

    /// Counts as activity of the session.
    pub(crate) fn touch(&self) {
        self.principal.activity.touch(self.room.clock.now());
    }

    /// Postings that have not been answered yet.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.waiting.load(Ordering::SeqCst)
    }

    /// Whether another message may be read.
    pub(crate) fn ready(&self) -> bool {
        self.in_flight() < MAX_IN_FLIGHT && self.in_flight.welcomed.load(Ordering::SeqCst)
    }

    /// Posts `text`, or has its refusal answered in order with everything posted
    /// before it. The answer comes to the connection's outbox.
    pub(crate) fn post(&self, text: Result<Text, Refusal>, client_id: Option<Box<str>>) {
        self.touch();
        let text =
            text.and_then(|text| self.keeps_pace().then_some(text).ok_or(Refusal::RateLimited));
        self.in_flight.waiting.fetch_add(1, Ordering::SeqCst);
        let posting = Posting {
            author: self.principal.account,
            author_name: self.principal.username.clone(),
            display_name: self.principal.display_name.clone(),
            in_flight: self.in_flight.clone(),
            format: self.format,
            client_id,
            text,
        };
        self.room.intake.push(posting, self.room.clock.monotonic());
    }

    fn keeps_pace(&self) -> bool {
        let (posting, now) = (&self.paces.posting, self.room.clock.monotonic());
        self.exempt || posting.consume(self.room.rate, now).is_ok()
    }

    /// Tells the others that this person is typing.
    pub(crate) fn typing(&self) {
        self.touch();
        let now = u64::try_from(self.room.clock.monotonic().as_millis()).unwrap_or(u64::MAX).max(1);
        let interval = TYPING_INTERVAL.as_millis() as u64; // One second fits.
        let before = self.typed.load(Ordering::Relaxed);
        if before > 0 && now.saturating_sub(before) < interval {
            return;
        }
        self.typed.store(now, Ordering::Relaxed);
        let publication = Publication {
            frames: dialect::typing(&self.principal.username),
            except: [Except::Owner(Owner::Account(self.principal.account)); MAX_FORMATS],
            volatile: true,
        };
        // Volatile publications have no order to keep, so the room's lock is not taken.
        self.room.topic.submit(&[Op::Publish(publication)]);
    }

    /// Sends up to `limit` messages below `before` to this connection: from memory,
    /// or from the database in a task of its own, one at a time.
    pub(crate) fn history(&self, before: i64, limit: usize) {
        self.touch();
        let recent = self.room.look_back(|recent| recent.before(before, limit));
        if let Some((messages, more)) = recent {
            return self.room.reply(&self.in_flight, packetboat::history(before, &messages, more));
        }
        if self.in_flight.reading.swap(true, Ordering::SeqCst) {
            let refusal = packetboat::nack(None, Refusal::RateLimited);
            return self.room.reply(&self.in_flight, refusal);
        }
        let (room, in_flight) = (self.room.clone(), self.in_flight.clone());
        self.room.reads.spawn(async move {
            loop {
                let removals = room.removals();
                let answer = match room.store.before(room.id(), before, limit).await {
                    Ok(messages) => {
                        let more = messages.first().is_some_and(|first| first.id > 1);
                        packetboat::history(before, &messages, more)
                    }
                    Err(error) => {
                        tracing::error!(%error, "history could not be read");
                        packetboat::nack(None, Refusal::Unavailable)
                    }
                };
                in_flight.reading.store(false, Ordering::SeqCst);
                if room.reply_unless_removed(&in_flight, answer, removals) {
                    return;
                }
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.leave(&self.principal, self.in_flight.connection(), self.format);
    }
}
