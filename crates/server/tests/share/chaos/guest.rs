//! A guest who asks for the file until it is whole, and whose socket is cut now and then.

use std::sync::Arc;

use serde_json::Value;

use super::account::Taken;
use super::host::bytes_of;
use super::world::{Dice, World};
use crate::kit::{Member, hex};
use crate::peer::Peer;

pub(super) struct Guest {
    world: Arc<World>,
    place: (usize, Option<usize>),
    member: Member,
    dice: Dice,
    window: u64,
}

/// The request under way.
#[derive(Default)]
struct Transfer {
    seen: Taken,
    chunks: u64,
    /// The request before it: a guest that comes back may be told of its end once more.
    before: Option<String>,
}

impl Guest {
    pub(super) fn new(
        world: Arc<World>,
        (session, guest): (usize, usize),
        member: Member,
        seed: u64,
    ) -> Self {
        let mut dice = Dice::new(seed);
        let window = 1 + dice.roll(8);
        Self { world, place: (session, Some(guest)), member, dice, window }
    }

    /// Asks for the file until all cuts are done and it has come once more after that.
    pub(super) async fn run(mut self, mut cuts: u32) -> Vec<Taken> {
        let mut peer = self.member.register_loudly(self.window).await;
        let mut seen = Vec::new();
        let mut transfer = Transfer::default();
        peer.request("a.txt").await;
        loop {
            let frame = peer.next().await;
            let is_cut = cuts > 0 && self.dice.roll(6) == 0;
            let is_over = if is_cut && self.dice.roll(2) == 0 {
                false
            } else {
                transfer.answer(&mut peer, &frame).await
            };
            if is_over {
                seen.push(transfer.end());
            }
            if is_cut {
                cuts -= 1;
                peer = self.cut(peer, &mut transfer, &mut seen).await;
            } else if is_over {
                peer.request("a.txt").await;
            }
            if self.is_whole(&mut peer, &transfer).await {
                let has_all = transfer.seen.has_all;
                seen.push(transfer.end());
                if has_all && cuts == 0 {
                    self.world.done(self.place);
                    return seen;
                }
                peer.request("a.txt").await;
            }
        }
    }

    /// Whether the last chunk is here and the server knows.
    async fn is_whole(&self, peer: &mut Peer, transfer: &Transfer) -> bool {
        if !transfer.seen.has_all {
            return false;
        }
        peer.settle().await;
        peer.has_heard_nothing()
    }

    /// Loses the socket; the next one, registered.
    async fn cut(&mut self, peer: Peer, transfer: &mut Transfer, seen: &mut Vec<Taken>) -> Peer {
        self.world.cut();
        if self.dice.roll(5) > 0 {
            let _still = self.world.still().await;
            peer.cut();
            let mut peer = self.member.register_loudly(self.window).await;
            if transfer.seen.request.is_none() {
                // It may have been lost with the socket; if not, this one is refused.
                peer.request("a.txt").await;
                peer.settle().await;
            }
            return peer;
        }
        peer.cut();
        transfer.seen.was_away = true;
        self.world.stay_away(self.place).await;
        let mut peer = self.member.register_loudly(self.window).await;
        peer.request("a.txt").await;
        peer.settle().await;
        if !peer.takes_refusal_of("request-file") {
            // It was accepted, so the one before is over.
            seen.push(transfer.end());
        }
        peer
    }
}

impl Transfer {
    /// It is over: what was seen of it. The next one begins.
    fn end(&mut self) -> Taken {
        let before = self.seen.request.clone().or(self.before.take());
        std::mem::replace(self, Self { before, ..Self::default() }).seen
    }

    /// Takes a frame; whether the request is over.
    async fn answer(&mut self, peer: &mut Peer, frame: &Value) -> bool {
        let id = &frame["request_id"];
        match frame["command"].as_str() {
            Some("prepare-for-file-transfer") => {
                self.seen.request = id.as_str().map(str::to_owned);
                peer.ready(id).await;
            }
            Some("add-chunk") => {
                let request = self.seen.request.as_deref().expect("a prepared transfer");
                assert_eq!(id, request);
                let number = frame["data"]["chunk_nr"].as_u64().expect("a number");
                assert!(number <= self.chunks + 1, "in order: {frame}");
                if number == self.chunks + 1 {
                    assert_eq!(frame["data"]["chunk"], hex(&bytes_of(request, number)));
                    self.chunks = number;
                    self.seen.has_all = frame["data"]["is_last_chunk"] == true;
                }
                peer.confirm(id, number).await;
            }
            Some("transfer-aborted") if id.as_str() == self.before.as_deref() => {}
            Some("transfer-aborted") => {
                self.seen.request = id.as_str().map(str::to_owned);
                self.seen.was_aborted = true;
                return true;
            }
            _ => assert_eq!(frame["success"], false, "{frame}"),
        }
        false
    }
}
