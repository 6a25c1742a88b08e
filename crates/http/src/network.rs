//! Sets of networks.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks to which rate limits do not apply.
#[derive(Clone, Debug, Default)]
pub struct Exempt(pub Vec<IpNet>);

impl Exempt {
    /// Whether `address` is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        contains(&self.0, address)
    }
}

/// Whether `address` is in one of `networks`; an IPv4 address mapped into IPv6,
/// as a dual-stack listener reports it, is looked up as the IPv4 address it is.
pub(crate) fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}
