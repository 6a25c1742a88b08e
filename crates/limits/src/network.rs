//! Sets of networks, and the networks under which limits count an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks to which rate limits do not apply.
#[derive(Clone, Debug, Default)]
pub struct Exempt(pub Vec<IpNet>);

impl Exempt {
    /// Whether `address` is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        is_in(&self.0, address)
    }
}

/// Whether `address` is in one of `networks`; an IPv4 address mapped into IPv6,
/// as a dual-stack listener reports it, is looked up as the IPv4 address it is.
#[must_use]
pub fn is_in(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// The address under which limits count `address`: itself, or its IPv6 network (/64),
/// of which one host commands every address.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    masked(address, 32, 64)
}

/// The wider network under which looser limits count `address`: /24 for IPv4, /48 for
/// IPv6, which is what one customer of a provider is given (RFC 6177).
#[must_use]
pub fn site_of(address: IpAddr) -> IpAddr {
    masked(address, 24, 48)
}

fn masked(address: IpAddr, v4: u32, v6: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            IpAddr::V4(Ipv4Addr::from(u32::from(address) & (u32::MAX << (32 - v4))))
        }
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from(u128::from(address) & (u128::MAX << (128 - v6))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_with_its_network_and_its_site() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, network, site) in [
            ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::", "2001:db8:1::"),
        ] {
            assert_eq!(network_of(ip(address)), ip(network));
            assert_eq!(site_of(ip(address)), ip(site));
        }
    }
}
