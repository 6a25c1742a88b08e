//! What the admin site reads of messages and rooms, and taking a message's text away.

use base::Timestamp;
use sea_orm::sea_query::{Condition, Expr, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait, Select,
};
use storage::{StorageError, contains, count_up_to};

use super::Store;
use super::entity::{message, room};

/// Messages that a text search looks at: reading them takes less than a tenth of a
/// second, and the page must come within two.
const SEARCHED: u64 = 50_000;

/// Which messages are looked for. The newest come first.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageFilter {
    /// This text is in them.
    pub(crate) text: Option<String>,
    /// It has this number in its room.
    pub(crate) id: Option<i64>,
    /// Posted under exactly this name.
    pub(crate) author: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) before: Option<Timestamp>,
    pub(crate) oldest_first: bool,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
}

/// One page of the messages that a filter matches.
#[derive(Debug)]
pub(crate) struct MessagePage {
    pub(crate) rows: Vec<StoredMessage>,
    /// How many there are, counted no further than the cap.
    pub(crate) total: u64,
    /// A text search looked no further than this moment.
    pub(crate) reached: Option<Timestamp>,
}

/// A message as the database keeps it.
#[derive(Clone, Debug)]
pub(crate) struct StoredMessage {
    pub(crate) room: i64,
    pub(crate) id: i64,
    pub(crate) author: String,
    pub(crate) account: i64,
    /// Empty once it is removed.
    pub(crate) text: String,
    pub(crate) sent_at: Timestamp,
    pub(crate) removed_at: Option<Timestamp>,
}

/// A room, and how far its messages go.
#[derive(Clone, Debug)]
pub(crate) struct RoomSummary {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) messages: i64,
}

impl Store {
    /// A page of the messages that pass the filter, counted up to `cap`.
    pub(crate) async fn find(
        &self,
        filter: &MessageFilter,
        cap: u64,
    ) -> Result<MessagePage, StorageError> {
        let Some(text) = &filter.text else {
            let all = ordered(narrowed(filter), filter);
            let total = count_up_to(self.db.reader(), all.clone().into_query(), cap).await?;
            let page = all.offset(filter.offset).limit(filter.limit).all(self.db.reader()).await?;
            return Ok(MessagePage {
                rows: page.into_iter().map(StoredMessage::from).collect(),
                total,
                reached: None,
            });
        };
        // One look at the newest that fit the rest, taking down what matches; a second
        // one for the rows of the page, by their keys.
        let keys = self.matching(window(filter), text, cap).await?;
        let on_page = keys.iter().skip(index(filter.offset)).take(index(filter.limit));
        let mut rows = self.by_keys(on_page.copied()).await?;
        rows.sort_by_key(|row| (row.sent_at, row.id));
        if !filter.oldest_first {
            rows.reverse();
        }
        Ok(MessagePage { rows, total: keys.len() as u64, reached: self.reached(filter).await? })
    }

    /// Room and id of those in `window` that hold `text`, at most `cap`.
    async fn matching(
        &self,
        window: SelectStatement,
        text: &str,
        cap: u64,
    ) -> Result<Vec<(i64, i64)>, StorageError> {
        let mut select = Query::select();
        select
            .columns(["room_id", "id"])
            .from_subquery(window, "looked_at")
            .and_where(contains(self.db.reader(), "text", text))
            .limit(cap);
        let rows = self.db.reader().query_all(&select).await?;
        let key = |row: QueryResult| Ok((row.try_get("", "room_id")?, row.try_get("", "id")?));
        rows.into_iter().map(key).collect()
    }

    async fn by_keys(
        &self,
        keys: impl Iterator<Item = (i64, i64)>,
    ) -> Result<Vec<StoredMessage>, StorageError> {
        let one = |(room, id): (i64, i64)| {
            Condition::all().add(message::Column::RoomId.eq(room)).add(message::Column::Id.eq(id))
        };
        let mut any = Condition::any();
        for key in keys {
            any = any.add(one(key));
        }
        if any.is_empty() {
            return Ok(Vec::new());
        }
        let rows = message::Entity::find().filter(any).all(self.db.reader()).await?;
        Ok(rows.into_iter().map(StoredMessage::from).collect())
    }

