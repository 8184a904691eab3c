//! Looks names up, and leaves out addresses that requests may not go to.
//!
//! Must not know: what is asked.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::reach::Reach;

/// Gives a connection the addresses of a host that it may be made to.
pub(super) struct Resolver(pub(super) Reach);

/// A host that has no others.
#[derive(Debug, thiserror::Error)]
#[error("{0} lies in a network that requests may not go to")]
pub(super) struct Forbidden(pub(super) String);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| reach.allows(host, address.ip()))
                .collect();
            if allowed.is_empty() {
                return Err(Forbidden(host.to_owned()).into());
            }
            let addresses: Addrs = Box::new(allowed.into_iter());
            Ok(addresses)
        })
    }
}
