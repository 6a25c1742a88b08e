//! What a database server must be, and what its operator should know, found out at the start.
//!
//! A setting by which the server forgets what it has committed is the operator's choice: it
//! is warned of. A database that cannot hold every text, or an old server that lacks what is
//! used here, is refused.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};

use crate::StorageError;

/// The oldest version of PostgreSQL that is known to do: 12.
const OLDEST_POSTGRES: i64 = 120_000;
/// The oldest version of MariaDB that has `SKIP LOCKED`: 10.6.
const OLDEST_MARIADB: (u32, u32) = (10, 6);
/// The oldest version of MySQL that has `SKIP LOCKED`: 8.0.
const OLDEST_MYSQL: (u32, u32) = (8, 0);

pub(super) async fn postgres(on: &DatabaseConnection) -> Result<(), StorageError> {
    let settings = "SELECT current_setting('server_version_num') AS version, \
        current_setting('server_encoding') AS encoding, \
        current_setting('fsync') AS fsync, \
        current_setting('full_page_writes') AS full_page_writes, \
        current_setting('synchronous_commit') AS synchronous_commit, \
        CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' \
            THEN '1' ELSE '0' END AS read_only";
    let row = Row::read(on, DbBackend::Postgres, settings).await?;
    let version = row.text("version")?;
    if version.parse::<i64>().is_ok_and(|version| version < OLDEST_POSTGRES) {
        return Err(unfit(&format!("it is PostgreSQL {version}, and 12 or later is needed")));
    }
    let encoding = row.text("encoding")?;
    if encoding != "UTF8" {
        return Err(unfit(&format!(
            "its encoding is {encoding}, which cannot hold every text; \
             make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )));
    }
    refuse_read_only(&row)?;
    for (setting, safe) in [
        ("fsync", &["on"][..]),
        ("full_page_writes", &["on"]),
        ("synchronous_commit", &["on", "remote_apply", "remote_write"]),
    ] {
        warn_unless(setting, &row.text(setting)?, safe);
    }
    Ok(())
}

pub(super) async fn mariadb(on: &DatabaseConnection) -> Result<(), StorageError> {
    let settings = "SELECT VERSION() AS version, \
        CAST(@@innodb_flush_log_at_trx_commit AS CHAR) AS innodb_flush_log_at_trx_commit, \
        CAST(@@innodb_doublewrite AS CHAR) AS innodb_doublewrite, \
        CAST(@@read_only AS CHAR) AS read_only";
    let row = Row::read(on, DbBackend::MySql, settings).await?;
    let version = row.text("version")?;
    let is_mariadb = version.contains("MariaDB");
    let (name, oldest) =
        if is_mariadb { ("MariaDB", OLDEST_MARIADB) } else { ("MySQL", OLDEST_MYSQL) };
    if release(&version).is_some_and(|release| release < oldest) {
        let (major, minor) = oldest;
        return Err(unfit(&format!(
            "it is {name} {version}, and {major}.{minor} or later is needed"
        )));
    }
    if !is_mariadb {
        tracing::warn!(version, "MySQL is accepted, but Packetboat is tested with MariaDB only");
    }
    refuse_read_only(&row)?;
    warn_unless(
        "innodb_flush_log_at_trx_commit",
        &row.text("innodb_flush_log_at_trx_commit")?,
        &["1", "3"],
    );
    warn_unless(
        "innodb_doublewrite",
        &row.text("innodb_doublewrite")?,
        &["1", "ON", "DETECT_AND_RECOVER"],
    );
    Ok(())
}

fn refuse_read_only(row: &Row) -> Result<(), StorageError> {
    match row.text("read_only")?.as_str() {
        "1" => Err(unfit("it is read-only, as a standby or replica is; name the primary instead")),
        _ => Ok(()),
    }
}

/// The first two numbers of a version.
fn release(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn warn_unless(setting: &'static str, value: &str, safe: &[&str]) {
    if !safe.contains(&value) {
        tracing::warn!(
            setting,
            value,
            "the database may lose what it has acknowledged if it or its machine fails"
        );
    }
}

fn unfit(why: &str) -> StorageError {
    StorageError::Unfit { why: why.to_owned() }
}

/// One row of texts.
struct Row(sea_orm::QueryResult);

impl Row {
    async fn read(
        on: &DatabaseConnection,
        backend: DbBackend,
        sql: &str,
    ) -> Result<Self, StorageError> {
        let row = on.query_one_raw(Statement::from_string(backend, sql)).await?;
        row.map(Self).ok_or(StorageError::Busy)
    }

    fn text(&self, column: &str) -> Result<String, StorageError> {
        Ok(self.0.try_get("", column)?)
    }
}

#[cfg(test)]
mod tests {
    use super::release;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(release("10.11.19-MariaDB-0+deb12u1"), Some((10, 11)));
        assert_eq!(release("8.0.36"), Some((8, 0)));
        assert!(release("10.5.2-MariaDB") < Some((10, 6)) && release("11.4.1") > Some((10, 6)));
    }
}
