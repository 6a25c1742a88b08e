//! The Engine.IO connections there are, whoever is at the other end.
//!
//! A [`Line`] travels in the extensions of the request that opened its connection,
//! which the library keeps as long as the connection lives: dropping the line is how
//! the books learn that it is over.
//!
//! Invariants: no more lines than [`MAX_LINES`], and of strangers (who have not
//! authenticated) no more than [`MAX_STRANGERS`] in all and
//! [`MAX_STRANGERS_PER_ADDRESS`] from one address.
//!
//! The library has no word for hanging up: its `disconnect` asks the client to. A line
//! is hung up by its [cut](Line::cut), which ends the byte stream and every poll. Nor
//! does it take an event for a client that it has just told that it is connected: a
//! line says when it does.

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
const MAX_LINES: usize = 10_000;

/// Connections at once of those who have not authenticated.
const MAX_STRANGERS: usize = 2_048;

/// The same from one address (an IPv6 network counts as one), unless it is exempt.
const MAX_STRANGERS_PER_ADDRESS: u32 = 64;

/// No further line may be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// By this address.
    Address,
    /// By anybody.
    Server,
}

/// The books. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    books: Mutex<Books>,
    strangers: NetworkSlots,
    /// The parent of every line's cut.
    all: CancellationToken,
    closing: AtomicBool,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Books {
    open: usize,
    strangers: usize,
    /// Connections that began by polling, by the engine's id.
    polling: HashMap<Box<str>, Arc<Polling>>,
}

/// One connection. See the module's documentation.
pub(super) struct Line {
    lines: Lines,
    /// Until the client has authenticated.
    stranger: Mutex<Option<NetworkSlot>>,
    seated: AtomicBool,
    /// Cancelled when the client is hung up.
    cut: CancellationToken,
    /// Cancelled when the library takes what the client is to be told.
    ready: CancellationToken,
    /// The engine's id, if the connection began by polling.
    sid: OnceLock<Box<str>>,
}

impl Lines {
    pub(super) fn new(exempt: Exempt) -> Self {
        Self(Arc::new(Inner {
            books: Mutex::default(),
            strangers: NetworkSlots::new(MAX_STRANGERS_PER_ADDRESS, exempt),
            all: CancellationToken::new(),
            closing: AtomicBool::new(false),
            emptied: Notify::new(),
        }))
    }

    /// Enters a connection from `address`.
    pub(super) fn open(&self, address: IpAddr) -> Result<Arc<Line>, Full> {
        let mut books = self.0.books.lock();
        // Under the lock, so that `close` finds every line that was let in before it.
        let closing = self.0.closing.load(Ordering::SeqCst);
        if closing || books.open >= MAX_LINES || books.strangers >= MAX_STRANGERS {
            return Err(Full::Server);
        }
        let slot = self.0.strangers.take(address).ok_or(Full::Address)?;
        books.strangers += 1;
        books.open += 1;
        drop(books);
        Ok(Arc::new(Line {
            lines: self.clone(),
            stranger: Mutex::new(Some(slot)),
            seated: AtomicBool::new(false),
            cut: self.0.all.child_token(),
            ready: CancellationToken::new(),
            sid: OnceLock::new(),
        }))
    }

    /// The connection that began by polling and that the engine calls `sid`.
    pub(super) fn polling(&self, sid: &str) -> Option<Arc<Polling>> {
        self.0.books.lock().polling.get(sid).cloned()
    }

    /// Connections open now.
    pub(super) fn count(&self) -> usize {
        self.0.books.lock().open
    }

    /// Lets nobody in from now on. `false` if it was so already.
    pub(super) fn close(&self) -> bool {
        let _books = self.0.books.lock();
        !self.0.closing.swap(true, Ordering::SeqCst)
    }

    /// Hangs up every line.
    pub(super) fn cut_all(&self) {
        self.0.all.cancel();
    }

    /// Waits until there is no line any more.
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

impl Line {
    /// Whether a session may begin on the line: one does, whose end is the line's own.
    pub(super) fn take(&self) -> bool {
        !self.seated.swap(true, Ordering::SeqCst)
    }

