//! Bringing a schema up to date.
//!
//! A small runner of our own: sea-orm-migration would turn on SeaORM's default
//! features, and does not refuse a database from a newer version the way we want.
//!
//! One process at a time migrates: SQLite's writers take turns, in PostgreSQL and MariaDB
//! there is a lock for it. SQLite and PostgreSQL carry a migration out whole or not at all;
//! MariaDB commits each change of the schema by itself, so there steps are on record
//! ([`mariadb`]).

mod mariadb;
mod step;

use base::Clock;
use sea_orm::sea_query::{ColumnDef, Expr, Query, Table};
use sea_orm::sea_query::{InsertStatement, TableCreateStatement};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, TransactionTrait,
};

use crate::schema::{MIGRATION_NAME as NAME, MIGRATIONS as TABLE};
use crate::table::create_if_missing;
use crate::{Database, Kind, StorageError, export, named_lock, probe};
pub use step::{Step, add_column};

const APPLIED_AT: &str = "applied_at";

/// Has a transaction of PostgreSQL wait for its turn to change the schema, and work for as
/// long as it takes. Schemas of one database do not wait for each other.
const POSTGRES_TURN: &str = "\
    SET LOCAL lock_timeout = '60s'; \
    SET LOCAL statement_timeout = 0; \
    SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT pg_advisory_xact_lock(hashtextextended('packetboat.migrate.' || current_schema(), 0))";

/// One step of the schema's history. Never edited once released.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// `mYYYYMMDD_HHMMSS_what`: unique in the whole program, and the order in
    /// which migrations run.
    pub name: &'static str,
    /// The statements, run in order; whole or not at all, as far as the database can.
    pub up: fn() -> Vec<Step>,
}

pub(crate) async fn run(
    database: &Database,
    migrations: &[Migration],
    clock: &dyn Clock,
) -> Result<Vec<&'static str>, StorageError> {
    let migrations = in_order(migrations)?;
    if database.kind() == Kind::MariaDb {
        return mariadb::run(database, &migrations, clock).await;
    }
    let mut applied = Vec::new();
    let schema = Schema::open(database).await?;
    // The records are read anew in each transaction, so that a second process
    // starting at the same time sees what the first one did.
    while let Some(name) = schema.apply_next(&migrations, clock).await? {
        noted(name, &mut applied);
    }
    schema.close().await?;
    Ok(applied)
}

fn noted(name: &'static str, applied: &mut Vec<&'static str>) {
    tracing::info!(migration = name, "migration applied");
    applied.push(name);
}

/// Where a whole migration is one transaction.
enum Schema<'a> {
    /// In turn with all other writers.
    Sqlite(&'a Database),
    /// On a connection of its own, for time limits are other ones here.
    Postgres(DatabaseConnection),
}

impl<'a> Schema<'a> {
    async fn open(database: &'a Database) -> Result<Self, StorageError> {
        Ok(match database.kind() {
            Kind::Postgres => Self::Postgres(database.dedicated().await?),
            Kind::Sqlite | Kind::MariaDb => Self::Sqlite(database),
        })
    }

    async fn apply_next(
        &self,
        migrations: &[Migration],
        clock: &dyn Clock,
    ) -> Result<Option<&'static str>, StorageError> {
        match self {
            Self::Sqlite(database) => {
                let transaction = database.begin_write().await?;
                let applied = apply_next(transaction.connection(), migrations, clock).await?;
                transaction.commit().await?;
                Ok(applied)
            }
            Self::Postgres(connection) => {
                let transaction = connection.begin().await?;
                transaction.execute_unprepared(POSTGRES_TURN).await?;
                let applied = apply_next(&transaction, migrations, clock).await?;
                transaction.commit().await?;
                Ok(applied)
            }
        }
    }

    async fn close(self) -> Result<(), StorageError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(connection) => Ok(connection.close().await?),
        }
    }
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

/// Applies the first migration that is not recorded; `None` if all are. If it fails, the
/// transaction is not to be committed.
async fn apply_next(
    connection: &DatabaseTransaction,
    migrations: &[Migration],
    clock: &dyn Clock,
) -> Result<Option<&'static str>, StorageError> {
    let Some(pending) = pending(connection, migrations).await? else {
        prepare(connection).await?;
        return Ok(None);
    };
    apply(connection, &pending, clock)
        .await
        .map_err(|cause| StorageError::Migration { name: pending.name, cause })?;
    Ok(Some(pending.name))
}

/// Makes a table of storage's own with its first row, if they are missing, in a database of a
/// server.
pub(crate) async fn make(
    database: &Database,
    table: &TableCreateStatement,
    row: &InsertStatement,
) -> Result<(), StorageError> {
    if database.kind() == Kind::MariaDb {
        let connection = mariadb::in_turn(database).await?;
        create_if_missing(&connection, table).await?;
        connection.execute(row).await?;
        return Ok(connection.close().await?);
    }
    let connection = database.dedicated().await?;
    let transaction = connection.begin().await?;
    transaction.execute_unprepared(POSTGRES_TURN).await?;
    create_if_missing(&transaction, table).await?;
    transaction.execute(row).await?;
    transaction.commit().await?;
    Ok(connection.close().await?)
}

/// The first of `migrations` that is not recorded.
async fn pending(
    connection: &impl ConnectionTrait,
    migrations: &[Migration],
) -> Result<Option<Migration>, StorageError> {
    let recorded = recorded(connection).await?;
    let unknown = |name: &&String| !migrations.iter().any(|known| known.name == name.as_str());
    if let Some(newer) = recorded.iter().find(unknown) {
        return Err(export::refusal(newer));
    }
    let is_pending = |known: &&Migration| !recorded.iter().any(|name| name == known.name);
    Ok(migrations.iter().find(is_pending).copied())
}

/// Makes the tables of storage's own, which no migration knows.
async fn prepare(connection: &impl ConnectionTrait) -> Result<(), DbErr> {
    probe::prepare(connection).await?;
    if connection.get_database_backend() != DbBackend::Sqlite {
        named_lock::prepare(connection).await?;
    }
    Ok(())
}

/// The names on record, oldest first; makes the table if this database is new.
async fn recorded(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let table = Table::create()
        .table(TABLE)
        .col(ColumnDef::new(NAME).string_len(100).not_null().primary_key())
        .col(ColumnDef::new(APPLIED_AT).big_integer().not_null())
        .to_owned();
    create_if_missing(connection, &table).await?;

    let names =
        Query::select().column(NAME).from(TABLE).order_by(NAME, sea_orm::Order::Asc).to_owned();
    connection.query_all(&names).await?.iter().map(|row| row.try_get("", NAME)).collect()
}

async fn apply(
    connection: &DatabaseTransaction,
    migration: &Migration,
    clock: &dyn Clock,
) -> Result<(), DbErr> {
    for step in (migration.up)() {
        step.run(connection).await?;
    }
    record(connection, migration, clock).await
}

async fn record(
    connection: &impl ConnectionTrait,
    migration: &Migration,
    clock: &dyn Clock,
) -> Result<(), DbErr> {
    let record = Query::insert()
        .into_table(TABLE)
        .columns([NAME, APPLIED_AT])
        // Cannot panic: as many values as columns.
        .values_panic([Expr::val(migration.name), Expr::val(clock.now().0)])
        .to_owned();
    connection.execute(&record).await.map(drop)
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
