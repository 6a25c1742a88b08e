//! MariaDB, and MySQL where it does the same: their pools, and what every session is set to.

use std::sync::Arc;

use sea_orm::{ConnectOptions, DatabaseConnection};
use sqlx::Connection;
use sqlx::mysql::MySqlConnection;

use super::{Opened, check, failure, open as open_pool, server};
use crate::health::Health;
use crate::{Fault, Kind, StorageError};

/// Isolation is what row locks are reckoned with, and without the locks on gaps between rows
/// that the default has. Texts that do not fit are refused instead of being cut. The comments
/// are read by MariaDB alone: a transaction in which nothing happens is ended, which by default
/// it never is; a server that is not to be written to is refused, also when it is met by
/// connecting again.
const SESSION: &str = "\
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
        SESSION innodb_lock_wait_timeout = 4, \
        SESSION lock_wait_timeout = 60; \
    /*M! SET SESSION idle_transaction_timeout = 3, SESSION max_statement_time = 10 */; \
    /*M! BEGIN NOT ATOMIC IF @@read_only THEN \
        SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1290, MESSAGE_TEXT = 'it is set to be read-only'; \
    END IF; END */";

/// The same without limits in time.
const LONG_SESSION: &str = "\
    SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
    SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,\
ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
        SESSION lock_wait_timeout = 60; \
    /*M! SET SESSION idle_transaction_timeout = 0, SESSION max_statement_time = 0 */";

pub(super) async fn open(
    url: &str,
    connections: u32,
    health: &Arc<Health>,
) -> Result<Opened, StorageError> {
    let pool = |connections| {
        let mut options = options(url, connections);
        let health = Arc::clone(health);
        options.map_sqlx_mysql_pool_opts(move |pool| server::guarded(pool, SESSION, &health));
        open_pool(options)
    };
    let first = dedicated(url).await?;
    check::mariadb(&first).await?;
    first.close().await?;
    let (shared, urgent) = server::shares(connections);
    let (pool, writing) = (pool(shared).await?, pool(urgent).await?);
    Ok(Opened { kind: Kind::MariaDb, pool, writing, anchor: None })
}

/// One connection of its own.
pub(super) async fn dedicated(url: &str) -> Result<DatabaseConnection, StorageError> {
    let mut options = options(url, 1);
    options.map_sqlx_mysql_pool_opts(|pool| server::prepared(pool, LONG_SESSION));
    match open_pool(options).await {
        // As with PostgreSQL: the pool has tried for a while, and does not tell why in vain.
        Err(error) if error.fault() == Fault::Busy => {
            let cause = MySqlConnection::connect(&known(url)).await.err().map(failure);
            Err(cause.map_or(error, StorageError::Connect))
        }
        opened => opened,
    }
}

/// `url` as the library takes it, which knows the protocol by the older name.
fn known(url: &str) -> String {
    url.replacen("mariadb:", "mysql:", 1)
}

fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = server::options(&known(url), connections);
    options.map_sqlx_mysql_opts(|mysql| {
        // What the library would set of the mode is part of ours.
        mysql.pipes_as_concat(false).no_engine_substitution(false)
    });
    options
}
