use std::time::Duration;

use proptest::prelude::*;

use crate::Message;
use crate::intake::Outcome;
use crate::testing::{Setup, message, post};

/// What happens to a room, beside others that append to the same database.
#[derive(Clone, Debug)]
enum Step {
    /// Others store so many.
    Others(i64),
    /// Our own batch of so many is stored, and told after what others stored before it.
    Own(i64),
    /// So many are read and told, from this far below the room's head on: again, or with a
    /// hole before them if it is above.
    Found { below: i64, count: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (1_i64..4).prop_map(Step::Others),
        2 => (1_i64..4).prop_map(Step::Own),
        3 => (-3_i64..5, 0_i64..8).prop_map(|(below, count)| Step::Found { below, count }),
    ];
    proptest::collection::vec(step, 0..40)
}

fn messages(ids: std::ops::RangeInclusive<i64>) -> Vec<std::sync::Arc<Message>> {
    ids.map(|id| message(id, "x")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever is told again, late or with holes, clients hear each message once and in
    /// order, and memory has no gaps.
    #[test]
    fn messages_are_heard_once_and_in_order(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let setup = Setup::embedded().await;
            let room = setup.rooms.default_room().clone();
            let client = setup.client(1, 1);
            let seat = setup.rooms.join(room.id(), &client.request).await.unwrap();
            let intake = &setup.services.intake;
            let mut stored = 0;
            for step in steps {
                match step {
                    Step::Others(count) => stored += count,
                    Step::Own(count) => {
                        let first = stored + 1;
                        stored += count;
                        room.publish_found(&messages(room.head() + 1..=first - 1));
                        (first..=stored).for_each(|id| post(&seat, &format!("x-{id}")));
                        let batch = intake.take_room().await.unwrap();
                        let own = messages(first..=stored).into_iter().map(Outcome::Stored);
                        room.publish(&batch.postings, &own.collect::<Vec<_>>());
                        intake.answered(&[(room.id(), batch.postings.len())], Duration::ZERO);
                    }
                    Step::Found { below, count } => {
                        let head = room.head();
                        let first = (head + 1 - below).max(1);
                        let last = (first + count - 1).min(stored);
                        room.publish_found(&messages(first..=last));
                        let expected = if first <= head + 1 { last.max(head) } else { head };
                        assert_eq!(room.head(), expected);
                    }
                }
            }
            room.flushed().await;
            client.read();
            let heard = client.heard();
            let ids = heard.split("\"id\":").skip(1);
            let ids: Vec<i64> =
                ids.map(|rest| rest.split([',', '}']).next().unwrap().parse().unwrap()).collect();
            assert_eq!(ids, (1..=room.head()).collect::<Vec<_>>());
            assert!(room.head() <= stored && room.in_memory() == ids.len());
        });
    }
}
