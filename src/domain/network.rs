//! A network of addresses, as lists in the configuration name them.
//!
//! Must not know: what is in one.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// Addresses such as `10.0.0.0/8`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// The text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address and no network such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError(String);

impl Network {
    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let single = text.parse::<IpAddr>().map(IpNet::from);
        let network = single.or_else(|_| text.parse::<IpNet>());
        network
            .map(|network| Self(network.trunc()))
            .map_err(|_| NetworkError(text.to_owned()))
    }
}

/// What counts as one client: an address, or for IPv6 its network of 64 bits, for whoever has one has all
/// of it.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !0 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses_are_read() {
        let networks = ["10.0.0.9/8", "::1", "2001:db8::/32", "192.0.2.7"];
        let networks = networks.map(|text| text.parse::<Network>().unwrap());
        for (address, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::1", true),
            ("::2", false),
            ("2001:db8:1::", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
        ] {
            let address = address.parse().unwrap();
            let found = networks.iter().any(|network| network.contains(address));
            assert_eq!(found, inside, "{address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0", "localhost", "::1/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
