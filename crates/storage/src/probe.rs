//! One row of storage's own that may be written at any time: to show that the database
//! takes writes, and to write over what a failed commit left (see [`write`](crate::write)).
//!
//! Its table stands beside the one of the migrations and is no migration itself: an older
//! version of the program neither knows it nor minds it.

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, OnConflict, Query, Table};
use sea_orm::{ConnectionTrait, DbErr};

use crate::table::create_if_missing;

const TABLE: &str = "write_probe";
const ID: &str = "id";
const WRITES: &str = "writes";

/// The one row.
const ROW: i32 = 1;

/// Makes the table and its row if they are missing; else writes nothing.
pub(crate) async fn prepare(on: &impl ConnectionTrait) -> Result<(), DbErr> {
    let table = Table::create()
        .table(TABLE)
        .col(ColumnDef::new(ID).integer().not_null().primary_key())
        .col(ColumnDef::new(WRITES).big_integer().not_null())
        .to_owned();
    create_if_missing(on, &table).await?;
    let row = Query::insert()
        .into_table(TABLE)
        .columns([ID, WRITES])
        // Cannot panic: as many values as columns.
        .values_panic([Expr::val(ROW), Expr::val(0_i64)])
        .on_conflict(OnConflict::column(ID).do_nothing_on([ID]).to_owned())
        .to_owned();
    on.execute(&row).await?;
    Ok(())
}

/// Writes the row.
pub(crate) async fn write(on: &impl ConnectionTrait) -> Result<(), DbErr> {
    let count = Query::update()
        .table(TABLE)
        .value(WRITES, Expr::col(WRITES).add(1))
        .and_where(Expr::col(ID).eq(ROW))
        .to_owned();
    on.execute(&count).await?;
    Ok(())
}
