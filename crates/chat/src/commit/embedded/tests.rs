use base::Timestamp;

use super::*;
use crate::testing::{Client, Setup, message, post};

/// Stores what was posted, as the committer's task does.
async fn step(committer: &mut EmbeddedCommitter) -> Vec<Vec<Outcome>> {
    let batches = committer.intake.take().await.unwrap();
    committer.carry_out(batches).await
}

/// The ids of what is stored; `None` for a refusal.
fn ids(outcomes: &[Outcome]) -> Vec<Option<i64>> {
    let id = |outcome: &Outcome| match outcome {
        Outcome::Stored(message) => Some(message.id),
        Outcome::Known(posted) => Some(posted.id),
        Outcome::Refused(_) => None,
    };
    outcomes.iter().map(id).collect()
}

/// A batch whose commit failed, as far as the answer of the database went.
fn failed(messages: &[Arc<Message>]) -> Failed {
    let outcomes = messages.iter().cloned().map(Outcome::Stored).collect();
    let drafts = vec![Numbered { messages: messages.to_vec(), outcomes }];
    Failed { error: StorageError::Busy, drafts }
}

struct Scene {
    setup: Setup,
    committer: EmbeddedCommitter,
    room: i64,
}

impl Scene {
    async fn new() -> Self {
        let setup = Setup::embedded().await;
        let (committer, room) = (setup.committer(), setup.rooms.default_room().id());
        Self { setup, committer, room }
    }

    async fn resolve(&mut self, messages: &[Arc<Message>]) -> Vec<Outcome> {
        let batch = Batch { room: self.room, postings: Vec::new() };
        self.committer.resolve(&[batch], failed(messages)).await.remove(0)
    }

    fn head(&self) -> i64 {
        self.setup.rooms.default_room().head()
    }
}

#[tokio::test]
async fn a_batch_that_is_found_stored_is_acknowledged_after_all() {
    let mut scene = Scene::new().await;
    let batch = [message(1, "a"), message(2, "b")];
    scene.setup.append(scene.room, &batch).await;
    let outcomes = scene.resolve(&batch).await;
    assert!(scene.committer.stores(scene.room));
    assert_eq!(ids(&outcomes), [Some(1), Some(2)]);
    assert_eq!(scene.head(), 0, "it is published with its answers, not before");
}

#[tokio::test]
async fn a_batch_that_is_not_there_is_refused_and_the_ids_go_on_from_what_is() {
    let mut scene = Scene::new().await;
    let outcomes = scene.resolve(&[message(1, "a")]).await;
    assert!(scene.committer.stores(scene.room) && outcomes.is_empty(), "{outcomes:?}");
    assert_eq!(scene.head(), 0);

    scene.setup.append(scene.room, &[message(1, "another's")]).await;
    let outcomes = scene.resolve(&[message(1, "a")]).await;
    assert!(scene.committer.stores(scene.room) && outcomes.is_empty(), "{outcomes:?}");
    assert_eq!(scene.head(), 1);
}

#[tokio::test]
async fn if_nothing_can_be_found_out_it_is_looked_up_again() {
    let mut scene = Scene::new().await;
    let batch = [message(1, "a")];
    scene.setup.append(scene.room, &batch).await;
    scene.setup.db.close().await.unwrap();
    let outcomes = scene.resolve(&batch).await;
    assert!(!scene.committer.stores(scene.room) && outcomes.is_empty(), "{outcomes:?}");
    scene.committer.catch_up().await;
    assert!(!scene.committer.stores(scene.room));
}

#[tokio::test]
async fn one_transaction_stores_the_postings_of_many_rooms() {
    const ROOMS: usize = 200;
    let setup = Setup::embedded().await;
    let mut committer = setup.committer();
    let mut seats = Vec::new();
    for number in 0..ROOMS {
        let room = setup.room(&format!("room-{number}")).await;
        let number = u64::try_from(number).unwrap();
        let client = setup.client(number + 1, 1 + i64::try_from(number / 10).unwrap());
        seats.push((room, setup.rooms.join(room, &client.request).await.unwrap(), client));
    }
    for round in 1..=3 {
        for (_, seat, _) in &seats {
            post(seat, &format!("text-{round}"));
        }
        let outcomes = step(&mut committer).await;
        assert_eq!(outcomes.len(), ROOMS);
        assert!(outcomes.iter().all(|outcomes| ids(outcomes) == [Some(round)]));
        assert_eq!(committer.ledger.begun(), usize::try_from(round).unwrap());
    }
    for (room, _, _) in &seats {
        let stored = setup.stored(*room).await;
        let stored: Vec<_> = stored.iter().map(|message| (message.id, &*message.text)).collect();
        assert_eq!(stored, [(1, "text-1"), (2, "text-2"), (3, "text-3")]);
    }
}

