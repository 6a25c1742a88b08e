//! Locks by name, held until the end of a transaction: for rules about more than one row,
//! such as "one of them is left".
//!
//! A lock is a row that is selected for update, in a database server; among the writers of
//! SQLite, of which there is one at a time, there is nothing to do.

use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, OnConflict, Query, Table};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use crate::StorageError;
use crate::table::create_if_missing;

const TABLE: &str = "named_locks";
const NAME: &str = "name";
/// Characters of a name.
const LENGTH: u32 = 32;

/// Makes the table, if there is none.
pub(crate) async fn prepare(on: &impl ConnectionTrait) -> Result<(), DbErr> {
    let name = ColumnDef::new(NAME).string_len(LENGTH).not_null().primary_key().to_owned();
    create_if_missing(on, Table::create().table(TABLE).col(name)).await
}

/// Waits until no other transaction holds the lock called `name`, and holds it until the
/// transaction `on` ends. Take it before rows are locked, and one at a time: transactions that
/// wait for each other fail.
///
/// # Errors
/// [`StorageError::Again`] if it takes longer than the database lets a transaction wait.
pub async fn lock(on: &impl ConnectionTrait, name: &'static str) -> Result<(), StorageError> {
    if on.get_database_backend() == DbBackend::Sqlite {
        return Ok(());
    }
    let select = Query::select()
        .column(NAME)
        .from(TABLE)
        .and_where(Expr::col(NAME).eq(name))
        .lock_exclusive()
        .to_owned();
    if on.query_one(&select).await?.is_none() {
        let row = Query::insert()
            .into_table(TABLE)
            .columns([NAME])
            // Cannot panic: as many values as columns.
            .values_panic([Expr::val(name)])
            .on_conflict(OnConflict::column(NAME).do_nothing_on([NAME]).to_owned())
            .to_owned();
        on.execute(&row).await?;
        on.query_one(&select).await?;
    }
    Ok(())
}
