use base::{ManualClock, OsRandom, Timestamp};
use storage::Database;
use transport::{Limits, Sockets};

use super::*;
use crate::Settings;
use crate::testing::{Setup, message};

#[tokio::test]
async fn the_screens_show_rooms_that_are_not_open_and_their_messages() {
    let setup = Setup::new().await;
    let room = setup.room("harbour").await;
    setup.append(room, &[message(1, "ahoy"), message(2, "land")]).await;
    let db: Database = setup.db.clone();
    let clock = Arc::new(ManualClock::new(Timestamp(5)));
    let sockets = Sockets::new(clock.clone(), Limits::default());
    let chat =
        Chat::open(db, sockets, clock, Arc::new(OsRandom), Settings::default()).await.unwrap();
    let models = chat.models();
    let [rooms, messages] = &models[..] else { panic!("two screens") };

    let all = rooms.page(&Query { limit: 50, ..Query::default() }).await.unwrap();
    let names: Vec<_> = all.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!((names, all.total.value), (vec!["harbour", "lobby"], 2));
    let second = Query { limit: 1, offset: 1, ..Query::default() };
    assert_eq!(rooms.page(&second).await.unwrap().rows[0].name, "lobby");
    let one = rooms.get(&room.to_string()).await.unwrap().expect("a room");
    assert_eq!(one.cells[1..3], [Value::Number(0), Value::Number(2)], "none online, two messages");
    assert!(rooms.get("404").await.unwrap().is_none());

    let search = Query { search: Some("#2".to_owned()), limit: 50, ..Query::default() };
    let found = messages.page(&search).await.unwrap();
    let ids: Vec<_> = found.rows.iter().map(|row| row.id.clone()).collect();
    assert_eq!(ids, [format!("{room}-2")]);
    assert!(chat.rooms().remove(room, 2).await.unwrap());
    let removed = messages.get(&ids[0]).await.unwrap().expect("its place stays");
    assert!(removed.details.contains(&("Room".into(), Value::text("harbour"))));
    assert!(removed.details.contains(&("Text".into(), Value::text(""))));
    assert_eq!(chat.rooms().count(), 1, "that opened none");
    chat.drain().await;
}