async fn two_rooms(setup: &Setup) -> [(i64, crate::room::Seat, Client); 2] {
    let (one, two) = (setup.room("one").await, setup.room("two").await);
    let (ann, bob) = (setup.client(1, 7), setup.client(2, 8));
    let in_one = setup.rooms.join(one, &ann.request).await.unwrap();
    let in_two = setup.rooms.join(two, &bob.request).await.unwrap();
    [(one, in_one, ann), (two, in_two, bob)]
}

#[tokio::test]
async fn a_room_whose_commit_fails_does_not_stop_others_beyond_that_batch() {
    let setup = Setup::embedded().await;
    let mut committer = setup.committer();
    let [(one, in_one, _ann), (two, in_two, _bob)] = two_rooms(&setup).await;
    post(&in_one, "a");
    post(&in_two, "a");
    assert_eq!(step(&mut committer).await.concat().len(), 2);
    // What the committer does not know of is in the way of its next id.
    setup.append(one, &[message(2, "another's")]).await;
    post(&in_one, "b");
    post(&in_two, "b");
    let refused = step(&mut committer).await;
    assert_eq!(refused.iter().map(|of_room| ids(of_room)).collect::<Vec<_>>(), [[None], [None]]);
    post(&in_one, "b");
    post(&in_two, "b");
    let stored = step(&mut committer).await;
    assert_eq!(ids(&stored[0]), [Some(3)], "after what was found");
    assert_eq!(ids(&stored[1]), [Some(2)], "no gap");
    for (room, last) in [(one, 3), (two, 2)] {
        let stored = setup.stored(room).await;
        assert!(stored.iter().map(|message| message.id).eq(1..=last));
        assert_eq!(setup.rooms.open_now(room).unwrap().head(), last);
    }
}

#[tokio::test]
async fn a_room_that_is_not_settled_is_refused_and_the_others_are_not() {
    let setup = Setup::embedded().await;
    let mut committer = setup.committer();
    let [(one, in_one, _ann), (_, in_two, _bob)] = two_rooms(&setup).await;
    post(&in_one, "a");
    step(&mut committer).await;
    committer.unsettled.insert(one);
    post(&in_one, "b");
    post(&in_two, "b");
    let batches = committer.intake.take().await.unwrap();
    let outcomes = committer.store(&batches).await;
    assert_eq!((ids(&outcomes[0]), ids(&outcomes[1])), (vec![None], vec![Some(1)]));
    committer.catch_up().await;
    assert!(committer.stores(one));
}

#[tokio::test]
async fn ids_go_on_in_a_room_whose_head_was_forgotten() {
    let setup = Setup::embedded().await;
    let mut committer = setup.committer();
    let [(one, in_one, _ann), (_, in_two, _bob)] = two_rooms(&setup).await;
    post(&in_one, "a");
    step(&mut committer).await;
    let many = 1..=i64::try_from(MAX_HEADS).unwrap() - 2;
    committer.heads.extend(many.map(|room| (-room, Posted { id: 1, at: Timestamp(5) })));
    committer.unsettled.insert(-1);
    post(&in_one, "b");
    post(&in_two, "b");
    let batches = committer.intake.take().await.unwrap();
    let outcomes = committer.store(&batches).await;
    assert_eq!((ids(&outcomes[0]), ids(&outcomes[1])), (vec![Some(2)], vec![Some(1)]));
    assert!(committer.heads.len() <= 3 && committer.heads.contains_key(&one));
    assert!(committer.heads.contains_key(&-1), "what is not settled is not forgotten");
}

#[tokio::test]
async fn what_was_posted_before_is_known_from_memory_and_from_the_database() {
    let setup = Setup::embedded().await;
    let [(_, in_one, _ann), (_, in_two, _bob)] = two_rooms(&setup).await;
    let mut committer = setup.committer();
    post(&in_one, "a");
    post(&in_two, "b");
    step(&mut committer).await;
    for mut committer in [committer, setup.committer()] {
        // The same client id is another posting in another room, and another author's.
        post(&in_one, "a");
        post(&in_one, "b");
        post(&in_one, "b");
        let outcomes = step(&mut committer).await.concat();
        assert_eq!(ids(&outcomes), [Some(1), Some(2), Some(2)]);
        assert!(matches!(outcomes[0], Outcome::Known(_)));
        assert!(matches!(outcomes[2], Outcome::Known(_)));
    }
}
