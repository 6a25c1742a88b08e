//! Appending in SQLite: the one transaction in which messages of many rooms are looked up
//! and stored.
//!
//! The committer alone appends, and gives out the ids. Statements are few however many rooms
//! are in a batch: one looks up what was posted before, one stores, one says in the rooms
//! how far they have come.

use std::sync::Arc;

use base::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use storage::{Database, StorageError, WriteTransaction};

use super::super::entity::{message, room};
use super::{PostedAs, posted_as, row};
use crate::Message;
use crate::intake::Posted;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddedLedger {
    db: Database,
    /// Transactions begun.
    #[cfg(test)]
    begun: Arc<std::sync::atomic::AtomicUsize>,
}

impl EmbeddedLedger {
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
    /// The newest message of `room`; all zero if there is none.
    pub(crate) async fn newest(&self, room: i64) -> Result<Posted, StorageError> {
        let newest: Option<(i64, i64)> = room::Entity::find_by_id(room)
            .select_only()
            .columns([room::Column::Head, room::Column::LastAt])
            .into_tuple()
            .one(self.tx.connection())
            .await?;
        let (id, at) = newest.unwrap_or_default();
        Ok(Posted { id, at: Timestamp(at) })
    }

    /// What was posted to these rooms under any of these client ids, by any author.
    pub(crate) async fn posted_as(
        &self,
        client_ids: &[(i64, Vec<&str>)],
    ) -> Result<Vec<PostedAs>, StorageError> {
        posted_as(self.tx.connection(), client_ids).await
    }

    /// Stores messages, each with the id of its room, those of a room together: all of them
    /// or none.
    pub(crate) async fn commit(self, messages: &[(i64, Arc<Message>)]) -> Result<(), StorageError> {
        let stored = |message: &Message| Posted { id: message.id, at: message.at };
        let rows =
            messages.iter().map(|(room, message)| row(*room, message, stored(message), None));
        message::Entity::insert_many(rows).exec_without_returning(self.tx.connection()).await?;
        let mut rooms: Vec<i64> = messages.iter().map(|(room, _)| *room).collect();
        rooms.dedup();
        // A seek for each room: cheaper than a list of cases, and never another number.
        room::Entity::update_many()
            .col_expr(room::Column::Head, newest(message::Column::Id).into())
            .col_expr(room::Column::LastAt, newest(message::Column::SentAt).into())
            .filter(room::Column::Id.is_in(rooms))
            .exec(self.tx.connection())
            .await?;
        self.tx.commit().await
    }
}

/// What `column` says of the newest message of the room of the outer statement.
fn newest(column: message::Column) -> SelectStatement {
    let of_room = Expr::col((message::Entity, message::Column::RoomId))
        .eq(Expr::col((room::Entity, room::Column::Id)));
    Query::select()
        .column((message::Entity, column))
        .from(message::Entity)
        .and_where(of_room)
        .order_by((message::Entity, message::Column::Id), Order::Desc)
        .limit(1)
        .to_owned()
}
