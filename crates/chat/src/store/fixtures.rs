//! Rows that tests need many of.

use sea_orm::ActiveValue::Set;
use sea_orm::{EntityTrait, QuerySelect};
use storage::{StorageError, WriteTransaction};

use super::Store;
use super::entity::room;

/// Rows in one statement.
const CHUNK: i64 = 1_000;

impl Store {
    /// Makes rooms with the ids 1 to `count`.
    pub(crate) async fn make_rooms(&self, count: usize) -> Result<(), StorageError> {
        let tx = self.db.begin_write().await?;
        let last = i64::try_from(count).unwrap_or(i64::MAX);
        let mut next = 1;
        while next <= last {
            let rows = (next..=last.min(next + CHUNK - 1)).map(|id| room::ActiveModel {
                id: Set(id),
                name: Set(format!("room-{id}")),
                epoch: Set("e".to_owned()),
                created_at: Set(5),
                ..Default::default()
            });
            room::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
            next += CHUNK;
        }
        tx.commit().await
    }

    /// Holds the row of `room`, as a transaction elsewhere would, until it is dropped.
    pub(crate) async fn hold_room(&self, room: i64) -> WriteTransaction {
        let tx = self.db.begin_write().await.unwrap();
        let held = room::Entity::find_by_id(room).lock_exclusive().one(tx.connection()).await;
        assert!(held.unwrap().is_some());
        tx
    }
}
