//! The claim `catnip`: the networks that a token may be shown from (RFC 9164).
//!
//! Must not know: other claims.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::cbor::Item;

/// The tags of addresses and prefixes.
pub(super) const IPV4: u64 = 52;
pub(super) const IPV6: u64 = 54;

/// Networks, any of which will do. The numbers of autonomous systems widen the list and are not
/// looked up here, so nobody is let in by one.
#[derive(Debug)]
pub(super) struct Networks(Vec<IpNet>);

impl Networks {
    /// `None` if an entry is no address, no prefix and no number of a system.
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        let mut networks = Vec::new();
        for entry in item.array()? {
            match entry {
                Item::Int(number) if u32::try_from(*number).is_ok() => {}
                Item::Tag(tag, address) => networks.push(network(*tag, address)?),
                _ => return None,
            }
        }
        Some(Self(networks))
    }

    /// Between commas.
    pub(super) fn listed(&self) -> String {
        let texts: Vec<_> = self.0.iter().map(IpNet::to_string).collect();
        texts.join(", ")
    }

    /// Whether the client's address, if it is known, lies in one of them.
    pub(super) fn hold(&self, ip: Option<IpAddr>) -> bool {
        let ip = ip.map(|ip| ip.to_canonical());
        ip.is_some_and(|ip| self.0.iter().any(|network| network.contains(&ip)))
    }
}

/// An address is all its bytes; a prefix is its length and its bytes, zeros at the end left out. An
/// interface is all its bytes and the length of its network's prefix (RFC 9164 §3.1.3), and means that
/// one address.
fn network(tag: u64, item: &Item<'_>) -> Option<IpNet> {
    let (length, bytes) = match item {
        Item::Bytes(address) => (None, *address),
        Item::Array(parts) => match parts.as_slice() {
            [Item::Int(length), Item::Bytes(prefix)] => {
                (Some(u8::try_from(*length).ok()?), *prefix)
            }
            [Item::Bytes(address), Item::Int(length)] => {
                let most = if tag == IPV4 { 32 } else { 128 };
                (0..=most).contains(length).then_some((None, *address))?
            }
            _ => return None,
        },
        _ => return None,
    };
    let network = match tag {
        IPV4 => {
            let address: [u8; 4] = address(bytes, length.is_some())?;
            Ipv4Net::new(address.into(), length.unwrap_or(32))
                .ok()?
                .into()
        }
        IPV6 => {
            let address: [u8; 16] = address(bytes, length.is_some())?;
            Ipv6Net::new(address.into(), length.unwrap_or(128))
                .ok()?
                .into()
        }
        _ => return None,
    };
    // Bits past the prefix are an error (RFC 9164 §4.3), not a wider network.
    (network == IpNet::trunc(&network)).then_some(network)
}

fn address<const N: usize>(bytes: &[u8], may_be_cut: bool) -> Option<[u8; N]> {
    let mut out = [0; N];
    let is_fit = bytes.len() == N || (may_be_cut && bytes.len() < N);
    out.get_mut(..bytes.len())
        .filter(|_| is_fit)?
        .copy_from_slice(bytes);
    Some(out)
}
