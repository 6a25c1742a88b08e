//! What a database holds, and making it refuse: SQL that differs from kind to kind.

use crate::{Kind, TestDatabase};

impl TestDatabase {
    /// The names of its tables, sorted.
    ///
    /// # Panics
    /// If the database refuses.
    #[must_use]
    pub fn tables(&self) -> Vec<String> {
        let mut names = self.texts(match self.kind() {
            Kind::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            Kind::Postgres => {
                "SELECT table_name::text FROM information_schema.tables \
                 WHERE table_schema = current_schema()"
            }
            Kind::MariaDb => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            }
        });
        names.sort();
        names
    }

    /// The names of the columns of `table`.
    ///
    /// # Panics
    /// If the database refuses.
    #[must_use]
    pub fn columns(&self, table: &str) -> Vec<String> {
        self.texts(&match self.kind() {
            Kind::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
            Kind::Postgres => format!(
                "SELECT column_name::text FROM information_schema.columns \
                 WHERE table_schema = current_schema() AND table_name = '{table}'"
            ),
            Kind::MariaDb => format!(
                "SELECT column_name FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = '{table}'"
            ),
        })
    }

    /// Everything in its tables, as text: for what must not be there.
    ///
    /// # Panics
    /// If the database refuses.
    #[must_use]
    pub fn contents(&self) -> String {
        let mut contents = String::new();
        let (text, quote) = match self.kind() {
            Kind::Sqlite | Kind::Postgres => ("TEXT", '"'),
            Kind::MariaDb => ("CHAR", '`'),
        };
        for table in self.tables() {
            for column in self.columns(&table) {
                let select = format!(
                    "SELECT CAST({quote}{column}{quote} AS {text}) FROM {quote}{table}{quote} \
                     WHERE {quote}{column}{quote} IS NOT NULL"
                );
                for value in self.texts(&select) {
                    contents.push_str(&value);
                    contents.push('\n');
                }
            }
        }
        contents
    }

    /// Makes the database refuse an `event`, `INSERT` or `UPDATE`, on rows of `table` for
    /// which `condition` on `NEW` is true, as if it had failed there, until
    /// [`accept`](Self::accept).
    ///
    /// # Panics
    /// If the database refuses this already.
    pub fn refuse(&self, event: &str, table: &str, condition: &str) {
        let trigger = format!("CREATE TRIGGER refused BEFORE {event} ON {table}");
        match self.kind() {
            Kind::Sqlite => self.execute(&format!(
                "{trigger} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )),
            Kind::Postgres => self.execute(&format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS \
                 $$BEGIN RAISE EXCEPTION 'refused'; END$$; \
                 {trigger} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()"
            )),
            Kind::MariaDb => self.execute(&format!(
                "{trigger} FOR EACH ROW IF {condition} THEN SIGNAL SQLSTATE '45000'; END IF"
            )),
        }
    }

    /// Takes back [`refuse`](Self::refuse) for `table`.
    ///
    /// # Panics
    /// If the database refuses.
    pub fn accept(&self, table: &str) {
        self.execute(&match self.kind() {
            Kind::Postgres => {
                format!("DROP TRIGGER refused ON {table}; DROP FUNCTION refuse()")
            }
            Kind::Sqlite | Kind::MariaDb => "DROP TRIGGER refused".to_owned(),
        });
    }
}
