//! Bringing a schema up to date.
//!
//! A small runner of our own: sea-orm-migration would turn on SeaORM's default
//! features, and does not refuse a database from a newer version the way we want.

use std::fmt;

use base::Clock;
use sea_orm::sea_query::{ColumnDef, Expr, Query, Table};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, StatementBuilder};

use crate::{Database, StorageError, probe};

const TABLE: &str = "migrations";
const NAME: &str = "name";
const APPLIED_AT: &str = "applied_at";

/// One step of the schema's history. Never edited once released.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// `mYYYYMMDD_HHMMSS_what`: unique in the whole program, and the order in
    /// which migrations run.
    pub name: &'static str,
    /// The statements, run in order in one transaction.
    pub up: fn() -> Vec<Step>,
}

/// A statement of a [`Migration`]: any sea_query statement, by `.into()`.
pub struct Step(Box<dyn StatementBuilder + Send>);

impl<S: StatementBuilder + Send + 'static> From<S> for Step {
    fn from(statement: S) -> Self {
        Self(Box::new(statement))
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Step")
    }
}

pub(crate) async fn run(
    database: &Database,
    migrations: &[Migration],
    clock: &dyn Clock,
) -> Result<Vec<&'static str>, StorageError> {
    let migrations = in_order(migrations)?;
    let mut applied = Vec::new();
    // The records are read anew under each write lock, so that a second process
    // starting at the same time sees what the first one did.
    while let Some(name) = apply_next(database, &migrations, clock).await? {
        tracing::info!(migration = name, "migration applied");
        applied.push(name);
    }
    Ok(applied)
}

/// Sorted by name. Names must be unique, or one of the two would never run.
fn in_order(migrations: &[Migration]) -> Result<Vec<Migration>, StorageError> {
    let mut sorted = migrations.to_vec();
    sorted.sort_unstable_by_key(|migration| migration.name);
    match sorted.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(StorageError::DuplicateMigration { name: pair[0].name }),
        None => Ok(sorted),
    }
}

/// Applies the first migration that is not recorded; `None` if all are. In every
/// other outcome the transaction is rolled back and the database is unchanged.
async fn apply_next(
    database: &Database,
    migrations: &[Migration],
    clock: &dyn Clock,
) -> Result<Option<&'static str>, StorageError> {
    let transaction = database.begin_write().await?;
    let connection = transaction.connection();
    let recorded = recorded(connection).await?;

    let unknown = |name: &&String| !migrations.iter().any(|known| known.name == name.as_str());
    if let Some(newer) = recorded.iter().find(unknown) {
        return Err(StorageError::NewerDatabase { migration: newer.clone() });
    }
    let is_pending = |known: &&Migration| !recorded.iter().any(|name| name == known.name);
    let Some(pending) = migrations.iter().find(is_pending) else {
        probe::prepare(connection).await?;
        transaction.commit().await?;
        return Ok(None);
    };

    apply(connection, pending, clock)
        .await
        .map_err(|source| StorageError::Migration { name: pending.name, source })?;
    transaction.commit().await?;
    Ok(Some(pending.name))
}

/// The names on record, oldest first; makes the table if this database is new.
async fn recorded(connection: &DatabaseTransaction) -> Result<Vec<String>, DbErr> {
    let table = Table::create()
        .table(TABLE)
        .if_not_exists()
        .col(ColumnDef::new(NAME).string_len(100).not_null().primary_key())
        .col(ColumnDef::new(APPLIED_AT).big_integer().not_null())
        .to_owned();
    connection.execute(&table).await?;

    let names =
        Query::select().column(NAME).from(TABLE).order_by(NAME, sea_orm::Order::Asc).to_owned();
    connection.query_all(&names).await?.iter().map(|row| row.try_get("", NAME)).collect()
}

async fn apply(
    connection: &DatabaseTransaction,
    migration: &Migration,
    clock: &dyn Clock,
) -> Result<(), DbErr> {
    for Step(statement) in (migration.up)() {
        let statement = statement.build(&connection.get_database_backend());
        connection.execute_raw(statement).await?;
    }
    let record = Query::insert()
        .into_table(TABLE)
        .columns([NAME, APPLIED_AT])
        // Cannot panic: as many values as columns.
        .values_panic([Expr::val(migration.name), Expr::val(clock.now().0)])
        .to_owned();
    connection.execute(&record).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Vec<Step> {
        Vec::new()
    }

    #[test]
    fn names_decide_the_order() {
        let list = ["m2_b", "m1_z", "m1_a"].map(|name| Migration { name, up: nothing });
        let sorted = in_order(&list).unwrap();
        let names: Vec<_> = sorted.iter().map(|migration| migration.name).collect();
        assert_eq!(names, ["m1_a", "m1_z", "m2_b"]);
    }

    #[test]
    fn a_name_used_twice_is_refused() {
        let list = ["m1_a", "m2_b", "m1_a"].map(|name| Migration { name, up: nothing });
        assert!(matches!(in_order(&list), Err(StorageError::DuplicateMigration { name: "m1_a" })));
    }
}
