//! Tables in the words of each database.
//!
//! Invariant: texts are compared byte by byte in every database, whatever its own default
//! is. SQLite does so by itself. Tables of MariaDB get a character set that holds every text
//! and a collation that does not even leave trailing spaces out; columns of PostgreSQL get
//! the collation "C". So what one database finds equal, or in which order it lists, all do.

use sea_orm::sea_query::{ColumnDef, ColumnType, Table, TableCreateStatement};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

/// Makes a table of storage's own, if there is none.
pub(crate) async fn create_if_missing(
    on: &impl ConnectionTrait,
    table: &TableCreateStatement,
) -> Result<(), DbErr> {
    on.execute(adapted(on, table).await?.if_not_exists()).await.map(drop)
}

/// `table` as the database is to make it.
pub(crate) async fn adapted(
    on: &impl ConnectionTrait,
    table: &TableCreateStatement,
) -> Result<TableCreateStatement, DbErr> {
    match on.get_database_backend() {
        DbBackend::MySql => {
            let collation = mariadb_collation(on).await?;
            Ok(table.clone().character_set("utf8mb4").collate(collation).to_owned())
        }
        DbBackend::Postgres => Ok(for_postgres(table)),
        _ => Ok(table.clone()),
    }
}

/// The collation that compares bytes and leaves no trailing space out: MariaDB and MySQL
/// have one each, under names of their own.
async fn mariadb_collation(on: &impl ConnectionTrait) -> Result<String, DbErr> {
    let is_mariadb = "SELECT VERSION() LIKE '%MariaDB%' AS is_mariadb";
    let row = on.query_one_raw(Statement::from_string(DbBackend::MySql, is_mariadb)).await?;
    let is_mariadb = row.map(|row| row.try_get::<i32>("", "is_mariadb")).transpose()? == Some(1);
    Ok(if is_mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }.to_owned())
}

fn for_postgres(table: &TableCreateStatement) -> TableCreateStatement {
    let mut made = Table::create();
    if let Some(name) = table.get_table_name() {
        made.table(name.clone());
    }
    for column in table.get_columns() {
        made.col(bytewise(column, DbBackend::Postgres));
    }
    for index in table.get_indexes() {
        made.index(&mut index.clone());
    }
    for key in table.get_foreign_key_create_stmts() {
        made.foreign_key(&mut key.clone());
    }
    made
}

/// `column`, compared byte by byte if it is of a text; in MariaDB its table says so.
pub(crate) fn bytewise(column: &ColumnDef, backend: DbBackend) -> ColumnDef {
    let mut column = column.clone();
    let is_text = matches!(
        column.get_column_type(),
        Some(ColumnType::String(_) | ColumnType::Text | ColumnType::Char(_))
    );
    if backend == DbBackend::Postgres && is_text {
        column.extra("COLLATE \"C\"");
    }
    column
}
