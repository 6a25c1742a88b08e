//! What says that a database is being imported into, and was if no import is under way: a
//! name among its migrations that no version of the program has. Every version refuses such
//! a database, this one with words of its own.

use base::Clock;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Expr, ExprTrait, Query};

use super::{ExportError, ExportTable};
use crate::{Database, Migration, StorageError, schema};

/// The name; before all others in their order.
const NAME: &str = "import_under_way";

/// As a migration that changes nothing, so that it can be put on record like one.
pub(super) const MARKER: Migration = Migration { name: NAME, up: Vec::new };

/// Why a database that has the migration `unknown` on record is refused.
pub(crate) fn refusal(unknown: &str) -> StorageError {
    match unknown {
        NAME => StorageError::ImportBrokenOff,
        newer => StorageError::NewerDatabase { migration: newer.to_owned() },
    }
}

/// Puts the marker on record in a database that has none of `tables`.
pub(super) async fn set(
    database: &Database,
    tables: &[ExportTable],
    clock: &dyn Clock,
) -> Result<(), ExportError> {
    let recorded = schema::migrations(database.reader()).await?;
    if recorded.iter().any(|name| name == NAME) {
        return Err(StorageError::ImportBrokenOff.into());
    }
    for table in tables {
        if schema::has_table(database.reader(), table.name).await? {
            return Err(ExportError::DatabaseNotEmpty { table: table.name.to_owned() });
        }
    }
    if !recorded.is_empty() {
        return Err(ExportError::DatabaseNotEmpty { table: schema::MIGRATIONS.to_owned() });
    }
    database.migrate(&[MARKER], clock).await?;
    Ok(())
}

/// Takes the marker away: everything is there.
pub(super) async fn clear(database: &Database) -> Result<(), StorageError> {
    let transaction = database.begin_write().await?;
    let delete = Query::delete()
        .from_table(schema::MIGRATIONS)
        .and_where(Expr::col(schema::MIGRATION_NAME).eq(NAME))
        .to_owned();
    transaction.connection().execute(&delete).await?;
    transaction.commit().await
}
