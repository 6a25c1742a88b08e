//! One partition's delivery: everything submitted since the last round, joined into
//! one buffer for each format, one write for each member.
//!
//! Most members of a round hear the same bytes and get the same buffer. A member for
//! which the round is different (it posted, it has just joined, a reply is for it)
//! gets slices of that buffer around the difference: still nothing is encoded or
//! copied for it.

use std::collections::HashMap;
use std::sync::Arc;

use base::Owner;
use bytes::{Bytes, BytesMut};

use super::Intake;
use crate::op::{Except, MAX_FORMATS, Member, Op, Publication};
use crate::{Close, Reservation};

/// Bytes of one format that a round joins at most. Well below an outbox's cap, so
/// that a healthy member is never cut off by the size of a round alone.
const ROUND_BYTES: usize = 256 * 1024;

/// Work done before other tasks get a turn, in writes of up to [`A_WRITE`] bytes: about a
/// millisecond. The fewer turns a round of thousands takes the better, for each one lets
/// hundreds of tasks go first when many connect at once, and messages wait for the round.
const WRITES_A_TURN: usize = 384;

/// Bytes that cost about as much again as writing at all.
const A_WRITE: usize = 8 * 1024;

/// How a round differs for one member, at an offset into its format's buffer.
#[derive(Debug)]
enum Difference {
    /// It does not hear the next so many bytes.
    Skip(usize),
    /// It alone hears this here.
    Insert(Bytes),
    /// It hears nothing before `first`. What was reserved for it is given back when the
    /// round is over.
    Start { first: Vec<Bytes>, _reserved: Option<Arc<Reservation>> },
}

/// The members of one partition and the buffers of the round being put together.
#[derive(Debug, Default)]
pub(super) struct Round {
    members: Vec<Member>,
    index: HashMap<u64, usize>,
    /// The connections of each person; those of no person are not here.
    owners: HashMap<Owner, Vec<u64>>,
    joined: [BytesMut; MAX_FORMATS],
    volatile: [BytesMut; MAX_FORMATS],
    volatile_except: Vec<u64>,
    differences: HashMap<u64, Vec<(usize, Difference)>>,
    frames: [usize; MAX_FORMATS],
    /// Members of each format: what no member hears is not put together.
    heard: [usize; MAX_FORMATS],
    /// The members are closed after this round, which ends with that.
    closing: Option<Close<'static>>,
}

