//! Which web origins may act here (RFC 6454).
//!
//! A request without `Origin` is a program's and passes: no browser sends a
//! cross-site WebSocket or form post without it. With one, it must be the
//! server's own origin as the client addressed it, the configured public one, or
//! one that the operator named. What is no http(s) origin (`null` of a sandboxed frame, a
//! local file, an app's own scheme) may be named too, but acts with a cookie nowhere.
//!
//! The host and port must be those of the request exactly. The scheme may only
//! rise: a page loaded over `https` may speak to a server that sees plain HTTP
//! (TLS ends at a proxy that is not configured as trusted), a page loaded over
//! plain `http` may not speak to a server reached over TLS. Some clients say `ws(s)` for
//! `http(s)` when they open a WebSocket on their own host.

use std::fmt;
use std::str::FromStr;

use http::HeaderMap;
use http::header::ORIGIN;

use crate::Client;

/// A web origin: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    host: String,
    port: u16,
}

/// Not `http://host[:port]` or `https://host[:port]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected http://host[:port] or https://host[:port]")]
pub struct InvalidOrigin;

impl FromStr for Origin {
    type Err = InvalidOrigin;

    /// Reads an origin; one `/` at the end is let pass, a path is not.
    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidOrigin)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(InvalidOrigin),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = host_and_port(authority).ok_or(InvalidOrigin)?;
        Ok(Self { secure, host, port: port.unwrap_or(default_port(secure)) })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default_port(self.secure) { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Origin {
    /// Whether this is the origin under which `client` addressed the server.
    fn is_own(&self, client: &Client) -> bool {
        let Some((host, port)) = client.host.as_deref().and_then(host_and_port) else {
            return false;
        };
        let may_act = self.secure || !client.secure;
        may_act && self.host == host && self.port == port.unwrap_or(default_port(self.secure))
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

/// Splits `host[:port]`, lower-cased; `None` when it is neither.
fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let bytes_ok = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if !authority.bytes().all(bytes_ok) {
        return None;
    }
    // The colons inside `[::1]` are not the port's.
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], Some(authority[at + 1..].parse().ok()?)),
        None => (authority, None),
    };
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), port))
}

/// An origin that the operator names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedOrigin {
    /// `http://…` or `https://…`.
    Web(Origin),
    /// `null`, `file://`, `capacitor://…` or `ionic://…`, in lower case: never with
    /// credentials.
    Other(String),
}

/// Schemes of pages that come from no web server.
const LOCAL_SCHEMES: [&str; 3] = ["file", "capacitor", "ionic"];

impl FromStr for NamedOrigin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let lower = text.to_ascii_lowercase();
        let is_local = lower.split_once("://").is_some_and(|(scheme, host)| {
            let named =
                host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
            LOCAL_SCHEMES.contains(&scheme) && named
        });
        if lower == "null" || is_local {
            return Ok(Self::Other(lower));
        }
        text.parse().map(Self::Web)
    }
}

impl fmt::Display for NamedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(origin) => origin.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// The rule of the module's header, for one server.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    /// The origin of `public_url`.
    pub own: Option<Origin>,
    /// Foreign origins that the operator named.
    pub allowed: Vec<NamedOrigin>,
}

/// What the origin of a request's page is to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// None was sent: a program.
    Absent,
    /// The host that the client addressed.
    SameHost,
    /// The public one.
    Public,
    /// An http(s) origin that the operator named.
    NamedWeb,
    /// Another one that the operator named.
    NamedOther,
    /// Anything else.
    Foreign,
}

impl Relation {
    /// Whether it is a program, or a page of this very server.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Absent | Self::SameHost | Self::Public)
    }
}

impl OriginPolicy {
    /// Whether a browser's page may do what this request asks with its reader's cookie: for
    /// WebSocket hand-shakes and everything else that changes something.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap, client: &Client) -> bool {
        !matches!(self.relation(headers, client), Relation::NamedOther | Relation::Foreign)
    }

    /// The same on a route that ignores cookies.
    #[must_use]
    pub fn allows_without_cookies(&self, headers: &HeaderMap, client: &Client) -> bool {
        self.relation(headers, client) != Relation::Foreign
    }

    pub(crate) fn relation(&self, headers: &HeaderMap, client: &Client) -> Relation {
        let mut lines = headers.get_all(ORIGIN).iter();
        let text = match (lines.next(), lines.next()) {
            (None, _) => return Relation::Absent,
            (Some(line), None) => line.to_str().unwrap_or_default(),
            (Some(_), Some(_)) => return Relation::Foreign,
        };
        match text.parse() {
            Ok(NamedOrigin::Web(origin)) => self.relation_of(origin, client),
            Ok(other) if self.allowed.contains(&other) => Relation::NamedOther,
            Ok(NamedOrigin::Other(_)) => Relation::Foreign,
            Err(_) => match of_socket(text) {
                Some(origin) if self.own.as_ref() == Some(&origin) => Relation::Public,
                Some(origin) if origin.is_own(client) => Relation::SameHost,
                _ => Relation::Foreign,
            },
        }
    }

    fn relation_of(&self, origin: Origin, client: &Client) -> Relation {
        if self.own.as_ref() == Some(&origin) {
            return Relation::Public;
        }
        let same_host = origin.is_own(client);
        match (self.allowed.contains(&NamedOrigin::Web(origin)), same_host) {
            (true, _) => Relation::NamedWeb,
            (false, true) => Relation::SameHost,
            (false, false) => Relation::Foreign,
        }
    }

    /// For unsafe methods: the browser's own word (`Sec-Fetch-Site`) if it gives one, else
    /// [`OriginPolicy::allows`].
    pub(crate) fn allows_unsafe(&self, headers: &HeaderMap, client: &Client) -> bool {
        match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
            None => self.allows(headers, client),
            Some(b"same-origin" | b"none") => true,
            Some(_) => {
                let relation = self.relation(headers, client);
                matches!(relation, Relation::Public | Relation::NamedWeb)
            }
        }
    }
}

/// The web origin of a page that says `ws(s)://host` for its own `http(s)://host`.
fn of_socket(text: &str) -> Option<Origin> {
    let (scheme, host) = text.split_once("://")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "ws" => "http",
        "wss" => "https",
        _ => return None,
    };
    format!("{scheme}://{host}").parse().ok()
}

#[cfg(test)]
mod tests;
