//! What one person may take up, over all of their connections and in all rooms together.
//!
//! Owns the one table of the process that knows a person's open connections and how fast
//! they went lately. It is bounded: a person stays in it while they are connected, and
//! after that only for the time that a pace takes to recover ([`People::forget_calm`]).
//! Leaving and coming back must not be a way to go faster.
//!
//! Invariant: a connection is counted once, however many rooms it is in, from the first
//! [`People::enter`] until as many calls of [`People::leave`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base::{AccountId, Clock, Principal, SessionRef};
use hub::Outbox;
use limits::{Bucket, Quota};
use parking_lot::Mutex;
use transport::CloseCode;

/// Connections one person may hold at once, of whatever dialect and in whatever rooms.
pub const MAX_CONNECTIONS: usize = 16;

/// How often one person may join a room.
const JOINING: Quota = Quota { burst: 60, refill: Duration::from_secs(1) };

/// Why a connection cannot enter a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAllowed {
    /// This person holds [`MAX_CONNECTIONS`] already.
    TooMany,
    /// This person comes and goes faster than [`JOINING`].
    TooOften,
}

/// One person's paces.
#[derive(Debug)]
pub(crate) struct Person {
    posting: Bucket,
    joining: Bucket,
    posting_rate: Quota,
}

impl Person {
    /// Whether another message may be posted now; counts it if so.
    pub(crate) fn may_post(&self, now: Duration) -> bool {
        self.posting.consume(self.posting_rate, now).is_ok()
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct People {
    table: Mutex<HashMap<AccountId, Entry>>,
    clock: Arc<dyn Clock>,
    posting_rate: Quota,
}

#[derive(Debug)]
struct Entry {
    person: Arc<Person>,
    connections: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    session: SessionRef,
    outbox: Arc<Outbox>,
    /// Rooms that it is in.
    rooms: usize,
}

impl People {
    /// An empty table; each person may post at `posting_rate`.
    pub(crate) fn new(clock: Arc<dyn Clock>, posting_rate: Quota) -> Self {
        Self { table: Mutex::default(), clock, posting_rate }
    }

    /// The connection of `principal` that is told by `outbox` comes into a room.
    pub(crate) fn enter(
        &self,
        principal: &Principal,
        outbox: &Arc<Outbox>,
        exempt: bool,
    ) -> Result<Arc<Person>, NotAllowed> {
        let mut table = self.table.lock();
        let entry = table.entry(principal.account).or_insert_with(|| Entry {
            person: Arc::new(Person {
                posting: Bucket::default(),
                joining: Bucket::default(),
                posting_rate: self.posting_rate,
            }),
            connections: Vec::new(),
        });
        let known = entry.connections.iter().position(|known| known.outbox.id() == outbox.id());
        if known.is_none() && entry.connections.len() >= MAX_CONNECTIONS {
            return Err(NotAllowed::TooMany);
        }
        if !exempt && entry.person.joining.consume(JOINING, self.clock.monotonic()).is_err() {
            return Err(NotAllowed::TooOften);
        }
        if let Some(known) = known.and_then(|at| entry.connections.get_mut(at)) {
            known.rooms += 1;
        } else {
            let (session, outbox) = (principal.session, outbox.clone());
            entry.connections.push(Connection { session, outbox, rooms: 1 });
        }
        Ok(entry.person.clone())
    }

    /// The connection leaves a room.
    pub(crate) fn leave(&self, account: AccountId, connection: u64) {
        let mut table = self.table.lock();
        let Some(entry) = table.get_mut(&account) else { return };
        for known in &mut entry.connections {
            known.rooms -= usize::from(known.outbox.id() == connection);
        }
        entry.connections.retain(|known| known.rooms > 0);
    }

    /// Closes what `session` opened, in whatever rooms it is.
    pub(crate) fn session_ended(&self, account: AccountId, session: SessionRef) {
        let mut ended = Vec::new();
        if let Some(entry) = self.table.lock().get(&account) {
            let of_session = entry.connections.iter().filter(|known| known.session == session);
            ended.extend(of_session.map(|known| known.outbox.clone()));
        }
        for outbox in ended {
            outbox.close(CloseCode::Policy.because("the session ended"));
        }
    }

    /// Forgets those who are gone and could go at full speed again. Called every second.
    pub(crate) fn forget_calm(&self) {
        let now = self.clock.monotonic();
        self.table.lock().retain(|_, Entry { person, connections }| {
            !connections.is_empty() || !person.posting.is_full(now) || !person.joining.is_full(now)
        });
    }

    /// People in the table.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.table.lock().len()
    }
}
