//! Which addresses requests may go to.
//!
//! A name that a document, a token's issuer or an attacker's DNS gave must not lead into the
//! operator's network. Must not know: names, or HTTP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::domain::Network;

/// Where an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    /// Nobody's server: link-local, where clouds answer with credentials; multicast, reserved,
    /// and other places of clouds' metadata.
    Never,
    /// This machine.
    Loopback,
    /// A network of somebody's own.
    Private,
    /// The Internet.
    Public,
}

/// The addresses that one client may connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reach {
    /// Hosts that the operator wrote down, in lower case.
    own: Arc<[String]>,
    allowed: Arc<[Network]>,
}

impl Reach {
    pub(super) fn new<'a>(own: impl Iterator<Item = &'a str>, allowed: &[Network]) -> Self {
        Self {
            own: own.map(plain).collect(),
            allowed: allowed.into(),
        }
    }

    /// Whether a request to `host` may go to `address`, one that it has.
    pub(super) fn allows(&self, host: &str, address: IpAddr) -> bool {
        let address = meant(address);
        let host = plain(host);
        let is_named = || self.own.contains(&host);
        let is_allowed = || self.allowed.iter().any(|net| net.contains(address));
        match ground(address) {
            Ground::Never => false,
            // RFC 6761 §6.3, whatever a resolver says.
            ground if is_localhost(&host) && ground != Ground::Loopback => false,
            Ground::Loopback | Ground::Private => is_named() || is_allowed(),
            Ground::Public => true,
        }
    }
}

/// Names of this machine.
pub(super) fn is_localhost(host: &str) -> bool {
    let host = plain(host);
    host == "localhost" || host.ends_with(".localhost")
}

/// A host in one form: lower case, no dot at its end, no brackets.
fn plain(host: &str) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let inner = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(host).to_ascii_lowercase()
}

/// Where clouds tell a machine its credentials, outside the link-local networks.
const METADATA: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Where `address` lies.
pub(super) fn ground(address: IpAddr) -> Ground {
    let address = meant(address);
    match address {
        _ if METADATA.contains(&address) => Ground::Never,
        _ if address.is_loopback() => Ground::Loopback,
        IpAddr::V4(v4) => ground_v4(v4),
        IpAddr::V6(v6) => ground_v6(v6),
    }
}

/// IANA's registry of special-purpose IPv4 addresses.
fn ground_v4(address: Ipv4Addr) -> Ground {
    match address.octets() {
        [0, ..] | [169, 254, ..] | [224..=255, ..] => Ground::Never,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Ground::Private,
        [192, 0, 0 | 2, _] | [198, 18 | 19, ..] => Ground::Private,
        [198, 51, 100, _] | [203, 0, 113, _] => Ground::Private,
        _ => Ground::Public,
    }
}

/// IANA's registry of special-purpose IPv6 addresses.
fn ground_v6(address: Ipv6Addr) -> Ground {
    match address.segments() {
        [0x64, 0xff9b, 1, ..] => ground_of_local_nat64(address),
        [0, 0, 0, 0, 0, 0, ..] | [0xfe80..=0xfebf, ..] | [0xff00..=0xffff, ..] => Ground::Never,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Ground::Private,
        [0x2001, 0xdb8, ..] | [0x2001, 0..=0x1ff, ..] | [0x3fff, 0..=0xfff, ..] => Ground::Private,
        [0x2000..=0x3fff, ..] => Ground::Public,
        _ => Ground::Private,
    }
}

/// An IPv4 address inside an IPv6 one is what a gateway connects to: mapped, NAT64 (RFC 6052) and 6to4
/// (RFC 3056).
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else {
        return address.to_canonical();
    };
    let inner = match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    let v4 = |(high, low): (u16, u16)| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    inner.map_or(IpAddr::V6(v6), |pair| IpAddr::V4(v4(pair)))
}

