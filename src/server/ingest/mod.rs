//! An HTTPS listener that packagers send clear HLS to: PUT, POST, DELETE, each stream below its own
//! name and under its own credential.
//!
//! Must not know: where what is sent is kept, or what becomes of it.

mod attempts;
mod channels;
mod shelf;
mod taking;
mod wrapping;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::App;
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use tokio::signal::unix::Signal;

use super::connect::{Addresses, Bounds, Door, Hearing, Told, raise_open_files};
use super::listen::{ServerError, bind};
use super::proxy::TrustedProxies;
use super::serve::{Routes, Workers, serve_door};
use super::tls::{Certificates, Files, hangups, renew};
use crate::domain::{Clock, Entropy};
use crate::telemetry::Metrics;
use channels::Channels;

pub use channels::Channel;
pub use shelf::{Incoming, Placed, Shelf, ShelfError};

/// Where packagers send to.
#[derive(Debug, Clone)]
pub struct IngestConfig {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The certificate, followed by its intermediates (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub private_key: PathBuf,
}

/// A bound listener that does not answer yet.
pub struct Ingest {
    socket: TcpListener,
    address: SocketAddr,
    door: Door,
    workers: Workers,
    channels: Data<Channels>,
    hangups: Signal,
}

impl Ingest {
    /// Loads the certificate and binds the listener; connections wait until [`Self::run`].
    pub fn bind(
        config: IngestConfig,
        channels: Vec<Channel>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, ServerError> {
        let files = Files {
            certificate: config.certificate,
            private_key: config.private_key,
            clients: None,
        };
        let measures = Metrics::default().of_listener("push");
        let certificates = Certificates::load(files, clock, measures.clone())?;
        let (socket, address) = bind(config.listen)?;
        let workers = Workers {
            count: 1,
            most: Bounds::within(raise_open_files(), 1, true).packagers,
        };
        let door = Door {
            certificates: Arc::new(certificates),
            trusted: TrustedProxies::default(),
            proxy_protocol: false,
            addresses: Addresses::new(None),
            measures,
            told: Told::default(),
            hearing: Hearing::ToItsEnd,
        };
        Ok(Self {
            socket,
            address,
            door,
            workers,
            channels: Data::new(Channels::new(channels, entropy)),
            hangups: hangups()?,
        })
    }

    /// Where packagers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes what is sent until it is dropped. What is on its way then was never said to be kept.
    pub async fn run(self) -> io::Result<()> {
        let certificates = vec![Arc::clone(&self.door.certificates)];
        let (channels, asked) = (self.channels.clone(), self.channels);
        let server = serve_door(
            self.socket,
            self.door,
            self.workers,
            move || app(channels.clone()),
            move |request| channels::refuse_early(&asked, request),
        )?;
        tokio::select! {
            ended = server => ended,
            () = renew(certificates, self.hangups) => Ok(()),
        }
    }
}

/// One handler for every path.
fn app(channels: Data<Channels>) -> App<impl Routes> {
    App::new()
        .app_data(channels)
        .default_service(web::to(taking::take))
        .wrap(from_fn(wrapping::wrap))
}
