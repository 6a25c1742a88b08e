//! Migrations where each change of the schema is committed by itself.
//!
//! Each step is on record, before and after: a process that ends in the middle of a
//! migration leaves steps that are done, and perhaps one that is begun. The next one goes on
//! with it. A change of the schema that was begun may have been carried out, for MariaDB does
//! one such change whole or not at all: then its refusal ("exists already") is its success.
//! A change of rows is committed together with its record.

use base::Clock;
use sea_orm::sea_query::{ColumnDef, Expr, ExprTrait, Index, Query, Table};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement, TransactionTrait,
};
use sqlx::mysql::MySqlDatabaseError;

use super::step::Step;
use super::{Migration, noted, pending, prepare, record};
use crate::table::create_if_missing;
use crate::{Database, StorageError};

const STEPS: &str = "migration_steps";
const NAME: &str = "name";
const STEP: &str = "step";
const IS_DONE: &str = "is_done";

/// Waits for its turn to change the schema; the lock goes with the connection. Names of
/// locks have 64 characters at most, and are the whole server's.
const TURN: &str = "SELECT GET_LOCK(CONCAT('packetboat.', SHA1(DATABASE())), 60) AS turn";

/// Table exists; column exists; index exists; there is none to drop.
const ALREADY: [u16; 4] = [1050, 1060, 1061, 1091];

pub(super) async fn run(
    database: &Database,
    migrations: &[Migration],
    clock: &dyn Clock,
) -> Result<Vec<&'static str>, StorageError> {
    let connection = in_turn(database).await?;
    let mut applied = Vec::new();
    create_if_missing(&connection, &steps_table()).await?;
    while let Some(migration) = pending(&connection, migrations).await? {
        apply(&connection, &migration, clock)
            .await
            .map_err(|cause| StorageError::Migration { name: migration.name, cause })?;
        noted(migration.name, &mut applied);
    }
    prepare(&connection).await?;
    connection.close().await?;
    Ok(applied)
}

/// A connection of its own, which has the turn to change the schema until it is closed.
pub(crate) async fn in_turn(database: &Database) -> Result<DatabaseConnection, StorageError> {
    let connection = database.dedicated().await?;
    let turn = connection.query_one_raw(Statement::from_string(DbBackend::MySql, TURN)).await?;
    match turn.map(|row| row.try_get::<Option<i64>>("", "turn")).transpose()?.flatten() {
        Some(1) => Ok(connection),
        _ => Err(StorageError::Busy),
    }
}

fn steps_table() -> sea_orm::sea_query::TableCreateStatement {
    Table::create()
        .table(STEPS)
        .col(ColumnDef::new(NAME).string_len(100).not_null())
        .col(ColumnDef::new(STEP).integer().not_null())
        .col(ColumnDef::new(IS_DONE).boolean().not_null())
        .primary_key(Index::create().col(NAME).col(STEP))
        .to_owned()
}

async fn apply(
    connection: &DatabaseConnection,
    migration: &Migration,
    clock: &dyn Clock,
) -> Result<(), DbErr> {
    for (number, step) in (1_i32..).zip((migration.up)()) {
        match state(connection, migration.name, number).await? {
            Some(true) => {}
            begun => carry_out(connection, migration.name, number, &step, begun.is_some()).await?,
        }
    }
    record(connection, migration, clock).await?;
    // On record as a whole from here on.
    let done =
        Query::delete().from_table(STEPS).and_where(Expr::col(NAME).eq(migration.name)).to_owned();
    connection.execute(&done).await.map(drop)
}

/// Whether a step is done; `None` if it was not begun.
async fn state(
    connection: &DatabaseConnection,
    name: &str,
    number: i32,
) -> Result<Option<bool>, DbErr> {
    let state = Query::select()
        .column(IS_DONE)
        .from(STEPS)
        .and_where(Expr::col(NAME).eq(name))
        .and_where(Expr::col(STEP).eq(number))
        .to_owned();
    connection.query_one(&state).await?.map(|row| row.try_get("", IS_DONE)).transpose()
}

async fn carry_out(
    connection: &DatabaseConnection,
    name: &'static str,
    number: i32,
    step: &Step,
    was_begun: bool,
) -> Result<(), DbErr> {
    if step.changes_rows() {
        let transaction = connection.begin().await?;
        step.run(&transaction).await?;
        note(&transaction, name, number, true).await?;
        return transaction.commit().await;
    }
    if !was_begun {
        note(connection, name, number, false).await?;
    }
    match step.run(connection).await {
        Err(error) if !(was_begun && is_already(&error)) => return Err(error),
        _ => {}
    }
    let done = Query::update()
        .table(STEPS)
        .value(IS_DONE, true)
        .and_where(Expr::col(NAME).eq(name))
        .and_where(Expr::col(STEP).eq(number))
        .to_owned();
    connection.execute(&done).await.map(drop)
}

async fn note(
    on: &impl ConnectionTrait,
    name: &str,
    number: i32,
    is_done: bool,
) -> Result<(), DbErr> {
    let row = Query::insert()
        .into_table(STEPS)
        .columns([NAME, STEP, IS_DONE])
        // Cannot panic: as many values as columns.
        .values_panic([Expr::val(name), Expr::val(number), Expr::val(is_done)])
        .to_owned();
    on.execute(&row).await.map(drop)
}

fn is_already(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) =
        error
    else {
        return false;
    };
    let error =
        cause.as_database_error().and_then(|it| it.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|error| ALREADY.contains(&error.number()))
}
