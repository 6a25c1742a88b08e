//! Transfers that end, complete or aborted, and what is remembered of them for a while.

use std::time::Duration;

use super::Session;
use crate::frames::Format;
use crate::id::{MemberId, RequestId};
use crate::services::Services;
use crate::transfer::{Route, Transfer};

/// Transfers that are remembered after they ended.
const MAX_ENDED: usize = 64;

/// How long ago a transfer was aborted of which its sender is told once more when it comes back:
/// the first time may have been on a socket that was gone already.
const ABORT_TOLD_AGAIN: Duration = Duration::from_secs(60);

/// A transfer that is over, and whose it was.
#[derive(Debug)]
pub(super) struct Ended {
    request: RequestId,
    sender: MemberId,
    receiver: MemberId,
    /// Why, if it was not completed.
    aborted: Option<Abort>,
    at: Duration,
}

/// Why a transfer is aborted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abort {
    /// For both sides.
    pub(crate) sentence: &'static str,
    /// The party that stayed away, if that is why: it knows.
    pub(crate) absent: Option<MemberId>,
}

impl Abort {
    pub(crate) fn because(sentence: &'static str) -> Self {
        Self { sentence, absent: None }
    }
}

impl Session {
    /// Takes a transfer out, and tells both sides why.
    pub(crate) fn abort(&mut self, request: RequestId, abort: Abort, services: &Services) {
        let (now, sentence) = (services.clock.monotonic(), abort.sentence);
        let Some(transfer) = self.take_transfer(request, Some(abort), now) else { return };
        if let Some(sender) = self.members.get(&transfer.sender) {
            sender.tell(Format::Socket.aborted(request, sentence));
        }
        match &transfer.route {
            Route::Socket => {
                if let Some(receiver) = self.members.get(&transfer.receiver) {
                    receiver.tell(Format::Socket.aborted(request, sentence));
                }
            }
            Route::Stream(outbox) => {
                outbox.send(&[Format::Events.aborted(request, sentence)]);
                outbox.close(hub::Close { code: 1000, reason: "aborted" });
            }
        }
        self.touch(now);
    }

    /// Takes a transfer out that is complete.
    pub(crate) fn complete(&mut self, request: RequestId, now: Duration) -> Option<Transfer> {
        self.take_transfer(request, None, now)
    }

    fn take_transfer(
        &mut self,
        request: RequestId,
        aborted: Option<Abort>,
        now: Duration,
    ) -> Option<Transfer> {
        let transfer = self.transfers.remove(&request)?;
        let Transfer { sender, receiver, bytes, .. } = transfer;
        self.ended.truncate(MAX_ENDED - 1);
        self.ended.push_front(Ended { request, sender, receiver, aborted, at: now });
        let end = if aborted.is_some() { "aborted" } else { "complete" };
        metrics::counter!("packetboat_share_transfers_total", "end" => end).increment(1);
        tracing::info!(session = self.number, end, bytes, "transfer ended");
        Some(transfer)
    }

    /// Whether `id` sent all of a transfer a moment ago: what it says of it now may have crossed
    /// the end on the way.
    pub(crate) fn has_sent(&self, id: MemberId, request: RequestId) -> bool {
        self.was_completed(request, |it| it.sender == id)
    }

    /// The same of its receiver.
    pub(crate) fn has_received(&self, id: MemberId, request: RequestId) -> bool {
        self.was_completed(request, |it| it.receiver == id)
    }

    fn was_completed(&self, request: RequestId, is_theirs: impl Fn(&Ended) -> bool) -> bool {
        let is_it = |it: &Ended| it.request == request && it.aborted.is_none() && is_theirs(it);
        self.ended.iter().any(is_it)
    }

    /// Tells a member on another socket that its last request was aborted, unless it has asked
    /// anew since: it would wait for ever otherwise. If it `may_have_missed` what its socket
    /// before was told last, also of what it was sending.
    pub(crate) fn tell_aborted(&self, id: MemberId, may_have_missed: bool, now: Duration) {
        let Some(member) = self.members.get(&id) else { return };
        let mut has_asked = self.transfers.values().any(|it| it.receiver == id);
        for it in &self.ended {
            let is_last_request = it.receiver == id && !has_asked;
            has_asked |= it.receiver == id;
            let Some(Abort { sentence, absent }) = it.aborted else { continue };
            let is_missed = it.sender == id
                && may_have_missed
                && absent != Some(id)
                && now < it.at + ABORT_TOLD_AGAIN;
            if is_last_request || is_missed {
                member.tell(Format::Socket.aborted(it.request, sentence));
            }
        }
    }
}
