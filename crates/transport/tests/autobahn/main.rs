//! The case list of the Autobahn WebSocket test suite (its numbers, what it sends, what it
//! expects), against an echo over this crate, through TCP and hyper's upgrade.
//!
//! The suite itself is Python 2 and cannot be installed any more, so its cases are written
//! down here. Where it accepts more than one behaviour, the row says which one is ours; the
//! stricter one is wanted everywhere. What differs from the suite:
//! - A message is at most 64 KiB here, so the larger ones of 9.* are answered with 1009;
//!   each of them is also tried at the largest size that is taken.
//! - Compression is not offered, so 12.* and 13.* are cases of the hand-shake.
//! - Where the suite waits a second to see that nothing comes, a ping is sent, and its pong
//!   must be what comes next.
//! - 7.2, 7.4, 7.6, 7.8, 7.10 to 7.12, 8, 9.9, 9.10 and 11 are empty in the suite too.

mod case;
mod close;
mod compression;
mod echo;
mod fragmentation;
mod framing;
mod limits;
mod opcodes;
mod peer;
mod pings;
mod reserved;
mod utf8;
