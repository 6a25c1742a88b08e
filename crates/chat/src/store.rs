//! All SQL of this capability. Finders take the room as an argument.

mod entity;
mod migrations;
mod moderation;

use std::sync::Arc;

use base::{AccountId, Random, Timestamp, alphanumeric, id53};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use storage::{Database, StorageError, WriteTransaction};

use crate::Message;
use entity::{message, room};
pub use migrations::migrations;
pub(crate) use moderation::{Kept, RoomKept, Wanted};

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

/// A message that a client has posted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posted {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
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

    /// The messages of `room` above `after`, oldest first. For the few that one
    /// commit can hold, so there is no limit.
    pub(crate) async fn after(
        &self,
        room: i64,
        after: i64,
    ) -> Result<Vec<Arc<Message>>, StorageError> {
        let rows = message::Entity::find()
            .filter(message::Column::RoomId.eq(room))
            .filter(message::Column::Id.gt(after))
            .order_by_asc(message::Column::Id)
            .all(self.db.reader())
            .await?;
        Ok(rows.into_iter().map(|row| Arc::new(row.into())).collect())
    }

    /// Whether the database is still in its place.
    pub(crate) fn check_place(&self) -> Result<(), StorageError> {
        self.db.check_file()
    }

    /// Begins to store messages of `room`. Everybody in the room waits for it, so it goes
    /// before other writes.
    pub(crate) async fn begin_append(&self, room: i64) -> Result<Append, StorageError> {
        Ok(Append { tx: self.db.begin_urgent_write().await?, room })
    }
}

/// The transaction in which messages of a room are looked up and stored. It holds the turn
/// to write, so what was looked up is still so when they are stored.
#[derive(Debug)]
pub(crate) struct Append {
    tx: WriteTransaction,
    room: i64,
}

impl Append {
    /// What was posted under any of `client_ids`, by any author.
    pub(crate) async fn posted_as(
        &self,
        client_ids: &[&str],
    ) -> Result<Vec<(AccountId, String, Posted)>, StorageError> {
        if client_ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(i64, Option<String>, i64, i64)> = message::Entity::find()
            .select_only()
            .columns([
                message::Column::AuthorId,
                message::Column::ClientId,
                message::Column::Id,
                message::Column::SentAt,
            ])
            .filter(message::Column::RoomId.eq(self.room))
            .filter(message::Column::ClientId.is_in(client_ids.iter().copied()))
            .into_tuple()
            .all(self.tx.connection())
            .await?;
        Ok(rows
            .into_iter()
            .filter_map(|(author, client_id, id, at)| {
                Some((AccountId(author), client_id?, Posted { id, at: Timestamp(at) }))
            })
            .collect())
    }

    /// Stores `messages`, all of them or none, and ends the transaction.
    pub(crate) async fn commit(self, messages: &[Arc<Message>]) -> Result<(), StorageError> {
        insert(self.tx.connection(), self.room, messages).await?;
        self.tx.commit().await
    }
}

async fn insert(
    tx: &DatabaseTransaction,
    room: i64,
    messages: &[Arc<Message>],
) -> Result<(), StorageError> {
    let rows = messages.iter().map(|message| message::ActiveModel {
        room_id: Set(room),
        id: Set(message.id),
        author_id: Set(message.author.0),
        author: Set(message.author_name.to_string()),
        text: Set(message.text.to_string()),
        sent_at: Set(message.at.0),
        client_id: Set(message.client_id.as_deref().map(str::to_owned)),
        removed_at: Set(None),
    });
    message::Entity::insert_many(rows).exec_without_returning(tx).await?;
    Ok(())
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

#[cfg(test)]
mod tests;
