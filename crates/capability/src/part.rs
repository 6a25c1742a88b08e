//! What the server asks of each of its parts while it runs and when it ends.

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use admin::Model;
use base::{AccountId, SessionRef};
use http_kit::Routes;

/// A future that can be kept in a list with others.
pub type BoxFuture<'a, T = ()> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many of something a part still holds: `("sockets", 3)`.
pub type Left = (&'static str, usize);

/// A part of a running server: a capability, or infrastructure that has to be looked after.
/// What a part does not have, it leaves to the defaults, which do nothing.
pub trait Part: Send + Sync {
    /// For the log.
    fn name(&self) -> &'static str;

    /// What it serves, each group with its rule about other origins. Called once.
    fn routes(&self) -> Routes {
        Routes::default()
    }

    /// Its screens of the admin site.
    fn models(&self) -> Vec<Arc<dyn Model>> {
        Vec::new()
    }

    /// Called every second, one part after the other. Must not wait for the database, or
    /// for anything else that may stand still. May panic: the next call comes nevertheless.
    fn tick(&self) -> BoxFuture<'_> {
        nothing()
    }

    /// Called a second after the last call ended. May wait for the database. May panic: the
    /// next call comes nevertheless.
    fn sweep(&self) -> BoxFuture<'_> {
        nothing()
    }

    /// Whether work waits and none of it gets done: `/ready` is 503 then.
    fn is_stalled(&self) -> bool {
        false
    }

    /// A label and the number that is to be noted under it beside the database, every second
    /// and at the end; the next start finds it in [`Notes`](crate::Notes).
    fn noted(&self) -> Option<(&'static str, i64)> {
        None
    }

    /// The usernames of those who are online by this part, each once.
    fn online(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether `account` is online by this part.
    fn is_online(&self, account: AccountId) -> bool {
        let _ = account;
        false
    }

    /// A session has ended: what it has open is to be closed. Called exactly once for each
    /// session. Must not block.
    fn session_ended(&self, account: AccountId, session: SessionRef) {
        let _ = (account, session);
    }

    /// The first step of shutting down: takes nothing new in, and finishes what it has taken
    /// in. Connections are still open. Dropped when its time is over.
    fn finish(&self) -> BoxFuture<'_> {
        nothing()
    }

    /// The second step: ends long connections, after what waits for them; `within` that time.
    fn close(&self, within: Duration) -> BoxFuture<'_> {
        let _ = within;
        nothing()
    }

    /// The third and last step: writes back what is only in memory. Nothing is served any
    /// more, and the database is closed afterwards.
    fn flush(&self) -> BoxFuture<'_> {
        nothing()
    }

    /// What it holds that a server which has shut down should not hold any more.
    fn left(&self) -> Vec<Left> {
        Vec::new()
    }
}

fn nothing<'a>() -> BoxFuture<'a> {
    Box::pin(ready(()))
}
