//! Cookies: reading one, setting one, clearing one (RFC 6265).

use std::fmt::Write as _;
use std::time::SystemTime;

use base::Timestamp;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The value of the cookie `name`, the first one if several were sent. What other programs
/// on the same host put beside it may be any bytes and does not matter.
#[must_use]
pub fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    lines.flat_map(|line| line.split(|byte| *byte == b';')).find_map(|pair| {
        let (key, value) = std::str::from_utf8(pair).ok()?.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// A `Set-Cookie` value: `HttpOnly`, `SameSite=Lax`, for the whole site, until
/// `expires`; `Secure` if `secure`.
///
/// `name` and `value` are ours and plain tokens (letters, digits, `_`, `-`).
///
/// # Panics
/// If `name` or `value` holds a control character.
#[must_use]
pub fn set_cookie(name: &str, value: &str, secure: bool, expires: Timestamp) -> HeaderValue {
    let mut text = format!("{name}={value}; HttpOnly; SameSite=Lax; Path=/");
    let expires = httpdate::fmt_http_date(SystemTime::from(expires));
    let _ = write!(text, "; Expires={expires}"); // Writing to a String cannot fail.
    if secure {
        text.push_str("; Secure");
    }
    HeaderValue::try_from(text).expect("cookie names and values are plain tokens")
}

/// A `Set-Cookie` value that makes the browser forget the cookie.
#[must_use]
pub fn clear_cookie(name: &str, secure: bool) -> HeaderValue {
    set_cookie(name, "", secure, Timestamp(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, line.parse().unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let sent = headers(&["theme=dark; session=abc ; x", "late=1"]);
        assert_eq!(cookie(&sent, "session"), Some("abc"));
        assert_eq!(cookie(&sent, "late"), Some("1"));
        assert_eq!(cookie(&sent, "sess"), None);
        assert_eq!(cookie(&sent, "x"), None);
    }

    #[test]
    fn a_neighbour_in_another_encoding_hides_no_cookie() {
        let line = HeaderValue::from_bytes(b"name=Zo\xEB; session=abc; city=K\xC3\xB6ln").unwrap();
        let sent = HeaderMap::from_iter([(COOKIE, line)]);
        assert_eq!(cookie(&sent, "session"), Some("abc"));
        assert_eq!(cookie(&sent, "name"), None);
    }

    #[test]
    fn a_cookie_is_set_with_every_attribute() {
        let plain = set_cookie("session", "abc", false, Timestamp(3_600_000));
        assert_eq!(
            plain,
            "session=abc; HttpOnly; SameSite=Lax; Path=/; Expires=Thu, 01 Jan 1970 01:00:00 GMT"
        );
        let secure = set_cookie("session", "abc", true, Timestamp(0));
        assert!(secure.to_str().unwrap().ends_with("; Secure"));
    }

    #[test]
    fn clearing_sets_it_long_expired() {
        let cleared = clear_cookie("session", false);
        assert!(cleared.to_str().unwrap().starts_with("session=; "));
        assert!(cleared.to_str().unwrap().contains("1970"));
    }
}
