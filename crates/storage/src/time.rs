//! The time of the database: what several servers, whose clocks differ, agree on.

use sea_orm::sea_query::{Expr, SimpleExpr};
use sea_orm::{ConnectionTrait, DbBackend};

/// Milliseconds since 1970 by the clock of the database, a `BIGINT`.
pub fn now_millis(on: &impl ConnectionTrait) -> SimpleExpr {
    Expr::cust(match on.get_database_backend() {
        DbBackend::Postgres => "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint",
        DbBackend::Sqlite => "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
        _ => "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)",
    })
}
