//! The wire contract of sharing, row by row and sentence by sentence, as its clients see
//! it: HTTP, the WebSocket of a session, server-sent events.

mod access_codes;
mod away;
mod bad_peers;
mod chaos;
mod events;
mod files;
mod guessing;
mod http;
mod kit;
mod limits;
mod names;
mod networks;
mod origins;
mod pace;
mod peer;
mod reconnect;
mod refusals;
mod sessions;
mod steps;
mod stream;
mod stream_ends;
mod takeover;
mod tokens;
mod upgrades;
mod whole_files;
