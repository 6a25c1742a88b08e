//! What the actors share: chance, time, and who waits for nothing but time.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use testkit::{PATIENCE, TestServer};
use tokio::sync::{RwLock, RwLockReadGuard, watch};
use tokio::time::timeout;

use crate::kit::{SECOND, settled};

/// Numbers that are the same in every run (xorshift64*).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// One of `0..sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }
}

/// What one actor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Here,
    Away,
    Done,
}

#[derive(Debug)]
struct Actors {
    host: State,
    guests: Vec<State>,
}

impl Actors {
    /// Whether a transfer is under way between two that are here.
    fn move_on(&self) -> bool {
        self.host == State::Here && self.guests.contains(&State::Here)
    }

    fn are_done(&self) -> bool {
        self.guests.iter().all(|guest| *guest == State::Done)
    }
}

/// An actor's place: its session and, of a guest, which one.
pub(super) type Place = (usize, Option<usize>);

#[derive(Debug)]
pub(super) struct World {
    actors: Mutex<Vec<Actors>>,
    /// Told whenever an actor's state has changed.
    changed: watch::Sender<()>,
    /// How often the clock was set ahead.
    time: watch::Sender<u64>,
    /// Held for reading by clients between two sockets, for writing while time passes.
    still: RwLock<()>,
    pub(super) cuts: AtomicU32,
}

impl World {
    pub(super) fn new(sessions: usize, guests: usize) -> Self {
        let actors = || Actors { host: State::Here, guests: vec![State::Here; guests] };
        Self {
            actors: Mutex::new((0..sessions).map(|_| actors()).collect()),
            changed: watch::Sender::new(()),
            time: watch::Sender::new(0),
            still: RwLock::new(()),
            cuts: AtomicU32::new(0),
        }
    }

    /// No time passes while this is held.
    pub(super) async fn still(&self) -> RwLockReadGuard<'_, ()> {
        self.still.read().await
    }

    /// Counts one socket that was cut.
    pub(super) fn cut(&self) {
        self.cuts.fetch_add(1, Relaxed);
    }

    /// Waits, without a socket, until the others wait too and time has passed.
    pub(super) async fn stay_away(&self, (session, guest): Place) {
        let mut time = self.time.subscribe();
        self.set((session, guest), State::Away);
        time.changed().await.expect("the world goes on");
    }

    /// A guest has its file and asks for no more.
    pub(super) fn done(&self, place: Place) {
        self.set(place, State::Done);
    }

    /// Waits until all guests of a session are done.
    pub(super) async fn over(&self, session: usize) {
        let mut changed = self.changed.subscribe();
        let done = |()| self.actors.lock().expect("no panic")[session].are_done();
        changed.wait_for(|()| done(())).await.expect("the world goes on");
    }

    fn set(&self, (session, guest): Place, state: State) {
        {
            let mut actors = self.actors.lock().expect("no panic");
            let actors = &mut actors[session];
            match guest {
                None => actors.host = state,
                Some(guest) => actors.guests[guest] = state,
            }
        }
        // Not under the lock: who waits for a change takes the two the other way round.
        self.changed.send_replace(());
    }

    fn all_are_back(&self) {
        for actors in self.actors.lock().expect("no panic").iter_mut() {
            for actor in actors.guests.iter_mut().chain([&mut actors.host]) {
                if *actor == State::Away {
                    *actor = State::Here;
                }
            }
        }
    }

    fn all(&self, is: impl Fn(&Actors) -> bool) -> bool {
        self.actors.lock().expect("no panic").iter().all(is)
    }

    /// Lets time pass whenever nothing else moves, until all guests are done.
    pub(super) async fn conduct(&self, server: &TestServer) {
        let mut changed = self.changed.subscribe();
        loop {
            let quiet = changed.wait_for(|()| self.all(|actors| !actors.move_on()));
            if timeout(PATIENCE * 2, quiet).await.is_err() {
                panic!("a transfer stands still: {:?}", self.actors);
            }
            if self.all(Actors::are_done) {
                return;
            }
            let _still = self.still.write().await;
            if self.all(|actors| !actors.move_on()) {
                // Twice, in case the server has yet to notice that a socket is gone.
                for _ in 0..2 {
                    server.advance(SECOND * 6);
                    settled(server).await;
                }
                self.all_are_back();
                self.time.send_modify(|time| *time += 1);
            }
        }
    }
}
