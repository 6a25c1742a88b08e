//! Chunks on their way: what is passed on, what is asked for, and when a transfer ends.
//!
//! Every event that may let a transfer go on calls [`Session::go_on`]; nothing polls.

use std::time::Duration;

use hub::{Close, Outbox};

use super::reason;
use crate::frames;
use crate::id::{MemberId, RequestId};
use crate::services::{Due, Services};
use crate::session::{Abort, Session};
use crate::transfer::{Route, Stage, Transfer};

/// How long a transfer may stand still.
pub(super) const STALLED: Duration = Duration::from_secs(10 * 60);

/// Bytes of chunks that wait in a receiver's outbox at most, besides the one that is being
/// written; the others wait in the transfer. Well below what an outbox is cut off for.
const HIGH_WATER: usize = 512 * 1024;

impl Session {
    /// The moment has come for which a transfer waited.
    pub(crate) fn go_on_now(&mut self, request: RequestId, services: &Services) {
        if let Some(transfer) = self.transfers.get_mut(&request) {
            transfer.next_go = None;
            self.go_on(request, services);
        }
    }

    /// A reader of events is gone.
    pub(crate) fn reader_left(&mut self, request: RequestId, services: &Services) {
        self.abort(request, Abort::because(reason::READER_LEFT), services);
    }

    /// The receiver's socket has taken all that waited for it.
    pub(crate) fn drained(&mut self, id: MemberId, services: &Services) {
        let is_theirs = |it: &&Transfer| it.receiver == id && matches!(it.route, Route::Socket);
        if let Some(request) = self.transfers.values().find(is_theirs).map(|it| it.id) {
            self.go_on(request, services);
        }
    }

    /// A reader of events has taken all that waited for it.
    pub(crate) fn stream_drained(&mut self, request: RequestId, services: &Services) {
        let Some(transfer) = self.transfers.get_mut(&request) else { return };
        let Route::Stream(outbox) = &transfer.route else { return };
        // Chunks are passed on under this lock: one may have come before it was taken.
        if outbox.queued() == 0 {
            transfer.flow.confirm_all();
            transfer.progress = services.clock.monotonic();
            self.go_on(request, services);
        }
    }

    /// Does what can be done for a transfer now: passes chunks on, asks for more, or ends it.
    pub(crate) fn go_on(&mut self, request: RequestId, services: &Services) {
        let Self { id, transfers, members, bytes, .. } = self;
        let Some(transfer) = transfers.get_mut(&request) else { return };
        if !matches!(transfer.stage, Stage::Running) {
            return;
        }
        let now = services.clock.monotonic();
        let seat = members.get(&transfer.receiver).and_then(|it| it.seat.as_ref());
        let (outbox, is_paced) = match &transfer.route {
            Route::Stream(outbox) => (Some(outbox), false),
            Route::Socket => {
                (seat.map(|seat| &seat.connection.outbox), seat.is_some_and(|seat| seat.is_paced))
            }
        };
        if let Some(outbox) = outbox.cloned() {
            let pace = is_paced.then_some(services.settings.browser_pace);
            let pace = pace.filter(|pace| !pace.is_zero());
            *bytes += pass_on(transfer, &outbox, (now, pace));
            if transfer.pass_from > now && transfer.flow.next().is_some() {
                transfer.go_on_at(transfer.pass_from, *id, services);
            }
        }
        if transfer.flow.is_done() {
            if let Some(Route::Stream(outbox)) = self.complete(request, now).map(|it| it.route) {
                outbox.send(&[frames::done()]);
                outbox.close(Close { code: 1000, reason: "done" });
            }
            return;
        }
        let sender = members.get(&transfer.sender).and_then(|member| member.seat.as_ref());
        let Some(sender) = sender else { return };
        let wait = services.caps.wait_for_bytes(sender.connection.from);
        if !wait.is_zero() {
            return transfer.go_on_at(now + wait, *id, services);
        }
        while let Some(number) = transfer.flow.ask() {
            sender.connection.send(frames::send_next_chunk(request, number));
        }
    }

    /// Ends the transfers that stand still, and sees to it that the others are looked at when
    /// the first of them may.
    pub(crate) fn end_stalled(&mut self, services: &Services) {
        let now = services.clock.monotonic();
        let stalled = self.transfers.values().filter(|it| it.progress + STALLED <= now);
        for request in stalled.map(|it| it.id).collect::<Vec<_>>() {
            self.abort(request, Abort::because(reason::STALLED), services);
        }
        let next = self.transfers.values().map(|it| it.progress + STALLED).min();
        self.looks_for_stalled = next.is_some();
        if let Some(next) = next {
            services.timers.at(next, Due::Stalled(self.id));
        }
    }
}

/// Passes on what is there and fits, at the receiver's pace; how many bytes.
fn pass_on(
    transfer: &mut Transfer,
    outbox: &Outbox,
    (now, pace): (Duration, Option<Duration>),
) -> u64 {
    let before = transfer.bytes;
    while transfer.pass_from <= now
        && transfer.flow.next().is_some_and(|chunk| has_room(outbox, chunk.frame.len()))
        && let Some(chunk) = transfer.flow.pass()
    {
        outbox.send(&[chunk.frame]);
        transfer.has_passed(chunk.payload, now, pace);
    }
    let passed = transfer.bytes - before;
    metrics::counter!("packetboat_share_bytes_total").increment(passed);
    passed
}

/// Whether another chunk may be put into `outbox`: while nothing waits in it, always.
fn has_room(outbox: &Outbox, frame: usize) -> bool {
    let queued = outbox.queued();
    queued == 0 || (queued < HIGH_WATER && outbox.budget().has_room(frame))
}
