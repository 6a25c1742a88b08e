//! What time does to sessions: dead-lines, paces, and the end of what is not used.
//!
//! Invariant: a server that stood still holds no dead-line against clients of which it has not
//! read yet what they did meanwhile.

use std::time::Duration;

use base::Vital;
use hub::Close;

use super::{Ending, Share};
use crate::exchange::presence::GRACE;
use crate::id::SessionId;
use crate::services::Due;
use crate::session::{SESSION_LIFE, Session};

/// Every second it is looked at what is due. So much longer means that the server stood still
/// (stopped, or given no time): what clients did meanwhile is yet to be read.
const STOOD_STILL: Duration = Duration::from_secs(4);

impl Share {
    /// Does what is due, whenever something is.
    pub(super) async fn keep_time(self, alive: Vital) {
        loop {
            self.services().timers.wait().await;
            alive.survive(async { self.do_what_is_due() }).await;
        }
    }

    /// Does everything that is due now. After the server has stood still, clients have some
    /// time to show that they are there.
    pub(crate) fn do_what_is_due(&self) {
        let services = self.services();
        let mut looked = self.0.looked.lock();
        let now = services.clock.monotonic();
        let stood_still = now.saturating_sub(std::mem::replace(&mut *looked, now)) > STOOD_STILL;
        while let Some(due) = services.timers.pop() {
            if stood_still && due.is_deadline() {
                services.timers.at(services.clock.monotonic() + GRACE, due);
            } else {
                self.see_to(due);
            }
        }
    }

    fn see_to(&self, due: Due) {
        let services = self.services();
        let in_session = |id, operation: &dyn Fn(&mut Session)| {
            if let Some(session) = self.session(id) {
                operation(&mut session.lock());
            }
        };
        match due {
            Due::Idle(id) => self.end_if_idle(id),
            Due::Away(id, member, lost) => {
                in_session(id, &|session| session.stayed_away(member, lost, services));
            }
            Due::SenderAway(id, request) => {
                in_session(id, &|session| session.sender_stayed_away(request, services));
            }
            Due::Go(id, request) => {
                in_session(id, &|session| session.go_on_now(request, services));
            }
            Due::Stalled(id) => in_session(id, &|session| session.end_stalled(services)),
            Due::CloseSocket(connection) => {
                if let Some(connection) = connection.upgrade() {
                    connection.outbox.close(Close { code: 1000, reason: "the session is over" });
                }
            }
        }
    }

    fn end_if_idle(&self, id: SessionId) {
        let Some(session) = self.session(id) else { return };
        let services = self.services();
        let now = services.clock.monotonic();
        let mut state = session.lock();
        state.forget_members(now);
        let until = state.idle_until().unwrap_or(now + SESSION_LIFE);
        if until <= now {
            self.end_locked(&session, state, Ending::Idle);
        } else {
            services.timers.at(until, Due::Idle(id));
        }
    }
}
