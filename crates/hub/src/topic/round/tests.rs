//! Rounds against a model: each operation delivered by itself, to each member in turn.

use std::io::{self, IoSlice};

use base::{AccountId, ManualClock, Timestamp, Vitals};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::Budget;
use crate::op::{Format, Publication};
use crate::outbox::{Outbox, Policy, Sink};

#[derive(Debug, Default)]
struct Ear(Mutex<Vec<u8>>);

impl Sink for Ear {
    fn try_write(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut heard = self.0.lock();
        buffers.iter().for_each(|buffer| heard.extend_from_slice(buffer));
        Ok(buffers.iter().map(|buffer| buffer.len()).sum())
    }
}

/// An operation by numbers, as proptest makes them.
#[derive(Clone, Debug)]
enum Step {
    Join { id: u64, owner: u64, format: usize },
    Leave(u64),
    Publish { text: u8, except: Option<(usize, u64)> },
    Reply { to: u64, text: u8 },
    Deliver,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 1_u64..8;
    let step = prop_oneof![
        2 => (id.clone(), 1_u64..8, 0_usize..2)
            .prop_map(|(id, owner, format)| Step::Join { id, owner, format }),
        1 => id.clone().prop_map(Step::Leave),
        5 => (any::<u8>(), proptest::option::of((0_usize..2, 1_u64..8)))
            .prop_map(|(text, except)| Step::Publish { text, except }),
        2 => (id, any::<u8>()).prop_map(|(to, text)| Step::Reply { to, text }),
        2 => Just(Step::Deliver),
    ];
    proptest::collection::vec(step, 0..60)
}

/// A frame of varying length, different in each format.
fn frame(format: usize, text: u8) -> Vec<u8> {
    let mut frame = vec![b'A' + u8::try_from(format).unwrap(); 1 + usize::from(text % 5)];
    frame.push(text);
    frame
}

fn except_of(except: Option<(usize, u64)>) -> Except {
    match except {
        None => Except::None,
        Some((0, id)) => Except::Connection(id),
        Some((_, number)) => owner(number).map_or(Except::None, Except::Owner),
    }
}

/// Persons of both kinds, and none.
fn owner(number: u64) -> Option<Owner> {
    match number % 3 {
        0 => None,
        1 => Some(Owner::Account(AccountId(number.cast_signed()))),
        _ => Some(Owner::Guest(number)),
    }
}

static LINES: crate::Framing = crate::Framing {
    frame_end: |segment, _| segment.len(),
    close: |_, _| Bytes::new(),
    keep_alive: b"",
};

#[derive(Default)]
struct Model {
    present: Vec<(u64, Option<Owner>, usize)>,
    heard: HashMap<u64, Vec<u8>>,
}

impl Model {
    fn publish(&mut self, text: u8, except: Except) {
        for (id, owner, format) in &self.present {
            let left_out = match except {
                Except::None => false,
                Except::Connection(connection) => connection == *id,
                Except::Owner(person) => Some(person) == *owner,
            };
            if !left_out {
                self.heard.entry(*id).or_default().extend(frame(*format, text));
            }
        }
    }
}

fn policy() -> Arc<Policy> {
    Arc::new(Policy {
        cap: usize::MAX,
        cut: crate::Close { code: 0, reason: "" },
        clock: Arc::new(ManualClock::new(Timestamp(0))),
        budget: Budget::new(usize::MAX).into(),
    })
}

