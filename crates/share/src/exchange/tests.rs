//! What an operation leaves where no client sees it.

use std::net::Ipv4Addr;
use std::sync::Arc;

use base::{Clock, ManualClock, OsRandom, Timestamp};
use hub::{Budget, Outbox, Policy};
use limits::Exempt;
use transport::{EVENTS, WEBSOCKET};

use super::*;
use crate::caps::Caps;
use crate::files::Offer;
use crate::member::{Seat, ShareConnection};
use crate::session::SessionCell;
use crate::session_name::SessionName;
use crate::settings::Settings;
use crate::timers::Timers;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A session whose host is registered and offers `a.txt`, and a guest of it.
struct Scene {
    clock: Arc<ManualClock>,
    services: Services,
    session: SessionCell,
    guest: MemberId,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let settings = Settings::default();
        let shared: Arc<dyn Clock> = clock.clone();
        let services = Services {
            caps: Caps::new(&settings, &Exempt::default(), &shared),
            timers: Timers::new(shared.clone()),
            held: Arc::default(),
            clock: shared,
            random: Arc::new(OsRandom),
            settings,
        };
        let name = SessionName::memorable(&OsRandom);
        let (session, _code, host) = SessionCell::new(name, 1, HERE, &services).unwrap();
        let mut state = session.lock();
        let guest = state.join(&services).unwrap();
        let offers = vec![Offer::new("a.txt", 5).unwrap()];
        state.files.add(host, offers, 1, || services.caps.file()).unwrap();
        let connection = ShareConnection {
            outbox: outbox(&clock, &WEBSOCKET),
            from: HERE,
            has_origin: false,
            _slot: services.caps.socket(HERE).unwrap(),
        };
        let seat = Seat { connection: Arc::new(connection), window: 8, is_paced: false };
        state.register(host, seat, &services).unwrap();
        drop(state);
        Self { clock, services, session, guest }
    }

    /// The guest asks for the file, as a reader of events.
    fn request(&self) -> RequestId {
        let route = Route::Stream(outbox(&self.clock, &EVENTS));
        let (by, names): (_, &[&str]) = (self.guest, &["a.txt"]);
        let wanted = Wanted { by, from: HERE, names, public_key: "key".into(), route };
        self.session.lock().request(wanted, &self.services).unwrap()
    }
}

fn outbox(clock: &Arc<ManualClock>, framing: &'static hub::Framing) -> Arc<Outbox> {
    let cut = hub::Close { code: 1013, reason: "" };
    let budget = Arc::new(Budget::new(usize::MAX));
    let policy = Policy { cap: usize::MAX, cut, clock: clock.clone(), budget };
    Arc::new(Outbox::new(1, None, framing, Arc::new(policy)))
}

#[test]
fn transfers_that_are_over_leave_nothing_among_the_timers() {
    let scene = Scene::new();
    for _ in 0..1_000 {
        let request = scene.request();
        scene.session.lock().reader_left(request, &scene.services);
    }
    assert_eq!(scene.services.timers.len(), 1, "when to look for those that stand still");
}

#[test]
fn each_transfer_is_ended_when_it_has_stood_still_whoever_else_gets_on() {
    let scene = Scene::new();
    let first = scene.request();
    scene.clock.advance(STALLED / 2);
    let second = scene.request();
    let mut ends = Vec::new();
    for _ in 0..4 {
        scene.clock.advance(STALLED / 2);
        while scene.services.timers.pop().is_some() {
            scene.session.lock().end_stalled(&scene.services);
        }
        let session = scene.session.lock();
        ends.push([first, second].map(|it| session.transfers.contains_key(&it)));
    }
    assert_eq!(ends, [[false, true], [false, false], [false, false], [false, false]]);
    assert_eq!(scene.services.timers.len(), 0);
}
