//! All SQL of the audit log.

pub(crate) mod entity;
mod migrations;

use sea_orm::sea_query::Condition;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait, Select,
};
use storage::{Database, StorageError, containing, count_up_to};

use self::entity::{ActiveModel, Column, Entity, Model};
pub use self::migrations::migrations;
use crate::{COUNT_CAP, Count, Query};

/// Rows written by one statement: databases bound its parameters.
const BATCH: usize = 100;

/// The newest id; zero if there is none.
pub(crate) async fn newest(db: &Database) -> Result<i64, StorageError> {
    let newest = Entity::find().order_by_desc(Column::Id).one(db.reader()).await?;
    Ok(newest.map_or(0, |row| row.id))
}

/// Adds entries: all, or none.
pub(crate) async fn add(db: &Database, rows: Vec<Model>) -> Result<(), StorageError> {
    let transaction = db.begin_write().await?;
    for batch in rows.chunks(BATCH) {
        let rows = batch.iter().cloned().map(ActiveModel::from);
        Entity::insert_many(rows).exec_without_returning(transaction.connection()).await?;
    }
    transaction.commit().await
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
    let select = narrowed(query);
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
    let select = narrowed(query).filter(Column::Id.gt(after)).order_by_asc(Column::Id);
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

fn narrowed(query: &Query) -> Select<Entity> {
    let mut select = Entity::find();
    if let Some(search) = &query.search {
        let pattern = || containing(search);
        let found = [Column::Who, Column::Name, Column::ObjectId, Column::Action];
        let found =
            found.into_iter().fold(Condition::any(), |any, column| any.add(column.like(pattern())));
        select = select.filter(found);
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