/// Where an address of a network's own NAT64 lies (RFC 8215). Which of its bits are the IPv4 address, that
/// network knows (RFC 6052 §2.2): inside it is in any case, and never if they may be one that tells
/// credentials.
fn ground_of_local_nat64(address: Ipv6Addr) -> Ground {
    let [.., a, b, _, c, d, e, f, g, h, i] = address.octets();
    let inner = [[a, b, c, d], [b, c, d, e], [c, d, e, f], [f, g, h, i]];
    let tells = |octets: [u8; 4]| {
        let inner = Ipv4Addr::from(octets);
        inner.is_link_local() || METADATA.contains(&IpAddr::V4(inner))
    };
    match inner.into_iter().any(tells) {
        true => Ground::Never,
        false => Ground::Private,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn every_address_has_its_ground() {
        use Ground::{Loopback, Never, Private, Public};
        for (address, expected) in [
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("2002:7f00:1::", Loopback),
            ("0.0.0.0", Never),
            ("0.1.2.3", Never),
            ("::", Never),
            ("::127.0.0.1", Never),
            ("169.254.169.254", Never),
            ("169.254.0.1", Never),
            ("::ffff:169.254.169.254", Never),
            ("64:ff9b::a9fe:a9fe", Never),
            ("64:ff9b:1::a9fe:a9fe", Never),
            ("64:ff9b:1:a9fe:a9:fe00::", Never),
            ("64:ff9b:1:a9:fe:a9fe::", Never),
            ("64:ff9b:1:0:a9:fea9:fe00:0", Never),
            ("64:ff9b:1::6464:64c8", Never),
            ("64:ff9b:1::101:101", Private),
            ("64:ff9b:1:101:1:100::", Private),
            ("64:ff9b:1::7f00:1", Private),
            ("64:ff9b:1::", Private),
            ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Private),
            ("2002:a9fe:a9fe::1", Never),
            ("100.100.100.200", Never),
            ("168.63.129.16", Never),
            ("192.0.0.192", Never),
            ("fd00:ec2::254", Never),
            ("fd20:ce::254", Never),
            ("fe80::1", Never),
            ("febf::1", Never),
            ("ff02::1", Never),
            ("224.0.0.1", Never),
            ("255.255.255.255", Never),
            ("240.0.0.1", Never),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("172.32.0.1", Public),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("198.18.0.1", Private),
            ("192.0.2.1", Private),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("2001:db8::1", Private),
            ("4000::1", Private),
            ("1.1.1.1", Public),
            ("100.128.0.1", Public),
            ("2606:4700::1111", Public),
            ("64:ff9b::101:101", Public),
        ] {
            assert_eq!(ground(at(address)), expected, "{address}");
        }
    }

    #[test]
    fn only_hosts_that_the_operator_named_lead_inside() {
        let allowed = ["10.1.0.0/16".parse().unwrap()];
        let own = ["Login.Example.", "127.0.0.1", "[::1]", "metadata.example"];
        let reach = Reach::new(own.into_iter(), &allowed);
        for (host, address, expected) in [
            ("login.example", "192.168.0.1", true),
            ("LOGIN.example", "127.0.0.1", true),
            ("evil.example", "192.168.0.1", false),
            ("evil.example", "127.0.0.1", false),
            ("evil.example", "10.1.2.3", true),
            ("evil.example", "::ffff:10.1.2.3", true),
            ("evil.example", "10.2.2.3", false),
            ("evil.example", "1.1.1.1", true),
            ("evil.example", "64:ff9b:1::101:101", false),
            ("evil.example", "64:ff9b:1::a01:203", false),
            ("login.example", "64:ff9b:1::101:101", true),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.2", "127.0.0.2", false),
            ("::1", "::1", true),
            ("metadata.example", "169.254.169.254", false),
            ("login.example", "0.0.0.0", false),
        ] {
            assert_eq!(
                reach.allows(host, at(address)),
                expected,
                "{host} {address}"
            );
        }
    }

    #[test]
    fn localhost_is_this_machine_alone() {
        let reach = Reach::new(["localhost", "a.localhost"].into_iter(), &[]);
        for host in ["localhost", "localhost.", "a.localhost"] {
            assert!(reach.allows(host, at("127.0.0.1")), "{host}");
            assert!(!reach.allows(host, at("10.0.0.1")), "{host}");
            assert!(!reach.allows(host, at("1.1.1.1")), "{host}");
        }
        assert!(!Reach::new([].into_iter(), &[]).allows("localhost", at("127.0.0.1")));
    }
}
