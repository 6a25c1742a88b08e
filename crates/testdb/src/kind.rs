//! Which kind of database a run of tests is for.

/// The environment variable that says it.
pub const CHOICE: &str = "TEST_DATABASE";

/// A kind of database that Packetboat stores in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file, or memory of the process.
    Sqlite,
    /// A database of a PostgreSQL server.
    Postgres,
    /// A database of a MariaDB server.
    MariaDb,
}

impl Kind {
    /// The kind that [`CHOICE`] says, SQLite without it.
    ///
    /// # Panics
    /// If it says anything else.
    #[must_use]
    pub fn chosen() -> Self {
        match std::env::var(CHOICE).as_deref() {
            Err(_) | Ok("" | "sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok("mariadb") => Self::MariaDb,
            Ok(other) => panic!("{CHOICE} is sqlite, postgres or mariadb, not {other:?}"),
        }
    }

    /// Whether it is one of a server.
    #[must_use]
    pub fn is_server(self) -> bool {
        self != Self::Sqlite
    }
}
