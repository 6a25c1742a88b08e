//! A guest who asks for the file until it is whole, and whose socket is cut now and then.

use std::sync::Arc;

use serde_json::Value;

use super::account::{Account, Taken};
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
    seen: Account<Taken>,
    /// The request under way, once the server has named it.
    current: Option<String>,
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
        let (place, seen) = ((session, Some(guest)), Account::new());
        Self { world, place, member, dice, window, seen, current: None }
    }

    /// Asks for the file until all cuts are done and it has come once more after that.
    pub(super) async fn run(mut self, mut cuts: u32) -> Account<Taken> {
        let mut peer = self.member.register_loudly(self.window).await;
        peer.request("a.txt").await;
        loop {
            let frame = peer.next().await;
            let is_cut = cuts > 0 && self.dice.roll(6) == 0;
            // Before it has answered, or after.
            if !is_cut || self.dice.roll(2) == 0 {
                self.answer(&mut peer, &frame).await;
            }
            if is_cut {
                cuts -= 1;
                peer = self.cut(peer).await;
            }
            if self.is_whole(&mut peer).await {
                if cuts == 0 {
                    self.world.done(self.place);
                    return self.seen;
                }
                self.current = None;
                peer.request("a.txt").await;
            }
        }
    }

    /// The account of the request under way.
    fn taken(&mut self) -> Option<&mut Taken> {
        self.seen.get_mut(self.current.as_ref()?)
    }

    /// Whether the last chunk is here and the server knows.
    async fn is_whole(&mut self, peer: &mut Peer) -> bool {
        if !self.taken().is_some_and(|taken| taken.has_all) {
            return false;
        }
        peer.settle().await;
        peer.has_heard_nothing()
    }

    async fn answer(&mut self, peer: &mut Peer, frame: &Value) {
        let Some(request) = frame["request_id"].as_str() else {
            assert_eq!(frame["refused"], "request-file", "{frame}");
            return;
        };
        let taken = self.seen.entry(request.to_owned()).or_default();
        match frame["command"].as_str() {
            Some("prepare-for-file-transfer") => {
                taken.was_prepared = true;
                self.current = Some(request.to_owned());
                peer.ready(&frame["request_id"]).await;
            }
            Some("add-chunk") => {
                let data = &frame["data"];
                let number = data["chunk_nr"].as_u64().expect("a number");
                assert!(number <= taken.chunks + 1, "in order: {frame}");
                // One that is here already is confirmed all the same.
                if number == taken.chunks + 1 {
                    assert_eq!(data["chunk"], hex(&bytes_of(request, number)));
                    taken.chunks = number;
                    taken.has_all = data["is_last_chunk"] == true;
                }
                peer.confirm(&frame["request_id"], number).await;
            }
            Some("transfer-aborted") => {
                taken.was_aborted = true;
                if self.current.as_deref().is_none_or(|current| current == request) {
                    self.current = None;
                    // If it was another one that has ended, this is refused.
                    peer.request("a.txt").await;
                }
            }
            _ => assert_eq!(frame["success"], false, "{frame}"),
        }
    }

    /// Loses the socket; the next one, registered.
    async fn cut(&mut self, peer: Peer) -> Peer {
        self.world.cut();
        if self.dice.roll(5) > 0 {
            let _still = self.world.still().await;
            peer.cut();
            let mut peer = self.member.register_loudly(self.window).await;
            if self.current.is_none() {
                // It may have been lost with the socket; if not, this one is refused.
                peer.request("a.txt").await;
                peer.settle().await;
            }
            return peer;
        }
        peer.cut();
        if let Some(taken) = self.taken() {
            taken.was_away = true;
        }
        self.world.stay_away(self.place).await;
        let mut peer = self.member.register_loudly(self.window).await;
        peer.request("a.txt").await;
        peer.settle().await;
        if peer.take_heard(|frame| frame["refused"] == "request-file").is_none() {
            // It was accepted, so the one before is over.
            self.current = None;
        }
        peer
    }
}
