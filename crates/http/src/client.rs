//! Who is calling, from where: the socket's peer, or, behind a trusted proxy,
//! what that proxy says.
//!
//! Forwarding headers are believed only from a peer in [`TrustedProxies`];
//! anyone else's are never looked at. `X-Forwarded-For` is read from the right,
//! past trusted hops, to the first address no trusted proxy vouches for; a value
//! that is not an address ends the reading at the last good hop. Of
//! `X-Forwarded-Proto` and `X-Forwarded-Host` the last value counts: the one
//! that the nearest proxy wrote.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Uri};
use ipnet::IpNet;

use crate::ApiError;

/// The other end of the socket; the accept loop puts it on every request.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its address, an IPv4 one mapped into IPv6 taken back to IPv4.
    pub address: SocketAddr,
    /// Whether it speaks TLS to us.
    pub secure: bool,
}

/// Networks whose forwarding headers are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(pub Vec<IpNet>);

/// The caller of a request; an extractor.
#[derive(Clone, Debug)]
pub struct Client {
    /// The client's address: what throttles and session lists go by.
    pub address: IpAddr,
    /// The socket's peer: the client itself, or the proxy in front.
    pub peer: SocketAddr,
    /// Whether the client speaks TLS, to us or to the trusted proxy.
    pub secure: bool,
    /// The host (and port, unless the default) that the client asked for.
    pub host: Option<String>,
}

impl Client {
    /// The caller behind `peer`, who asked for `uri` with `headers`.
    #[must_use]
    pub fn resolve(peer: Peer, uri: &Uri, headers: &HeaderMap, trusted: &TrustedProxies) -> Self {
        let asked = uri.authority().map(|authority| authority.as_str().to_owned());
        let host = asked.or_else(|| last_value(headers, HOST.as_str()).map(str::to_owned));
        let direct = peer.address.ip().to_canonical();
        if !limits::is_in(&trusted.0, direct) {
            return Self { address: direct, peer: peer.address, secure: peer.secure, host };
        }
        let secure = match last_value(headers, "x-forwarded-proto") {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => true,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => false,
            _ => peer.secure,
        };
        Self {
            address: forwarded_for(direct, headers, trusted),
            peer: peer.address,
            secure,
            host: last_value(headers, "x-forwarded-host").map(str::to_owned).or(host),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let client = parts.extensions.get::<Self>().cloned();
        client.ok_or_else(|| ApiError::internal("the edge did not identify the client"))
    }
}

/// Middleware: puts the [`Client`] on the request.
pub(crate) async fn identify(
    State(trusted): State<Arc<TrustedProxies>>,
    mut request: Request,
    next: Next,
) -> Response {
    if let Some(peer) = request.extensions().get::<Peer>().copied() {
        let client = Client::resolve(peer, request.uri(), request.headers(), &trusted);
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

fn forwarded_for(direct: IpAddr, headers: &HeaderMap, trusted: &TrustedProxies) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    // A line that is not text is a hop that is not an address: it ends the walk.
    let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    let mut address = direct;
    for hop in hops {
        match hop_address(hop.trim()) {
            Some(earlier) => address = earlier,
            None => break,
        }
        if !limits::is_in(&trusted.0, address) {
            break;
        }
    }
    address
}

/// `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1` or `[2001:db8::1]:5678`.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let with_port = || hop.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    hop.parse().ok().or_else(with_port).or_else(bracketed).map(|ip: IpAddr| ip.to_canonical())
}

/// The last of all comma-separated values of the header, if it is not empty.
fn last_value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let value = line.rsplit(',').next()?.trim();
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderName;

    fn client(peer: &str, secure: bool, headers: &[(&'static str, &str)]) -> Client {
        let trusted =
            TrustedProxies(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        let peer = Peer { address: peer.parse().unwrap(), secure };
        Client::resolve(peer, &Uri::from_static("/"), &map, &trusted)
    }

    fn address(peer: &str, headers: &[(&'static str, &str)]) -> String {
        client(peer, false, headers).address.to_string()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let liar = client(
            "192.0.2.1:5",
            false,
            &[
                ("host", "chat.example.org"),
                ("x-forwarded-for", "198.51.100.7"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil.example"),
            ],
        );
        assert_eq!(liar.address.to_string(), "192.0.2.1");
        assert!(!liar.secure);
        assert_eq!(liar.host.as_deref(), Some("chat.example.org"));
    }

    #[test]
    fn a_trusted_proxy_speaks_for_its_client() {
        let behind = client(
            "10.0.0.1:5",
            false,
            &[
                ("host", "127.0.0.1:7777"),
                ("x-forwarded-for", "198.51.100.7"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "chat.example.org"),
            ],
        );
        assert_eq!(behind.address.to_string(), "198.51.100.7");
        assert_eq!(behind.peer.to_string(), "10.0.0.1:5");
        assert!(behind.secure);
        assert_eq!(behind.host.as_deref(), Some("chat.example.org"));
    }

    #[test]
    fn hops_are_read_from_the_right_past_trusted_ones() {
        let lie = "1.1.1.1, 198.51.100.7, 10.9.9.9";
        assert_eq!(address("10.0.0.1:5", &[("x-forwarded-for", lie)]), "198.51.100.7");
        let lines =
            [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "198.51.100.8:99, 10.0.0.2")];
        assert_eq!(address("10.0.0.1:5", &lines), "198.51.100.8");
        assert_eq!(address("10.0.0.1:5", &[("x-forwarded-for", "10.0.0.3")]), "10.0.0.3");
        assert_eq!(address("10.0.0.1:5", &[]), "10.0.0.1");
    }

    #[test]
    fn a_malformed_hop_ends_the_walk_at_the_last_good_one() {
        for bad in ["unknown", "198.51.100.7, nonsense", "198.51.100.7,"] {
            assert_eq!(address("10.0.0.1:5", &[("x-forwarded-for", bad)]), "10.0.0.1", "{bad}");
        }
        let half = "1.1.1.1, nonsense, 10.0.0.9";
        assert_eq!(address("10.0.0.1:5", &[("x-forwarded-for", half)]), "10.0.0.9");
    }

    #[test]
    fn mapped_addresses_are_the_ipv4_addresses_they_are() {
        assert_eq!(address("[::ffff:192.0.2.1]:5", &[]), "192.0.2.1");
        let forwarded = [("x-forwarded-for", "[2001:db9::7]:443")];
        assert_eq!(address("[::ffff:10.0.0.1]:5", &forwarded), "2001:db9::7");
        assert_eq!(address("[2001:db8::1]:5", &forwarded), "2001:db9::7");
    }

    #[test]
    fn without_a_word_from_the_proxy_its_own_connection_counts() {
        assert!(client("10.0.0.1:5", true, &[]).secure);
        assert!(!client("10.0.0.1:5", true, &[("x-forwarded-proto", "https, http")]).secure);
    }
}
