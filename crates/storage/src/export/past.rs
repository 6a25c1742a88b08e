//! What a database must not bring along from its past: the one mechanism for imports and for
//! backups that are put back.
//!
//! What clients recognise a history by is made anew, so that they start afresh instead of
//! taking new messages for old ones. And what is true at one moment only (sessions, mails
//! under way) does not come back when time has passed, see
//! [`ExportTable::of_the_moment`].

use base::Random;
use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbErr};

use super::ExportTable;
use super::pages::Pages;

/// Makes anew what is made anew in each of `tables`, and takes the rows of the moment out
/// unless the database `moves`. Returns those tables with the number of their rows, by name.
pub(crate) async fn leave_past(
    on: &impl ConnectionTrait,
    tables: &[ExportTable],
    moves: bool,
    random: &dyn Random,
) -> Result<Vec<(&'static str, u64)>, DbErr> {
    for table in tables {
        make_anew(on, *table, random).await?;
    }
    let mut left_out = Vec::new();
    // Those that refer to others come after them.
    for table in tables.iter().rev().filter(|table| table.is_of_the_moment && !moves) {
        let delete = Query::delete().from_table(table.name).to_owned();
        left_out.push((table.name, on.execute(&delete).await?.rows_affected()));
    }
    left_out.reverse();
    Ok(left_out)
}

async fn make_anew(
    on: &impl ConnectionTrait,
    table: ExportTable,
    random: &dyn Random,
) -> Result<(), DbErr> {
    let columns: Vec<_> = table.made_anew().collect();
    if columns.is_empty() {
        return Ok(());
    }
    let mut pages = Pages::new(table, Vec::new());
    while let Some(rows) = pages.next(on).await? {
        for row in &rows {
            let mut update = Query::update();
            update.table(table.name);
            for (name, make) in &columns {
                update.value(*name, make(random));
            }
            for (name, value) in table.key.iter().zip(pages.key_of(row)?) {
                update.and_where(Expr::col(*name).eq(value));
            }
            on.execute(&update).await?;
        }
    }
    Ok(())
}
