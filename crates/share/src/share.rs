//! The handle of the capability: every operation on sessions, for HTTP, sockets and the admin
//! site alike.

mod files;
mod timekeeping;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use capability::Context;
use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinHandle;
use transport::Sockets;

use crate::access_code::AccessCode;
use crate::caps::{Caps, Counts};
use crate::flow::Held;
use crate::guessing::Wrong;
use crate::id::{MemberId, SessionId};
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::services::{Due, Services};
use crate::session::{SESSION_LIFE, Session, SessionCell};
use crate::session_name::SessionName;
use crate::settings::Settings;
use crate::timers::Timers;
use crate::token::{Claims, Tokens};

/// Sharing sessions: the only way in. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    services: Services,
    tokens: Tokens,
    sockets: Sockets,
    registry: Mutex<Registry>,
    last_number: AtomicU64,
    /// Sockets of the old dialect that are open.
    connections: Arc<AtomicUsize>,
    timekeeper: Mutex<Option<JoinHandle<()>>>,
    /// When it was last looked at what is due. Held while that is done, and before any other
    /// lock: by one at a time, because what the first sees, the next would not.
    looked: Mutex<Duration>,
}

/// Why a session ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    ByHost,
    ByAdministrator,
    Idle,
    Shutdown,
}

impl Ending {
    /// For its members.
    fn sentence(self) -> &'static str {
        match self {
            Self::ByHost => "The host has ended the session.",
            Self::ByAdministrator => "An administrator has ended the session.",
            Self::Idle => "The session was not used for an hour.",
            Self::Shutdown => "The server is going away.",
        }
    }
}

/// What a host is told of its session.
pub(crate) struct Hosted {
    pub(crate) id: SessionId,
    pub(crate) name: SessionName,
    pub(crate) code: AccessCode,
}

impl Share {
    /// No sessions. Needs a Tokio runtime, on which it keeps its time.
    pub(crate) fn open(settings: Settings, context: &Context) -> Self {
        let clock = context.clock.clone();
        let now = clock.monotonic();
        let services = Services {
            caps: Caps::new(&settings, &context.exempt, &clock),
            timers: Timers::new(clock.clone()),
            held: Arc::new(Held::default()),
            clock,
            random: context.random.clone(),
            settings,
        };
        let share = Self(Arc::new(Inner {
            services,
            tokens: Tokens::new(&context.secrets.key("share: tokens")),
            sockets: context.sockets.clone(),
            registry: Mutex::default(),
            last_number: AtomicU64::new(0),
            connections: Arc::default(),
            timekeeper: Mutex::default(),
            looked: Mutex::new(now),
        }));
        let alive = context.vitals.watch("sharing timekeeper");
        let timekeeper = tokio::spawn(share.clone().keep_time(alive));
        *share.0.timekeeper.lock() = Some(timekeeper);
        share
    }

    pub(crate) fn services(&self) -> &Services {
        &self.0.services
    }

    pub(crate) fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    pub(crate) fn connections(&self) -> &Arc<AtomicUsize> {
        &self.0.connections
    }

    /// Whose token it is.
    pub(crate) fn verify(&self, token: &str) -> Option<Claims> {
        self.0.tokens.verify(token)
    }

    /// Makes a session; its host's token.
    pub(crate) fn create(&self, from: IpAddr) -> Result<(Hosted, String), Refusal> {
        let services = self.services();
        let number = self.0.last_number.fetch_add(1, Ordering::Relaxed) + 1;
        let mut registry = self.0.registry.lock();
        let name = registry.free_name(&*services.random);
        let key = name.key();
        let (session, code, host) = SessionCell::new(name.clone(), number, from, services)?;
        let id = session.id;
        registry.insert(Arc::new(session), key);
        drop(registry);
        services.timers.at(services.clock.monotonic() + SESSION_LIFE, Due::Idle(id));
        tracing::info!(session = number, "sharing session made");
        metrics::counter!("packetboat_share_sessions_total").increment(1);
        Ok((Hosted { id, name, code }, self.token(id, host, true)))
    }

    fn token(&self, session: SessionId, member: MemberId, is_host: bool) -> String {
        let now = self.services().clock.now();
        self.0.tokens.issue(Claims { session, member }, is_host, now)
    }

    pub(crate) fn session(&self, id: SessionId) -> Option<Arc<SessionCell>> {
        self.0.registry.lock().get(id)
    }

    pub(crate) fn all(&self) -> Vec<Arc<SessionCell>> {
        self.0.registry.lock().all()
    }

    /// Does `operation` in a session that is not over.
    pub(crate) fn within<T>(
        &self,
        id: SessionId,
        operation: impl FnOnce(&mut Session) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let session = self.session(id).ok_or_else(Refusal::no_such_session)?;
        let mut session = session.lock();
        if session.is_over {
            return Err(Refusal::no_such_session());
        }
        operation(&mut session)
    }

    /// The same, at the request of a member with a good token, which is a use of the session.
    pub(crate) fn as_member<T>(
        &self,
        id: SessionId,
        by: Claims,
        operation: impl FnOnce(&mut Session, &Services) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let services = self.services();
        self.within(id, |session| {
            if by.session != id {
                return Err(Refusal::unauthorized());
            }
            let now = services.clock.monotonic();
            session.member(by.member, now)?;
            session.touch(now);
            operation(session, services)
        })
    }

