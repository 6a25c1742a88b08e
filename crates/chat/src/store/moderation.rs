//! What the admin site reads of messages and rooms, and taking a message's text away.

use base::Timestamp;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait, Select,
};
use storage::{StorageError, containing, count_up_to};

use super::Store;
use super::entity::{message, room};

/// Messages that a text search looks at: reading them takes less than a tenth of a
/// second, and the page must come within two.
const SEARCHED: u64 = 50_000;

/// Which messages are looked for. The newest come first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// This text is in them.
    pub(crate) text: Option<String>,
    /// It is this one: room and number.
    pub(crate) place: Option<(i64, i64)>,
    /// Posted under exactly this name.
    pub(crate) author: Option<String>,
    pub(crate) from: Option<Timestamp>,
    pub(crate) before: Option<Timestamp>,
    pub(crate) oldest_first: bool,
    pub(crate) offset: u64,
    pub(crate) limit: u64,
}

/// What was found of them.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) rows: Vec<Kept>,
    /// How many there are, counted no further than the cap.
    pub(crate) total: u64,
    /// A text search looked no further than this moment.
    pub(crate) reached: Option<Timestamp>,
}

/// A message as the database keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
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
pub(crate) struct RoomKept {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) messages: i64,
}

impl Store {
    /// A page of the messages that are wanted, counted up to `cap`.
    pub(crate) async fn wanted(&self, wanted: &Wanted, cap: u64) -> Result<Found, StorageError> {
        let Some(text) = &wanted.text else {
            let all = ordered(narrowed(wanted), wanted);
            let total = count_up_to(self.db.reader(), all.clone().into_query(), cap).await?;
            let page = all.offset(wanted.offset).limit(wanted.limit).all(self.db.reader()).await?;
            return Ok(Found {
                rows: page.into_iter().map(Kept::from).collect(),
                total,
                reached: None,
            });
        };
        // One look at the newest that fit the rest, taking down what matches; a second
        // one for the rows of the page, by their keys.
        let keys = self.matching(window(wanted), text, cap).await?;
        let on_page = keys.iter().skip(index(wanted.offset)).take(index(wanted.limit));
        let mut rows = self.by_keys(on_page.copied()).await?;
        rows.sort_by_key(|row| (row.sent_at, row.id));
        if !wanted.oldest_first {
            rows.reverse();
        }
        Ok(Found { rows, total: keys.len() as u64, reached: self.reached(wanted).await? })
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
            .and_where(Expr::col("text").like(containing(text)))
            .limit(cap);
        let rows = self.db.reader().query_all(&select).await?;
        let key = |row: QueryResult| Ok((row.try_get("", "room_id")?, row.try_get("", "id")?));
        rows.into_iter().map(key).collect()
    }

    async fn by_keys(
        &self,
        keys: impl Iterator<Item = (i64, i64)>,
    ) -> Result<Vec<Kept>, StorageError> {
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
        Ok(rows.into_iter().map(Kept::from).collect())
    }

    /// How far a text search came, if there is more.
    async fn reached(&self, wanted: &Wanted) -> Result<Option<Timestamp>, StorageError> {
        let next = ordered(narrowed(wanted), wanted)
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
    pub(crate) async fn kept(&self, room: i64, id: i64) -> Result<Option<Kept>, StorageError> {
        let row = message::Entity::find_by_id((room, id)).one(self.db.reader()).await?;
        Ok(row.map(Kept::from))
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

    /// All rooms, by name. They are few.
    pub(crate) async fn rooms(&self) -> Result<Vec<RoomKept>, StorageError> {
        let rooms = room::Entity::find().order_by_asc(room::Column::Name);
        let mut found = Vec::new();
        for row in rooms.all(self.db.reader()).await? {
            let newest = message::Entity::find()
                .select_only()
                .column(message::Column::Id)
                .filter(message::Column::RoomId.eq(row.id))
                .order_by_desc(message::Column::Id)
                .into_tuple::<i64>()
                .one(self.db.reader())
                .await?;
            found.push(RoomKept {
                id: row.id,
                name: row.name,
                created_at: Timestamp(row.created_at),
                messages: newest.unwrap_or_default(),
            });
        }
        Ok(found)
    }
}

fn narrowed(wanted: &Wanted) -> Select<message::Entity> {
    let mut select = message::Entity::find();
    if let Some((room, id)) = wanted.place {
        select = select.filter(message::Column::RoomId.eq(room)).filter(message::Column::Id.eq(id));
    }
    if let Some(author) = &wanted.author {
        select = select.filter(message::Column::Author.eq(author.as_str()));
    }
    if let Some(from) = wanted.from {
        select = select.filter(message::Column::SentAt.gte(from.0));
    }
    if let Some(before) = wanted.before {
        select = select.filter(message::Column::SentAt.lt(before.0));
    }
    select
}

fn ordered(select: Select<message::Entity>, wanted: &Wanted) -> Select<message::Entity> {
    let order = if wanted.oldest_first { Order::Asc } else { Order::Desc };
    select.order_by(message::Column::SentAt, order.clone()).order_by(message::Column::Id, order)
}

/// What a text search looks at.
fn window(wanted: &Wanted) -> SelectStatement {
    ordered(narrowed(wanted), wanted)
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

impl From<message::Model> for Kept {
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
