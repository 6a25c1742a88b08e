//! What all sessions stand on.

use std::sync::{Arc, Weak};
use std::time::Duration;

use base::{Clock, Random};

use crate::caps::Caps;
use crate::flow::Held;
use crate::id::{MemberId, RequestId, SessionId};
use crate::member::ShareConnection;
use crate::settings::Settings;
use crate::timers::Timers;

/// How long the sockets of a session that is over, or was never there, stay open: old pages
/// reconnect every 100 ms as soon as one is closed.
const UNUSED_SOCKET_LIFE: Duration = Duration::from_secs(60);

/// Handles and counters that every session uses.
#[derive(Debug)]
pub(crate) struct Services {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) settings: Settings,
    pub(crate) caps: Caps,
    pub(crate) timers: Timers<Due>,
    pub(crate) held: Arc<Held>,
}

impl Services {
    /// Closes a socket that is of no use in a while.
    pub(crate) fn close_unused(&self, connection: Weak<ShareConnection>) {
        let at = self.clock.monotonic() + UNUSED_SOCKET_LIFE;
        self.timers.at(at, Due::CloseSocket(connection));
    }
}

/// What can be due.
#[derive(Debug)]
pub(crate) enum Due {
    /// The session may have been idle for its whole life.
    Idle(SessionId),
    /// The member lost its socket at this time, and may have stayed away.
    Away(SessionId, MemberId, Duration),
    /// The sender of a request may not have come.
    SenderAway(SessionId, RequestId),
    /// The transfer may go on: a pace or a rate held it up.
    Go(SessionId, RequestId),
    /// A transfer of the session may have stood still.
    Stalled(SessionId),
    /// The socket is of no use: its session is over, or was never there.
    CloseSocket(Weak<ShareConnection>),
}

impl Due {
    /// Whether it is held against clients what they have not done by then.
    pub(crate) fn is_deadline(&self) -> bool {
        match self {
            Self::Idle(..) | Self::Away(..) | Self::SenderAway(..) | Self::Stalled(..) => true,
            Self::Go(..) | Self::CloseSocket(..) => false,
        }
    }
}
