//! Two servers on one database, and a third hand that does what another server would.

use std::sync::Arc;

use accounts::{Accounts, NewAccount, Options};
use base::{AccountId, ManualClock, OsRandom, Timestamp};
use limits::Exempt;
use sea_orm::{ConnectionTrait, Statement};
use storage::{Database, Kind};
use testdb::TestDatabase;

use super::Mailbox;

pub(crate) struct Nodes {
    pub(crate) one: Accounts,
    pub(crate) other: Accounts,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) mailbox: Arc<Mailbox>,
    third: Database,
    at: TestDatabase,
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        let at = TestDatabase::new();
        let clock = Arc::new(ManualClock::new(Timestamp(1_790_000_000_000)));
        let third = Database::connect(at.url()).await.unwrap();
        third.migrate(&Accounts::migrations(), &*clock).await.unwrap();
        let mailbox = Arc::new(Mailbox::default());
        let node = async || {
            let db = Database::connect(at.url()).await.unwrap();
            let options = Options { mailer: mailbox.clone(), exempt: Exempt::default() };
            Accounts::new(db, clock.clone(), Arc::new(OsRandom), options)
        };
        let (one, other) = (node().await, node().await);
        Self { one, other, clock, mailbox, third, at }
    }

    /// Accounts as a server that has just started knows them.
    pub(crate) fn fresh(&self) -> Accounts {
        let options = Options { mailer: self.mailbox.clone(), exempt: Exempt::default() };
        Accounts::new(self.third.clone(), self.clock.clone(), Arc::new(OsRandom), options)
    }

    /// A new account, staff or not, with the address `name@example.org`.
    pub(crate) async fn create(&self, name: &str, is_staff: bool) -> AccountId {
        let email = format!("{name}@example.org");
        let new = NewAccount { username: name.into(), email, is_staff, ..NewAccount::default() };
        self.one.create_account(new).await.unwrap()
    }

    /// Starts `work` while a transaction has done `statements`, after it took the lock of that
    /// name, and commits the transaction once `work` waits for it or has come to its end.
    /// SQLite lets `work` wait for the transaction from its start.
    pub(crate) async fn meanwhile<T: Send + 'static>(
        &self,
        lock: Option<&'static str>,
        statements: &[&str],
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let transaction = self.third.begin_write().await.unwrap();
        let on = transaction.connection();
        if let Some(lock) = lock {
            storage::lock(on, lock).await.unwrap();
        }
        for sql in statements {
            let statement = Statement::from_string(on.get_database_backend(), *sql);
            on.execute_raw(statement).await.unwrap();
        }
        let task = tokio::spawn(work);
        while !task.is_finished() && !self.is_any_waiting().await {
            tokio::task::yield_now().await;
        }
        transaction.commit().await.unwrap();
        task.await.unwrap()
    }

    async fn is_any_waiting(&self) -> bool {
        let sql = match self.third.kind() {
            Kind::Sqlite => return true,
            Kind::Postgres => {
                "SELECT COUNT(*) FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'"
            }
            // It does not tell of a lock at once: whatever takes so long waits for one.
            Kind::MariaDb => {
                "SELECT COUNT(*) FROM information_schema.processlist \
                 WHERE db = DATABASE() AND command <> 'Sleep' AND id <> CONNECTION_ID() \
                 AND time_ms > 100"
            }
        };
        let reader = self.third.reader();
        let statement = Statement::from_string(reader.get_database_backend(), sql);
        let row = reader.query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index::<i64>(0).unwrap() > 0
    }

    /// How many rows there are in `table`.
    pub(crate) fn count(&self, table: &str) -> i64 {
        self.at.number(&format!("SELECT COUNT(*) FROM {table}"))
    }

    pub(crate) fn is_on_server(&self) -> bool {
        self.third.kind().is_server()
    }
}

/// The statement by which another server makes an account.
pub(crate) fn insert_account(id: i64, name: &str, is_staff: bool) -> String {
    format!(
        "INSERT INTO accounts (id, username, username_folded, email, email_folded, created_at, \
         first_name, last_name, is_staff, is_active, shows_username) \
         VALUES ({id}, '{name}', '{name}', '{name}@example.org', '{name}@example.org', 1, \
         '', '', {is_staff}, TRUE, FALSE)"
    )
}
