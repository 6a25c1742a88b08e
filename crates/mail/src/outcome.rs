//! How an attempt to deliver one mail ended.

use crate::address::without_addresses;

/// The longest account of a failure that is kept, in characters.
const MAX_REASON: usize = 300;

/// What became of a mail that left: which server took it and what it said, or the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt(pub(crate) String);

impl std::fmt::Display for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&without_addresses(&self.0))
    }
}

/// Why a mail did not leave, addresses masked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It may leave later: no connection, no log-in, "try again" (4xx), a full disk.
    #[error("{}", reason(.0))]
    Temporary(String),
    /// It never will: refused for good (5xx).
    #[error("{}", reason(.0))]
    Permanent(String),
}

fn reason(text: &str) -> String {
    let printable = without_addresses(text);
    printable.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_short_line_without_addresses() {
        let text = format!("550 <ann@example.org>\r\nno {}", "x".repeat(1_000));
        let shown = Failure::Permanent(text).to_string();
        assert!(shown.starts_with("550 <a…@example.org> no x"), "{shown}");
        assert_eq!(shown.chars().count(), MAX_REASON);
    }
}
