//! All SQL of this capability. Finders take the room as an argument.

mod entity;
#[cfg(test)]
mod fixtures;
mod ledger;
mod migrations;
mod moderation;

use std::sync::Arc;

use base::{AccountId, Random, Timestamp, alphanumeric, id53};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use storage::{Database, StorageError};

use crate::Message;
use entity::{message, room};
pub(crate) use ledger::{Append, Ledger};
pub use migrations::migrations;
pub(crate) use moderation::{MessageFilter, RoomSummary, StoredMessage};

/// Characters of a room's epoch.
const EPOCH_LENGTH: usize = 16;

/// A room on record.
#[derive(Clone, Debug)]
pub(crate) struct RoomRecord {
    pub(crate) id: i64,
    /// Tells histories apart: ids of one epoch mean nothing in another.
    pub(crate) epoch: String,
}

/// The tables of rooms and messages.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    db: Database,
}

impl Store {
    pub(crate) fn new(db: Database) -> Self {
        Self { db }
    }

    /// The room called `name`; made if there is none.
    pub(crate) async fn open_room(
        &self,
        name: &str,
        now: Timestamp,
        random: &dyn Random,
    ) -> Result<RoomRecord, StorageError> {
        let tx = self.db.begin_write().await?;
        let found =
            room::Entity::find().filter(room::Column::Name.eq(name)).one(tx.connection()).await?;
        if let Some(found) = found {
            return Ok(RoomRecord { id: found.id, epoch: found.epoch });
        }
        let made = RoomRecord { id: id53(random), epoch: alphanumeric(random, EPOCH_LENGTH) };
        room::Entity::insert(room::ActiveModel {
            id: Set(made.id),
            name: Set(name.to_owned()),
            epoch: Set(made.epoch.clone()),
            created_at: Set(now.0),
        })
        .exec_without_returning(tx.connection())
        .await?;
        tx.commit().await?;
        Ok(made)
    }

    /// The room with this id.
    pub(crate) async fn room(&self, id: i64) -> Result<Option<RoomRecord>, StorageError> {
        let found = room::Entity::find_by_id(id).one(self.db.reader()).await?;
        Ok(found.map(|found| RoomRecord { id: found.id, epoch: found.epoch }))
    }

    /// Gives `room` another epoch, on record before this returns: what clients know of
    /// it is not its past any more.
    pub(crate) async fn begin_anew(
        &self,
        room: &mut RoomRecord,
        random: &dyn Random,
    ) -> Result<(), StorageError> {
        let epoch = alphanumeric(random, EPOCH_LENGTH);
        let tx = self.db.begin_write().await?;
        room::Entity::update_many()
            .col_expr(room::Column::Epoch, epoch.as_str().into())
            .filter(room::Column::Id.eq(room.id))
            .exec(tx.connection())
            .await?;
        tx.commit().await?;
        room.epoch = epoch;
        Ok(())
    }

    /// Up to `limit` messages of `room` below `before`, oldest first.
    pub(crate) async fn before(
        &self,
        room: i64,
        before: i64,
        limit: usize,
    ) -> Result<Vec<Arc<Message>>, StorageError> {
        let mut rows = message::Entity::find()
            .filter(message::Column::RoomId.eq(room))
            .filter(message::Column::Id.lt(before))
            .order_by_desc(message::Column::Id)
            .limit(limit as u64)
            .all(self.db.reader())
            .await?;
        rows.reverse();
        Ok(rows.into_iter().map(|row| Arc::new(row.into())).collect())
    }
}

impl From<message::Model> for Message {
    fn from(row: message::Model) -> Self {
        Self {
            id: row.id,
            at: Timestamp(row.sent_at),
            author: AccountId(row.author_id),
            author_name: row.author.into(),
            text: row.text.into(),
            client_id: row.client_id.map(Into::into),
        }
    }
}
