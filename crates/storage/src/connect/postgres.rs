//! PostgreSQL: its pools, and what every session is set to.

use std::sync::Arc;

use sea_orm::{ConnectOptions, DatabaseConnection};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{Opened, check, failure, open as open_pool, server};
use crate::health::Health;
use crate::{Fault, Kind, StorageError};

/// Isolation is what row locks are reckoned with. A statement, a lock and a transaction in
/// which nothing happens have limits below those of requests, so that a frozen process or a
/// forgotten shell costs others seconds. Keepalives tell of a machine that is gone. A server
/// that is not to be written to is refused, also when it is met by connecting again.
const SESSION: &str = "\
    SET default_transaction_isolation = 'read committed'; \
    SET statement_timeout = '10s'; \
    SET lock_timeout = '4s'; \
    SET idle_in_transaction_session_timeout = '3s'; \
    SET tcp_keepalives_idle = 5; \
    SET tcp_keepalives_interval = 5; \
    SET tcp_keepalives_count = 3; \
    SET client_min_messages = 'warning'; \
    DO $$ BEGIN \
        IF pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN \
            RAISE EXCEPTION 'it is a standby, or is set to be read-only' USING ERRCODE = '25006'; \
        END IF; \
    END $$";

/// The same without limits in time, but for silence.
const LONG_SESSION: &str = "\
    SET default_transaction_isolation = 'read committed'; \
    SET statement_timeout = 0; \
    SET idle_in_transaction_session_timeout = 0; \
    SET tcp_keepalives_idle = 5; \
    SET tcp_keepalives_interval = 5; \
    SET tcp_keepalives_count = 3; \
    SET client_min_messages = 'warning'";

pub(super) async fn open(
    url: &str,
    connections: u32,
    health: &Arc<Health>,
) -> Result<Opened, StorageError> {
    let pool = |connections| {
        let mut options = named(server::options(url, connections));
        let health = Arc::clone(health);
        options.map_sqlx_postgres_pool_opts(move |pool| server::guarded(pool, SESSION, &health));
        open_pool(options)
    };
    let first = dedicated(url).await?;
    check::postgres(&first).await?;
    first.close().await?;
    let (shared, urgent) = server::shares(connections);
    let (pool, writing) = (pool(shared).await?, pool(urgent).await?);
    Ok(Opened { kind: Kind::Postgres, pool, writing, anchor: None })
}

/// One connection of its own.
pub(super) async fn dedicated(url: &str) -> Result<DatabaseConnection, StorageError> {
    let mut options = named(server::options(url, 1));
    options.map_sqlx_postgres_pool_opts(|pool| server::prepared(pool, LONG_SESSION));
    match open_pool(options).await {
        // The pool tries again for a while, as a database may be starting. Why it gave up it
        // does not tell.
        Err(error) if error.fault() == Fault::Busy => {
            let cause = PgConnection::connect(url).await.err().map(failure);
            Err(cause.map_or(error, StorageError::Connect))
        }
        opened => opened,
    }
}

fn named(mut options: ConnectOptions) -> ConnectOptions {
    options.map_sqlx_postgres_opts(|postgres| {
        // PgBouncer refuses clients that say how they want fractions, of which there are none.
        postgres.application_name("packetboat").extra_float_digits(None)
    });
    options
}
