//! Databases of a server: making and removing one.

use std::hash::{BuildHasher, Hasher, RandomState};

use sea_orm::DbErr;

use crate::Kind;
use crate::blocking::{execute, rows};

/// The environment variable with the URL of PostgreSQL's administrator,
/// `postgres://USER:PASSWORD@HOST:PORT/postgres`.
pub const POSTGRES_URL: &str = "TEST_POSTGRES_URL";

/// The environment variable with the URL of MariaDB's administrator,
/// `mariadb://USER:PASSWORD@HOST:PORT/`.
pub const MARIADB_URL: &str = "TEST_MARIADB_URL";

/// A database of a server, by the URL of its administrator and its name.
#[derive(Debug)]
pub(crate) struct OnServer {
    kind: Kind,
    administrator: String,
    name: String,
}

impl OnServer {
    /// A fresh one.
    pub(crate) fn create(kind: Kind) -> Self {
        let variable = if kind == Kind::Postgres { POSTGRES_URL } else { MARIADB_URL };
        let administrator = std::env::var(variable).unwrap_or_else(|_| {
            panic!(
                "{variable} is not set: run `scripts/databases start` and set what it prints, \
                 or run `scripts/test rust`"
            )
        });
        let name = format!("packetboat_test_{:016x}", RandomState::new().build_hasher().finish());
        let create = match kind {
            Kind::MariaDb => format!("CREATE DATABASE {name} CHARACTER SET latin1"),
            _ => format!("CREATE DATABASE {name}"),
        };
        execute(&administrator, &[&create])
            .unwrap_or_else(|error| panic!("no database at {variable}: {error}"));
        Self { kind, administrator, name }
    }

    /// The URL of the database.
    pub(crate) fn url(&self) -> String {
        named(&self.administrator, &self.name)
    }

    /// Removes it, whoever is connected to it.
    pub(crate) fn remove(&self) -> Result<(), DbErr> {
        let name = &self.name;
        if self.kind == Kind::Postgres {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            return execute(&self.administrator, &[&drop]);
        }
        // MariaDB waits for the transactions of those that are connected.
        let connected =
            format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{name}'");
        for id in rows(&self.administrator, &connected, |row| row.try_get_by_index::<i64>(0))? {
            // It may have gone meanwhile.
            let _ = execute(&self.administrator, &[&format!("KILL {id}")]);
        }
        let drop = format!("DROP DATABASE IF EXISTS {name}");
        execute(&self.administrator, &["SET SESSION lock_wait_timeout = 20", &drop])
    }
}

/// `url` with the name of the database replaced by `name`.
fn named(url: &str, name: &str) -> String {
    let (base, query) =
        url.split_once('?').map_or((url, None), |(base, query)| (base, Some(query)));
    let host = base.find("://").map_or(0, |at| at + 3);
    let end = base[host..].find('/').map_or(base.len(), |at| host + at);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    format!("{}/{name}{query}", &base[..end])
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn the_name_of_the_database_is_replaced_and_nothing_else() {
        assert_eq!(named("postgres://a:b@[::1]:1/postgres", "x"), "postgres://a:b@[::1]:1/x");
        assert_eq!(named("mariadb://root@h", "x"), "mariadb://root@h/x");
        assert_eq!(
            named("mariadb://root@h/?ssl-mode=disabled", "x"),
            "mariadb://root@h/x?ssl-mode=disabled"
        );
    }
}
