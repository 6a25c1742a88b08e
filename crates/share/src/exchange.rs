//! What members do with each other's files: registering where they hear, requests, and the
//! chunks of transfers. Each operation is one party's, in the stage in which it has its turn.
//!
//! Invariants: only the two parties of a request act in it, each in its own role; whatever
//! ends a transfer, both sides that can hear are told, and nothing of it stays.

use std::net::IpAddr;
use std::time::Duration;

use hub::Outbox;

use crate::command::Chunk;
use crate::flow::{self, Flow, Given};
use crate::frames::{self, AddChunk, Answer, Format};
use crate::id::{MemberId, RequestId};
use crate::member::Seat;
use crate::refusal::Refusal;
use crate::services::{Due, Services};
use crate::session::{Abort, GRACE, Session};
use crate::transfer::{Route, Stage, Transfer, has_room};

/// How long a transfer may stand still.
const STALLED: Duration = Duration::from_secs(10 * 60);

/// Why a transfer ended, for both sides.
pub(crate) mod reason {
    pub(crate) const AWAY: &str = "The other side is not there any more.";
    pub(crate) const SENDER_AWAY: &str = "The file's owner is not there.";
    pub(crate) const STALLED: &str = "Nothing happened for ten minutes.";
    pub(crate) const REMOVED: &str = "The file is not offered any more.";
    pub(crate) const PACED: &str = "The connection broke in the middle of a chunk.";
    pub(crate) const READER_LEFT: &str = "The receiver has left.";
}

/// A request for a file, by whom, from where, and how its chunks are to come.
pub(crate) struct Wanted<'a> {
    pub(crate) by: MemberId,
    pub(crate) from: IpAddr,
    pub(crate) names: &'a [&'a str],
    pub(crate) public_key: String,
    pub(crate) route: Route,
}

impl Session {
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
        let may_have_missed =
            !is_same && (member.seat.is_some() || member.is_back_within(GRACE, now));
        member.take_seat(seat.clone());
        self.touch(now);
        if may_have_missed {
            self.tell_aborted(id, now);
        }
        if is_same {
            self.set_window(id, seat.window);
            return Ok(());
        }
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

    /// A member asks for another's file.
    pub(crate) fn request(
        &mut self,
        wanted: Wanted<'_>,
        services: &Services,
    ) -> Result<RequestId, Refusal> {
        let Wanted { by, from, names, public_key, route } = wanted;
        let now = services.clock.monotonic();
        let file = self.files.find(names.iter().copied()).ok_or_else(Refusal::no_such_file)?;
        if file.owner == by {
            return Err(Refusal::invalid("This file is your own."));
        }
        let is_open = |it: &Transfer| it.receiver == by && matches!(it.route, Route::Socket);
        if matches!(route, Route::Socket) && self.transfers.values().any(is_open) {
            return Err(Refusal::invalid("A request of yours is open already."));
        }
        let window = match &route {
            Route::Socket => self.members.get(&by).and_then(|it| it.seat.as_ref()),
            Route::Stream(_) => None,
        };
        let window = window.map_or(services.settings.window, |seat| seat.window);
        let request = RequestId::random(&*services.random);
        let slots = services.caps.transfer(from)?;
        let sender = self.members.get(&file.owner);
        let asked = frames::file_requested(request, &public_key, &file.name);
        let waits_until = match sender.filter(|sender| sender.seat.is_some()) {
            Some(sender) => {
                sender.tell(asked);
                None
            }
            None => {
                let until = now + GRACE;
                services.timers.at(until, Due::SenderAway(self.id, request));
                Some(until)
            }
        };
        let transfer = Transfer {
            id: request,
            file: file.name.clone(),
            sender: file.owner,
            receiver: by,
            route,
            public_key,
            stage: Stage::Requested,
            flow: Flow::new(window, services.held.clone()),
            bytes: 0,
            since: services.clock.now(),
            progress: now,
            waits_until,
            pass_from: now,
            next_go: None,
            _slots: slots,
        };
        self.transfers.insert(request, transfer);
        self.touch(now);
        if !std::mem::replace(&mut self.looks_for_stalled, true) {
            services.timers.at(now + STALLED, Due::Stalled(self.id));
        }
        Ok(request)
    }

