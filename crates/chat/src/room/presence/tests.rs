use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::dialect::Dialect;

/// A client of each dialect, as it understands what it is told.
#[derive(Default)]
struct Clients {
    piratchat: BTreeSet<String>,
    ours: BTreeSet<String>,
    count: usize,
    frames: usize,
}

impl Clients {
    fn hear(&mut self, op: Option<Op>) {
        let Some(Op::Publish(publication)) = op else { return };
        for event in events(&publication.frames[Dialect::Piratchat.format().0]) {
            let name = event["username"].as_str().expect("a name").to_owned();
            let changed = match event["event"].as_str() {
                Some("join") => self.piratchat.insert(name),
                _ => self.piratchat.remove(&name),
            };
            assert!(changed, "{event}: a client that knew it was told again");
        }
        for event in events(&publication.frames[Dialect::Packetboat.format().0]) {
            self.frames += 1;
            self.count = event["online_count"].as_u64().expect("a number") as usize;
            let names = |key: &str| {
                let names = event[key].as_array().cloned().unwrap_or_default();
                names.into_iter().filter_map(|name| name.as_str().map(str::to_owned))
            };
            if event["online"].is_array() {
                self.ours.clear();
            }
            self.ours.extend(names("online").chain(names("joined")));
            for name in names("left") {
                self.ours.remove(&name);
            }
            match (event["type"].as_str(), event["username"].as_str()) {
                (Some("join"), Some(name)) => drop(self.ours.insert(name.to_owned())),
                (Some("leave"), Some(name)) => drop(self.ours.remove(name)),
                _ => {}
            }
        }
    }
}

fn events(mut frames: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    while !frames.is_empty() {
        let end = transport::frame::end_of_frame(frames, 1);
        let text = transport::frame::payload_of_text(&frames[..end]).expect("a text frame");
        events.push(serde_json::from_str(text).expect("JSON"));
        frames = &frames[end..];
    }
    events
}

fn change(pending: &mut PendingPresence, presence: &mut Presence, account: i64) -> Option<Op> {
    let name: Arc<str> = format!("p{account:04}").into();
    if presence.connections(account) == 0 {
        presence.arrive(account, &name);
        pending.arrived(AccountId(account), &name, presence)
    } else {
        presence.depart(account);
        pending.departed(AccountId(account), &name, presence)
    }
}

proptest! {
    /// Whatever people do, once all is told every client knows who is here.
    #[test]
    fn in_the_end_every_client_knows_who_is_here(
        steps in prop::collection::vec((0_i64..450, 0_u8..40), 1..2_000),
    ) {
        let (mut pending, mut presence) = (PendingPresence::default(), Presence::default());
        let mut clients = Clients::default();
        let mut now = Duration::ZERO;
        for (account, pause) in steps {
            clients.hear(change(&mut pending, &mut presence, account));
            if pause == 0 {
                now += INTERVAL;
                clients.hear(pending.tell(&presence, now));
            }
        }
        while pending.is_waiting() {
            now += INTERVAL;
            clients.hear(pending.tell(&presence, now));
        }
        let here: BTreeSet<String> = presence.names().map(str::to_owned).collect();
        prop_assert_eq!(&clients.piratchat, &here);
        prop_assert_eq!(clients.count, here.len());
        prop_assert_eq!(&clients.ours, &here);
    }
}

#[test]
fn five_thousand_who_vanish_are_a_handful_of_frames() {
    let (mut pending, mut presence) = (PendingPresence::default(), Presence::default());
    let mut clients = Clients::default();
    for account in 0..10_000 {
        clients.hear(change(&mut pending, &mut presence, account));
    }
    let mut now = Duration::ZERO;
    while pending.is_waiting() {
        now += INTERVAL;
        clients.hear(pending.tell(&presence, now));
    }
    clients.frames = 0;
    for account in 0..5_000 {
        assert!(change(&mut pending, &mut presence, account).is_none());
    }
    let mut times = 0;
    while pending.is_waiting() {
        now += INTERVAL;
        clients.hear(pending.tell(&presence, now));
        times += 1;
    }
    assert!(clients.frames <= 3, "{} frames", clients.frames);
    assert!(times <= 13, "told within some five seconds");
    assert_eq!((clients.count, clients.piratchat.len()), (5_000, 5_000));
}
