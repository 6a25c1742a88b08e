//! A request for a file, and the transfer that it becomes. Two members are parties to it,
//! each with a role of its own: the sender, who owns the file, and the receiver.
//!
//! | stage | waits for | of |
//! |---|---|---|
//! | requested | `acknowledge-file-request` | the sender |
//! | prepared | `ready-for-file-transfer` | the receiver |
//! | running | chunks and confirmations | both |
//!
//! It ends complete, or aborted, and then there is no trace of it in the session.

use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use hub::Outbox;

use crate::caps::Place;
use crate::files::FileName;
use crate::flow::Flow;
use crate::frames::{Answer, Format};
use crate::id::{MemberId, RequestId, SessionId};
use crate::services::{Due, Services};

/// For each MiB that has been passed on, a paced receiver needs this much longer for a
/// chunk: the original's page rewrites all that it has.
const PACE_PER_MIB: Duration = Duration::from_millis(25);

const MIB: u64 = 1024 * 1024;

/// How far a transfer has come.
#[derive(Debug)]
pub(crate) enum Stage {
    Requested,
    Prepared(Answer),
    Running,
}

impl Stage {
    /// For administrators.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Requested => "asked for",
            Self::Prepared(_) => "about to begin",
            Self::Running => "running",
        }
    }
}

/// Where the chunks go.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// To whatever socket the receiver is registered on.
    Socket,
    /// To this stream of events, and to no other.
    Stream(Arc<Outbox>),
}

impl Route {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Socket => Format::Socket,
            Self::Stream(_) => Format::Events,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) id: RequestId,
    pub(crate) file: FileName,
    pub(crate) sender: MemberId,
    pub(crate) receiver: MemberId,
    pub(crate) route: Route,
    /// The receiver's, for the sender.
    pub(crate) public_key: String,
    pub(crate) stage: Stage,
    pub(crate) flow: Flow,
    /// Bytes of ciphertext passed on.
    pub(crate) bytes: u64,
    pub(crate) since: Timestamp,
    /// When it last got on, on the monotonic clock.
    pub(crate) progress: Duration,
    /// Until when it waits for a sender that was away when it was requested.
    pub(crate) waits_until: Option<Duration>,
    /// No chunk is passed on before: the receiver's pace.
    pub(crate) pass_from: Duration,
    /// For when it is among the timers, so that it is so once.
    pub(crate) next_go: Option<Duration>,
    pub(crate) _place: Place,
}

impl Transfer {
    /// Whether `member` is a party to it.
    pub(crate) fn concerns(&self, member: MemberId) -> bool {
        self.sender == member || self.receiver == member
    }

    /// Whether it ends because `member` stays away: a sender who has given all of it is not
    /// needed any more, and a reader of events has no socket to lose.
    pub(crate) fn needs_socket_of(&self, member: MemberId) -> bool {
        let sends = self.sender == member && !self.flow.is_given();
        let receives = matches!(self.route, Route::Socket) && self.receiver == member;
        sends || receives
    }

    /// Sees to it that it goes on at `when`, or before.
    pub(crate) fn go_on_at(&mut self, when: Duration, session: SessionId, services: &Services) {
        if self.next_go.is_none_or(|next| next > when) {
            self.next_go = Some(when);
            services.timers.at(when, Due::Go(session, self.id));
        }
    }

    /// A chunk of `payload` bytes is passed on `now`, at `pace` if its receiver is paced.
    pub(crate) fn has_passed(&mut self, payload: u64, now: Duration, pace: Option<Duration>) {
        self.bytes += payload;
        self.progress = now;
        if let Some(pace) = pace {
            let mebibytes = u32::try_from(self.bytes / MIB).unwrap_or(u32::MAX);
            self.pass_from = now + pace + PACE_PER_MIB.saturating_mul(mebibytes);
        }
    }
}
