//! All SQL of the audit log.

pub(crate) mod entity;
mod migrations;
mod tables;

use sea_orm::sea_query::Condition;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};
use storage::{Database, StorageError, contains, count_up_to};

use self::entity::{ActiveModel, Column, Entity, Model};
pub use self::migrations::migrations;
pub use self::tables::EXPORTED;
use crate::{COUNT_CAP, Count, Query};

/// Rows written by one statement: databases bound its parameters.
const BATCH: usize = 100;

/// Held by transactions that add entries.
const LOG_LOCK: &str = "audit_log";

/// The newest id; zero if there is none.
async fn newest(on: &impl ConnectionTrait) -> Result<i64, StorageError> {
    let newest = Entity::find()
        .select_only()
        .column(Column::Id)
        .order_by_desc(Column::Id)
        .into_tuple::<i64>()
        .one(on)
        .await?;
    Ok(newest.unwrap_or_default())
}

/// Adds entries, all or none, with ids of their own: from `first_id`, and beyond every id
/// there is. One transaction at a time does it, so that on every server ids rise in the order
/// in which entries appear.
pub(crate) async fn add(
    db: &Database,
    first_id: i64,
    mut rows: Vec<Model>,
) -> Result<Vec<Model>, StorageError> {
    let transaction = db.begin_write().await?;
    let on = transaction.connection();
    storage::lock(on, LOG_LOCK).await?;
    let first_id = first_id.max(newest(on).await?.saturating_add(1));
    for (row, id) in rows.iter_mut().zip(first_id..) {
        row.id = id;
    }
    for batch in rows.chunks(BATCH) {
        let rows = batch.iter().cloned().map(ActiveModel::from);
        Entity::insert_many(rows).exec_without_returning(on).await?;
    }
    transaction.commit().await?;
    Ok(rows)
}

/// How the action of an entry ended.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    pub(crate) id: i64,
    pub(crate) outcome: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) after: Option<String>,
    /// Id and name of what was made.
    pub(crate) object: Option<(String, String)>,
}

/// Completes an entry.
pub(crate) async fn complete(
    on: &impl ConnectionTrait,
    completion: Completion,
) -> Result<(), StorageError> {
    let Completion { id, outcome, reason, after, object } = completion;
    let mut row = ActiveModel {
        id: Set(id),
        outcome: Set(outcome.to_owned()),
        reason: Set(reason),
        after_json: Set(after),
        ..<ActiveModel as ActiveModelTrait>::default()
    };
    if let Some((id, name)) = object {
        row.object_id = Set(id);
        row.name = Set(name);
    }
    row.update(on).await?;
    Ok(())
}

/// The entry with `id`.
pub(crate) async fn get(db: &Database, id: i64) -> Result<Option<Model>, StorageError> {
    Ok(Entity::find_by_id(id).one(db.reader()).await?)
}

/// Up to `query.limit` entries and how many there are.
pub(crate) async fn page(
    db: &Database,
    query: &Query,
) -> Result<(Vec<Model>, Count), StorageError> {
    let select = narrowed(db.reader(), query);
    let counted = count_up_to(db.reader(), select.clone().into_query(), COUNT_CAP + 1).await?;
    let oldest_first = query.sort.is_some_and(|sort| !sort.descending);
    let select = if oldest_first {
        select.order_by_asc(Column::Id)
    } else {
        select.order_by_desc(Column::Id)
    };
    let rows = select.offset(query.offset).limit(query.limit).all(db.reader()).await?;
    Ok((rows, Count::of(counted)))
}

/// Up to `limit` entries after `after`, oldest first.
pub(crate) async fn after(
    db: &Database,
    query: &Query,
    after: i64,
    limit: u64,
) -> Result<Vec<Model>, StorageError> {
    let select = narrowed(db.reader(), query).filter(Column::Id.gt(after)).order_by_asc(Column::Id);
    Ok(select.limit(limit).all(db.reader()).await?)
}

/// What was done to one object, the newest first.
pub(crate) async fn history(
    db: &Database,
    model: &str,
    object: &str,
    limit: u64,
) -> Result<Vec<Model>, StorageError> {
    let select = Entity::find()
        .filter(Column::Model.eq(model))
        .filter(Column::ObjectId.eq(object))
        .order_by_desc(Column::Id);
    Ok(select.limit(limit).all(db.reader()).await?)
}

fn narrowed(on: &impl ConnectionTrait, query: &Query) -> Select<Entity> {
    let mut select = Entity::find();
    if let Some(search) = &query.search {
        let columns = [Column::Who, Column::Name, Column::ObjectId, Column::Action];
        let holds = |column: Column| contains(on, column.as_column_ref(), search);
        select =
            select.filter(columns.map(holds).into_iter().fold(Condition::any(), Condition::add));
    }
    for (name, column) in
        [("model", Column::Model), ("action", Column::Action), ("who", Column::Who)]
    {
        if let Some(text) = query.exactly(name) {
            select = select.filter(column.eq(text));
        }
    }
    if let Some(outcome) = query.choice("outcome") {
        select = select.filter(Column::Outcome.eq(outcome));
    }
    let (from, before) = query.between("at");
    if let Some(from) = from {
        select = select.filter(Column::At.gte(from.0));
    }
    if let Some(before) = before {
        select = select.filter(Column::At.lt(before.0));
    }
    select
}
