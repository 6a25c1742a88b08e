//! A real server on port 0 and the clients that tests speak to it with.
//!
//! [`TestServer`] runs the whole server in a runtime of its own, on a clock that the
//! test moves. [`Binary`] runs the command itself. Dropping a server drains it and fails the test if a socket, a person in the
//! room, a posting or a temporary file is left. [`Http`] and [`Socket`] are clients as
//! the outside world writes them; [`Raw`] is for bytes that no client library sends.
//!
//! Deliberately absent: sleeping. A client waits for what it expects, up to
//! [`PATIENCE`].

mod binary;
mod dial;
mod http;
mod identity;
mod raw;
mod server;
mod socket;

use std::time::Duration;

pub use crate::binary::Binary;
pub use crate::dial::{Dial, Stream};
pub use crate::http::{Answer, Http};
pub use crate::identity::Identity;
pub use crate::raw::Raw;
pub use crate::server::{Person, TestServer};
pub use crate::socket::{Refused, Socket};

/// How long a client waits for what it expects before the test fails. Generous,
/// because the machine may be busy; a passing test never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);
