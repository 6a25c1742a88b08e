//! A server that runs, until it is drained.

use std::net::SocketAddr;
use std::time::Duration;

use capability::Left;
use storage::Database;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::data::DataFolder;
use crate::parts::Parts;

/// The longest that draining takes.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// The part of it for requests and sockets; the rest is for the database.
const CLIENTS_LIMIT: Duration = Duration::from_secs(8);

/// A running server. Dropping it stops listening without waiting for anything;
/// [`Running::drain`] is the way to end it.
#[derive(Debug)]
pub struct Running {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) metrics_address: Option<SocketAddr>,
    pub(crate) setup_path: Option<String>,
    /// Cancelled when a task that the server cannot do without has panicked, or another
    /// server has taken the database.
    pub(crate) failed: CancellationToken,
    pub(crate) shutdown: Shutdown,
    /// Cancelled by dropping: a server that was let go of takes no connections.
    pub(crate) _abandoned: [DropGuard; 2],
}

/// What has to be brought to an end.
pub(crate) struct Shutdown {
    pub(crate) parts: Parts,
    pub(crate) database: Database,
    /// Listeners and HTTP connections.
    pub(crate) serving: (CancellationToken, TaskTracker),
    /// What runs by itself: the tickers, the watch, the queue of mails.
    pub(crate) background: (CancellationToken, TaskTracker),
    pub(crate) data: DataFolder,
}

impl std::fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shutdown").field("data", &self.data).finish_non_exhaustive()
    }
}

/// How draining went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Whether every request and socket ended, and everything was written, within
    /// [`DRAIN_LIMIT`].
    pub complete: bool,
    /// Whether a task that the server cannot do without has panicked, or another server has
    /// taken the database, before or meanwhile.
    pub failed: bool,
    /// What the server still held at the end, and how many of it; nothing unless it was cut
    /// short.
    pub left: Vec<Left>,
}

impl Running {
    /// The addresses listened on, in the order of the settings, port 0 replaced
    /// by what the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the metrics' own listener, if they have one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// On a server without administrators: the path of the page where a person who knows it
    /// becomes the first one. It works once, within a week, until another is given out.
    #[must_use]
    pub fn setup_path(&self) -> Option<&str> {
        self.setup_path.as_deref()
    }

    /// Does what happens by itself every second of real time, dead-lines of sockets above
    /// all: for an [`Environment`](crate::Environment) whose clock is moved by hand.
    pub async fn tick(&self) {
        for part in self.shutdown.parts.iter() {
            part.tick().await;
        }
    }

    /// Waits until a task that the server cannot do without has panicked, or another server
    /// has taken the database; the log says which. What it would have done is not done from then on, and `/ready` says so:
    /// [drain](Running::drain) the server and start another.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Ends the server: no new connections, what was accepted is delivered, every
    /// socket gets its close frame, everything is written. Takes [`DRAIN_LIMIT`]
    /// at most.
    pub async fn drain(self) -> Drained {
        let Shutdown { parts, database, serving, background, data } = self.shutdown;
        let (stop, tasks) = serving;
        stop.cancel();
        tasks.close();
        let clients = async { tokio::join!(parts.drain(), tasks.wait()) };
        let clients_done = timeout(CLIENTS_LIMIT, clients).await.is_ok();

        let (stop, tasks) = background;
        stop.cancel();
        tasks.close();
        let written = async {
            tasks.wait().await;
            parts.flush().await;
            database.close().await
        };
        let written = timeout(DRAIN_LIMIT - CLIENTS_LIMIT, written).await;
        if let Ok(Err(error)) = &written {
            tracing::error!(%error, "cannot close the database");
        }
        // Last: from here on another server may have the folder.
        drop(data);
        let left = parts.left();
        let complete = clients_done && matches!(written, Ok(Ok(())));
        Drained { complete, failed: self.failed.is_cancelled(), left }
    }
}
