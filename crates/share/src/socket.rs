//! A WebSocket of the old dialect: what its client says is carried out here, and what is
//! refused is answered.
//!
//! Invariants: a token is verified once, as long as frames carry the same; only the socket on
//! which a member registered last acts for it; dropping the handler, however the connection
//! ended, is losing it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use transport::{Handler, Message};

use crate::command::{Command, Envelope};
use crate::exchange::Wanted;
use crate::frames;
use crate::id::MemberId;
use crate::member::{Seat, ShareConnection};
use crate::refusal::Refusal;
use crate::session::{Session, SessionCell};
use crate::share::Share;
use crate::token::Claims;
use crate::transfer::Route;

/// Bytes of a command that is named when it is refused.
const LONGEST_COMMAND: usize = 64;

/// One connection.
pub(crate) struct ShareSocket {
    share: Share,
    /// `None` if there was no such session when it was opened.
    session: Option<Arc<SessionCell>>,
    connection: Arc<ShareConnection>,
    verified: Option<(String, Claims)>,
    registered: Option<MemberId>,
    /// It was told that there is no such session, and is told nothing more.
    is_silent: bool,
    _open: Open,
}

/// Counts an open socket.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ShareSocket {
    pub(crate) fn new(
        share: Share,
        session: Option<Arc<SessionCell>>,
        connection: Arc<ShareConnection>,
    ) -> Self {
        match &session {
            Some(session) => session.lock().connect(&connection, share.services()),
            None => share.services().close_unused(Arc::downgrade(&connection)),
        }
        let open = share.connections().clone();
        open.fetch_add(1, Ordering::Relaxed);
        Self {
            share,
            session,
            connection,
            verified: None,
            registered: None,
            is_silent: false,
            _open: Open(open),
        }
    }

    fn hear(&mut self, text: &str) {
        if self.is_silent {
            return;
        }
        let envelope = match Envelope::read(text) {
            Ok(envelope) => envelope,
            Err(refusal) => return self.refuse(&refusal, None),
        };
        if let Err(refusal) = self.carry_out(&envelope) {
            self.refuse(&refusal, Some(&envelope));
        }
    }

    fn refuse(&mut self, refusal: &Refusal, envelope: Option<&Envelope<'_>>) {
        let is_over = self.session.as_ref().is_none_or(|session| session.lock().is_over);
        let no_such_session = is_over.then(Refusal::no_such_session);
        self.is_silent = is_over;
        let command = envelope.map(|envelope| &*envelope.command);
        let command = command.filter(|command| command.len() <= LONGEST_COMMAND);
        let request = envelope.and_then(Envelope::request_id);
        let refusal = no_such_session.as_ref().unwrap_or(refusal);
        self.connection.send(frames::refusal(refusal, command, request.as_deref()));
    }

    fn carry_out(&mut self, envelope: &Envelope<'_>) -> Result<(), Refusal> {
        let session = self.session.clone().ok_or_else(Refusal::no_such_session)?;
        let member = self.authorize(&envelope.jwt, &session)?;
        let command = envelope.command()?;
        let mut session = session.lock();
        if session.is_over {
            return Err(Refusal::no_such_session());
        }
        if let Command::Register { window } = command {
            return self.register(&mut session, member, window);
        }
        self.check_registered(&session, member)?;
        session.touch(self.share.services().clock.monotonic());
        self.act(&mut session, member, command)
    }

    /// Whose frame it is, by the token's signature, session and member alone: a transfer does
    /// not die because the token expires.
    fn authorize(&mut self, token: &str, session: &SessionCell) -> Result<MemberId, Refusal> {
        let known = self.verified.as_ref().filter(|(known, _)| known == token);
        let claims = match known {
            Some((_, claims)) => *claims,
            None => {
                let claims = self.share.verify(token).ok_or_else(Refusal::unauthorized)?;
                self.verified = Some((token.to_owned(), claims));
                claims
            }
        };
        let is_of_session = claims.session == session.id;
        is_of_session.then_some(claims.member).ok_or_else(Refusal::unauthorized)
    }

    fn register(
        &mut self,
        session: &mut Session,
        member: MemberId,
        window: Option<u32>,
    ) -> Result<(), Refusal> {
        if self.registered.is_some_and(|registered| registered != member) {
            return Err(Refusal::invalid("This socket is another member's already."));
        }
        let services = self.share.services();
        let is_paced = window.is_none() && self.connection.has_origin;
        let ahead = if is_paced { 1 } else { services.settings.window };
        let connection = self.connection.clone();
        let seat = Seat { connection, window: window.unwrap_or(ahead), is_paced };
        session.register(member, seat, services)?;
        self.registered = Some(member);
        Ok(())
    }

    fn check_registered(&self, session: &Session, member: MemberId) -> Result<(), Refusal> {
        if self.registered != Some(member) {
            return Err(Refusal::invalid("Register first."));
        }
        let known = session.members.get(&member).ok_or_else(Refusal::unauthorized)?;
        if known.is_on(&self.connection) {
            return Ok(());
        }
        Err(Refusal::invalid("A newer socket of yours has taken over."))
    }

    fn act(
        &self,
        session: &mut Session,
        by: MemberId,
        command: Command<'_>,
    ) -> Result<(), Refusal> {
        let (services, from) = (self.share.services(), self.connection.from);
        match command {
            Command::Register { .. } => Ok(()),
            Command::RequestFile { public_key, filename } => {
                let names: &[&str] = &[&filename];
                let route = Route::Socket;
                let wanted = Wanted { by, from, names, public_key, route };
                session.request(wanted, services).map(drop)
            }
            Command::AcknowledgeFileRequest { request, answer, filename } => {
                session.acknowledge(by, request, (answer, &filename), services)
            }
            Command::ReadyForFileTransfer { request } => session.ready(by, request, services),
            Command::AddChunk { request, chunk } => {
                session.give(by, request, &chunk, (from, services))
            }
            Command::ReceivedChunk { request, number } => {
                session.confirm(by, request, number, services)
            }
        }
    }
}

impl Handler for ShareSocket {
    const FLOW_CONTROLLED: bool = true;

    fn on_message(&mut self, message: Message<'_>) {
        match message {
            Message::Text(text) => self.hear(text),
            Message::Binary(_) if self.is_silent => {}
            Message::Binary(_) => {
                self.refuse(&Refusal::invalid("Frames are text."), None);
            }
        }
    }

    /// A sender sends what it was asked for, and nothing waits here.
    fn ready(&self) -> bool {
        true
    }

    fn drained(&mut self) {
        if let (Some(session), Some(member)) = (&self.session, self.registered) {
            session.lock().drained(member, self.share.services());
        }
    }
}

impl Drop for ShareSocket {
    fn drop(&mut self) {
        if let Some(session) = &self.session {
            let services = self.share.services();
            session.lock().disconnect(self.registered, &self.connection, services);
        }
    }
}
