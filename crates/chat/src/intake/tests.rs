use base::ManualClock;
use hub::{Budget, Policy};
use transport::{CloseCode, WEBSOCKET};

use super::queues::{MAX_BATCH, ROOM_TURN};
use super::*;

fn posting(text: &str) -> Posting {
    let policy = Policy {
        cap: 1024,
        cut: CloseCode::TryAgainLater.because("cut"),
        clock: Arc::new(ManualClock::new(Timestamp(0))),
        budget: Arc::new(Budget::new(1024)),
    };
    let outbox = Arc::new(Outbox::new(1, None, &WEBSOCKET, Arc::new(policy)));
    Posting {
        author: AccountId(7),
        author_name: "ann".into(),
        display_name: "ann".into(),
        in_flight: Arc::new(InFlight::new(outbox)),
        dialect: Dialect::Packetboat,
        client_id: None,
        text: Ok(Text::new(text).unwrap()),
    }
}

fn fill(intake: &Intake, room: i64, count: usize) {
    (0..count).for_each(|number| intake.push(room, posting(&number.to_string()), Duration::ZERO));
}

/// Rooms and numbers of postings of the next batch, which is answered.
async fn next(intake: &Intake) -> Vec<(i64, usize)> {
    let batches = intake.take().await.expect("not closed");
    let taken: Vec<_> = batches.iter().map(|batch| (batch.room, batch.postings.len())).collect();
    intake.answered(&taken, Duration::ZERO);
    taken
}

#[tokio::test]
async fn a_busy_room_does_not_keep_others_waiting() {
    let intake = Intake::default();
    fill(&intake, 1, 10_000);
    (2..=5).for_each(|room| fill(&intake, room, 1));
    // Each had its turn before the busy one had a second.
    let turns = [(1, ROOM_TURN * 3 + 60), (2, 1), (3, 1), (4, 1), (5, 1)];
    assert_eq!(next(&intake).await, turns);
    fill(&intake, 6, 1_000);
    fill(&intake, 7, 1_000);
    fill(&intake, 8, 1_000);
    let even: Vec<_> = [1, 6, 7, 8].map(|room| (room, ROOM_TURN)).into();
    for _ in 0..3 {
        assert_eq!(next(&intake).await, even);
    }
}

#[tokio::test]
async fn a_room_alone_fills_the_batch_and_keeps_its_order() {
    let intake = Intake::default();
    fill(&intake, 1, MAX_BATCH + 1);
    let batches = intake.take().await.expect("not closed");
    assert_eq!(batches.len(), 1);
    let texts = batches[0].postings.iter().map(|posting| posting.text.clone().unwrap());
    let expected = (0..MAX_BATCH).map(|number| number.to_string());
    assert!(texts.map(|text| text.as_str().to_owned()).eq(expected));
    assert_eq!(intake.waiting(), 1);
}

#[tokio::test]
async fn more_rooms_than_a_batch_holds_have_their_turn_one_after_the_other() {
    let intake = Intake::default();
    (1..=300).for_each(|room| fill(&intake, room, 2));
    let batch = i64::try_from(ROOM_TURN).unwrap();
    let rooms = |taken: Vec<(i64, usize)>| taken.into_iter().map(|(room, _)| room);
    let first: Vec<_> = rooms(next(&intake).await).collect();
    assert_eq!(first, (1..=128).collect::<Vec<_>>(), "two postings each");
    let second: Vec<_> = rooms(next(&intake).await).collect();
    assert_eq!(second, (129..=256).collect::<Vec<_>>());
    assert!(batch > 2);
}

#[tokio::test]
async fn a_room_is_idle_once_all_is_answered() {
    let intake = Intake::default();
    assert!(intake.is_idle(1));
    fill(&intake, 1, 2);
    assert!(!intake.is_idle(1) && intake.is_idle(2));
    let batches = intake.take().await.expect("not closed");
    assert!(!intake.is_idle(1), "taken is not answered");
    fill(&intake, 1, 1);
    intake.answered(&[(1, batches[0].postings.len())], Duration::ZERO);
    assert!(!intake.is_idle(1), "another came meanwhile");
    assert_eq!(next(&intake).await, [(1, 1)]);
    assert!(intake.is_idle(1));
    assert!(intake.queues.lock().rooms.is_empty());
}

#[tokio::test]
async fn what_waits_when_it_closes_is_taken_and_nothing_more() {
    let intake = Intake::default();
    fill(&intake, 1, 1);
    intake.close();
    fill(&intake, 1, 1);
    assert_eq!(next(&intake).await, [(1, 1)]);
    assert!(intake.take().await.is_none());
}