    /// The sender answers a request.
    pub(crate) fn acknowledge(
        &mut self,
        by: MemberId,
        request: RequestId,
        (answer, filename): (Answer, &str),
        services: &Services,
    ) -> Result<(), Refusal> {
        let transfer = self.transfer_sent_by(by, request)?;
        if !matches!(transfer.stage, Stage::Requested) {
            return Err(Refusal::invalid("This request was acknowledged already."));
        }
        if !transfer.file.is_named(filename) {
            return Err(Refusal::invalid("This request is for another file."));
        }
        let prepare = transfer.route.format().prepare(request, &transfer.file, &answer);
        transfer.progress = services.clock.monotonic();
        match &transfer.route {
            Route::Stream(outbox) => {
                outbox.send(&[prepare]);
                // A reader of events says nothing: it is ready.
                transfer.stage = Stage::Running;
                self.go_on(request, services);
            }
            Route::Socket => {
                transfer.stage = Stage::Prepared(answer);
                let receiver = transfer.receiver;
                if let Some(receiver) = self.members.get(&receiver) {
                    receiver.tell(prepare);
                }
            }
        }
        Ok(())
    }

    /// The receiver is ready for chunks.
    pub(crate) fn ready(
        &mut self,
        by: MemberId,
        request: RequestId,
        services: &Services,
    ) -> Result<(), Refusal> {
        let transfer = self.transfer_received_by(by, request)?;
        match transfer.stage {
            Stage::Prepared(_) => {
                transfer.stage = Stage::Running;
                transfer.progress = services.clock.monotonic();
                self.go_on(request, services);
                Ok(())
            }
            Stage::Requested => Err(Refusal::invalid("The owner has not answered yet.")),
            Stage::Running => Err(Refusal::invalid("The transfer is running already.")),
        }
    }

    /// The sender gives a chunk, which came from `from`.
    pub(crate) fn give(
        &mut self,
        by: MemberId,
        request: RequestId,
        chunk: &Chunk<'_>,
        (from, services): (IpAddr, &Services),
    ) -> Result<(), Refusal> {
        if self.has_sent(by, request) {
            return Ok(()); // Beyond the end, as chunks that are dropped.
        }
        let transfer = self.transfer_sent_by(by, request)?;
        let Chunk { is_last_chunk, chunk_nr, chunk, iv, .. } = chunk;
        let (is_last, number) = (*is_last_chunk, *chunk_nr);
        let payload = chunk.len() as u64 / 2;
        let format = transfer.route.format();
        let given = transfer.flow.give(number, is_last, || {
            let data = AddChunk { is_last_chunk: is_last, chunk_nr: number, chunk, iv };
            flow::Chunk { frame: format.add_chunk(request, &data), payload }
        });
        match given {
            Err(flow::Unexpected) => {
                Err(Refusal::invalid("This chunk was not asked for, or was given already."))
            }
            Ok(Given::Dropped) => Ok(()),
            Ok(Given::Kept) => {
                transfer.progress = services.clock.monotonic();
                services.caps.charge_bytes(from, payload);
                self.go_on(request, services);
                Ok(())
            }
        }
    }

    /// The receiver has a chunk.
    pub(crate) fn confirm(
        &mut self,
        by: MemberId,
        request: RequestId,
        number: u32,
        services: &Services,
    ) -> Result<(), Refusal> {
        if self.has_received(by, request) {
            return Ok(()); // Confirmed once more.
        }
        let transfer = self.transfer_received_by(by, request)?;
        let confirmed = transfer.flow.confirm(number);
        confirmed.map_err(|flow::Unexpected| Refusal::invalid("This chunk was not sent yet."))?;
        transfer.progress = services.clock.monotonic();
        self.go_on(request, services);
        Ok(())
    }

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
                outbox.close(hub::Close { code: 1000, reason: "done" });
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

    fn transfer_sent_by(
        &mut self,
        by: MemberId,
        request: RequestId,
    ) -> Result<&mut Transfer, Refusal> {
        self.transfer_of(request, |transfer| transfer.sender == by)
    }

    fn transfer_received_by(
        &mut self,
        by: MemberId,
        request: RequestId,
    ) -> Result<&mut Transfer, Refusal> {
        let hears = |it: &Transfer| it.receiver == by && matches!(it.route, Route::Socket);
        self.transfer_of(request, hears)
    }

    fn transfer_of(
        &mut self,
        request: RequestId,
        may_act: impl Fn(&Transfer) -> bool,
    ) -> Result<&mut Transfer, Refusal> {
        let transfer = self.transfers.get_mut(&request).filter(|it| may_act(it));
        transfer.ok_or_else(Refusal::no_such_request)
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

#[cfg(test)]
mod tests;
