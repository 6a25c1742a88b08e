//! The passwords that attackers try first. Those shorter than eight characters are
//! refused anyway and are not listed.

use std::collections::HashSet;
use std::sync::LazyLock;

static LIST: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("common.txt").lines();
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// Whether `password`, in lower case, is listed.
pub(super) fn contains(password: &str) -> bool {
    LIST.contains(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_long_and_holds_nothing_that_other_rules_refuse() {
        assert!(LIST.len() > 3_000, "{}", LIST.len());
        for entry in LIST.iter() {
            assert!(entry.chars().count() >= super::super::MIN_PASSWORD, "{entry}");
            assert_eq!(*entry, entry.to_lowercase(), "{entry}");
        }
    }
}
