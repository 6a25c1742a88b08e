//! All SQL of this capability. Finders take the room as an argument.

mod entity;
mod epochs;
#[cfg(test)]
mod fixtures;
mod ledger;
mod migrations;
mod moderation;
mod tables;

use std::sync::Arc;

use base::{AccountId, Random, Timestamp, alphanumeric, id53};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use storage::{Database, StorageError};

use crate::Message;
use entity::{message, room};
pub(crate) use ledger::{
    Append, EmbeddedLedger, Found, NotAppended, Place, ServerLedger, Standing,
};
pub use migrations::migrations;
pub(crate) use moderation::{MessageFilter, RoomSummary, StoredMessage};
pub(crate) use tables::EXPORTED;

/// Characters of a room's epoch.
const EPOCH_LENGTH: usize = 16;

/// An epoch that no room ever had.
fn new_epoch(random: &dyn Random) -> String {
    alphanumeric(random, EPOCH_LENGTH)
}

/// A room on record.
#[derive(Clone, Debug)]
pub(crate) struct RoomRecord {
    pub(crate) id: i64,
    /// Tells histories apart: ids of one epoch mean nothing in another.
    pub(crate) epoch: String,
    /// What appends to it name, in a database of a server.
    pub(crate) fence: i64,
}

impl From<room::Model> for RoomRecord {
    fn from(row: room::Model) -> Self {
        Self { id: row.id, epoch: row.epoch, fence: row.fence }
    }
}

async fn find(on: &impl ConnectionTrait, name: &str) -> Result<Option<RoomRecord>, StorageError> {
    let found = room::Entity::find().filter(room::Column::Name.eq(name)).one(on).await?;
    Ok(found.map(RoomRecord::from))
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
        if let Some(found) = find(tx.connection(), name).await? {
            return Ok(found);
        }
        let (id, epoch) = (id53(random), new_epoch(random));
        let made = room::ActiveModel {
            id: Set(id),
            name: Set(name.to_owned()),
            epoch: Set(epoch.clone()),
            created_at: Set(now.0),
            ..Default::default()
        };
        let inserted =
            room::Entity::insert(made).exec_without_returning(tx.connection()).await.map(drop);
        let made = match inserted.map_err(StorageError::from) {
            Ok(()) => tx.commit().await.map(|()| RoomRecord { id, epoch, fence: 0 }),
            Err(error) => Err(error),
        };
        match made {
            // Another server made it meanwhile.
            Err(error) if error.is_unique_violation() => {
                find(self.db.reader(), name).await?.ok_or(error)
            }
            made => made,
        }
    }

    /// The room with this id.
    pub(crate) async fn room(&self, id: i64) -> Result<Option<RoomRecord>, StorageError> {
        let found = room::Entity::find_by_id(id).one(self.db.reader()).await?;
        Ok(found.map(RoomRecord::from))
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