impl Round {
    /// Delivers what comes in, for ever.
    pub(super) async fn run(intake: Arc<Intake>) {
        let mut round = Self::default();
        loop {
            let mut ops = intake.take().await.into_iter().peekable();
            while ops.peek().is_some() {
                let mut taken = 0;
                while round.has_room()
                    && let Some(op) = ops.next()
                {
                    round.apply(op);
                    taken += 1;
                }
                let deliveries = round.deliver().await;
                round.close_members();
                intake.done(taken, deliveries);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.closing.is_none() && self.joined.iter().all(|buffer| buffer.len() < ROUND_BYTES)
    }

    /// Closes the members, if that is to be done after this round.
    fn close_members(&mut self) {
        if let Some(why) = self.closing.take() {
            self.members.iter().for_each(|member| member.outbox.close(why));
        }
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Join { member, first, reserved } => self.join(member, first, reserved),
            Op::Leave(connection) => self.leave(connection),
            Op::Publish(publication) if publication.volatile => self.add_volatile(&publication),
            Op::Publish(publication) => self.add(&publication),
            Op::Reply { to, frame } => {
                if let Some(&at) = self.index.get(&to) {
                    self.differ(at, Difference::Insert(frame));
                }
            }
            Op::CloseAll(why) => self.closing = Some(why),
        }
    }

    fn join(&mut self, member: Member, first: Vec<Bytes>, reserved: Option<Arc<Reservation>>) {
        let (id, owner) = (member.outbox.id(), member.outbox.owner());
        self.heard[member.format.0] += 1;
        self.index.insert(id, self.members.len());
        if let Some(owner) = owner {
            self.owners.entry(owner).or_default().push(id);
        }
        self.members.push(member);
        self.differ(self.members.len() - 1, Difference::Start { first, _reserved: reserved });
    }

    fn leave(&mut self, connection: u64) {
        let Some(at) = self.index.remove(&connection) else { return };
        let member = self.members.swap_remove(at);
        self.heard[member.format.0] -= 1;
        if let Some(moved) = self.members.get(at) {
            self.index.insert(moved.outbox.id(), at);
        }
        let owner = member.outbox.owner();
        if let Some(owner) = owner
            && let Some(connections) = self.owners.get_mut(&owner)
        {
            connections.retain(|&id| id != connection);
            if connections.is_empty() {
                self.owners.remove(&owner);
            }
        }
        self.differences.remove(&connection);
    }

    fn add(&mut self, publication: &Publication) {
        for format in 0..MAX_FORMATS {
            if self.heard[format] == 0 {
                continue;
            }
            let length = publication.frames[format].len();
            for connection in self.left_out(publication.except[format]) {
                if let Some(&at) = self.index.get(&connection)
                    && self.members[at].format.0 == format
                {
                    self.differ(at, Difference::Skip(length));
                }
            }
            self.joined[format].extend_from_slice(&publication.frames[format]);
            self.frames[format] += usize::from(length > 0);
        }
    }

    fn add_volatile(&mut self, publication: &Publication) {
        for format in 0..MAX_FORMATS {
            self.volatile[format].extend_from_slice(&publication.frames[format]);
            self.volatile_except.extend(self.left_out(publication.except[format]));
        }
    }

    fn left_out(&self, except: Except) -> Vec<u64> {
        match except {
            Except::None => Vec::new(), // Does not allocate.
            Except::Connection(connection) => vec![connection],
            Except::Owner(owner) => self.owners.get(&owner).cloned().unwrap_or_default(),
        }
    }

    fn differ(&mut self, at: usize, difference: Difference) {
        let member = &self.members[at];
        let offset = self.joined[member.format.0].len();
        self.differences.entry(member.outbox.id()).or_default().push((offset, difference));
    }

    /// Hands the round to every member and empties it. Returns the frames published,
    /// for each member that hears them.
    async fn deliver(&mut self) -> usize {
        let joined = self.joined.each_mut().map(|buffer| buffer.split().freeze());
        let volatile = self.volatile.each_mut().map(|buffer| buffer.split().freeze());
        let frames = std::mem::take(&mut self.frames);
        let volatile_except = std::mem::take(&mut self.volatile_except);
        let mut differing = self.differing();
        let mut turn = Turn::default();
        if joined.iter().chain(&volatile).all(Bytes::is_empty) {
            // Only replies: no other member is concerned, however large the room.
            for (at, differences) in differing {
                let segments = around(&Bytes::new(), &differences);
                self.members[at].outbox.send(&segments);
                turn.wrote(&segments).await;
            }
            return 0;
        }
        let mut differing = differing.drain(..).peekable();
        let mut sent = 0;
        for (at, member) in self.members.iter().enumerate() {
            let format = member.format.0;
            let differences = differing.next_if(|(differs, _)| *differs == at);
            let is_new = differences.as_ref().is_some_and(|(_, differences)| starts(differences));
            // Before the round's messages: the person who typed may have posted meanwhile.
            if !volatile[format].is_empty()
                && !is_new
                && !volatile_except.contains(&member.outbox.id())
            {
                member.outbox.send_volatile(std::slice::from_ref(&volatile[format]));
            }
            sent += frames[format];
            match differences {
                Some((_, differences)) => {
                    let segments = around(&joined[format], &differences);
                    member.outbox.send(&segments);
                    turn.wrote(&segments).await;
                }
                None if joined[format].is_empty() => {}
                None => {
                    let segments = std::slice::from_ref(&joined[format]);
                    member.outbox.send(segments);
                    turn.wrote(segments).await;
                }
            }
        }
        sent
    }

    /// The members for which the round differs, by their place.
    fn differing(&mut self) -> Vec<(usize, Vec<(usize, Difference)>)> {
        let mut differing: Vec<_> = std::mem::take(&mut self.differences)
            .into_iter()
            .filter_map(|(id, differences)| Some((*self.index.get(&id)?, differences)))
            .collect();
        differing.sort_unstable_by_key(|(at, _)| *at);
        differing
    }
}

/// The writes since other tasks had a turn.
#[derive(Default)]
struct Turn(usize);

impl Turn {
    async fn wrote(&mut self, segments: &[Bytes]) {
        self.0 += 1 + segments.iter().map(Bytes::len).sum::<usize>() / A_WRITE;
        if self.0 >= WRITES_A_TURN {
            self.0 = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Whether a member joins in this round.
fn starts(differences: &[(usize, Difference)]) -> bool {
    differences.iter().any(|(_, difference)| matches!(difference, Difference::Start { .. }))
}

/// The segments of `all` that a member with these differences hears.
fn around(all: &Bytes, differences: &[(usize, Difference)]) -> Vec<Bytes> {
    let mut segments = Vec::with_capacity(differences.len() * 2 + 1);
    let mut from = 0;
    for (offset, difference) in differences {
        if *offset > from {
            segments.push(all.slice(from..*offset));
        }
        from = *offset;
        match difference {
            Difference::Skip(length) => from += length,
            Difference::Insert(frame) => segments.push(frame.clone()),
            Difference::Start { first, .. } => first.clone_into(&mut segments),
        }
    }
    if from < all.len() {
        segments.push(all.slice(from..));
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

#[cfg(test)]
mod tests;
