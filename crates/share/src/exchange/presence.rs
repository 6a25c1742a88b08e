//! Members who come and go: the sockets on which they hear, breaks, and staying away.
//!
//! Invariants: a member hears on the socket on which it registered last; one that comes back
//! in time goes on where it was, and is told what it may have missed.

use std::sync::Arc;
use std::time::Duration;

use super::reason;
use crate::frames::{self, Format};
use crate::id::{MemberId, RequestId};
use crate::member::{Seat, ShareConnection};
use crate::refusal::Refusal;
use crate::services::{Due, Services};
use crate::session::{Abort, Session};
use crate::transfer::{Route, Stage, Transfer};

/// How long a member may be without a socket, and a sender not there yet, before its
/// transfers end.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

impl Session {
    /// A socket of this session is open.
    pub(crate) fn connect(&mut self, connection: &Arc<ShareConnection>, services: &Services) {
        if self.is_over {
            services.close_unused(Arc::downgrade(connection));
        } else {
            self.connections.insert(connection.outbox.id(), Arc::downgrade(connection));
        }
    }

    /// It is not any more. If `id` was registered on it, it has some time to come back.
    pub(crate) fn disconnect(
        &mut self,
        id: Option<MemberId>,
        connection: &Arc<ShareConnection>,
        services: &Services,
    ) {
        self.connections.remove(&connection.outbox.id());
        let Some(id) = id else { return };
        let Some(member) = self.members.get_mut(&id) else { return };
        if member.is_on(connection) {
            let now = services.clock.monotonic();
            member.lose_seat(now);
            self.touch(now);
            services.timers.at(now + GRACE, Due::Away(self.id, id, now));
        }
    }

    /// `member` hears on `seat` from now on: for the first time, after a break, or because
    /// its newer socket takes over.
    pub(crate) fn register(
        &mut self,
        id: MemberId,
        seat: Seat,
        services: &Services,
    ) -> Result<(), Refusal> {
        let now = services.clock.monotonic();
        let member = self.members.get_mut(&id).filter(|member| member.may_register(now));
        let member = member.ok_or_else(Refusal::unauthorized)?;
        let is_same = member.is_on(&seat.connection);
        // The socket before may be gone already, whether the server has noticed or not.
        let may_have_missed = member.seat.is_some() || member.is_back_within(GRACE, now);
        member.take_seat(seat.clone());
        self.touch(now);
        if is_same {
            self.set_window(id, seat.window);
            return Ok(());
        }
        self.tell_aborted(id, may_have_missed, now);
        let theirs = self.transfers.values().filter(|it| it.concerns(id)).map(|it| it.id);
        for request in theirs.collect::<Vec<_>>() {
            self.resume(request, id, &seat, services);
        }
        Ok(())
    }

    /// The receiver `id` takes so many chunks ahead from now on.
    fn set_window(&mut self, id: MemberId, window: u32) {
        for transfer in self.transfers.values_mut().filter(|it| it.receiver == id) {
            if matches!(transfer.route, Route::Socket) {
                transfer.flow.set_window(window);
            }
        }
    }

    /// Tells a party that is on another socket what it may have missed.
    fn resume(&mut self, request: RequestId, id: MemberId, seat: &Seat, services: &Services) {
        let Some(transfer) = self.transfers.get_mut(&request) else { return };
        if transfer.sender == id {
            transfer.waits_until = None;
            if matches!(transfer.stage, Stage::Requested) {
                let Transfer { public_key, file, .. } = transfer;
                seat.connection.send(frames::file_requested(request, public_key, file));
            }
            for number in transfer.flow.awaited() {
                seat.connection.send(frames::send_next_chunk(request, number));
            }
        } else if matches!(transfer.route, Route::Socket) {
            transfer.flow.set_window(seat.window);
            if seat.is_paced && transfer.flow.is_unconfirmed() {
                return self.abort(request, Abort::because(reason::PACED), services);
            }
            if let Stage::Prepared(answer) = &transfer.stage {
                seat.connection.send(Format::Socket.prepare(request, &transfer.file, answer));
            }
            transfer.flow.pass_again();
        }
        self.go_on(request, services);
    }

    /// `id` has been without a socket since `lost`, unless it came back: what needs it ends.
    pub(crate) fn stayed_away(&mut self, id: MemberId, lost: Duration, services: &Services) {
        let is_away = self.members.get(&id).is_some_and(|member| member.is_away_since(lost));
        if !is_away {
            return;
        }
        let now = services.clock.monotonic();
        let ends = |transfer: &&Transfer| {
            transfer.needs_socket_of(id) && transfer.waits_until.is_none_or(|until| until <= now)
        };
        let ending = self.transfers.values().filter(ends).map(|transfer| transfer.id);
        for request in ending.collect::<Vec<_>>() {
            let abort = Abort { sentence: reason::AWAY, absent: Some(id) };
            self.abort(request, abort, services);
        }
    }

    /// A sender that was away when it was asked has had its time.
    pub(crate) fn sender_stayed_away(&mut self, request: RequestId, services: &Services) {
        let Some(transfer) = self.transfers.get(&request) else { return };
        if transfer.waits_until.is_some() {
            let abort = Abort { sentence: reason::SENDER_AWAY, absent: Some(transfer.sender) };
            self.abort(request, abort, services);
        }
    }
}
