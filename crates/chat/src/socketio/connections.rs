//! The open Engine.IO connections, authenticated or not.
//!
//! A [`Connection`] travels in the extensions of the request that opened it, which the
//! library keeps for as long as it keeps the connection: dropping the [`Connection`] is
//! how this table learns that the connection is over.
//!
//! Invariants: no more connections than [`MAX_CONNECTIONS`]; of those that have not
//! authenticated, no more than [`MAX_UNAUTHENTICATED`] in all and
//! [`MAX_UNAUTHENTICATED_PER_ADDRESS`] from one address.
//!
//! The library cannot cut a connection off: its `disconnect` only asks the client to leave.
//! [`Connection::cut`] does it: it ends the byte stream and every poll. Nor
//! does it take an event for a client that it has just told that it is connected: a
//! connection says when it does.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use limits::{Exempt, NetworkSlot, NetworkSlots};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::polling::Polling;

/// Connections at once. Each costs the library some 40 KiB.
const MAX_CONNECTIONS: usize = 10_000;

/// Connections at once of those who have not authenticated.
const MAX_UNAUTHENTICATED: usize = 2_048;

/// The same from one address (an IPv6 network counts as one), unless it is exempt.
const MAX_UNAUTHENTICATED_PER_ADDRESS: u32 = 64;

/// No further connection may be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// By this address.
    Address,
    /// By any client.
    Server,
}

/// All open connections. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connections(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    table: Mutex<Table>,
    unauthenticated: NetworkSlots,
    /// The parent of every connection's cut.
    all: CancellationToken,
    closing: AtomicBool,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Table {
    open: usize,
    unauthenticated: usize,
    /// Connections that began by polling, by the engine's id.
    polling: HashMap<Box<str>, Arc<Polling>>,
}

/// One connection. See the module's documentation.
pub(super) struct Connection {
    connections: Connections,
    /// Held until the client has authenticated.
    unauthenticated: Mutex<Option<NetworkSlot>>,
    claimed: AtomicBool,
    /// Cancelled when the connection is cut.
    cut: CancellationToken,
    /// Cancelled when the library takes what the client is to be told.
    ready: CancellationToken,
    /// The engine's id, if the connection began by polling.
    sid: OnceLock<Box<str>>,
}

impl Connections {
    pub(super) fn new(exempt: Exempt) -> Self {
        Self(Arc::new(Inner {
            table: Mutex::default(),
            unauthenticated: NetworkSlots::new(MAX_UNAUTHENTICATED_PER_ADDRESS, exempt),
            all: CancellationToken::new(),
            closing: AtomicBool::new(false),
            emptied: Notify::new(),
        }))
    }

    /// Enters a connection from `address`.
    pub(super) fn open(&self, address: IpAddr) -> Result<Arc<Connection>, Full> {
        let mut table = self.0.table.lock();
        // Under the lock, so that `close` finds every connection that was let in before it.
        let closing = self.0.closing.load(Ordering::SeqCst);
        if closing || table.open >= MAX_CONNECTIONS || table.unauthenticated >= MAX_UNAUTHENTICATED
        {
            return Err(Full::Server);
        }
        let slot = self.0.unauthenticated.take(address).ok_or(Full::Address)?;
        table.unauthenticated += 1;
        table.open += 1;
        drop(table);
        Ok(Arc::new(Connection {
            connections: self.clone(),
            unauthenticated: Mutex::new(Some(slot)),
            claimed: AtomicBool::new(false),
            cut: self.0.all.child_token(),
            ready: CancellationToken::new(),
            sid: OnceLock::new(),
        }))
    }

    /// The connection that began by polling and that the engine calls `sid`.
    pub(super) fn polling(&self, sid: &str) -> Option<Arc<Polling>> {
        self.0.table.lock().polling.get(sid).cloned()
    }

    /// Connections open now.
    pub(super) fn count(&self) -> usize {
        self.0.table.lock().open
    }

    /// Takes no connection from now on. `false` if it was so already.
    pub(super) fn close(&self) -> bool {
        let _table = self.0.table.lock();
        !self.0.closing.swap(true, Ordering::SeqCst)
    }

    /// Cuts every connection.
    pub(super) fn cut_all(&self) {
        self.0.all.cancel();
    }

