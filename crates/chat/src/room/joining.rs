//! Coming into a room and leaving it.
//!
//! Owns who is let in and when: the bounds on one person's connections, the welcome of a
//! client of our own dialect, and the turn it waits for when there is no memory for it.
//!
//! Invariant: a connection is counted as present from [`Room::join`] until its
//! [`Seat`] is dropped, whether or not it has been welcomed.

use std::sync::Arc;
use std::time::Duration;

use base::Principal;
use bytes::Bytes;
use hub::{Arrival, Departure, Format, Member, Op, Outbox};
use limits::Quota;

use super::crowd::Crowd;
use super::usher::{Arriving, Look, PATIENCE};
use super::welcome::Told;
use super::{InFlight, MAX_CONNECTIONS, MAX_NAMES, Room, Seat, State};
use crate::dialect::packetboat::{self, Greeting};
use crate::dialect::{PACKETBOAT, PIRATCHAT, SOCKETIO, socketio};

/// How often one person may join.
const JOINING: Quota = Quota { burst: 60, refill: Duration::from_secs(1) };

/// Why a connection cannot join.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinError {
    /// This person already has a Piratchat socket open.
    Taken,
    /// This person holds [`MAX_CONNECTIONS`] already.
    TooMany,
    /// This person comes and goes faster than [`JOINING`].
    TooOften,
}

/// Where a reconnecting client left off.
#[derive(Clone, Debug)]
pub(crate) struct Resume {
    pub(crate) last_id: i64,
    pub(crate) epoch: String,
}

/// A connection about to join.
pub(crate) struct Newcomer {
    pub(crate) principal: Principal,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) format: Format,
    pub(crate) resume: Option<Resume>,
    /// Rate limits do not apply to where it comes from.
    pub(crate) exempt: bool,
}

impl Room {
    /// Lets a connection in. From here on its outbox hears the room, also before it
    /// is served: what happens after the client sees its 101 is never missed. A client
    /// that can be caught up hears it when there is memory for that, and is not read from
    /// before ([`Seat::ready`]).
    pub(crate) fn join(self: &Arc<Self>, newcomer: Newcomer) -> Result<Seat, JoinError> {
        let Newcomer { principal, outbox, format, resume, exempt } = newcomer;
        let mut state = self.state.lock();
        if state.presence.connections(principal.account.0) >= MAX_CONNECTIONS {
            return Err(JoinError::TooMany);
        }
        let paces = state.paces.entry(principal.account).or_default().clone();
        if !exempt && paces.joining.consume(JOINING, self.clock.monotonic()).is_err() {
            return Err(JoinError::TooOften);
        }
        let person = state.people.entry(principal.account).or_default();
        if format == PIRATCHAT && std::mem::replace(&mut person.piratchat, true) {
            return Err(JoinError::Taken);
        }
        person.sockets.push((principal.session, outbox.clone()));
        self.arrived(&mut state, &principal);
        let in_flight = Arc::new(InFlight::new(outbox.clone()));
        if format == PACKETBOAT {
            let arriving = Arriving {
                you: principal.username.clone(),
                outbox,
                in_flight: in_flight.clone(),
                resume,
                since: self.clock.monotonic(),
                bytes: 0,
            };
            self.receive(&mut state, arriving);
        } else {
            let first = if format == SOCKETIO { vec![socketio::welcome()] } else { Vec::new() };
            self.topic.submit(&[Op::Join {
                member: Member { outbox, format },
                first,
                reserved: None,
            }]);
            in_flight.welcome();
        }
        drop(state);
        Ok(Seat::new(self.clone(), principal, in_flight, format, paces, exempt))
    }

    /// Lets a client of our own dialect in, now or when it is its turn. A first visit takes
    /// little and does not queue behind those who have much to catch up on.
    fn receive(&self, state: &mut State, arriving: Arriving) {
        let may_pass = state.waiting.is_empty() || arriving.resume.is_none();
        let waits = if may_pass { self.admit(state, arriving) } else { Some(arriving) };
        if let Some(arriving) = waits {
            state.waiting.push(arriving);
            self.arriving.notify_one();
        }
    }

