//! What all pools of connections to a database server have in common: their sizes and ages,
//! and which connections are let in and out.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::pool::PoolOptions;
use sqlx::{Connection, Executor};
use tokio::time::timeout;

use super::{is_outside, quiet};
use crate::fault::{self, Fault};
use crate::health::Health;

/// After this long a connection is opened anew: load balancers and servers end old ones.
const MAX_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// A connection that was idle for longer is asked for a sign of life before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// How long a sign of life may take.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Of the connections allowed, those kept for urgent writes.
const URGENT: u32 = 4;

/// Of `connections` in all, how many are for reading and ordinary writing, and how many for
/// urgent writing.
pub(super) fn shares(connections: u32) -> (u32, u32) {
    let urgent = URGENT.min(connections / 2).max(1);
    (connections.saturating_sub(urgent).max(1), urgent)
}

/// Options for `connections` to the database at `url`.
pub(super) fn options(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(0)
        .max_lifetime(Some(MAX_LIFETIME))
        .acquire_timeout(super::ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .sqlx_logging(false);
    options
}

/// Whether the database answers by `connection`. From a machine that is gone nothing comes
/// back, not even an error.
async fn answers(connection: &mut impl Connection) -> bool {
    matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))
}

/// Sets each connection up by `session`, statements of this program alone.
pub(super) fn prepared<D>(pool: PoolOptions<D>, session: &'static str) -> PoolOptions<D>
where
    D: sqlx::Database,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    quiet(pool)
        .after_connect(move |connection, _| {
            Box::pin(async move { Executor::execute(connection, session).await.map(drop) })
        })
        .before_acquire(|connection, _| Box::pin(async { Ok(answers(connection).await) }))
}

/// The same, and lets only sound connections out of the pool and into it.
pub(super) fn guarded<D>(
    pool: PoolOptions<D>,
    session: &'static str,
    health: &Arc<Health>,
) -> PoolOptions<D>
where
    D: sqlx::Database,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    let [on_connect, on_release, on_acquire] = [(); 3].map(|()| Arc::clone(health));
    prepared(pool, session)
        .after_connect(move |connection, _| {
            let health = Arc::clone(&on_connect);
            Box::pin(async move {
                let set = Executor::execute(connection, session).await;
                let is_standby = |error| fault::of_library(error) == Fault::ReadOnly;
                health.set_standby(set.as_ref().err().is_some_and(is_standby));
                set.map(drop)
            })
        })
        .after_release(move |connection, about| {
            // The library itself then asks for a sign of life.
            let is_sound = is_outside(connection) && !on_release.distrusts(about.age);
            Box::pin(async move { Ok(is_sound) })
        })
        .before_acquire(move |connection, about| {
            let is_sound = is_outside(connection) && !on_acquire.distrusts(about.age);
            Box::pin(async move {
                let is_fresh = about.idle_for < TRUSTED_IDLE;
                Ok(is_sound && (is_fresh || answers(connection).await))
            })
        })
}
