//! Which web origins may act here with a visitor's cookie (RFC 6454).
//!
//! A request without `Origin` is a script's and passes: no browser sends a
//! cross-site WebSocket or form post without it. With one, it must be the
//! server's own origin as the client addressed it, the configured public one, or
//! one that the operator allowed. `null` (a sandboxed frame, a local file) never
//! passes.
//!
//! The host and port must be those of the request exactly. The scheme may only
//! rise: a page loaded over `https` may speak to a server that sees plain HTTP
//! (TLS ends at a proxy that is not configured as trusted), a page loaded over
//! plain `http` may not speak to a server reached over TLS.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::ORIGIN;
use http::{HeaderMap, Method, StatusCode};

use crate::{ApiError, Client};

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

/// The rule of the module's header, for one server.
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    /// The origin of `public_url`.
    pub own: Option<Origin>,
    /// Foreign origins that the operator allowed.
    pub allowed: Vec<Origin>,
}

impl OriginPolicy {
    /// Whether a browser's page may do what this request asks: for WebSocket
    /// hand-shakes and everything else that changes something.
    #[must_use]
    pub fn allows(&self, headers: &HeaderMap, client: &Client) -> bool {
        match sent(headers) {
            Sent::Nothing => true,
            Sent::Origin(origin) => origin.is_own(client) || self.names(&origin),
            Sent::Nonsense => false,
        }
    }

    fn names(&self, origin: &Origin) -> bool {
        self.own.as_ref() == Some(origin) || self.allowed.contains(origin)
    }

    /// For unsafe methods: the browser's own word (`Sec-Fetch-Site`) if it gives
    /// one, else [`OriginPolicy::allows`].
    fn allows_unsafe(&self, headers: &HeaderMap, client: &Client) -> bool {
        match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
            None => self.allows(headers, client),
            Some(b"same-origin" | b"none") => true,
            Some(_) => matches!(sent(headers), Sent::Origin(origin) if self.names(&origin)),
        }
    }
}

enum Sent {
    Nothing,
    Origin(Origin),
    Nonsense,
}

fn sent(headers: &HeaderMap) -> Sent {
    let mut lines = headers.get_all(ORIGIN).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Sent::Nothing,
        (Some(line), None) => {
            let origin = line.to_str().ok().and_then(|text| text.parse().ok());
            origin.map_or(Sent::Nonsense, Sent::Origin)
        }
        (Some(_), Some(_)) => Sent::Nonsense,
    }
}

/// For a person whose browser was refused. A server's own form is refused where a proxy
/// or an extension hides where it was sent from, or a proxy changes the host's name;
/// docs/OPERATING.md says what to do about either.
const ADVICE: &str = "Nothing was changed. Open this server's own address, load the page \
    anew, and send the form again. If it is refused there too, a proxy or an extension \
    hides where the form was sent from: ask the person who runs this server. Its manual \
    says what to do.";