    /// The engine calls the connection `sid`, which began by polling: later requests
    /// are found by that.
    pub(super) fn polls_as(&self, sid: &str) {
        if self.sid.set(sid.into()).is_ok() {
            let polling = Arc::new(Polling::new(self.cut.child_token()));
            self.lines.0.books.lock().polling.insert(sid.into(), polling);
        }
    }

    /// The library has told the client that it is connected, and takes what comes next.
    pub(super) fn set_ready(&self) {
        self.ready.cancel();
    }

    /// Waits until the library takes what the client is to be told.
    pub(super) async fn is_ready(&self) {
        self.ready.cancelled().await;
    }

    /// Whoever is at the other end has authenticated.
    pub(super) fn known(&self) {
        if self.stranger.lock().take().is_some() {
            self.lines.0.books.lock().strangers -= 1;
        }
    }

    /// What ends the connection's byte stream and polls.
    pub(super) fn broken(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// Waits until the line is hung up.
    pub(super) async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Hangs up.
    pub(super) fn cut(&self) {
        self.cut.cancel();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.known();
        let mut books = self.lines.0.books.lock();
        books.open -= 1;
        if let Some(sid) = self.sid.get() {
            books.polling.remove(sid);
        }
        let emptied = books.open == 0;
        drop(books);
        if emptied {
            self.lines.0.emptied.notify_waiters();
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("stranger", &self.stranger).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn strangers_of_one_address_are_bounded_and_those_known_are_not_counted() {
        let lines = Lines::new(Exempt(vec!["10.0.0.0/8".parse().unwrap()]));
        let address = ip("192.0.2.1");
        let open = || lines.open(address);
        let mut held: Vec<_> =
            (0..MAX_STRANGERS_PER_ADDRESS).map(|_| open().expect("room")).collect();
        assert_eq!(open().err(), Some(Full::Address));
        assert!(lines.open(ip("192.0.2.2")).is_ok());
        held[0].known();
        held.push(open().expect("one is known"));
        assert_eq!(open().err(), Some(Full::Address));
        held.truncate(10);
        assert!(open().is_ok());
        let exempt: Vec<_> =
            (0..2 * MAX_STRANGERS_PER_ADDRESS).map(|_| lines.open(ip("10.0.0.1"))).collect();
        assert!(exempt.iter().all(Result::is_ok));
        drop((held, exempt));
        assert_eq!(lines.count(), 0);
        assert!(lines.0.strangers.networks() == 0);
    }

    #[test]
    fn strangers_are_bounded_in_all() {
        let lines = Lines::new(Exempt::default());
        let from = |number: usize| ip(&format!("192.{}.{}.1", number / 256, number % 256));
        let held: Vec<_> = (0..MAX_STRANGERS).map(|number| lines.open(from(number))).collect();
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(lines.open(ip("198.51.100.1")).err(), Some(Full::Server));
        drop(held);
        assert!(lines.open(ip("198.51.100.1")).is_ok());
        lines.close();
        assert_eq!(lines.open(ip("198.51.100.1")).err(), Some(Full::Server));
    }

    #[test]
    fn a_cut_reaches_what_names_the_line_and_nothing_else() {
        let lines = Lines::new(Exempt::default());
        let (line, other) = (lines.open(ip("192.0.2.1")), lines.open(ip("192.0.2.1")));
        let (line, other) = (line.expect("room"), other.expect("room"));
        line.polls_as("a");
        other.polls_as("b");
        assert!(line.take() && !line.take(), "one line, one session");
        let (named, of_other) = (lines.polling("a"), lines.polling("b"));
        let (named, of_other) = (named.expect("a line"), of_other.expect("a line"));
        line.cut();
        assert!(named.cut.is_cancelled() && line.broken().is_cancelled());
        assert!(!of_other.cut.is_cancelled());
        lines.cut_all();
        assert!(of_other.cut.is_cancelled());
        drop(line);
        assert!(lines.polling("a").is_none(), "forgotten with the line");
        assert!(lines.polling("b").is_some() && lines.polling("c").is_none());
    }
}
