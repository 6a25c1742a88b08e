//! A sharing session: who is in it and what they offer each other. What they hand over:
//! [`exchange`](crate::exchange).
//!
//! Deliberately absent: names and lookups across sessions (`registry.rs`), bytes on the wire.

mod ended;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Weak;
use std::time::Duration;

use base::Timestamp;
use parking_lot::{Mutex, MutexGuard};

pub(crate) use self::ended::Abort;
use self::ended::Ended;
use crate::access_code::{AccessCode, AccessCodes};
use crate::caps::Place;
use crate::files::Files;
use crate::frames;
use crate::guessing::Guessing;
use crate::id::{MemberId, RequestId, SessionId};
use crate::member::{Member, ShareConnection};
use crate::refusal::Refusal;
use crate::services::Services;
use crate::session_name::SessionName;
use crate::transfer::Transfer;

/// How long a session lives after its last use.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(60 * 60);

/// A session, shared by all who use it.
#[derive(Debug)]
pub(crate) struct SessionCell {
    pub(crate) id: SessionId,
    pub(crate) number: u64,
    pub(crate) since: Timestamp,
    state: Mutex<Session>,
}

impl SessionCell {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Session> {
        self.state.lock()
    }
}

/// What changes of a session.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// For administrators and the log: a session's id and name are half of what lets one in.
    pub(crate) number: u64,
    pub(crate) name: SessionName,
    pub(crate) codes: AccessCodes,
    pub(crate) guessing: Guessing,
    pub(crate) members: HashMap<MemberId, Member>,
    pub(crate) files: Files,
    pub(crate) transfers: HashMap<RequestId, Transfer>,
    /// That a transfer may have stood still is among the timers: once, for all of them.
    pub(crate) looks_for_stalled: bool,
    /// Transfers that are over, the last one first.
    ended: VecDeque<Ended>,
    /// Open sockets, by number, whether a member registered on them or not.
    pub(crate) connections: HashMap<u64, Weak<ShareConnection>>,
    /// On the monotonic clock.
    last_used: Duration,
    pub(crate) is_over: bool,
    /// Bytes of ciphertext that were passed on in it.
    pub(crate) bytes: u64,
    /// Counts it among the sessions of its maker's network and of the server.
    _place: Place,
}

impl SessionCell {
    /// A session called `name`, made by a client at `from`, with its host as the only member.
    pub(crate) fn new(
        name: SessionName,
        number: u64,
        from: IpAddr,
        services: &Services,
    ) -> Result<(Self, AccessCode, MemberId), Refusal> {
        let place = services.caps.session(from)?;
        let now = services.clock.monotonic();
        let host = MemberId::random(&*services.random);
        let members = HashMap::from([(host, Member::new(true, now, services.caps.member()?))]);
        let id = SessionId::random(&*services.random);
        let (codes, code) = AccessCodes::new(&*services.random);
        let session = Session {
            id,
            number,
            name,
            codes,
            guessing: Guessing::default(),
            members,
            files: Files::default(),
            transfers: HashMap::new(),
            looks_for_stalled: false,
            ended: VecDeque::new(),
            connections: HashMap::new(),
            last_used: now,
            is_over: false,
            bytes: 0,
            _place: place,
        };
        let since = services.clock.now();
        Ok((Self { id, number, since, state: Mutex::new(session) }, code, host))
    }
}

impl Session {
    /// A member uses the session now.
    pub(crate) fn touch(&mut self, now: Duration) {
        self.last_used = now;
    }

    /// When it ends unless it is used before; `None` while it is in use.
    pub(crate) fn idle_until(&self) -> Option<Duration> {
        let in_use =
            !self.transfers.is_empty() || self.members.values().any(|member| member.seat.is_some());
        (!in_use).then(|| self.last_used + SESSION_LIFE)
    }

    /// The member `id`, whose token must be good.
    pub(crate) fn member(&self, id: MemberId, now: Duration) -> Result<&Member, Refusal> {
        let member = self.members.get(&id).filter(|member| member.has_good_token(now));
        member.ok_or_else(Refusal::unauthorized)
    }

    /// Whether `id` is the host, whose token must be good.
    pub(crate) fn check_host(&self, id: MemberId, now: Duration) -> Result<(), Refusal> {
        if self.member(id, now)?.is_host { Ok(()) } else { Err(Refusal::unauthorized()) }
    }

    /// A guest joins.
    pub(crate) fn join(&mut self, services: &Services) -> Result<MemberId, Refusal> {
        let now = services.clock.monotonic();
        let max = services.settings.max_members_of_session as usize;
        if self.members.len() >= max {
            self.forget_members(now);
        }
        if self.members.len() >= max {
            return Err(Refusal::full("The session has as many members as it may have."));
        }
        let guest = MemberId::random(&*services.random);
        self.members.insert(guest, Member::new(false, now, services.caps.member()?));
        self.touch(now);
        Ok(guest)
    }

    /// Forgets members who can never come back, and what they offered.
    pub(crate) fn forget_members(&mut self, now: Duration) {
        let gone: Vec<_> = self
            .members
            .iter()
            .filter(|(_, member)| !member.is_host && member.is_gone(now))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.members.remove(&id);
            self.files.remove_of(id);
        }
    }

    /// Wrong access codes were tried too often: there is another, and the host is told.
    pub(crate) fn replace_code(&mut self, services: &Services) {
        let code = self.codes.replace(&*services.random).into_digits();
        let frame = frames::access_code_replaced(&code);
        for host in self.members.values().filter(|member| member.is_host) {
            host.tell(frame.clone());
        }
        tracing::warn!(session = self.number, "access code replaced after wrong tries");
        metrics::counter!("packetboat_share_codes_replaced_total").increment(1);
    }

    /// The session is over: members are told why, transfers end, and no one is in it any
    /// more. Sockets stay open for a while.
    pub(crate) fn end(&mut self, sentence: &'static str, services: &Services) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let requests: Vec<_> = self.transfers.keys().copied().collect();
        for request in requests {
            self.abort(request, Abort::because(sentence), services);
        }
        let ended = frames::session_ended(sentence);
        for (_, member) in self.members.drain() {
            member.tell(ended.clone());
        }
        for (_, connection) in self.connections.drain() {
            services.close_unused(connection);
        }
        self.files = Files::default();
    }
}
