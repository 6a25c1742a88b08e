//! The settings that exist, and the nearest of them to one that does not.

use std::fmt::Write as _;

/// One setting.
#[derive(Debug)]
pub(super) struct Known {
    /// Its path, levels separated by dots.
    pub(super) name: &'static str,
    /// Whether it holds several values.
    pub(super) many: bool,
    /// What it is if nobody sets it; nothing for "not set".
    pub(super) default: &'static [&'static str],
    pub(super) secrecy: Secrecy,
}

/// What of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    Open,
    /// A URL whose password is hidden.
    Url,
    Hidden,
}

const fn one(name: &'static str, default: &'static [&'static str]) -> Known {
    Known { name, many: false, default, secrecy: Secrecy::Open }
}

const fn many(name: &'static str, default: &'static [&'static str]) -> Known {
    Known { name, many: true, default, secrecy: Secrecy::Open }
}

const fn secret(name: &'static str, secrecy: Secrecy) -> Known {
    Known { name, many: false, default: &[], secrecy }
}

/// Every setting, settings without a section first, as a TOML file wants it.
pub(super) const KNOWN: [Known; 17] = [
    many("listen", &["0.0.0.0:7777"]),
    one("data", &["./packetboat-data"]),
    one("public_url", &[]),
    many("trusted_proxies", &[]),
    many("allowed_origins", &[]),
    one("tls.cert", &[]),
    one("tls.key", &[]),
    secret("database.url", Secrecy::Url),
    many("limits.exempt", &[]),
    one("chat.auth_timeout_ms", &["1000"]),
    secret("mail.smtp_url", Secrecy::Url),
    one("mail.from", &[]),
    one("mail.templates", &[]),
    one("log.format", &["text"]),
    one("log.level", &["info"]),
    one("metrics.listen", &[]),
    secret("metrics.token", Secrecy::Hidden),
];

/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";

impl Known {
    /// The setting called `name`.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.name == name)
    }

    /// The setting of the environment variable `variable`.
    pub(super) fn of_variable(variable: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.variable() == variable)
    }

    /// Its environment variable.
    pub(super) fn variable(&self) -> String {
        format!("PACKETBOAT_{}", self.name.replace('.', "__").to_uppercase())
    }

    /// `value` as it may be shown.
    pub(super) fn shown(&self, value: &str) -> String {
        match self.secrecy {
            Secrecy::Open => value.to_owned(),
            Secrecy::Url => without_passwords(value),
            Secrecy::Hidden => HIDDEN.to_owned(),
        }
    }
}

/// The sections of a settings file, some several times.
pub(super) fn sections() -> impl Iterator<Item = &'static str> {
    KNOWN.iter().filter_map(|known| known.name.split_once('.')).map(|(section, _)| section)
}

/// The one of `candidates` that is most like `name`.
pub(super) fn nearest(name: &str, candidates: impl Iterator<Item = String>) -> String {
    let likeness = |candidate: &String| strsim::normalized_damerau_levenshtein(name, candidate);
    candidates.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default()
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
    fn variables_have_two_underscores_between_levels() {
        let known = Known::named("limits.exempt").unwrap();
        assert_eq!(known.variable(), "PACKETBOAT_LIMITS__EXEMPT");
        assert_eq!(Known::of_variable("PACKETBOAT_PUBLIC_URL").unwrap().name, "public_url");
    }

    #[test]
    fn the_nearest_is_found() {
        let names = || KNOWN.iter().map(|known| known.name.to_owned());
        assert_eq!(nearest("lisen", names()), "listen");
        assert_eq!(nearest("tls.certificate", names()), "tls.cert");
        assert_eq!(nearest("trusted_proxy", names()), "trusted_proxies");
        assert_eq!(nearest("cert", names()), "tls.cert");
    }

    #[test]
    fn passwords_in_urls_are_hidden() {
        let shown = |url| Known::named("database.url").unwrap().shown(url);
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
