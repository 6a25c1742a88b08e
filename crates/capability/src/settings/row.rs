//! One setting, and what of its values may be shown.

use std::fmt::Write as _;

/// One setting, as operators know it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its path, levels separated by dots.
    pub name: &'static str,
    /// Whether it holds several values.
    pub many: bool,
    /// What it is if it is left out, parts of a list separated by commas; empty for
    /// "not set".
    pub default: &'static str,
    /// What holds if it is left out and there is no default, in words.
    pub otherwise: &'static str,
    /// Whether setting it to nothing is an error.
    pub not_empty: bool,
    /// What of a value may be shown.
    pub secrecy: Secrecy,
    /// What it takes, to complete "expected …".
    pub expected: &'static str,
    /// What it is for; Markdown.
    pub description: &'static str,
}

/// What of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// All of it.
    Open,
    /// A URL whose password is hidden.
    Url,
    /// Nothing.
    Hidden,
}

/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";

impl Row {
    pub(super) const fn new(
        name: &'static str,
        default: &'static str,
        expected: &'static str,
    ) -> Self {
        let (many, not_empty, secrecy) = (false, false, Secrecy::Open);
        Self { name, many, default, otherwise: "", not_empty, secrecy, expected, description: "" }
    }

    /// The parts of a value that came as one text: of a list those between commas.
    /// An empty text is no value, as scripts write it that pass variables on.
    #[must_use]
    pub fn split(&self, text: &str) -> Vec<String> {
        if !self.many {
            return Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
        }
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The parts of the default.
    #[must_use]
    pub fn default_parts(&self) -> Vec<String> {
        self.split(self.default)
    }

    /// `value` as it may be shown.
    #[must_use]
    pub fn shown(&self, value: &str) -> String {
        match self.secrecy {
            Secrecy::Open => value.to_owned(),
            Secrecy::Url => without_passwords(value),
            Secrecy::Hidden => HIDDEN.to_owned(),
        }
    }
}

/// Hides `user:PASSWORD@` and query parameters that look like passwords.
fn without_passwords(url: &str) -> String {
    // A `?` before the `@` belongs to a password that should have been escaped.
    let login = url.rfind('@').unwrap_or(0);
    let query_at = url[login..].find('?').map(|at| login + at);
    let (address, query) = query_at.map_or((url, ""), |at| (&url[..at], &url[at + 1..]));
    let mut shown = match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => {
            let user = address[scheme + 3..at].split([':', '/', '?']).next().unwrap_or_default();
            let password = if user.len() < at - scheme - 3 { ":(hidden)" } else { "" };
            format!("{}{user}{password}{}", &address[..scheme + 3], &address[at..])
        }
        _ => address.to_owned(),
    };
    for (number, parameter) in query.split('&').filter(|part| !part.is_empty()).enumerate() {
        let key = parameter.split('=').next().unwrap_or_default();
        let mark = if number == 0 { '?' } else { '&' };
        // Writing to a String cannot fail.
        let _ = if key.to_ascii_lowercase().contains("pass") {
            write!(shown, "{mark}{key}={HIDDEN}")
        } else {
            write!(shown, "{mark}{parameter}")
        };
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_hidden() {
        let row = Row { secrecy: Secrecy::Url, ..Row::new("database.url", "", "") };
        let shown = |url| row.shown(url);
        assert_eq!(shown("postgres://u:p@h/db"), "postgres://u:(hidden)@h/db");
        assert_eq!(shown("postgres://u:p@/x@h:1/db?a=b"), "postgres://u:(hidden)@h:1/db?a=b");
        assert_eq!(
            shown("postgres://h/db?user=u&password=p"),
            "postgres://h/db?user=u&password=(hidden)"
        );
        assert_eq!(shown("postgres://h/db?password=p&x=a@b"), "postgres://h:(hidden)@b");
        assert_eq!(shown("smtp://u:p?x#@h:1?tls=none"), "smtp://u:(hidden)@h:1?tls=none");
        assert_eq!(shown("postgres://u@h/db"), "postgres://u@h/db");
        assert_eq!(shown("sqlite://path?mode=rwc"), "sqlite://path?mode=rwc");
    }
}
