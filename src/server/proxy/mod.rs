//! Who the client is behind proxies: the ones that are believed, and how they name the client.
//!
//! Must not know: what an address is used for.

mod forwarded;
mod protocol;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::web::Data;

use crate::domain::Network;

pub(super) use protocol::{HeaderError, read_header};

/// The proxies that are believed.
#[derive(Debug, Clone, Default)]
pub(super) struct TrustedProxies(Arc<[Network]>);

impl TrustedProxies {
    pub(super) fn new(networks: impl Iterator<Item = Network>) -> Self {
        Self(networks.collect())
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
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
