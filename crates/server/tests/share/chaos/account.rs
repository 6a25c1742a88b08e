//! What became of each request in the eyes of either side, and whether the two agree.

use std::collections::HashMap;

/// A guest's account of one request.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// As the server named it, once it has.
    pub(super) request: Option<String>,
    /// All chunks up to the last, with the right bytes.
    pub(super) has_all: bool,
    /// The server said so.
    pub(super) was_aborted: bool,
    /// The guest stayed away in the middle of it.
    pub(super) was_away: bool,
}

/// A host's account of one request.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// How many chunks it has.
    pub(super) count: u64,
    pub(super) gave_last: bool,
    pub(super) was_aborted: bool,
    /// The host stayed away in the middle of it.
    pub(super) was_away: bool,
}

/// Checks that no request ended well for one side and badly, or not at all, for the other.
pub(super) fn agree(by_guests: &[Taken], by_host: &HashMap<String, Given>) {
    for taken in by_guests {
        let Some(request) = &taken.request else {
            assert!(taken.was_away, "a request went nowhere: {taken:?}");
            continue;
        };
        let given = by_host.get(request);
        let both = format!("{taken:?} {given:?}");
        if taken.has_all {
            let given = given.expect("a host that gave it");
            assert!(given.gave_last, "{both}");
            // A guest that stays away before its last confirmation has arrived has the file
            // all the same.
            assert!(!given.was_aborted || taken.was_away, "{both}");
        } else if taken.was_aborted {
            assert!(given.is_none_or(|given| given.was_away), "for no reason: {both}");
        } else {
            assert!(taken.was_away, "no end: {both}");
        }
    }
    for (request, given) in by_host {
        let taken = by_guests.iter().find(|taken| taken.request.as_ref() == Some(request));
        let has_all = taken.is_some_and(|taken| taken.has_all);
        assert!(has_all || given.was_aborted || given.was_away, "no end: {taken:?} {given:?}");
    }
}