    /// Waits until there is no connection any more.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.0.emptied.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Connection {
    /// Whether a session may begin on the connection: true once, for the first caller. The
    /// connection ends with that session.
    pub(super) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::SeqCst)
    }

    /// Notes `sid`, the id that the engine gave to a connection that began by polling: by it,
    /// later requests find the connection.
    pub(super) fn set_polling_id(&self, sid: &str) {
        if self.sid.set(sid.into()).is_ok() {
            let polling = Arc::new(Polling::new(self.cut.child_token()));
            self.connections.0.table.lock().polling.insert(sid.into(), polling);
        }
    }

    /// The library has told the client that it is connected, and takes what comes next.
    pub(super) fn set_ready(&self) {
        self.ready.cancel();
    }

    /// Waits until the library takes what the client is to be told.
    pub(super) async fn until_ready(&self) {
        self.ready.cancelled().await;
    }

    /// The client has authenticated: it counts as unauthenticated no longer.
    pub(super) fn set_authenticated(&self) {
        if self.unauthenticated.lock().take().is_some() {
            self.connections.0.table.lock().unauthenticated -= 1;
        }
    }

    /// Cancelled when the connection is cut: ends its byte stream and polls.
    pub(super) fn cut_token(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Waits until the connection is cut.
    pub(super) async fn until_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Cuts the connection off.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.set_authenticated();
        let mut table = self.connections.0.table.lock();
        table.open -= 1;
        if let Some(sid) = self.sid.get() {
            table.polling.remove(sid);
        }
        let emptied = table.open == 0;
        drop(table);
        if emptied {
            self.connections.0.emptied.notify_waiters();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("unauthenticated", &self.unauthenticated)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn unauthenticated_connections_of_one_address_are_bounded() {
        let connections = Connections::new(Exempt(vec!["10.0.0.0/8".parse().unwrap()]));
        let address = ip("192.0.2.1");
        let open = || connections.open(address);
        let mut held: Vec<_> =
            (0..MAX_UNAUTHENTICATED_PER_ADDRESS).map(|_| open().expect("room")).collect();
        assert_eq!(open().err(), Some(Full::Address));
        assert!(connections.open(ip("192.0.2.2")).is_ok());
        held[0].set_authenticated();
        held.push(open().expect("one has authenticated"));
        assert_eq!(open().err(), Some(Full::Address));
        held.truncate(10);
        assert!(open().is_ok());
        let exempt: Vec<_> = (0..2 * MAX_UNAUTHENTICATED_PER_ADDRESS)
            .map(|_| connections.open(ip("10.0.0.1")))
            .collect();
        assert!(exempt.iter().all(Result::is_ok));
        drop((held, exempt));
        assert_eq!(connections.count(), 0);
        assert!(connections.0.unauthenticated.networks() == 0);
    }

    #[test]
    fn unauthenticated_connections_are_bounded_in_all() {
        let connections = Connections::new(Exempt::default());
        let from = |number: usize| ip(&format!("192.{}.{}.1", number / 256, number % 256));
        let held: Vec<_> =
            (0..MAX_UNAUTHENTICATED).map(|number| connections.open(from(number))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(connections.open(ip("198.51.100.1")).err(), Some(Full::Server));
        drop(held);
        assert!(connections.open(ip("198.51.100.1")).is_ok());
        connections.close();
        assert_eq!(connections.open(ip("198.51.100.1")).err(), Some(Full::Server));
    }

    #[test]
    fn a_cut_reaches_the_connection_and_no_other() {
        let connections = Connections::new(Exempt::default());
        let (connection, other) =
            (connections.open(ip("192.0.2.1")), connections.open(ip("192.0.2.1")));
        let (connection, other) = (connection.expect("room"), other.expect("room"));
        connection.set_polling_id("a");
        other.set_polling_id("b");
        assert!(connection.claim() && !connection.claim(), "one connection, one session");
        let (named, of_other) = (connections.polling("a"), connections.polling("b"));
        let (named, of_other) = (named.expect("a connection"), of_other.expect("a connection"));
        connection.cut();
        assert!(named.cut.is_cancelled() && connection.cut_token().is_cancelled());
        assert!(!of_other.cut.is_cancelled());
        connections.cut_all();
        assert!(of_other.cut.is_cancelled());
        drop(connection);
        assert!(connections.polling("a").is_none(), "forgotten with the connection");
        assert!(connections.polling("b").is_some() && connections.polling("c").is_none());
    }
}