    /// How far a text search came, if there is more.
    async fn reached(&self, filter: &MessageFilter) -> Result<Option<Timestamp>, StorageError> {
        let next = ordered(narrowed(filter), filter)
            .select_only()
            .column(message::Column::SentAt)
            .offset(SEARCHED)
            .limit(1)
            .into_tuple::<i64>()
            .one(self.db.reader())
            .await?;
        Ok(next.map(Timestamp))
    }

    /// One message.
    pub(crate) async fn message(
        &self,
        room: i64,
        id: i64,
    ) -> Result<Option<StoredMessage>, StorageError> {
        let row = message::Entity::find_by_id((room, id)).one(self.db.reader()).await?;
        Ok(row.map(StoredMessage::from))
    }

    /// Takes the text of a message away for good; its row stays, so that ids have no
    /// gaps. Whether there was one to take.
    pub(crate) async fn remove(
        &self,
        room: i64,
        id: i64,
        now: Timestamp,
    ) -> Result<bool, StorageError> {
        let transaction = self.db.begin_write().await?;
        let removed = message::Entity::update_many()
            .col_expr(message::Column::Text, Expr::val(""))
            .col_expr(message::Column::RemovedAt, Expr::val(now.0))
            .filter(message::Column::RoomId.eq(room))
            .filter(message::Column::Id.eq(id))
            .filter(message::Column::RemovedAt.is_null())
            .exec(transaction.connection())
            .await?;
        transaction.commit().await?;
        Ok(removed.rows_affected > 0)
    }

    /// A page of the rooms, by name.
    pub(crate) async fn rooms(
        &self,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<RoomSummary>, StorageError> {
        let rooms = room::Entity::find().order_by_asc(room::Column::Name);
        let rows = rooms.offset(offset).limit(limit).all(self.db.reader()).await?;
        Ok(rows.into_iter().map(RoomSummary::from).collect())
    }

    /// How many rooms there are, counted up to `cap`.
    pub(crate) async fn count_rooms(&self, cap: u64) -> Result<u64, StorageError> {
        count_up_to(self.db.reader(), room::Entity::find().into_query(), cap).await
    }

    /// One room.
    pub(crate) async fn room_summary(&self, id: i64) -> Result<Option<RoomSummary>, StorageError> {
        let row = room::Entity::find_by_id(id).one(self.db.reader()).await?;
        Ok(row.map(RoomSummary::from))
    }
}

impl From<room::Model> for RoomSummary {
    fn from(row: room::Model) -> Self {
        Self {
            id: row.id,
            name: row.name,
            created_at: Timestamp(row.created_at),
            messages: row.head,
        }
    }
}

fn narrowed(filter: &MessageFilter) -> Select<message::Entity> {
    let mut select = message::Entity::find();
    if let Some(id) = filter.id {
        // A seek in each room; by the number alone it would be a look at every message.
        let rooms = room::Entity::find().select_only().column(room::Column::Id).into_query();
        select = select
            .filter(message::Column::RoomId.in_subquery(rooms))
            .filter(message::Column::Id.eq(id));
    }
    if let Some(author) = &filter.author {
        select = select.filter(message::Column::Author.eq(author.as_str()));
    }
    if let Some(from) = filter.from {
        select = select.filter(message::Column::SentAt.gte(from.0));
    }
    if let Some(before) = filter.before {
        select = select.filter(message::Column::SentAt.lt(before.0));
    }
    select
}

fn ordered(select: Select<message::Entity>, filter: &MessageFilter) -> Select<message::Entity> {
    let order = if filter.oldest_first { Order::Asc } else { Order::Desc };
    select.order_by(message::Column::SentAt, order.clone()).order_by(message::Column::Id, order)
}

/// What a text search looks at.
fn window(filter: &MessageFilter) -> SelectStatement {
    ordered(narrowed(filter), filter)
        .select_only()
        .columns([
            message::Column::RoomId,
            message::Column::Id,
            message::Column::Text,
            message::Column::SentAt,
        ])
        .limit(SEARCHED)
        .into_query()
}

/// Pages go ten thousand rows deep.
fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

impl From<message::Model> for StoredMessage {
    fn from(row: message::Model) -> Self {
        Self {
            room: row.room_id,
            id: row.id,
            author: row.author,
            account: row.author_id,
            text: row.text,
            sent_at: Timestamp(row.sent_at),
            removed_at: row.removed_at.map(Timestamp),
        }
    }
}