/// Middleware: refuses unsafe methods from another site's page with 403.
pub(crate) async fn forbid_cross_site(
    State(policy): State<Arc<OriginPolicy>>,
    client: Option<axum::Extension<Client>>,
    request: Request,
    next: Next,
) -> Response {
    let safe = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE];
    let allowed = safe.contains(request.method())
        || client.is_some_and(|client| policy.allows_unsafe(request.headers(), &client));
    if allowed {
        return next.run(request).await;
    }
    ApiError::new(StatusCode::FORBIDDEN, "Requests from other sites are refused.")
        .advise(ADVICE)
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(host: &str, secure: bool) -> Client {
        let peer = "127.0.0.1:1".parse().unwrap();
        Client { address: [127, 0, 0, 1].into(), peer, secure, host: Some(host.to_owned()) }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let parsed = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().unwrap())
        };
        pairs.iter().map(parsed).collect()
    }

    fn allows(origin: &str, host: &str, secure: bool) -> bool {
        OriginPolicy::default().allows(&headers(&[("origin", origin)]), &client(host, secure))
    }

    #[test]
    fn scripts_pass_without_an_origin() {
        let policy = OriginPolicy::default();
        assert!(policy.allows(&HeaderMap::new(), &client("localhost:7777", false)));
    }

    #[test]
    fn the_own_origin_passes() {
        assert!(allows("http://localhost:7777", "localhost:7777", false));
        assert!(allows("http://Chat.example.org", "chat.example.org", false));
        assert!(allows("https://chat.example.org", "chat.example.org:443", true));
        assert!(allows("http://chat.example.org:80", "chat.example.org", false));
        assert!(allows("http://[::1]:7777", "[::1]:7777", false));
    }

    #[test]
    fn another_origin_does_not() {
        assert!(!allows("http://evil.example", "localhost:7777", false));
        assert!(!allows("http://localhost:7778", "localhost:7777", false));
        assert!(!allows("http://localhost", "localhost:7777", false));
        assert!(!allows("http://localhost:7777.evil.example", "localhost:7777", false));
        assert!(!allows("http://chat.example.org.evil.example", "chat.example.org", false));
        assert!(!allows("null", "localhost:7777", false));
        assert!(!allows("", "localhost:7777", false));
        assert!(!allows("http://user@localhost:7777", "localhost:7777", false));
        assert!(!allows("file://localhost:7777", "localhost:7777", false));
    }

    #[test]
    fn the_scheme_may_rise_but_not_fall() {
        assert!(allows("https://chat.example.org", "chat.example.org", false));
        assert!(!allows("http://chat.example.org", "chat.example.org", true));
        assert!(!allows("https://chat.example.org", "chat.example.org:80", false));
    }

    #[test]
    fn two_origins_are_none() {
        let twice =
            headers(&[("origin", "http://localhost:7777"), ("origin", "http://localhost:7777")]);
        let policy = OriginPolicy::default();
        assert!(!policy.allows(&twice, &client("localhost:7777", false)));
    }

    #[test]
    fn configured_origins_pass() {
        let policy = OriginPolicy {
            own: Some("https://chat.example.org/".parse().unwrap()),
            allowed: vec!["https://intranet.example:8443".parse().unwrap()],
        };
        let inner = client("127.0.0.1:7777", false);
        assert!(policy.allows(&headers(&[("origin", "https://chat.example.org")]), &inner));
        assert!(policy.allows(&headers(&[("origin", "https://intranet.example:8443")]), &inner));
        assert!(!policy.allows(&headers(&[("origin", "https://intranet.example")]), &inner));
    }

    #[test]
    fn the_browsers_word_on_the_site_goes_first() {
        let policy =
            OriginPolicy { own: None, allowed: vec!["https://friend.example".parse().unwrap()] };
        let here = client("localhost:7777", false);
        let judge = |site: &str, origin: &str| {
            let sent = headers(&[("sec-fetch-site", site), ("origin", origin)]);
            policy.allows_unsafe(&sent, &here)
        };
        assert!(judge("same-origin", "http://localhost:7777"));
        assert!(judge("none", "http://localhost:7777"));
        assert!(!judge("same-site", "http://localhost:7777"));
        assert!(!judge("cross-site", "https://evil.example"));
        assert!(judge("cross-site", "https://friend.example"));
        let bare = headers(&[("sec-fetch-site", "cross-site")]);
        assert!(!policy.allows_unsafe(&bare, &here));
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for origin in ["https://chat.example.org", "http://[::1]:7777", "https://a:80"] {
            assert_eq!(origin.parse::<Origin>().unwrap().to_string(), origin);
        }
        let spelled = "HTTPS://Chat.example.org:443/".parse::<Origin>().unwrap();
        assert_eq!(spelled.to_string(), "https://chat.example.org");
    }

    #[test]
    fn only_origins_parse_as_origins() {
        for bad in
            ["chat.example.org", "https://", "https://a/b", "ws://a", "https://a:x", "https://a:"]
        {
            assert_eq!(bad.parse::<Origin>(), Err(InvalidOrigin), "{bad}");
        }
    }
}