    /// Lets `arriving` in if there is memory for its welcome; gives it back if not.
    fn admit(&self, state: &mut State, mut arriving: Arriving) -> Option<Arriving> {
        let budget = arriving.outbox.budget();
        let waited = self.clock.monotonic().saturating_sub(arriving.since);
        if waited >= PATIENCE {
            arriving.resume = None;
        } else if !budget.has_room(arriving.bytes) {
            return Some(arriving);
        }
        let first = self.welcome(state, &arriving);
        let bytes = first.iter().map(Bytes::len).sum();
        let reserved = budget.reserve(bytes).map(Arc::new);
        if reserved.is_none() && waited < PATIENCE {
            return Some(Arriving { bytes, ..arriving });
        }
        let member = Member { outbox: arriving.outbox, format: PACKETBOAT };
        self.topic.submit(&[Op::Join { member, first, reserved }]);
        arriving.in_flight.welcome();
        None
    }

    /// Lets the first of those who wait in, if there is memory for it.
    pub(super) fn admit_next(&self) -> Look {
        let mut state = self.state.lock();
        let Some(arriving) = state.waiting.pop() else { return Look::Empty };
        match self.admit(&mut state, arriving) {
            None => Look::Moved,
            Some(arriving) => {
                let outbox = arriving.outbox.clone();
                state.waiting.unpop(arriving);
                Look::Full(outbox)
            }
        }
    }

    /// The first message of a Packetboat connection, in fragments: what it missed, if that
    /// can be told whole and fits, else the newest page.
    fn welcome(&self, state: &mut State, arriving: &Arriving) -> Vec<Bytes> {
        let State { recent, parts, presence, removed, .. } = state;
        let resume = arriving.resume.as_ref();
        let resume = resume.filter(|resume| resume.epoch == self.record.epoch);
        let told = parts.tell(recent, resume.map(|resume| resume.last_id));
        let Told { recovered, more, mut fragments } = told;
        let removed: Vec<i64> = removed.iter().copied().collect();
        let greeting = Greeting {
            you: &arriving.you,
            epoch: &self.record.epoch,
            recovered,
            more,
            online: presence.names().take(MAX_NAMES).collect(),
            online_count: presence.count(),
            removed: &removed,
        };
        fragments.insert(0, packetboat::welcome_opening(&greeting, fragments.is_empty()));
        fragments
    }

    /// Counts a connection of `principal`, and tells the room if it is their first.
    fn arrived(&self, state: &mut State, principal: &Principal) {
        let State { presence, crowd, .. } = state;
        if presence.arrive(principal.account.0, &principal.username) == Arrival::First {
            let told = crowd.arrived(principal.account, &principal.username, presence);
            self.tell(crowd, told);
        }
    }

    pub(super) fn leave(&self, principal: &Principal, connection: u64, format: Format) {
        let mut state = self.state.lock();
        if let Some(person) = state.people.get_mut(&principal.account) {
            person.piratchat &= format != PIRATCHAT;
            person.sockets.retain(|(_, outbox)| outbox.id() != connection);
            if person.sockets.is_empty() {
                state.people.remove(&principal.account);
            }
        }
        state.waiting.remove(connection);
        self.topic.submit(&[Op::Leave(connection)]);
        let State { presence, crowd, closing, .. } = &mut *state;
        if presence.depart(principal.account.0) == Departure::Last && !*closing {
            let told = crowd.departed(principal.account, &principal.username, presence);
            self.tell(crowd, told);
        }
    }

    fn tell(&self, crowd: &Crowd, told: Option<Op>) {
        if let Some(op) = told {
            self.topic.submit(&[op]);
        }
        if crowd.is_waiting() {
            self.changed.notify_one();
        }
    }

    /// Tells the room the changes of presence that wait; whether there were any.
    pub(super) fn tell_changes(&self) -> bool {
        let mut state = self.state.lock();
        let State { presence, crowd, closing, .. } = &mut *state;
        if *closing || !crowd.is_waiting() {
            return false;
        }
        if let Some(op) = crowd.tell(presence, self.clock.monotonic()) {
            self.topic.submit(&[op]);
        }
        true
    }
}
