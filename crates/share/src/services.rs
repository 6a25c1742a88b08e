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
    /// The transfer may have stood still.
    Stalled(SessionId, RequestId),
    /// The socket may be of no use.
    UnusedSocket(Weak<ShareConnection>),
}
