//! From an accepted socket to a connection on which HTTP is spoken: who connects, within which
//! bounds, PROXY header, TLS handshake.
//!
//! Must not know: routes, or what is asked.

mod bounds;
mod patience;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_http::error::DispatchError;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub(super) use bounds::{Addresses, Bounds, raise_open_files};
pub(super) use stream::Connection;

use super::proxy::{HeaderError, TrustedProxies, canonical, read_header};
use super::tls::{Certificates, shown};
use crate::telemetry::{ListenerMeasures, Turned as Reason};

/// How long a client may take for its handshake, and again to send its first request's head.
pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What stands before a TLS listener.
pub(super) struct Door {
    pub(super) certificates: Arc<Certificates>,
    pub(super) trusted: TrustedProxies,
    /// Whether connections of trusted proxies begin with a PROXY header.
    pub(super) proxy_protocol: bool,
    pub(super) addresses: Addresses,
    pub(super) measures: ListenerMeasures,
    /// Whether a proxy's missing header was told; a busy proxy would fill the log with it.
    pub(super) told: AtomicBool,
}

/// Why a connection ended before, or while, HTTP was spoken on it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Turned {
    /// The socket broke at once.
    #[error("the connection is gone: {0}")]
    Gone(std::io::Error),
    /// The client's address has all the connections that one may have.
    #[error("too many connections from one address")]
    Crowd,
    /// A trusted proxy did not say who its client is.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No TLS, no common version, no certificate where one is asked for.
    #[error("the handshake failed: {0}")]
    Handshake(std::io::Error),
    /// Header and handshake took too long.
    #[error("the handshake took too long")]
    Slow,
    /// HTTP ended it.
    #[error(transparent)]
    Http(#[from] DispatchError),
}

impl Door {
    /// Lets one connection in, or drops it and says why. Its address is the client's, as far as
    /// the connection itself tells.
    pub(super) async fn welcome(
        &self,
        socket: TcpStream,
    ) -> Result<(Connection, SocketAddr), Turned> {
        let entered = timeout(HEAD_PATIENCE, self.enter(socket)).await;
        let entered = entered.unwrap_or(Err(Turned::Slow));
        if let Err(why) = &entered {
            self.turn_away(why);
        }
        entered
    }

    async fn enter(&self, mut socket: TcpStream) -> Result<(Connection, SocketAddr), Turned> {
        // Without it the answer after a TLS 1.3 handshake can wait 40 ms for a delayed ACK.
        socket.set_nodelay(true).map_err(Turned::Gone)?;
        let peer = canonical(socket.peer_addr().map_err(Turned::Gone)?);
        let client = match self.proxy_protocol && self.trusted.has(peer.ip()) {
            true => read_header(&mut socket).await?.unwrap_or(peer),
            false => peer,
        };
        // Behind a proxy that does not say who its client is, one address is everybody's.
        let place = match self.trusted.has(client.ip()) {
            true => None,
            false => Some(self.addresses.enter(client.ip()).ok_or(Turned::Crowd)?),
        };
        let terms = self.certificates.current();
        let acceptor = TlsAcceptor::from(Arc::clone(&terms.config));
        let tls = acceptor.accept(socket).await.map_err(Turned::Handshake)?;
        let shown = shown(tls.get_ref().1, &terms);
        let connection = Connection::new(tls, shown, place, self.measures.clone());
        Ok((connection, client))
    }

    fn turn_away(&self, why: &Turned) {
        let reason = match why {
            Turned::Crowd => Reason::Address,
            Turned::Header(_) => Reason::ProxyHeader,
            Turned::Slow => Reason::Slow,
            Turned::Gone(_) | Turned::Handshake(_) | Turned::Http(_) => Reason::Handshake,
        };
        self.measures.turned(reason).inc();
        let listener = self.measures.listener;
        match why {
            Turned::Header(error) if !self.told.swap(true, Ordering::Relaxed) => {
                tracing::warn!(listener, %error, "a trusted proxy is turned away; later ones are only counted");
            }
            why => tracing::debug!(listener, %why, "a connection is turned away"),
        }
    }
}
