//! Appending in MariaDB: a short transaction, for a statement there cannot change one table
//! and store in another. The server ends it by itself if nothing comes for some seconds.

use std::time::Duration;

use base::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use storage::{Database, StorageError, WriteTransaction, now_millis};
use tokio::time::timeout;

use super::super::entity::{message, room};
use super::{NotAppended, Place, row};
use crate::Message;
use crate::intake::Posted;
use crate::message::accepted_at;

/// What [`ServerLedger::append`](super::ServerLedger::append) says, within `limit` before the
/// transaction is committed and again until it is.
pub(super) async fn append(
    db: &Database,
    place: Place<'_>,
    messages: &[Message],
    origin: i64,
    limit: Duration,
) -> Result<Posted, NotAppended> {
    let prepared = timeout(limit, prepare(db, place, messages, origin)).await;
    // What is not committed is never stored.
    let (tx, first) = match prepared.unwrap_or(Err(StorageError::Busy)) {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return Err(NotAppended::Moved),
        Err(error) if error.is_unique_violation() => return Err(NotAppended::Repeated(error)),
        Err(error) => return Err(NotAppended::Refused(error)),
    };
    let committed = timeout(limit, tx.commit()).await.unwrap_or(Err(StorageError::Busy));
    committed.map(|()| first).map_err(NotAppended::Unknown)
}

async fn prepare(
    db: &Database,
    Place { room, epoch, fence }: Place<'_>,
    messages: &[Message],
    origin: i64,
) -> Result<Option<(WriteTransaction, Posted)>, StorageError> {
    let tx = db.begin_urgent_write().await?;
    let standing: Option<(i64, i64, i64)> = room::Entity::find_by_id(room)
        .select_only()
        .columns([room::Column::Head, room::Column::LastAt])
        .expr(now_millis(tx.connection()))
        .filter(room::Column::Epoch.eq(epoch))
        .filter(room::Column::Fence.eq(fence))
        .lock_exclusive()
        .into_tuple()
        .one(tx.connection())
        .await?;
    let Some((head, last_at, now)) = standing else { return Ok(None) };
    let first = Posted { id: head + 1, at: accepted_at(Timestamp(now), Timestamp(last_at)) };
    let numbered = (first.id..).zip(messages);
    let rows =
        numbered.map(|(id, message)| row(room, message, Posted { id, ..first }, Some(origin)));
    message::Entity::insert_many(rows).exec_without_returning(tx.connection()).await?;
    let head = head + i64::try_from(messages.len()).unwrap_or(0);
    room::Entity::update_many()
        .col_expr(room::Column::Head, head.into())
        .col_expr(room::Column::LastAt, first.at.0.into())
        .filter(room::Column::Id.eq(room))
        .exec(tx.connection())
        .await?;
    Ok(Some((tx, first)))
}
