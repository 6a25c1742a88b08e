//! Rate limits that do not apply to exempt networks. By client address, an IPv6 network
//! counts as one.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Clock;

use crate::{Buckets, Charge, Exempt, Quota, network_of};

/// A bucket for each network ([`network_of`]) of a client address; exempt ones are never
/// refused.
#[derive(Debug)]
pub struct Throttle(KeyThrottle<IpAddr>);

/// A bucket for each key, such as an account, unless what is counted is asked for from
/// an exempt network.
#[derive(Debug)]
pub struct KeyThrottle<K> {
    exempt: Exempt,
    buckets: Buckets<K>,
}

impl Throttle {
    /// All buckets are full.
    #[must_use]
    pub fn new(quota: Quota, exempt: Exempt, clock: Arc<dyn Clock>) -> Self {
        Self(KeyThrottle::new(quota, exempt, clock))
    }

    /// How long `address` must wait before it may take one, `None` if not at all. Takes
    /// nothing.
    #[must_use]
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        let Self(KeyThrottle { exempt, buckets }) = self;
        (!exempt.contains(address)).then(|| buckets.wait(network_of(address))).flatten()
    }

    /// Takes one of `address`.
    ///
    /// # Errors
    /// How long to wait, when it has none left; nothing is taken then.
    pub fn consume(&self, address: IpAddr) -> Result<Charge<'_, IpAddr>, Duration> {
        self.0.consume(network_of(address), address)
    }
}

impl<K: Copy + Eq + Hash> KeyThrottle<K> {
    /// All buckets are full.
    #[must_use]
    pub fn new(quota: Quota, exempt: Exempt, clock: Arc<dyn Clock>) -> Self {
        Self { exempt, buckets: Buckets::new(quota, clock) }
    }

    /// Takes one of `key`, at the request of the client at `from`.
    ///
    /// # Errors
    /// How long to wait, when it has none left; nothing is taken then.
    pub fn consume(&self, key: K, from: IpAddr) -> Result<Charge<'_, K>, Duration> {
        if self.exempt.contains(from) { Ok(Charge::NOTHING) } else { self.buckets.consume(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{ManualClock, Timestamp};

    const QUOTA: Quota = Quota { burst: 3, refill: Duration::from_secs(10) };

    fn throttle(exempt: Exempt) -> Throttle {
        Throttle::new(QUOTA, exempt, Arc::new(ManualClock::new(Timestamp(0))))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_ipv6_network_is_one_client() {
        let throttle = throttle(Exempt::default());
        let first = throttle.consume(ip("2001:db8:0:1::1")).unwrap();
        for host in 2..=3 {
            assert!(throttle.consume(ip(&format!("2001:db8:0:1::{host}"))).is_ok());
        }
        assert!(throttle.consume(ip("2001:db8:0:1:ffff::9")).is_err());
        assert!(throttle.consume(ip("2001:db8:0:2::1")).is_ok());
        first.refund();
        assert!(throttle.consume(ip("2001:db8:0:1::8")).is_ok(), "given back to the network");
    }

    #[test]
    fn mapped_and_plain_ipv4_share_a_bucket() {
        let throttle = throttle(Exempt::default());
        for _ in 0..3 {
            assert!(throttle.consume(ip("::ffff:192.0.2.1")).is_ok());
        }
        assert!(throttle.consume(ip("192.0.2.1")).is_err());
    }

    #[test]
    fn exempt_networks_are_never_refused() {
        let throttle = throttle(Exempt(vec!["127.0.0.0/8".parse().unwrap()]));
        for _ in 0..100 {
            assert!(throttle.consume(ip("127.9.9.9")).is_ok());
        }
        assert_eq!(throttle.wait(ip("127.9.9.9")), None);
        throttle.consume(ip("127.9.9.9")).unwrap().refund();
    }
}
