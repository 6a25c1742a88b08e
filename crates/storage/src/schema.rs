//! What tables a database has, asked without changing it.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Order};

/// The table that has a row for each migration that was applied.
pub(crate) const MIGRATIONS: &str = "migrations";

/// Its column with their names.
pub(crate) const MIGRATION_NAME: &str = "name";

/// Whether there is a table called `name`.
pub(crate) async fn has_table(on: &impl ConnectionTrait, name: &str) -> Result<bool, DbErr> {
    let mut query = Query::select();
    query.expr(Expr::val(1));
    match on.get_database_backend() {
        DbBackend::Sqlite => {
            query.from("sqlite_master").and_where(Expr::col("type").eq("table"));
            query.and_where(Expr::col("name").eq(name));
        }
        backend => {
            let here = if backend == DbBackend::MySql { "DATABASE()" } else { "current_schema()" };
            query.from((Alias::new("information_schema"), Alias::new("tables")));
            query.and_where(Expr::col("table_schema").eq(Expr::cust(here)));
            query.and_where(Expr::col("table_name").eq(name));
        }
    }
    Ok(on.query_one(&query).await?.is_some())
}

/// The names of the migrations on record, in order; none if there is no record.
pub(crate) async fn migrations(on: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    if !has_table(on, MIGRATIONS).await? {
        return Ok(Vec::new());
    }
    let names = Query::select()
        .column(MIGRATION_NAME)
        .from(MIGRATIONS)
        .order_by(MIGRATION_NAME, Order::Asc)
        .to_owned();
    on.query_all(&names).await?.iter().map(|row| row.try_get("", MIGRATION_NAME)).collect()
}
