//! From an accepted socket to a connection on which HTTP is spoken: who connects, within which
//! bounds, PROXY header, TLS handshake.
//!
//! Must not know: routes, or what is asked.

mod bounds;
mod intake;
mod patience;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_http::error::DispatchError;
use rustls::ServerConnection;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

pub(super) use bounds::{Addresses, Bounds, raise_open_files};
pub(super) use intake::Questions;
use stream::Guest;
pub(super) use stream::{Connection, Hearing};

use super::proxy::{HeaderError, TrustedProxies, canonical, read_header};
use super::tls::{Certificates, TlsStream, shown};
use crate::telemetry::{ListenerMeasures, Turned as Reason};

/// How long a client may take for its handshake, and again to send its first request's head.
pub(super) const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// What TLS holds of an answer that does not flow, in bytes.
const HELD_BY_TLS: usize = 32 * 1024;

/// What stands before a TLS listener.
pub(super) struct Door {
    pub(super) certificates: Arc<Certificates>,
    pub(super) trusted: TrustedProxies,
    /// Whether connections of trusted proxies begin with a PROXY header.
    pub(super) proxy_protocol: bool,
    pub(super) addresses: Addresses,
    pub(super) measures: ListenerMeasures,
    pub(super) told: Told,
    pub(super) hearing: Hearing,
}

/// When what repeats itself was told last; a crowd, or a busy proxy, would fill the log with it.
#[derive(Default)]
pub(super) struct Told {
    crowd: Seldom,
    header: Seldom,
}

/// Something that is said once a minute.
#[derive(Default)]
struct Seldom(Mutex<Option<Instant>>);

const MINUTE: Duration = Duration::from_secs(60);

/// Why a connection ended before, or while, HTTP was spoken on it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Turned {
    /// The socket broke at once.
    #[error("the connection is gone: {0}")]
    Gone(std::io::Error),
    /// The client's address has all the connections that one may have.
    #[error("too many connections from one address")]
    Crowd(IpAddr),
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
    ) -> Result<(Connection<TlsStream>, SocketAddr), Turned> {
        let guest = Guest::new(Some(self.measures.clone()));
        let peer = socket.peer_addr().map_err(Turned::Gone).map(canonical)?;
        let entered = timeout(HEAD_PATIENCE, self.enter(socket, peer, guest)).await;
        let entered = entered.unwrap_or(Err(Turned::Slow));
        if let Err(why) = &entered {
            self.turn_away(why, peer.ip());
        }
        entered
    }

    async fn enter(
        &self,
        mut socket: TcpStream,
        peer: SocketAddr,
        mut guest: Guest,
    ) -> Result<(Connection<TlsStream>, SocketAddr), Turned> {
        // Without it the answer after a TLS 1.3 handshake can wait 40 ms for a delayed ACK.
        socket.set_nodelay(true).map_err(Turned::Gone)?;
        let client = match self.proxy_protocol && self.trusted.has(peer.ip()) {
            true => read_header(&mut socket).await?.unwrap_or(peer),
            false => peer,
        };
        // Behind a proxy that does not say who its client is, one address is everybody's.
        guest.place = match self.trusted.has(client.ip()) {
            true => None,
            false => {
                let place = self.addresses.enter(client.ip());
                Some(place.ok_or(Turned::Crowd(client.ip()))?)
            }
        };
        let terms = self.certificates.current();
        let acceptor = TlsAcceptor::from(Arc::clone(&terms.config));
        let bounded = |tls: &mut ServerConnection| tls.set_buffer_limit(Some(HELD_BY_TLS));
        let accepted = acceptor.accept_with(socket, bounded).await;
        let tls = accepted.map_err(Turned::Handshake)?;
        let shown = shown(tls.get_ref().1, &terms);
        let connection = Connection::new(tls, shown, guest, self.hearing);
        Ok((connection, client))
    }

    fn turn_away(&self, why: &Turned, peer: IpAddr) {
        let reason = match why {
            Turned::Crowd(_) => Reason::Address,
            Turned::Header(_) => Reason::ProxyHeader,
            Turned::Slow => Reason::Slow,
            Turned::Gone(_) | Turned::Handshake(_) | Turned::Http(_) => Reason::Handshake,
        };
        self.measures.turned(reason).inc();
        let listener = self.measures.listener;
        match why {
            Turned::Crowd(address) if self.told.crowd.is_due() => {
                tracing::warn!(listener, %address, "an address has server.connections_per_address connections, more are turned away; many clients may share it. Others like it are counted, and told once a minute");
            }
            Turned::Header(error) if self.told.header.is_due() => {
                tracing::warn!(listener, %peer, %error, "a trusted proxy is turned away; others are counted, and told once a minute");
            }
            // Here everybody is expected, and wants to know why not.
            Turned::Handshake(why) if self.certificates.asks_for_certificates() => {
                tracing::info!(listener, %peer, %why, "a packager's handshake failed");
            }
            why => tracing::debug!(listener, %peer, %why, "a connection is turned away"),
        }
    }
}

impl Seldom {
    /// Whether it is time to say it again; then it counts as said.
    fn is_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= MINUTE);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}
