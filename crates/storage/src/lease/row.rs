//! The row that says who has the database, and the statements that change it.

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, OnConflict, Query, Table};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr};

use super::{Holder, LEASE, millis};
use crate::{Database, StorageError, migrate, now_millis};

const TABLE: &str = "database_owner";
/// The primary key; 1 in the only row.
const ONE: &str = "one";
const SERVER: &str = "server";
const INCARNATION: &str = "incarnation";
const NAME: &str = "name";
const SINCE: &str = "since";
const UNTIL: &str = "until_at";

/// Makes the row `holder`'s, if it is free, its own from before, or not renewed in time. The
/// connection is for renewing it.
pub(super) async fn take(
    database: &Database,
    holder: &Holder,
) -> Result<DatabaseConnection, StorageError> {
    prepare(database).await?;
    let connection = database.dedicated().await?;
    let now = || now_millis(&connection);
    let take = Query::update()
        .table(TABLE)
        .value(SERVER, holder.server.as_str())
        .value(INCARNATION, holder.incarnation.as_str())
        .value(NAME, holder.name.as_str())
        .value(SINCE, now())
        .value(UNTIL, now().add(lease()))
        .and_where(Expr::col(ONE).eq(1))
        .and_where(Expr::col(SERVER).eq(holder.server.as_str()).or(Expr::col(UNTIL).lt(now())))
        .to_owned();
    if connection.execute(&take).await?.rows_affected() == 1 {
        return Ok(connection);
    }
    let other = Query::select()
        .column(NAME)
        .expr_as(now().sub(Expr::col(SINCE)), "for_ms")
        .from(TABLE)
        .to_owned();
    let other = connection.query_one(&other).await?;
    connection.close().await?;
    let Some(other) = other else { return Err(StorageError::Busy) };
    let seconds = other.try_get::<i64>("", "for_ms")? / 1_000;
    Err(StorageError::InUseBy { holder: other.try_get("", NAME)?, seconds })
}

/// Prolongs the lease; whether the row still was this incarnation's.
pub(super) async fn renew(on: &DatabaseConnection, incarnation: &str) -> Result<bool, DbErr> {
    let until = now_millis(on).add(lease());
    Ok(set_until(on, incarnation, until).await? == 1)
}

/// Ends the lease.
pub(super) async fn release(on: &DatabaseConnection, incarnation: &str) -> Result<(), DbErr> {
    set_until(on, incarnation, Expr::val(0)).await.map(drop)
}

async fn set_until(
    on: &DatabaseConnection,
    incarnation: &str,
    until: sea_orm::sea_query::SimpleExpr,
) -> Result<u64, DbErr> {
    let set = Query::update()
        .table(TABLE)
        .value(UNTIL, until)
        .and_where(Expr::col(ONE).eq(1))
        .and_where(Expr::col(INCARNATION).eq(incarnation))
        .to_owned();
    Ok(on.execute(&set).await?.rows_affected())
}

fn lease() -> i64 {
    i64::try_from(millis(LEASE)).unwrap_or(i64::MAX)
}

/// Makes the table and its row, of no server, if they are missing.
async fn prepare(database: &Database) -> Result<(), StorageError> {
    let table = Table::create()
        .table(TABLE)
        .col(ColumnDef::new(ONE).small_integer().not_null().primary_key())
        .col(ColumnDef::new(SERVER).string_len(64).not_null())
        .col(ColumnDef::new(INCARNATION).string_len(32).not_null())
        .col(ColumnDef::new(NAME).string_len(100).not_null())
        .col(ColumnDef::new(SINCE).big_integer().not_null())
        .col(ColumnDef::new(UNTIL).big_integer().not_null())
        .to_owned();
    let row = Query::insert()
        .into_table(TABLE)
        .columns([ONE, SERVER, INCARNATION, NAME, SINCE, UNTIL])
        // Cannot panic: as many values as columns.
        .values_panic([1.into(), "".into(), "".into(), "".into(), 0.into(), 0.into()])
        .on_conflict(OnConflict::column(ONE).do_nothing_on([ONE]).to_owned())
        .to_owned();
    migrate::make(database, &table, &row).await
}
