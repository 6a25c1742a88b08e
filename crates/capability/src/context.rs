//! What a capability is handed when it opens.

use std::sync::Arc;

use base::{Clock, Random, Vitals};
use http_kit::{Authenticate, OriginPolicy};
use limits::Exempt;
use mail::SendMail;
use storage::Database;
use transport::Sockets;

use crate::Secrets;
use crate::settings::Values;

/// Handles of the infrastructure. Each capability takes what it needs and keeps that alone.
#[derive(Clone)]
pub struct Context {
    /// The database, with all migrations applied.
    pub database: Database,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Hears of panics of tasks that live as long as the server.
    pub vitals: Vitals,
    /// Says who is calling.
    pub authenticate: Arc<dyn Authenticate>,
    /// All WebSockets of the server.
    pub sockets: Sockets,
    /// Takes mails.
    pub mail: Arc<dyn SendMail>,
    /// Keys that last as long as the data folder, by their purpose.
    pub secrets: Secrets,
    /// What was set; each capability reads its own [`settings`](mod@crate::settings).
    pub values: Values,
    /// Addresses to which rate limits do not apply.
    pub exempt: Exempt,
    /// Whose pages may act and open sockets.
    pub origins: OriginPolicy,
    /// What was noted beside the database before this start.
    pub notes: Arc<dyn Notes>,
}

/// What [parts](crate::Part::noted) have noted beside the database, where its fate is not
/// shared: it tells a database that lost its end from one that did not.
pub trait Notes: Send + Sync {
    /// The last note with this label.
    fn read(&self, label: &str) -> Noted;
}

/// What was noted before this start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// Nothing, of this database.
    Nothing,
    /// This number.
    Number(i64),
    /// The database is another one than at the last start.
    OtherDatabase,
}