async fn check(steps: Vec<Step>) {
    let policy = policy();
    let mut round = Round::default();
    let mut model = Model::default();
    let mut ears: HashMap<u64, Arc<Ear>> = HashMap::new();
    // Ids are given once in the life of a process; so here.
    let mut used = std::collections::HashSet::new();
    for step in steps {
        match step {
            Step::Join { id, owner: number, format } if used.insert(id) => {
                let outbox = Arc::new(Outbox::new(id, owner(number), &LINES, policy.clone()));
                let ear = Arc::new(Ear::default());
                outbox.attach(ear.clone());
                ears.insert(id, ear);
                let member = Member { outbox, format: Format(format) };
                round.apply(Op::Join {
                    member,
                    first: vec![Bytes::from_static(b"<hello>")],
                    reserved: None,
                });
                model.present.push((id, owner(number), format));
                model.heard.entry(id).or_default().extend(b"<hello>");
            }
            Step::Join { .. } => {}
            Step::Leave(id) => {
                // What is on its way to a connection that is gone is not missed, so
                // the model and the round are compared only while it is there.
                deliver_and_compare(&mut round, &model, &ears).await;
                round.apply(Op::Leave(id));
                model.present.retain(|(present, ..)| *present != id);
            }
            Step::Publish { text, except } => {
                let mut frames: [Bytes; MAX_FORMATS] = Default::default();
                frames[0] = frame(0, text).into();
                frames[1] = frame(1, text).into();
                let except = except_of(except);
                let publication =
                    Publication { frames, except: [except; MAX_FORMATS], volatile: false };
                round.apply(Op::Publish(publication));
                model.publish(text, except);
            }
            Step::Reply { to, text } => {
                round.apply(Op::Reply { to, frame: vec![b'r', text].into() });
                if model.present.iter().any(|(id, ..)| *id == to) {
                    model.heard.entry(to).or_default().extend([b'r', text]);
                }
            }
            Step::Deliver => deliver_and_compare(&mut round, &model, &ears).await,
        }
    }
    deliver_and_compare(&mut round, &model, &ears).await;
}

async fn deliver_and_compare(round: &mut Round, model: &Model, ears: &HashMap<u64, Arc<Ear>>) {
    round.deliver().await;
    for (id, ear) in ears {
        assert_eq!(*ear.0.lock(), model.heard[id], "connection {id}");
    }
}

proptest! {
    #[test]
    fn a_round_is_as_good_as_one_by_one(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(check(steps));
    }
}

fn publication(frame: &'static [u8], volatile: bool) -> Op {
    let mut frames: [Bytes; MAX_FORMATS] = Default::default();
    frames[0] = Bytes::from_static(frame);
    Op::Publish(Publication {
        frames,
        except: [Except::Owner(Owner::Guest(2)); MAX_FORMATS],
        volatile,
    })
}

#[tokio::test]
async fn volatile_publications_reach_those_who_keep_up_and_are_not_excepted() {
    let policy = policy();
    let mut round = Round::default();
    let join = |number| {
        let outbox = Arc::new(Outbox::new(number, owner(number), &LINES, policy.clone()));
        let ear = Arc::new(Ear::default());
        outbox.attach(ear.clone());
        (
            Op::Join {
                member: Member { outbox, format: Format(0) },
                first: Vec::new(),
                reserved: None,
            },
            ear,
        )
    };
    let (one, ear_one) = join(1);
    let (two, ear_two) = join(2);
    round.apply(one);
    round.apply(two);
    round.apply(publication(b"early", true));
    round.deliver().await;
    assert!(ear_one.0.lock().is_empty(), "a member that joins in this round was not there yet");
    round.apply(publication(b"typing", true));
    round.deliver().await;
    assert_eq!(&*ear_one.0.lock(), b"typing");
    assert!(ear_two.0.lock().is_empty());
}

#[tokio::test]
async fn a_topic_keeps_one_order_over_its_partitions() {
    let topic = crate::Topic::start(3, &Vitals::default());
    let policy = policy();
    let mut ears = Vec::new();
    for id in 1..=9_u64 {
        let outbox = Arc::new(Outbox::new(id, owner(7), &LINES, policy.clone()));
        let ear = Arc::new(Ear::default());
        outbox.attach(ear.clone());
        ears.push(ear);
        let member = Member { outbox, format: Format(0) };
        topic.submit(&[Op::Join { member, first: Vec::new(), reserved: None }]);
    }
    for frame in [b"1", b"2", b"3", b"4"] {
        topic.submit(&[publication(frame, false)]);
        topic.ready().await;
    }
    topic.flushed().await;
    assert!(ears.iter().all(|ear| *ear.0.lock() == b"1234"));
    assert_eq!(topic.delivered(), 36);
}

