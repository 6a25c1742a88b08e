//! What the administrator may set about sharing sessions.

use std::time::Duration;

use capability::settings::{Values, parsed, with_default};

use crate::command::MAX_WINDOW;

/// What the settings that count take.
const COUNT: &str = "a number, at least 1";

/// What the settings of rates take.
const BYTES: &str = "a number of bytes; 0 is no limit";

capability::settings! {
    /// The settings of the section `share`.
    #[derive(Clone, Debug)]
    pub(crate) struct Settings {
        /// how many chunks a sender is asked for ahead of the receiver's confirmations, from 1 to
        /// 64
        pub(crate) window: u32 = with_default("share.window", "8", "a number from 1 to 64", window),
        /// the least time between two chunks for the original's web app, which loses faster ones; 0
        /// turns it off
        pub(crate) browser_pace: Duration =
            with_default("share.browser_pace_ms", "200", "milliseconds, up to 60000", pace),
        /// sharing sessions there may be at once
        pub(crate) max_sessions: u32 = with_default("share.max_sessions", "10000", COUNT, count),
        /// sharing sessions that one address may have made
        pub(crate) max_sessions_of_address: u32 =
            with_default("share.max_sessions_of_address", "16", COUNT, count),
        /// members of all sharing sessions
        pub(crate) max_members: u32 = with_default("share.max_members", "50000", COUNT, count),
        /// members of one sharing session
        pub(crate) max_members_of_session: u32 =
            with_default("share.max_members_of_session", "64", COUNT, count),
        /// files listed in all sharing sessions
        pub(crate) max_files: u32 = with_default("share.max_files", "200000", COUNT, count),
        /// files listed in one sharing session
        pub(crate) max_files_of_session: u32 =
            with_default("share.max_files_of_session", "1000", COUNT, count),
        /// transfers under way at once
        pub(crate) max_transfers: u32 = with_default("share.max_transfers", "2000", COUNT, count),
        /// transfers that receivers at one address may have under way
        pub(crate) max_transfers_of_address: u32 =
            with_default("share.max_transfers_of_address", "256", COUNT, count),
        /// receivers by server-sent events, and upgrades that are delayed, at once
        pub(crate) max_streams: u32 = with_default("share.max_streams", "512", COUNT, count),
        /// the same of one address
        pub(crate) max_streams_of_address: u32 =
            with_default("share.max_streams_of_address", "64", COUNT, count),
        /// sockets that clients at one address may have open
        pub(crate) max_sockets_of_address: u32 =
            with_default("share.max_sockets_of_address", "1024", COUNT, count),
        /// HTTP requests a minute of one address
        pub(crate) requests_of_address: u32 =
            with_default("share.requests_a_minute_of_address", "600", COUNT, count),
        /// requests to join a minute of one address
        pub(crate) joins_of_address: u32 =
            with_default("share.joins_a_minute_of_address", "300", COUNT, count),
        /// access codes that are compared a minute, of all
        pub(crate) joins: u32 = with_default("share.joins_a_minute", "6000", COUNT, count),
        /// sockets that clients at one address may open a minute
        pub(crate) upgrades_of_address: u32 =
            with_default("share.upgrades_a_minute_of_address", "600", COUNT, count),
        /// bytes a second that senders at one address may send; 0 is no limit
        pub(crate) bytes_of_address: u64 =
            with_default("share.bytes_a_second_of_address", "0", BYTES, parsed),
        /// bytes a second that all senders may send; 0 is no limit
        pub(crate) bytes: u64 = with_default("share.bytes_a_second", "0", BYTES, parsed),
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::read(&Values::default()).expect("the defaults are valid")
    }
}

fn window(text: &str) -> Option<u32> {
    text.parse().ok().filter(|window| (1..=MAX_WINDOW).contains(window))
}

fn pace(text: &str) -> Option<Duration> {
    text.parse().ok().filter(|millis| *millis <= 60_000).map(Duration::from_millis)
}

fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| *count > 0)
}
