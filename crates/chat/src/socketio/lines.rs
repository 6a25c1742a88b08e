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
//! is hung up by its [cut](Line::cut), which ends the byte stream and every poll.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use http_kit::{Exempt, counted_as};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Connections at once. Each costs the library some 40 KiB.
const MAX_LINES: usize = 10_000;

/// Connections at once of those who have not authenticated.
const MAX_STRANGERS: usize = 2_048;

/// The same from one address (an IPv6 network counts as one), unless it is exempt.
const MAX_STRANGERS_PER_ADDRESS: usize = 64;

/// When the engine's ids of connections that are gone are looked for first.
const FIRST_PURGE: usize = 256;

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
    exempt: Exempt,
    /// The parent of every line's cut.
    all: CancellationToken,
    closing: AtomicBool,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Books {
    open: usize,
    strangers: usize,
    strangers_of: HashMap<IpAddr, usize>,
    /// By the engine's id. Held by the line and by requests under way.
    names: HashMap<Box<str>, Weak<Named>>,
    purge_at: usize,
}

/// A connection as requests name it: by the engine's id, which may be of none.
#[derive(Debug)]
pub(super) struct Named {
    /// Ends them: polls, and the byte stream that the connection was upgraded to.
    pub(super) cut: CancellationToken,
    upgraded: AtomicBool,
}

impl Named {
    /// Whether the connection may be upgraded: once. The engine would hold any number
    /// of byte streams for one connection open, and wait for each.
    pub(super) fn upgrade(&self) -> bool {
        !self.upgraded.swap(true, Ordering::SeqCst)
    }
}

/// One connection. See the module's documentation.
pub(super) struct Line {
    lines: Lines,
    address: IpAddr,
    stranger: AtomicBool,
    seated: AtomicBool,
    /// Ends the byte stream that the connection began as.
    stream: CancellationToken,
    named: OnceLock<Arc<Named>>,
}

impl Lines {
    pub(super) fn new(exempt: Exempt) -> Self {
        let books = Mutex::new(Books { purge_at: FIRST_PURGE, ..Books::default() });
        let (all, closing) = (CancellationToken::new(), AtomicBool::new(false));
        Self(Arc::new(Inner { books, exempt, all, closing, emptied: Notify::new() }))
    }

    /// Enters a connection from `address`.
    pub(super) fn open(&self, address: IpAddr) -> Result<Arc<Line>, Full> {
        let exempt = self.0.exempt.contains(address);
        let address = counted_as(address);
        let mut books = self.0.books.lock();
        // Under the lock, so that `close` finds every line that was let in before it.
        let closing = self.0.closing.load(Ordering::SeqCst);
        if closing || books.open >= MAX_LINES || books.strangers >= MAX_STRANGERS {
            return Err(Full::Server);
        }
        let of_address = books.strangers_of.entry(address).or_default();
        if *of_address >= MAX_STRANGERS_PER_ADDRESS && !exempt {
            return Err(Full::Address);
        }
        *of_address += 1;
        books.strangers += 1;
        books.open += 1;
        drop(books);
        Ok(Arc::new(Line {
            lines: self.clone(),
            address,
            stranger: AtomicBool::new(true),
            seated: AtomicBool::new(false),
            stream: self.0.all.child_token(),
            named: OnceLock::new(),
        }))
    }

    /// The connection that the engine calls `sid`.
    pub(super) fn named(&self, sid: &str) -> Arc<Named> {
        let mut books = self.0.books.lock();
        if let Some(named) = books.names.get(sid).and_then(Weak::upgrade) {
            return named;
        }
        if books.names.len() >= books.purge_at {
            books.names.retain(|_, named| named.strong_count() > 0);
            books.purge_at = (books.names.len() * 2).max(FIRST_PURGE);
        }
        let (cut, upgraded) = (self.0.all.child_token(), AtomicBool::new(false));
        let named = Arc::new(Named { cut, upgraded });
        books.names.insert(sid.into(), Arc::downgrade(&named));
        named
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

    fn forget_stranger(&self, address: IpAddr) {
        let mut books = self.0.books.lock();
        books.strangers -= 1;
        if let Some(of_address) = books.strangers_of.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                books.strangers_of.remove(&address);
            }
        }
    }
}

impl Line {
    /// Has the line answer to the engine's id. `false` if it does already: a line
    /// carries one session, whose end is its own.
    pub(super) fn take(&self, sid: &str) -> bool {
        let first = !self.seated.swap(true, Ordering::SeqCst);
        first && self.named.set(self.lines.named(sid)).is_ok()
    }

    /// Whoever is at the other end has authenticated.
    pub(super) fn known(&self) {
        if self.stranger.swap(false, Ordering::SeqCst) {
            self.lines.forget_stranger(self.address);
        }
    }

    /// What ends the byte stream that the connection begins as.
    pub(super) fn stream(&self) -> CancellationToken {
        self.stream.clone()
    }

    /// Waits until the line is hung up.
    pub(super) async fn is_cut(&self) {
        self.stream.cancelled().await;
    }

    /// Hangs up.
    pub(super) fn cut(&self) {
        self.stream.cancel();
        if let Some(named) = self.named.get() {
            named.cut.cancel();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.known();
        let mut books = self.lines.0.books.lock();
        books.open -= 1;
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
        assert!(lines.0.books.lock().strangers_of.is_empty());
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
        let line = lines.open(ip("192.0.2.1")).expect("room");
        let (upgrading, other) = (lines.named("a"), lines.named("b"));
        assert!(upgrading.upgrade() && !lines.named("a").upgrade());
        assert!(line.take("a"));
        assert!(!line.take("a"), "one line, one session");
        line.cut();
        assert!(upgrading.cut.is_cancelled() && line.stream().is_cancelled());
        assert!(lines.named("a").cut.is_cancelled() && !other.cut.is_cancelled());
        drop((line, upgrading));
        assert!(!lines.named("a").cut.is_cancelled(), "forgotten with the line");
        lines.cut_all();
        assert!(other.cut.is_cancelled());
    }

    #[test]
    fn ids_of_lines_that_are_gone_take_no_room() {
        let lines = Lines::new(Exempt::default());
        for number in 0..10 * FIRST_PURGE {
            lines.named(&number.to_string());
        }
        assert!(lines.0.books.lock().names.len() <= FIRST_PURGE);
    }
}
