//! What the two parties of a transfer do, step by step: each operation is one party's, in the
//! stage in which it has its turn. Who is there is kept by [`presence`], what is on its way
//! by [`relay`].
//!
//! Invariants: only the two parties of a request act in it, each in its own role; whatever
//! ends a transfer, both sides that can hear are told, and nothing of it stays.

pub(crate) mod presence;
mod relay;

use std::net::IpAddr;

use self::presence::GRACE;
use self::relay::STALLED;
use crate::command::Chunk;
use crate::flow::{self, Flow, Given};
use crate::frames::{self, AddChunk, Answer};
use crate::id::{MemberId, RequestId};
use crate::refusal::Refusal;
use crate::services::{Due, Services};
use crate::session::Session;
use crate::transfer::{Route, Stage, Transfer};

/// Why a transfer ended, for both sides.
pub(crate) mod reason {
    pub(crate) const AWAY: &str = "The other side is not there any more.";
    pub(crate) const SENDER_AWAY: &str = "The file's owner is not there.";
    pub(crate) const STALLED: &str = "Nothing happened for ten minutes.";
    pub(crate) const REMOVED: &str = "The file is not offered any more.";
    pub(crate) const PACED: &str = "The connection broke in the middle of a chunk.";
    pub(crate) const READER_LEFT: &str = "The receiver has left.";
}

/// A request for a file: the member that makes it, its address, and how the chunks are to come.
pub(crate) struct Wanted<'a> {
    pub(crate) by: MemberId,
    pub(crate) from: IpAddr,
    pub(crate) names: &'a [&'a str],
    pub(crate) public_key: String,
    pub(crate) route: Route,
}

impl Session {
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
        let place = services.caps.transfer(from)?;
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
            _place: place,
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

#[cfg(test)]
mod tests;
