//! 200 transfers at once while sockets are cut at random, a thousand times and more: every
//! transfer ends complete with equal bytes or is aborted on both sides.
//!
//! The server's clock stands still while anything moves. So a client that reconnects at
//! once has been away for no time at all, and its transfer must go on; one that stays away
//! waits until nothing else moves, and then the clock is set ahead.

mod account;
mod guest;
mod host;
mod world;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::join_all;

use crate::kit::{Session, unlimited};
use guest::Guest;
use host::Host;
use world::World;

const SEED: u64 = 0x5EED_0008;
const SESSIONS: usize = 40;
const GUESTS: usize = 5;

/// More than a thousand in all.
const CUTS_OF_A_GUEST: u32 = 5;
const CUTS_OF_A_HOST: u32 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_transfer_ends_complete_or_is_aborted_on_both_sides() {
    let server = unlimited();
    let world = Arc::new(World::new(SESSIONS, GUESTS));
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let session = Session::start(&server).await;
        session.host.offer("a.txt").await;
        let seed = SEED + number as u64 * 100;
        let mut guests = Vec::new();
        for place in 0..GUESTS {
            let member = session.guest().await;
            let guest = Guest::new(world.clone(), (number, place), member, seed + place as u64);
            guests.push(tokio::spawn(guest.run(CUTS_OF_A_GUEST)));
        }
        let host = Host::new(world.clone(), number, session.host, seed + 99);
        sessions.push((tokio::spawn(host.run(CUTS_OF_A_HOST)), guests));
    }
    world.conduct(&server).await;
    let mut completed = 0;
    for (host, guests) in sessions {
        let by_host = host.await.expect("a host");
        let by_guests = join_all(guests).await.into_iter();
        let by_guests = by_guests.flat_map(|guest| guest.expect("a guest")).collect();
        account::agree(&by_guests, &by_host);
        completed += by_guests.values().filter(|taken| taken.has_all).count();
    }
    let cuts = world.cuts.load(Relaxed);
    println!("{cuts} cuts, {completed} complete transfers");
    assert!(cuts >= 1_000, "{cuts} cuts");
    assert!(completed >= SESSIONS * GUESTS, "{completed}: every guest has had its file once");
}
