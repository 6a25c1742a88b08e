//! What became of each request in the eyes of either side, and whether the two agree.

use std::collections::HashMap;

/// An account of requests, by the ids that the server gave them.
pub(super) type Account<R> = HashMap<String, R>;

/// A request as its guest saw it.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// The host has acknowledged it.
    pub(super) was_prepared: bool,
    /// Chunks so far, each with the right bytes.
    pub(super) chunks: u64,
    pub(super) has_all: bool,
    /// The server said so.
    pub(super) was_aborted: bool,
    /// The guest stayed away in the middle of it.
    pub(super) was_away: bool,
}

/// A request as its host saw it.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// How many chunks it has, if it was acknowledged.
    pub(super) count: u64,
    pub(super) gave_last: bool,
    /// The server said so.
    pub(super) was_aborted: bool,
    /// The host stayed away in the middle of it.
    pub(super) was_away: bool,
}

/// Checks that no request ended well for one side and badly, or not at all, for the other.
pub(super) fn agree(by_guests: &Account<Taken>, by_host: &Account<Given>) {
    for (request, taken) in by_guests {
        let given = by_host.get(request);
        let both = format!("{taken:?} {given:?}");
        if taken.has_all {
            let given = given.expect("a host that gave it");
            assert!(given.gave_last, "{both}");
            // A guest that stays away before its last confirmation has arrived has the file
            // all the same.
            assert!(!given.was_aborted || taken.was_away, "{both}");
        } else if taken.was_aborted {
            // A host that was away when the file was requested has not acknowledged it.
            let host_was_away = |given: &Given| given.was_away || given.count == 0;
            let guest_was_away = taken.was_away || !taken.was_prepared;
            assert!(guest_was_away || given.is_none_or(host_was_away), "for no reason: {both}");
        } else {
            assert!(taken.was_away, "no end for the guest: {both}");
        }
    }
    for (request, given) in by_host {
        let taken = by_guests.get(request);
        let is_complete = taken.is_some_and(|taken| taken.has_all);
        let has_ended = is_complete || given.was_aborted || given.was_away;
        assert!(has_ended, "no end for the host: {taken:?} {given:?}");
    }
}
