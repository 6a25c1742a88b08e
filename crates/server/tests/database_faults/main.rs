//! A database of a server fails under a running Packetboat: what was acknowledged is there,
//! once and in order, and Packetboat goes on by itself.
//!
//! For SQLite, whose failures are those of its disk, see `failing_disk`.

mod forgetting;
mod restart;
mod talker;
