//! A host who gives what is asked for, and whose socket is cut now and then.

use std::sync::Arc;

use serde_json::Value;

use super::account::{Account, Given};
use super::world::{Dice, World};
use crate::kit::Member;
use crate::peer::{Peer, chunk};

/// What a chunk holds: another text for each request and number.
pub(super) fn bytes_of(request: &str, number: u64) -> Vec<u8> {
    format!("{number} of {request}").into_bytes()
}

pub(super) struct Host {
    world: Arc<World>,
    session: usize,
    member: Member,
    dice: Dice,
    seen: Account<Given>,
}

impl Host {
    pub(super) fn new(world: Arc<World>, session: usize, member: Member, seed: u64) -> Self {
        Self { world, session, member, dice: Dice::new(seed), seen: Account::new() }
    }

    /// Gives until all guests are done, with so many cuts.
    pub(super) async fn run(mut self, mut cuts: u32) -> Account<Given> {
        let mut peer = self.member.register_loudly(8).await;
        let world = self.world.clone();
        loop {
            let frame = tokio::select! {
                frame = peer.next() => frame,
                () = world.over(self.session) => return self.seen,
            };
            let is_cut = cuts > 0 && self.dice.roll(3) == 0;
            // Before it has answered, or after.
            if !is_cut || self.dice.roll(2) == 0 {
                self.answer(&mut peer, &frame).await;
            }
            if is_cut {
                cuts -= 1;
                peer = self.cut(peer).await;
            }
        }
    }

    async fn answer(&mut self, peer: &mut Peer, frame: &Value) {
        let Some(request) = frame["request_id"].as_str() else { return };
        let given = self.seen.entry(request.to_owned()).or_default();
        match frame["command"].as_str() {
            Some("acknowledge-file-request") => {
                given.count = 2 + self.dice.roll(7);
                peer.acknowledge(&frame["request_id"], "a.txt", given.count).await;
            }
            Some("send-next-chunk") => {
                let number = frame["data"]["chunk_nr"].as_u64().expect("a number");
                if number <= given.count {
                    let is_last = number == given.count;
                    given.gave_last |= is_last;
                    let bytes = bytes_of(request, number);
                    let data = chunk(&frame["request_id"], number, is_last, &bytes);
                    peer.send("add-chunk", data).await;
                }
            }
            Some("transfer-aborted") => given.was_aborted = true,
            // What was on its way when the transfer was aborted is refused.
            _ => assert_eq!(frame["refused"], "add-chunk", "{frame}"),
        }
    }

    /// Loses the socket; the next one, registered.
    async fn cut(&mut self, peer: Peer) -> Peer {
        self.world.cut();
        if self.dice.roll(5) == 0 {
            peer.cut();
            self.seen.values_mut().for_each(|given| given.was_away = true);
            self.world.stay_away((self.session, None)).await;
            return self.member.register_loudly(8).await;
        }
        let _still = self.world.still().await;
        peer.cut();
        self.member.register_loudly(8).await
    }
}
