//! Coming into a room and leaving it.
//!
//! Owns what happens when a connection joins: what a person may take up is asked first, then
//! the connection is present, and it hears the room from a place in its order on. A client
//! that is caught up may have to wait for that place ([`super::admission`]).
//!
//! Invariant: a connection is counted as present from [`Room::join`] until its
//! [`Seat`] is dropped, whether or not it has been welcomed.

use std::sync::Arc;

use base::Principal;
use hub::{Arrival, Departure, Member, Op, Outbox};
use storage::StorageError;

use super::admission::PendingWelcome;
use super::{Room, Seat, State};
use crate::dialect::{Dialect, Opening};
use crate::intake::{InFlight, Poster};
use crate::people::{NotAllowed, Person};

/// Why a connection cannot join.
#[derive(Debug)]
pub(crate) enum JoinError {
    /// This person already has a connection of a dialect that allows only one.
    Taken,
    /// This person holds as many connections as one person may.
    TooMany,
    /// This person comes and goes too often.
    TooOften,
    /// The room was closed since it was looked up: [`Rooms`](crate::rooms::Rooms) opens it
    /// anew.
    Closed,
    /// There is no such room.
    NoSuchRoom,
    /// No more rooms can be open now.
    TooManyRooms,
    /// The room could not be read.
    Storage(StorageError),
}

impl From<NotAllowed> for JoinError {
    fn from(reason: NotAllowed) -> Self {
        match reason {
            NotAllowed::TooMany => Self::TooMany,
            NotAllowed::TooOften => Self::TooOften,
        }
    }
}

/// Where a reconnecting client left off.
#[derive(Clone, Debug)]
pub(crate) struct Resume {
    pub(crate) last_id: i64,
    pub(crate) epoch: String,
}

/// A connection about to join.
#[derive(Debug)]
pub(crate) struct JoinRequest {
    pub(crate) principal: Principal,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) dialect: Dialect,
    pub(crate) resume: Option<Resume>,
    /// Rate limits do not apply to where it comes from.
    pub(crate) exempt: bool,
}

impl Room {
    /// Lets a connection in. From here on its outbox hears the room, also before it
    /// is served: what happens after the client sees its 101 is never missed. A client
    /// that is caught up hears it when there is memory for that, and is not read from
    /// before ([`Poster::ready`]).
    pub(crate) fn join(self: &Arc<Self>, request: &JoinRequest) -> Result<Seat, JoinError> {
        let JoinRequest { principal, outbox, exempt, .. } = request;
        let people = &self.services.people;
        let person = people.enter(principal, outbox, *exempt)?;
        let joined = self.enter(request, person);
        if joined.is_err() {
            people.leave(principal.account, outbox.id());
        }
        joined
    }

    fn enter(
        self: &Arc<Self>,
        request: &JoinRequest,
        person: Arc<Person>,
    ) -> Result<Seat, JoinError> {
        let JoinRequest { principal, outbox, dialect, resume, exempt } = request;
        let in_flight = Arc::new(InFlight::new(outbox.clone()));
        let mut state = self.state.lock();
        if state.closed {
            return Err(JoinError::Closed);
        }
        if dialect.is_exclusive() && !state.exclusive.insert(principal.account) {
            return Err(JoinError::Taken);
        }
        self.arrived(&mut state, principal);
        let first = match dialect.opening() {
            Opening::CatchUp => None,
            Opening::Frame(frame) => Some(vec![frame]),
            Opening::Nothing => Some(Vec::new()),
        };
        if let Some(first) = first {
            let member = Member { outbox: outbox.clone(), format: dialect.format() };
            self.topic.submit(&[Op::Join { member, first, reserved: None }]);
            in_flight.joined();
        } else {
            let pending = PendingWelcome {
                you: principal.username.clone(),
                outbox: outbox.clone(),
                format: dialect.format(),
                in_flight: in_flight.clone(),
                resume: resume.clone(),
                since: self.services.clock.monotonic(),
                bytes: 0,
            };
            self.welcome(&mut state, pending);
        }
        drop(state);
        let poster = Poster {
            room: self.id(),
            principal: principal.clone(),
            dialect: *dialect,
            paced: (!exempt).then_some(person),
            in_flight,
            intake: self.services.intake.clone(),
            clock: self.services.clock.clone(),
        };
        Ok(Seat::new(self.clone(), poster))
    }

    /// Counts a connection of `principal`, and tells the room if it is their first.
    fn arrived(self: &Arc<Self>, state: &mut State, principal: &Principal) {
        state.empty_since = None;
        let State { presence, pending, .. } = &mut *state;
        if presence.arrive(principal.account.0, &principal.username) == Arrival::First {
            let op = pending.arrived(principal.account, &principal.username, presence);
            self.tell_presence(state, op);
        }
    }

    /// The connection that posted by `poster` is over.
    pub(super) fn leave(self: &Arc<Self>, poster: &Poster) {
        let Poster { principal, in_flight, dialect, .. } = poster;
        let connection = in_flight.connection();
        let mut state = self.state.lock();
        if dialect.is_exclusive() {
            state.exclusive.remove(&principal.account);
        }
        state.waiting.remove(connection);
        self.topic.submit(&[Op::Leave(connection)]);
        let State { presence, pending, draining, .. } = &mut *state;
        if presence.depart(principal.account.0) == Departure::Last && !*draining {
            let op = pending.departed(principal.account, &principal.username, presence);
            self.tell_presence(&mut state, op);
        }
        if state.presence.count() == 0 {
            state.empty_since = Some(self.services.clock.monotonic());
        }
        drop(state);
        self.services.people.leave(principal.account, connection);
    }
}
