//! Which database this is: a random number that is made once with its tables and goes
//! wherever they go, into backups and back.
//!
//! So a server can tell the database that it had from another one, whatever the file or
//! the host is called. It is no secret.

use base::Random;
use sea_orm::sea_query::{ColumnDef, Expr, Query, Table};
use sea_orm::{ConnectionTrait, DbErr};

use crate::table::create_if_missing;
use crate::{Database, StorageError, fault};

const TABLE: &str = "database_identity";
/// The primary key; 1 in the only row.
const ONE: &str = "one";
const IDENTITY: &str = "identity";

/// Random bytes of an identity; twice as many hexadecimal digits.
pub const IDENTITY_BYTES: usize = 16;

/// What the database is called; `None` if it has no identity. Changes nothing.
pub(crate) async fn find(database: &Database) -> Result<Option<String>, StorageError> {
    if database.kind().is_server() {
        return match read(database.reader()).await {
            Err(error) if fault::is_missing_table(&error) => Ok(None),
            found => Ok(found?),
        };
    }
    // SQLite tells a missing table only in words. So it is made; without a commit it never
    // was.
    let transaction = database.begin_write().await?;
    make_table(transaction.connection()).await?;
    Ok(read(transaction.connection()).await?)
}

/// What the database is called; gives it an identity if it has none.
pub(crate) async fn find_or_make(
    database: &Database,
    random: &dyn Random,
) -> Result<String, StorageError> {
    let transaction = database.begin_write().await?;
    let on = transaction.connection();
    make_table(on).await?;
    if let Some(identity) = read(on).await? {
        return Ok(identity);
    }
    let identity = base::hex(random, IDENTITY_BYTES);
    let row = Query::insert()
        .into_table(TABLE)
        .columns([ONE, IDENTITY])
        // Cannot panic: as many values as columns.
        .values_panic([Expr::val(1), Expr::val(identity.as_str())])
        .to_owned();
    on.execute(&row).await?;
    transaction.commit().await?;
    Ok(identity)
}

async fn make_table(on: &impl ConnectionTrait) -> Result<(), DbErr> {
    let table = Table::create()
        .table(TABLE)
        .col(ColumnDef::new(ONE).small_integer().not_null().primary_key())
        .col(ColumnDef::new(IDENTITY).string_len(32).not_null())
        .to_owned();
    create_if_missing(on, &table).await
}

async fn read(on: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    let row = Query::select().column(IDENTITY).from(TABLE).to_owned();
    on.query_one(&row).await?.map(|row| row.try_get("", IDENTITY)).transpose()
}
