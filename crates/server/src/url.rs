//! Where people open this server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Settings;

/// The server's own address as people type it, without a `/` at the end: `public_url`, or
/// what the listener on `first` is called on this machine.
#[must_use]
pub fn base_url(settings: &Settings, first: SocketAddr) -> String {
    match &settings.public_url {
        Some(url) => url.to_string(),
        None => url_of(settings.tls().is_some(), first),
    }
}

/// What a listener on `address` is called on this machine.
#[must_use]
pub fn url_of(secure: bool, address: SocketAddr) -> String {
    let (scheme, port) = (if secure { "https" } else { "http" }, address.port());
    if address.ip().is_unspecified() || is_localhost(address.ip()) {
        format!("{scheme}://localhost:{port}")
    } else {
        format!("{scheme}://{address}")
    }
}

/// Whether browsers on this machine reach it as `localhost`.
fn is_localhost(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}
