//! `mail.smtp_url`: where mails are handed in, and how the way there is protected.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

/// How the connection to the SMTP server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all: `smtp://…?tls=none`.
    None,
    /// By STARTTLS if the server offers it, without looking at its certificate: who can
    /// forge one can as well hide the offer (RFC 7435). `smtp://`.
    Opportunistic,
    /// By STARTTLS with a valid certificate, or not sent: `smtp://…?tls=required`.
    Required,
    /// TLS from the first byte with a valid certificate (RFC 8314): `smtps://`.
    Implicit,
}

/// A server to hand mails in at. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpUrl {
    /// Name or address.
    pub host: String,
    /// 25 for `smtp://`, 587 for it with `tls=required`, 465 for `smtps://` unless it says
    /// otherwise.
    pub port: u16,
    /// How the way there is protected.
    pub encryption: Encryption,
    /// Who to log in as.
    pub login: Option<Login>,
    /// `ca=FILE`: PEM certificates that are trusted besides the public authorities.
    pub ca: Option<PathBuf>,
}

/// A user of an SMTP server. `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpUrl({}:{}, {:?})", self.host, self.port, self.encryption)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(hidden)")
    }
}

/// Not a URL of an SMTP server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected smtp://[user:password@]host[:port][?tls=required] or smtps://…")]
pub struct InvalidSmtpUrl;

impl FromStr for SmtpUrl {
    type Err = InvalidSmtpUrl;

    /// Reads a URL. What would end a user or password (`@`, `:`, `/`, `?`, `#`, `%`) has to
    /// be percent-encoded in them.
    fn from_str(text: &str) -> Result<Self, InvalidSmtpUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidSmtpUrl)?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(read_login(login)?), place),
            None => (None, authority),
        };
        let place = place.strip_suffix('/').unwrap_or(place);
        let (mut tls, mut ca) = (None, None);
        for parameter in query.split('&').filter(|part| !part.is_empty()) {
            match parameter.split_once('=') {
                Some(("tls", value)) => tls = Some(value),
                Some(("ca", value)) => ca = Some(PathBuf::from(decoded(value)?)),
                _ => return Err(InvalidSmtpUrl),
            }
        }
        let (encryption, usual_port) = match (scheme.to_ascii_lowercase().as_str(), tls) {
            ("smtp", None | Some("opportunistic")) => (Encryption::Opportunistic, 25),
            ("smtp", Some("none")) => (Encryption::None, 25),
            ("smtp", Some("required")) => (Encryption::Required, 587),
            ("smtps", None | Some("required")) => (Encryption::Implicit, 465),
            _ => return Err(InvalidSmtpUrl),
        };
        let (host, port) = host_and_port(place)?;
        Ok(Self { host, port: port.unwrap_or(usual_port), encryption, login, ca })
    }
}

impl SmtpUrl {
    /// Whether a password would cross a network where it may be read.
    #[must_use]
    pub fn exposes_password(&self) -> bool {
        let local = self.host == "localhost"
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        let verified = matches!(self.encryption, Encryption::Required | Encryption::Implicit);
        self.login.is_some() && !verified && !local
    }
}

fn read_login(text: &str) -> Result<Login, InvalidSmtpUrl> {
    let (user, password) = text.split_once(':').ok_or(InvalidSmtpUrl)?;
    let login = Login { user: decoded(user)?, password: decoded(password)? };
    if login.user.is_empty() { Err(InvalidSmtpUrl) } else { Ok(login) }
}

/// Line ends and NUL have no place in a login, a host or a path.
fn decoded(text: &str) -> Result<String, InvalidSmtpUrl> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| InvalidSmtpUrl)?;
    if text.chars().any(char::is_control) { Err(InvalidSmtpUrl) } else { Ok(text.into_owned()) }
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), InvalidSmtpUrl> {
    // The colons inside `[::1]` are not the port's.
    let at = place.rfind(':').filter(|at| !place[*at..].contains(']'));
    let (host, port) = match at {
        Some(at) => {
            let port: u16 = place[at + 1..].parse().map_err(|_| InvalidSmtpUrl)?;
            (&place[..at], Some(port))
        }
        None => (place, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    if bare.is_empty() || !bare.bytes().all(known) {
        return Err(InvalidSmtpUrl);
    }
    Ok((bare.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> SmtpUrl {
        text.parse().unwrap()
    }

    #[test]
    fn the_scheme_says_how_the_way_is_protected() {
        let way = |text| (url(text).encryption, url(text).port);
        assert_eq!(way("smtp://mx.example.org"), (Encryption::Opportunistic, 25));
        assert_eq!(way("smtp://mx.example.org/?tls=required"), (Encryption::Required, 587));
        assert_eq!(way("smtp://127.0.0.1:2525?tls=none"), (Encryption::None, 2525));
        assert_eq!(way("smtps://u:p@mx.example.org"), (Encryption::Implicit, 465));
        assert_eq!(url("smtps://[::1]:465").host, "::1");
        assert_eq!(url("smtp://h?ca=%2Fetc%2Fca.pem").ca, Some("/etc/ca.pem".into()));
    }

    #[test]
    fn a_login_is_percent_decoded() {
        let login = url("smtps://ann%40example.org:p%3A%2F@mx.example.org:465").login.unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("ann@example.org", "p:/"));
        let shown = format!("{:?} {login:?}", url("smtp://u:hunter2@h"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_password_on_an_open_way_is_noticed() {
        assert!(url("smtp://u:p@mx.example.org").exposes_password());
        assert!(!url("smtp://u:p@127.0.0.1").exposes_password());
        assert!(!url("smtp://u:p@h?tls=required").exposes_password());
        assert!(!url("smtp://mx.example.org").exposes_password());
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "mx.example.org",
            "http://h",
            "smtp://",
            "smtp://h:x",
            "smtp://u@h",
            "smtp://:p@h",
            "smtp://u:p%0d%0a@h",
            "smtp://u:p?x@h",
            "smtp://h/path",
            "smtp://h?tls=maybe",
            "smtp://h?pool=1",
            "smtps://h?tls=none",
        ] {
            assert!(bad.parse::<SmtpUrl>().is_err(), "{bad}");
        }
    }
}
