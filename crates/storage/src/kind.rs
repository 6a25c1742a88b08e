//! The kinds of database there are, and what tells them apart for those who build statements.
//!
//! Deliberately absent: differences that one statement of sea_query covers. Row locks, for
//! example, may be asked for everywhere; SQLite, which has one writer, leaves them out.

/// What a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file, or memory, of this process: one writer at a time.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A MariaDB server, or one of MySQL, which is accepted but not tested.
    MariaDb,
}

impl Kind {
    /// The kind that a URL is of, by its scheme; `None` if there is none of that name.
    #[must_use]
    pub fn of_url(url: &str) -> Option<Self> {
        match url.split_once(':').map_or(url, |(scheme, _)| scheme) {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MariaDb),
            _ => None,
        }
    }

    /// Whether a server of its own keeps the database, which others can reach, and which
    /// may be away while this process runs.
    #[must_use]
    pub fn is_server(self) -> bool {
        self != Self::Sqlite
    }
}
