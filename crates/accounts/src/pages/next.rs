//! Where a log-in leads: a page of this origin, whatever was asked for.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The most characters of a path that is remembered.
const MAX_LENGTH: usize = 1_000;

/// What stays readable in a query (RFC 3986, 2.3, and the slash).
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path of this origin with its query, safe as a `Location`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Next(String);

impl Next {
    /// `text` if it names a page of ours, else `/`.
    ///
    /// Browsers take `\` for `/`, drop tabs and line ends inside an address, and read two
    /// slashes at the beginning as another host: none of that passes. Nor does `/api/`,
    /// where nothing is a page.
    pub(super) fn parse(text: &str) -> Self {
        let ours = text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/api/");
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let fits = text.len() <= MAX_LENGTH;
        Self(if ours && plain && fits && !climbs(text) { text.to_owned() } else { "/".to_owned() })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// `?next=…`, or nothing when it leads home anyway.
    pub(super) fn query(&self) -> String {
        if self.0 == "/" {
            return String::new();
        }
        format!("?next={}", utf8_percent_encode(&self.0, QUERY))
    }
}

/// Whether a segment of the path is `.` or `..`, which browsers resolve before they ask:
/// `/./api/logout` is `/api/logout` (WHATWG URL, "single-dot path segment").
fn climbs(text: &str) -> bool {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    })
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_this_origin_pass() {
        for text in ["/", "/settings/", "/admin/accounts?q=a%20b&page=2", "/a//b", "/?next=//x"] {
            assert_eq!(Next::parse(text).as_str(), text);
        }
    }

    #[test]
    fn everything_else_leads_home() {
        let far = format!("/{}", "a".repeat(MAX_LENGTH));
        for text in [
            "/./api/logout",
            "/x/../api/logout",
            "/%2E/api/logout",
            "/.%2e/api/logout",
            "",
            "settings",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/a\\b",
            "https://evil.example",
            "javascript:alert(1)",
            " /settings/",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x=y",
            "/é",
            "/a b",
            "/\0",
            "/api/logout",
            &far,
        ] {
            assert_eq!(Next::parse(text).as_str(), "/", "{text:?}");
        }
    }

    #[test]
    fn it_travels_in_a_query() {
        assert_eq!(Next::parse("/").query(), "");
        assert_eq!(Next::parse("/a?b=c&d").query(), "?next=/a%3Fb%3Dc%26d");
    }
}
