//! Who the client is behind proxies: the ones that are believed, and how they name the client.
//!
//! Must not know: what an address is used for.

mod forwarded;
mod protocol;

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;
use ipnet::IpNet;

pub(super) use protocol::{HeaderError, read_header};

/// Addresses such as `10.0.0.0/8`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

/// The text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no address and no network such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError(String);

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

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub(super) struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    pub(super) fn new(networks: impl Iterator<Item = Network>) -> Self {
        Self(networks.map(|Network(network)| network).collect())
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The client's address: the connection's, or what a chain of trusted proxies says. A proxy that
/// does not say it, or says nonsense that its client wrote, is not itself the client: whoever acts
/// upon the address would shut out everybody who comes through it.
pub(super) fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip().to_canonical();
    let trusted = request.app_data::<Data<TrustedProxies>>();
    match trusted.filter(|trusted| trusted.has(peer)) {
        Some(trusted) => forwarded::client(request.headers(), trusted),
        None => Some(peer),
    }
}

/// An IPv4 address that came over IPv6 as what it is.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses_are_read() {
        let trusted = ["10.0.0.9/8", "::1", "2001:db8::/32", "192.0.2.7"];
        let trusted = TrustedProxies::new(trusted.iter().map(|text| text.parse().unwrap()));
        for (address, inside) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("::1", true),
            ("::2", false),
            ("2001:db8:1::", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
        ] {
            assert_eq!(trusted.has(address.parse().unwrap()), inside, "{address}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0", "localhost", "::1/129"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }
}
