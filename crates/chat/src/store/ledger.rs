//! Appending messages: the one transaction in which messages of many rooms are looked up
//! and stored.
//!
//! The committer alone appends, and gives out the ids; with another database, which numbers
//! by itself, this is what changes. Statements are few however many rooms are in a batch:
//! one looks up what was posted before, one stores.
//!
//! Deliberately absent: what rooms hold in memory.

use std::sync::Arc;

use base::{AccountId, Timestamp};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use storage::{Database, StorageError, WriteTransaction};

use super::entity::message;
use crate::Message;
use crate::intake::Posted;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    db: Database,
    /// Transactions begun.
    #[cfg(test)]
    begun: Arc<std::sync::atomic::AtomicUsize>,
}

/// A message that a client has posted before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostedAs {
    pub(crate) room: i64,
    pub(crate) author: AccountId,
    pub(crate) client_id: String,
    pub(crate) posted: Posted,
}

impl Ledger {
    pub(crate) fn new(db: Database) -> Self {
        Self {
            db,
            #[cfg(test)]
            begun: Arc::default(),
        }
    }

    /// Transactions begun.
    #[cfg(test)]
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Begins to append. Everyone in the rooms waits for it, so it goes before other writes.
    pub(crate) async fn begin(&self) -> Result<Append, StorageError> {
        #[cfg(test)]
        self.begun.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(Append { tx: self.db.begin_urgent_write().await? })
    }

    /// The messages of `room` above `after`, oldest first. For the few that one commit can
    /// hold, so there is no limit.
    ///
    /// Not from a file that is not in its place any more: what it holds the next start will
    /// not have, whether it was committed or not.
    pub(crate) async fn after(
        &self,
        room: i64,
        after: i64,
    ) -> Result<Vec<Arc<Message>>, StorageError> {
        self.db.check_file()?;
        let rows = message::Entity::find()
            .filter(message::Column::RoomId.eq(room))
            .filter(message::Column::Id.gt(after))
            .order_by_asc(message::Column::Id)
            .all(self.db.reader())
            .await?;
        Ok(rows.into_iter().map(|row| Arc::new(row.into())).collect())
    }
}

/// A transaction that appends. It holds the turn to write, so what was looked up is still
/// so when messages are stored. Dropped, it stores nothing.
#[derive(Debug)]
pub(crate) struct Append {
    tx: WriteTransaction,
}

impl Append {
    /// The newest message of `room`.
    pub(crate) async fn newest(&self, room: i64) -> Result<Option<Posted>, StorageError> {
        let newest: Option<(i64, i64)> = message::Entity::find()
            .select_only()
            .columns([message::Column::Id, message::Column::SentAt])
            .filter(message::Column::RoomId.eq(room))
            .order_by_desc(message::Column::Id)
            .limit(1)
            .into_tuple()
            .one(self.tx.connection())
            .await?;
        Ok(newest.map(|(id, at)| Posted { id, at: Timestamp(at) }))
    }

    /// What was posted to these rooms under any of these client ids, by any author.
    pub(crate) async fn posted_as(
        &self,
        client_ids: &[(i64, Vec<&str>)],
    ) -> Result<Vec<PostedAs>, StorageError> {
        let mut any = Condition::any();
        for (room, client_ids) in client_ids.iter().filter(|(_, ids)| !ids.is_empty()) {
            let of_room = message::Column::RoomId.eq(*room);
            let client_ids = message::Column::ClientId.is_in(client_ids.iter().copied());
            any = any.add(Condition::all().add(of_room).add(client_ids));
        }
        if any.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<(i64, i64, Option<String>, i64, i64)> = message::Entity::find()
            .select_only()
            .columns([
                message::Column::RoomId,
                message::Column::AuthorId,
                message::Column::ClientId,
                message::Column::Id,
                message::Column::SentAt,
            ])
            .filter(any)
            .into_tuple()
            .all(self.tx.connection())
            .await?;
        let posted = |(room, author, client_id, id, at): (_, _, Option<_>, _, _)| {
            let (author, posted) = (AccountId(author), Posted { id, at: Timestamp(at) });
            Some(PostedAs { room, author, client_id: client_id?, posted })
        };
        Ok(rows.into_iter().filter_map(posted).collect())
    }

    /// Stores messages, each with the id of its room: all of them or none.
    pub(crate) async fn commit(self, messages: &[(i64, Arc<Message>)]) -> Result<(), StorageError> {
        let rows = messages.iter().map(|(room, message)| message::ActiveModel {
            room_id: Set(*room),
            id: Set(message.id),
            author_id: Set(message.author.0),
            author: Set(message.author_name.to_string()),
            text: Set(message.text.to_string()),
            sent_at: Set(message.at.0),
            client_id: Set(message.client_id.as_deref().map(str::to_owned)),
            removed_at: Set(None),
        });
        message::Entity::insert_many(rows).exec_without_returning(self.tx.connection()).await?;
        self.tx.commit().await
    }
}