#[tokio::test]
async fn all_members_are_closed_after_what_they_heard_and_those_who_join_later_are_not() {
    let topic = crate::Topic::start(2, &Vitals::default());
    let policy = policy();
    let join = |id| {
        let outbox = Arc::new(Outbox::new(id, owner(7), &LINES, policy.clone()));
        let ear = Arc::new(Ear::default());
        outbox.attach(ear.clone());
        let member = Member { outbox: outbox.clone(), format: Format(0) };
        (Op::Join { member, first: Vec::new(), reserved: None }, outbox, ear)
    };
    let ((one, one_outbox, ear), (two, two_outbox, _)) = (join(1), join(2));
    let (late, late_outbox, late_ear) = join(3);
    let close = Op::CloseAll(Close { code: 1013, reason: "anew" });
    let (before, after) = (publication(b"before", false), publication(b"after", false));
    topic.submit(&[one, two, before, close, late, after]);
    topic.flushed().await;
    assert!(one_outbox.status().closing && two_outbox.status().closing);
    assert_eq!(&*ear.0.lock(), b"before");
    assert!(!late_outbox.status().closing);
    assert_eq!(&*late_ear.0.lock(), b"after");
}

/// A connection whose socket is broken in a way that was not foreseen.
#[derive(Debug)]
struct Bomb;

impl Sink for Bomb {
    fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        panic!("on purpose");
    }
}

#[tokio::test]
async fn a_partition_that_panics_is_told_and_not_waited_for() {
    let vitals = Vitals::default();
    let topic = crate::Topic::start(2, &vitals);
    let policy = policy();
    let join = |id, sink: Arc<dyn Sink>| {
        let outbox = Arc::new(Outbox::new(id, owner(7), &LINES, policy.clone()));
        outbox.attach(sink);
        topic.submit(&[Op::Join {
            member: Member { outbox, format: Format(0) },
            first: vec![Bytes::from_static(b"welcome")],
            reserved: None,
        }]);
    };
    let ear = Arc::new(Ear::default());
    join(1, Arc::new(Bomb));
    join(2, ear.clone());
    let patience = std::time::Duration::from_secs(20);
    let flushed = || tokio::time::timeout(patience, topic.flushed());
    flushed().await.expect("a dead partition has nothing to flush");
    assert_eq!(vitals.missing(), ["delivery"]);
    // The other goes on, as long as the server takes to end.
    for _ in 0..10_000 {
        topic.submit(&[publication(b"1", false)]);
    }
    tokio::time::timeout(patience, topic.ready()).await.expect("the dead one is not waited for");
    flushed().await.expect("what is submitted to it is dropped");
    assert!(ear.0.lock().ends_with(b"11"));
}

#[tokio::test]
async fn a_topic_that_outgrows_one_task_gets_more_and_keeps_one_order() {
    let vitals = Vitals::default();
    let topic = crate::Topic::growing(3, &vitals);
    let (policy, mut ears) = (policy(), HashMap::new());
    let mut joined = |id: u64| {
        let outbox = Arc::new(Outbox::new(id, owner(7), &LINES, policy.clone()));
        let ear = Arc::new(Ear::default());
        outbox.attach(ear.clone());
        ears.insert(id, ear.clone());
        let member = Member { outbox, format: Format(0) };
        topic.submit(&[Op::Join { member, first: Vec::new(), reserved: None }]);
        ear
    };
    let small = u64::try_from(crate::SMALL).unwrap();
    // Numbers are given in order, and joined in another: the last comes first.
    let early: Vec<_> = (11..small + 10).rev().map(&mut joined).collect();
    joined(1_000_000);
    assert_eq!(topic.tasks(), 1);
    topic.submit(&[publication(b"1", false)]);
    let late: Vec<_> = (1..=10).chain(1_000_001..=1_000_010).map(&mut joined).collect();
    assert_eq!(topic.tasks(), 3);
    topic.submit(&[publication(b"2", false)]);
    for id in [11, 5, 1_000_003] {
        topic.submit(&[Op::Reply { to: id, frame: Bytes::from_static(b"r") }]);
    }
    topic.flushed().await;
    topic.submit(&[Op::Leave(12), Op::Leave(6), Op::Leave(1_000_004), publication(b"3", false)]);
    topic.flushed().await;
    let heard = |id: u64| ears[&id].0.lock().clone();
    assert_eq!((heard(11), heard(13), heard(12)), (b"12r3".into(), b"123".into(), b"12".into()));
    assert_eq!((heard(5), heard(7), heard(6)), (b"2r3".into(), b"23".into(), b"2".into()));
    assert_eq!(heard(1_000_003), b"2r3");
    assert_eq!((heard(1_000_005), heard(1_000_004)), (b"23".into(), b"2".into()));
    assert_eq!((early.len() + 1, late.len()), (crate::SMALL, 20));
}