    /// The same, where only the host may.
    fn as_host<T>(
        &self,
        id: SessionId,
        by: Claims,
        operation: impl FnOnce(&mut Session, &Services) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.as_member(id, by, |session, services| {
            session.check_host(by.member, services.clock.monotonic())?;
            operation(session, services)
        })
    }

    /// The host asks for its session anew, and is told another access code.
    pub(crate) fn renew_code(&self, by: Claims) -> Result<Hosted, Refusal> {
        let renewed = self.as_host(by.session, by, |session, services| {
            let code = session.codes.renew(&*services.random, services.clock.monotonic());
            Ok(Hosted { id: session.id, name: session.name.clone(), code })
        });
        // The route names no session: of one that is over, the token is no good any more.
        renewed.map_err(|_| Refusal::unauthorized())
    }

    pub(crate) fn id_for_name(&self, name: &str) -> Result<SessionId, Refusal> {
        self.0.registry.lock().named(name).ok_or_else(Refusal::no_such_session)
    }

    pub(crate) fn name(&self, id: SessionId) -> Result<SessionName, Refusal> {
        self.within(id, |session| Ok(session.name.clone()))
    }

    /// Joins with the SHA-256 of an access code; the guest's token. Without one, nothing is
    /// tried.
    pub(crate) fn join(
        &self,
        id: SessionId,
        hash: Option<&str>,
        from: IpAddr,
    ) -> Result<String, Refusal> {
        let joined = self.try_join(id, hash, from);
        if let Err(refusal) = &joined {
            let kind = refusal.kind.label();
            metrics::counter!("packetboat_share_joins_refused_total", "why" => kind).increment(1);
        }
        joined.map(|guest| self.token(id, guest, false))
    }

    fn try_join(
        &self,
        id: SessionId,
        hash: Option<&str>,
        from: IpAddr,
    ) -> Result<MemberId, Refusal> {
        let services = self.services();
        services.caps.join(from)?;
        services.caps.may_try_code(from)?;
        self.within(id, |session| {
            let hash = hash.ok_or_else(Refusal::wrong_code)?;
            let now = services.clock.monotonic();
            session.guessing.check(now).map_err(Refusal::too_often)?;
            services.caps.comparison()?;
            if session.codes.admits(hash, now) {
                session.guessing.right(now);
                return session.join(services);
            }
            services.caps.wrong_code(from)?;
            if session.guessing.wrong(now) == Wrong::ReplaceCode {
                session.replace_code(services);
            }
            Err(Refusal::wrong_code())
        })
    }

    /// Gives the session another name and access code.
    pub(crate) fn rename(
        &self,
        id: SessionId,
        by: Claims,
        name: &str,
    ) -> Result<AccessCode, Refusal> {
        self.as_host(id, by, |_, _| Ok(()))?;
        let name = SessionName::parse(name).map_err(Refusal::invalid)?;
        let mut registry = self.0.registry.lock();
        let session = registry.get(id).ok_or_else(Refusal::no_such_session)?;
        registry.rename(id, name.key())?;
        let mut session = session.lock();
        drop(registry);
        if session.is_over {
            return Err(Refusal::no_such_session());
        }
        session.name = name;
        Ok(session.codes.replace(&*self.services().random))
    }

    /// The host ends the session.
    pub(crate) fn end(&self, id: SessionId, by: Claims) -> Result<(), Refusal> {
        self.as_host(id, by, |_, _| Ok(()))?;
        let session = self.session(id).ok_or_else(Refusal::no_such_session)?;
        self.end_session(&session, Ending::ByHost);
        Ok(())
    }

    /// Ends a session; its members are told why.
    pub(crate) fn end_session(&self, session: &SessionCell, why: Ending) {
        self.end_locked(session, session.lock(), why);
    }

    /// The same of a session whose `state` is locked: what was found in it still holds.
    fn end_locked(&self, session: &SessionCell, mut state: MutexGuard<'_, Session>, why: Ending) {
        if state.is_over {
            return;
        }
        let (files, bytes) = (state.files.len(), state.bytes);
        state.end(why.sentence(), self.services());
        drop(state);
        self.0.registry.lock().remove(session.id);
        tracing::info!(session = session.number, ?why, files, bytes, "sharing session ended");
    }

    /// Transfers under way, and chunks that are asked for or held.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        let services = self.services();
        (services.caps.counts().transfers, services.held.chunks())
    }

    /// Says how much there is of everything.
    pub(crate) fn show_gauges(&self) {
        let (services, gauge) = (self.services(), |name: &'static str, count: usize| {
            metrics::gauge!(name).set(count as f64);
        });
        let Counts { sessions, members, files, transfers } = services.caps.counts();
        gauge("packetboat_share_sessions", sessions);
        gauge("packetboat_share_members", members);
        gauge("packetboat_share_files", files);
        gauge("packetboat_share_transfers", transfers);
        gauge("packetboat_share_chunks_held", services.held.chunks());
        gauge("packetboat_share_sockets", self.connections().load(Ordering::Relaxed));
    }

    /// Ends everything, and keeps no more time: what waits for it is told so.
    pub(crate) fn shut_down(&self) {
        for session in self.all() {
            self.end_session(&session, Ending::Shutdown);
        }
        self.services().timers.end();
        if let Some(timekeeper) = self.0.timekeeper.lock().take() {
            timekeeper.abort();
        }
    }
}
