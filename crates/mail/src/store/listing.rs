//! The queue as lists show it.

use base::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, Order, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use storage::{StorageError, contains};

use super::entity::{Column, Entity, Model};
use super::is_in;
use crate::record::{MailQuery, MailSort, MailState, QueuedMail};

/// The mails that `query` asks for, and how many there are of them in all.
pub(crate) async fn page(
    on: &impl ConnectionTrait,
    query: &MailQuery,
) -> Result<(Vec<QueuedMail>, u64), StorageError> {
    let mut condition = Condition::all();
    if let Some(state) = query.state {
        condition = condition.add(is_in(state));
    }
    if let Some(search) = query.search.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let columns = [Column::Mailbox, Column::Recipient, Column::Subject, Column::Kind];
        let holds = |column: Column| contains(on, column.as_column_ref(), search);
        condition =
            condition.add(columns.map(holds).into_iter().fold(Condition::any(), Condition::add));
    }
    let found = Entity::find().filter(condition);
    let total = found.clone().count(on).await?;
    let order = if query.descending { Order::Desc } else { Order::Asc };
    let column = match query.sort {
        MailSort::Created => Column::CreatedAt,
        MailSort::NextAttempt => Column::NextAttemptAt,
        MailSort::Attempts => Column::Attempts,
        MailSort::Recipient => Column::Mailbox,
        MailSort::State => Column::State,
    };
    let rows = found
        .order_by(column, order.clone())
        // Those that are equal have an order too, or pages would overlap.
        .order_by(Column::Id, order)
        .offset(query.offset)
        .limit(query.limit)
        .all(on)
        .await?;
    Ok((rows.into_iter().map(queued_mail).collect(), total))
}

/// The mail `id`.
pub(crate) async fn by_id(
    on: &impl ConnectionTrait,
    id: i64,
) -> Result<Option<QueuedMail>, StorageError> {
    Ok(Entity::find_by_id(id).one(on).await?.map(queued_mail))
}

fn queued_mail(row: Model) -> QueuedMail {
    let state = MailState::named(&row.state);
    QueuedMail {
        id: row.id,
        kind: row.kind,
        to: row.recipient,
        subject: row.subject,
        state,
        attempts: u32::try_from(row.attempts).unwrap_or(0),
        created_at: Timestamp(row.created_at),
        next_attempt_at: (state == MailState::Queued).then_some(Timestamp(row.next_attempt_at)),
        finished_at: row.finished_at.map(Timestamp),
        last_error: row.last_error,
    }
}
