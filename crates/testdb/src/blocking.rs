//! Statements on a database, carried out before the call returns.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, QueryResult, Statement,
};

/// Carries out `statements` at `url`, one after another on one connection.
pub(crate) fn execute(url: &str, statements: &[&str]) -> Result<(), DbErr> {
    with(url, async |connection| {
        for statement in statements {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    })
}

/// The rows that `select` finds at `url`, each read by `read`.
pub(crate) fn rows<T: Send>(
    url: &str,
    select: &str,
    read: impl Fn(&QueryResult) -> Result<T, DbErr> + Send,
) -> Result<Vec<T>, DbErr> {
    with(url, async |connection| {
        let backend = connection.get_database_backend();
        let rows = connection.query_all_raw(Statement::from_string(backend, select)).await?;
        rows.iter().map(read).collect()
    })
}

/// Runs `work` in a thread and a runtime of its own: the test may be running inside a
/// runtime, where blocking is not allowed, or in none.
fn with<T: Send>(
    url: &str,
    work: impl AsyncFnOnce(&DatabaseConnection) -> Result<T, DbErr> + Send,
) -> Result<T, DbErr> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            // The library knows the protocol of MariaDB by the older name.
            let mut options = ConnectOptions::new(url.replacen("mariadb:", "mysql:", 1));
            options.max_connections(1).sqlx_logging(false);
            let connection = Database::connect(options).await?;
            let done = work(&connection).await;
            // What was done is done.
            let _ = connection.close().await;
            done
        })
    };
    std::thread::scope(|scope| scope.spawn(run).join()).expect("no panic")
}
