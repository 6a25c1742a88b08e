//! A real server on port 0 and the clients that tests speak to it with.
//!
//! [`TestServer`] runs the whole server in a runtime of its own, on a clock that the
//! test moves. Dropping it drains it and fails the test if a socket, a person in the
//! room, a posting or a byte is left. [`Binary`] runs the command itself. Both store in the
//! database of [`Data`], of the kind that the run is for. [`Http`],
//! [`Socket`] and [`Sse`] are clients as the outside world writes them, [`ShareSession`] and
//! [`ShareSocket`] what they do to share files; [`Raw`] is for bytes that no client library
//! sends.
//!
//! Deliberately absent: sleeping. A client waits for what it expects, up to
//! [`PATIENCE`].

mod binary;
mod data;
mod dial;
mod http;
mod identity;
mod mailbox;
mod nginx;
mod raw;
mod server;
mod share;
mod socket;
mod sse;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

pub use crate::binary::Binary;
pub use crate::data::{Data, Place};
pub use crate::dial::{Dial, Stream};
pub use crate::http::{Answer, Http};
pub use crate::identity::Identity;
pub use crate::mailbox::{Mailbox, ReceivedMail};
pub use crate::nginx::Nginx;
pub use crate::raw::Raw;
pub use crate::server::{Person, TestServer};
pub use crate::share::{ShareSession, ShareSocket, code_digest};
pub use crate::socket::{Refused, Socket};
pub use crate::sse::{Sse, SseEvent, SseItem};

/// An address of this machine that nothing else of a test run uses, near `port`: for
/// programs that cannot be asked which free port they took. Every call gives another.
#[must_use]
pub fn own_address(port: u16) -> SocketAddr {
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // All of 127.0.0.0/8 is this machine; 127.0.0.x is where everybody else is.
    ([127, 64 | high, middle, low], port + GIVEN.fetch_add(1, Ordering::Relaxed)).into()
}

/// How long a client waits for what it expects before the test fails. Generous,
/// because the machine may be busy; a passing test never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);
