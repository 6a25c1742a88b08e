use base::{ManualClock, OsRandom, Vitals};
use hub::Topic;
use limits::Quota;
use storage::Database;

use super::*;
use crate::recent::Recent;
use crate::store::Store;

async fn room() -> Room {
    room_on().await.0
}

async fn room_on() -> (Room, Database) {
    let db = Database::connect("sqlite::memory:").await.unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp(5)));
    db.migrate(&crate::migrations(), &*clock).await.unwrap();
    let store = Store::new(db.clone());
    let record = store.open_room("lobby", Timestamp(5), &OsRandom).await.unwrap();
    let rate = Quota { burst: 1, refill: Duration::ZERO };
    let topic = Topic::start(1, &Vitals::default());
    (Room::new(record, Recent::default(), store, clock, rate, topic), db)
}

fn message(id: i64, text: &str) -> Arc<Message> {
    Arc::new(Message {
        id,
        at: Timestamp(5),
        author: AccountId(7),
        author_name: "ann".into(),
        text: text.into(),
        client_id: Some(format!("client-{id}").into()),
    })
}

async fn append(room: &Room, messages: &[Arc<Message>]) {
    room.store.begin_append(room.id()).await.unwrap().commit(messages).await.unwrap();
}

/// A batch whose commit failed, as far as the answer of the database went.
fn failed(messages: &[Arc<Message>]) -> Failed {
    let outcomes = messages.iter().cloned().map(Outcome::Stored).collect();
    Failed { error: StorageError::Busy, messages: messages.to_vec(), outcomes }
}

#[tokio::test]
async fn a_batch_that_is_found_stored_is_acknowledged_after_all() {
    let room = room().await;
    let batch = [message(1, "a"), message(2, "b")];
    append(&room, &batch).await;
    let (outcomes, known) = resolve(&room, &[], failed(&batch)).await;
    assert!(known);
    assert!(
        matches!(&outcomes[..], [Outcome::Stored(a), Outcome::Stored(b)] if a.id == 1 && b.id == 2)
    );
    assert_eq!(room.head(), 0, "it is published with its answers, not before");
}

#[tokio::test]
async fn a_batch_that_is_not_there_is_refused_and_the_ids_go_on_from_what_is() {
    let room = room().await;
    let (outcomes, known) = resolve(&room, &[], failed(&[message(1, "a")])).await;
    assert!(known && outcomes.is_empty(), "{outcomes:?}");
    assert_eq!(room.head(), 0);

    append(&room, &[message(1, "another's")]).await;
    let (outcomes, known) = resolve(&room, &[], failed(&[message(1, "a")])).await;
    assert!(known && outcomes.is_empty(), "{outcomes:?}");
    assert_eq!(room.head(), 1);
}

#[tokio::test]
async fn if_nothing_can_be_found_out_it_is_looked_up_again() {
    let (room, db) = room_on().await;
    let batch = [message(1, "a")];
    append(&room, &batch).await;
    db.close().await.unwrap();
    let (outcomes, known) = resolve(&room, &[], failed(&batch)).await;
    assert!(!known && outcomes.is_empty(), "{outcomes:?}");
    assert!(catch_up(&room).await.is_err());
}

#[test]
fn times_do_not_go_back_unless_the_clock_was_wrong() {
    let at = |now, newest| accepted_at(Timestamp(now), Timestamp(newest)).0;
    assert_eq!(at(1_000, i64::MIN), 1_000, "the first message");
    assert_eq!(at(1_000, 900), 1_000);
    assert_eq!(at(1_000, 1_000), 1_000);
    assert_eq!(at(1_000, 61_000), 61_000, "the clock was set right");
    assert_eq!(at(1_000, 61_001), 1_000, "the clock was wrong");
    assert_eq!(at(1_000, i64::MAX), 1_000);
}
