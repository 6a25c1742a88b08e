mod many;

use base::{AccountId, Clock, SessionRef};

use super::*;
use crate::people::MAX_CONNECTIONS;
use crate::testing::{Client, Setup, message, post};

async fn setup_with_room(messages: i64) -> (Setup, i64) {
    let setup = Setup::new().await;
    let room = setup.room("harbour").await;
    let messages: Vec<_> = (1..=messages).map(|id| message(id, &format!("text-{id}"))).collect();
    if !messages.is_empty() {
        setup.append(room, &messages).await;
    }
    (setup, room)
}

#[tokio::test]
async fn all_who_join_at_once_are_in_one_room_that_was_read_once() {
    let (setup, room) = setup_with_room(3).await;
    let clients: Vec<_> =
        (1..=100).map(|number: u64| setup.client(number, i64::try_from(number).unwrap())).collect();
    let joins = clients.iter().map(|client| setup.rooms.join(room, &client.request));
    let seats = futures_util::future::join_all(joins).await;
    assert!(seats.iter().all(Result::is_ok));
    assert_eq!(setup.rooms.count(), 2, "the default one, and this");
    let open = setup.rooms.open_now(room).unwrap();
    assert_eq!((open.count(), open.in_memory(), open.head()), (100, 3, 3));
    assert_eq!(setup.rooms.0.read.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_room_begins_with_its_newest_messages_and_keeps_more_as_people_talk() {
    let (setup, room) = setup_with_room(80).await;
    let client = setup.client(1, 7);
    let seat = setup.rooms.join(room, &client.request).await.unwrap();
    let open = setup.rooms.open_now(room).unwrap();
    assert_eq!((open.in_memory(), open.head()), (AT_FIRST, 80));
    (0..20).for_each(|number| post(&seat, &format!("new-{number}")));
    setup.store().await;
    assert_eq!((open.in_memory(), open.head()), (AT_FIRST + 20, 100));
    setup.rooms.drain().await;
    client.read();
    assert!(client.heard().contains("text-80") && client.heard().contains("new-19"));
    let ids = setup.stored(room).await.iter().map(|message| message.id).collect::<Vec<_>>();
    assert_eq!(ids, (1..=100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_room_closes_when_no_client_came_back_within_the_grace() {
    let (setup, room) = setup_with_room(1).await;
    let client = setup.client(1, 7);
    let seat = setup.rooms.join(room, &client.request).await.unwrap();
    setup.clock.advance(2 * GRACE);
    setup.rooms.sweep();
    assert_eq!(setup.rooms.count(), 2, "a client is in it");
    drop(seat);
    setup.clock.advance(GRACE / 2);
    setup.rooms.sweep();
    let again = setup.rooms.join(room, &client.request).await.unwrap();
    setup.clock.advance(GRACE);
    setup.rooms.sweep();
    assert_eq!(setup.rooms.count(), 2, "one came back");
    drop(again);
    setup.clock.advance(GRACE);
    setup.rooms.sweep();
    assert_eq!(setup.rooms.count(), 1);
    setup.clock.advance(2 * GRACE);
    setup.rooms.sweep();
    assert_eq!(setup.rooms.count(), 1, "the default room stays");
}

#[tokio::test]
async fn a_client_that_meets_a_room_as_it_closes_opens_it_anew() {
    let (setup, room) = setup_with_room(1).await;
    let client = setup.client(1, 7);
    drop(setup.rooms.join(room, &client.request).await.unwrap());
    // Looked up, and not joined yet.
    let old = setup.rooms.open(room).await.unwrap();
    setup.clock.advance(GRACE);
    setup.rooms.sweep();
    assert!(matches!(old.join(&client.request), Err(JoinError::Closed)));
    let seat = setup.rooms.join(room, &client.request).await.unwrap();
    let new = setup.rooms.open_now(room).unwrap();
    assert!(!Arc::ptr_eq(&old, &new));
    assert_eq!((old.count(), new.count(), new.head()), (0, 1, 1));
    // The one that failed took up nothing.
    drop(seat);
    setup.clock.advance(GRACE);
    setup.services.people.forget_calm();
    assert_eq!(setup.services.people.count(), 0);
}

#[tokio::test]
async fn a_room_with_a_posting_that_is_not_answered_stays_open() {
    let (setup, room) = setup_with_room(0).await;
    let client = setup.client(1, 7);
    let seat = setup.rooms.join(room, &client.request).await.unwrap();
    post(&seat, "last words");
    drop(seat);
    setup.clock.advance(GRACE);
    setup.rooms.sweep();
    assert_eq!(setup.rooms.count(), 2);
    setup.store().await;
    assert_eq!(setup.rooms.open_now(room).unwrap().head(), 1, "it was told");
    setup.rooms.sweep();
    assert_eq!(setup.rooms.count(), 1);
}

#[tokio::test]
async fn a_room_that_is_not_there_leaves_nothing_behind() {
    let setup = Setup::new().await;
    let client = setup.client(1, 7);
    let joined = setup.rooms.join(404, &client.request).await;
    assert!(matches!(joined, Err(JoinError::NoSuchRoom)));
    setup.rooms.sweep();
    assert!(setup.rooms.0.open.lock().is_empty());
}

#[tokio::test]
async fn a_person_holds_as_many_connections_in_ten_rooms_as_in_one() {
    let setup = Setup::new().await;
    let mut rooms = Vec::new();
    for number in 0..10 {
        rooms.push(setup.room(&format!("room-{number}")).await);
    }
    let most = u64::try_from(MAX_CONNECTIONS).unwrap();
    let clients: Vec<_> = (1..=most + 1).map(|number| setup.client(number, 7)).collect();
    let mut seats = Vec::new();
    for (client, room) in clients.iter().zip(rooms.iter().cycle()).take(MAX_CONNECTIONS) {
        seats.push(setup.rooms.join(*room, &client.request).await.unwrap());
    }
    for room in &rooms {
        let one_more = setup.rooms.join(*room, &clients[MAX_CONNECTIONS].request).await;
        assert!(matches!(one_more, Err(JoinError::TooMany)));
    }
    // A connection that is open is in as many rooms as it likes, and counts once.
    let second = setup.rooms.join(rooms[9], &clients[0].request).await.unwrap();
    drop(seats.remove(0));
    let one_more = setup.rooms.join(rooms[0], &clients[MAX_CONNECTIONS].request).await;
    assert!(matches!(one_more, Err(JoinError::TooMany)), "it is still in another room");
    drop(second);
    assert!(setup.rooms.join(rooms[0], &clients[MAX_CONNECTIONS].request).await.is_ok());
}

#[tokio::test]
async fn a_person_goes_no_faster_in_two_rooms_than_in_one() {
    let setup = Setup::new().await;
    let mut clients = [setup.client(1, 7), setup.client(2, 7)];
    let mut seats = Vec::new();
    for (client, name) in clients.iter_mut().zip(["one", "two"]) {
        client.request.exempt = false;
        let room = setup.room(name).await;
        seats.push(setup.rooms.join(room, &client.request).await.unwrap());
    }
    let now = setup.clock.monotonic();
    let person = |seat: &Seat| seat.poster().paced.clone().unwrap();
    assert!((0..300).all(|_| person(&seats[0]).may_post(now)));
    assert!(!person(&seats[1]).may_post(now));
    let mut joins = 2;
    while let Ok(seat) = setup.rooms.join(setup.room("one").await, &clients[0].request).await {
        drop(seat);
        joins += 1;
    }
    assert_eq!(joins, 60);
    let elsewhere = setup.rooms.join(setup.room("two").await, &clients[1].request).await;
    assert!(matches!(elsewhere, Err(JoinError::TooOften)));
}

#[tokio::test]
async fn an_ended_session_closes_its_sockets_in_all_rooms() {
    let setup = Setup::new().await;
    let (one, two) = (setup.room("one").await, setup.room("two").await);
    let (ann, same, bob) = (setup.client(1, 7), setup.client(2, 7), setup.client(3, 8));
    let _seats = [
        setup.rooms.join(one, &ann.request).await.unwrap(),
        setup.rooms.join(two, &ann.request).await.unwrap(),
        setup.rooms.join(two, &same.request).await.unwrap(),
        setup.rooms.join(two, &bob.request).await.unwrap(),
    ];
    setup.services.people.session_ended(AccountId(7), SessionRef(7));
    let closing = |client: &Client| client.request.outbox.status().closing;
    assert!(closing(&ann) && closing(&same) && !closing(&bob));
}

#[tokio::test]
async fn a_message_is_removed_in_a_room_that_is_open_and_in_one_that_is_not() {
    let (setup, room) = setup_with_room(3).await;
    assert!(setup.rooms.remove(room, 1).await.unwrap());
    assert!(!setup.rooms.remove(room, 1).await.unwrap(), "it was removed already");
    assert_eq!(setup.rooms.count(), 1, "that did not open it");
    let client = setup.client(1, 7);
    let _seat = setup.rooms.join(room, &client.request).await.unwrap();
    assert!(setup.rooms.remove(room, 2).await.unwrap());
    assert!(!setup.rooms.remove(room, 4).await.unwrap(), "there is none");
    setup.rooms.open_now(room).unwrap().flushed().await;
    client.read();
    assert!(client.heard().contains(r#"{"type":"removed","id":2}"#));
    let late = setup.client(2, 8);
    let _late = setup.rooms.join(room, &late.request).await.unwrap();
    setup.rooms.open_now(room).unwrap().flushed().await;
    late.read();
    let heard = late.heard();
    assert!(!heard.contains("text-1") && !heard.contains("text-2") && heard.contains("text-3"));
}

#[tokio::test]
async fn rooms_that_have_been_silent_for_longest_forget_first_and_a_client_pages_on() {
    let setup = Setup::new().await;
    let (mut open, mut seats, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=3 {
        let room = setup.room(&format!("room-{number}")).await;
        let client = setup.client(number, i64::try_from(number).unwrap());
        seats.push(setup.rooms.join(room, &client.request).await.unwrap());
        open.push(setup.rooms.open_now(room).unwrap());
        ids.push(room);
    }
    for seat in &seats {
        setup.clock.advance(Duration::from_secs(1));
        (0..100).for_each(|number| post(seat, &format!("text-{number}")));
        setup.store().await;
    }
    let in_memory = || open.iter().map(|room| room.in_memory()).collect::<Vec<_>>();
    let all = open.iter().map(|room| room.memory()).sum::<usize>();
    keep_within(all, open.clone());
    assert_eq!(in_memory(), [100, 100, 100]);
    keep_within(all - 1, open.clone());
    assert_eq!(in_memory(), [AT_FIRST, 100, 100]);
    keep_within(0, open.clone());
    assert_eq!(in_memory(), [AT_FIRST; 3], "the newest page stays");
    assert!(open.iter().all(|room| room.head() == 100), "ids go on");
    // What is not in memory is read from the database.
    let client = setup.client(9, 9);
    let seat = setup.rooms.join(ids[0], &client.request).await.unwrap();
    seat.history(11, 10);
    setup.rooms.drain().await;
    client.read();
    assert!(client.heard().contains(r#""id":1,"#) && client.heard().contains("text-9\""));
}
