//! Two listeners, HTTPS for everyone and plain HTTP on loopback for the operator, from bind to a
//! drained stop.
//!
//! Must not know: what is asked on them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server as Running, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, HttpServer};
use rustls::ServerConfig;
use socket2::{Domain, Socket, Type};
use tokio::sync::watch;

use super::config::Config;
use super::cors::{OriginError, Origins};
use super::envelope::{Surroundings, envelope};
use super::files::Root;
use super::pages::{self, Page};
use super::routes::{self, Listener};
use super::tls::{self, TlsError};
use crate::access::Gate;
use crate::domain::{Clock, Entropy};
use crate::keys::Keys;
use crate::telemetry::Metrics;

/// What the server answers from.
#[derive(Clone)]
pub struct Deps {
    /// Decides.
    pub gate: Arc<Gate>,
    /// Has the keys.
    pub keys: Arc<Keys>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// For request ids.
    pub entropy: Arc<dyn Entropy>,
    /// What is served besides.
    pub pages: Vec<Page>,
}

/// Why the server does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Certificate or key do not load.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An allowed origin is none.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The ops listener speaks plain HTTP and would be reachable from elsewhere.
    #[error("server.ops.listen: {0} is not a loopback address, and this listener has no TLS")]
    OpsNotLoopback(SocketAddr),
    /// A listener ended by itself.
    #[error("the server ended: {0}")]
    Ended(#[from] io::Error),
}

/// A bound server that does not answer yet.
pub struct Server {
    public: TcpListener,
    ops: TcpListener,
    address: SocketAddr,
    ops_address: SocketAddr,
    tls: Box<ServerConfig>,
    workers: Option<NonZeroUsize>,
    drain: Duration,
    wiring: Wiring,
    stopping: watch::Sender<bool>,
}

/// How long a client may take for its handshake, and again to send a request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Longer than the idle time of common balancers, so that they close first.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long open requests may take once the server stops, in seconds.
const DRAIN: u64 = 5;
/// Connections of one worker; at some 25 KB each a worker stays below 512 MB.
const MOST_CONNECTIONS: usize = 20_000;
/// Connections that wait to be accepted, when a rotation brings everyone at once.
const BACKLOG: i32 = 4096;

impl Server {
    /// Loads the certificate and binds both listeners; connections wait until [`Self::run`].
    pub fn bind(config: &Config, deps: Deps) -> Result<Self, ServerError> {
        if !config.ops.listen.ip().is_loopback() {
            return Err(ServerError::OpsNotLoopback(config.ops.listen));
        }
        let origins = Origins::new(&config.allowed_origins)?;
        let tls = Box::new(tls::server_config(&config.tls)?);
        let (public, address) = bind(config.listen)?;
        let (ops, ops_address) = bind(config.ops.listen)?;
        let (stopping, watched) = watch::channel(false);
        Ok(Self {
            public,
            ops,
            address,
            ops_address,
            tls,
            workers: config.workers,
            drain: config.drain.0.into(),
            wiring: Wiring::new(config, deps, origins, &watched),
            stopping,
        })
    }

    /// Where players and packagers connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the operator connects.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Serves until `shutdown` and through the drain after it, then lets open requests end, five
    /// seconds at most.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let workers = self.workers.map_or_else(cores, NonZeroUsize::get);
        let public = serve(
            Bound::Tls(self.public, self.tls),
            workers,
            self.wiring.clone(),
        )?;
        let ops = serve(Bound::Plain(self.ops), 1, self.wiring)?;
        let handles = [public.handle(), ops.handle()];
        let mut serving = pin!(async { tokio::try_join!(public, ops).map(drop) });
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            () = shutdown => {}
        }
        self.stopping.send_replace(true);
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            () = tokio::time::sleep(self.drain) => {}
        }
        // A listener stops only while it is polled.
        let (ended, ()) = tokio::join!(serving, stop(handles));
        Ok(ended?)
    }
}

async fn stop(handles: [ServerHandle; 2]) {
    let [public, ops] = handles;
    tokio::join!(public.stop(true), ops.stop(true));
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Listens with our own backlog, and on an address that a stopped server has just left.
fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let refused = |source| ServerError::Listen { address, source };
    let listener = listener(address).map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

enum Bound {
    Tls(TcpListener, Box<ServerConfig>),
    Plain(TcpListener),
}

fn serve(socket: Bound, workers: usize, wiring: Wiring) -> io::Result<Running> {
    let listener = match socket {
        Bound::Tls(..) => Listener::Public,
        Bound::Plain(..) => Listener::Ops,
    };
    let server = HttpServer::new(move || {
        let wiring = wiring.clone();
        App::new()
            .configure(move |app| wiring.connect(listener, app))
            .wrap(from_fn(envelope))
    })
    .workers(workers)
    .max_connections(MOST_CONNECTIONS)
    // Without it the answer after a TLS 1.3 handshake can wait 40 ms for a delayed ACK.
    .tcp_nodelay(true)
    .tls_handshake_timeout(HEAD_PATIENCE)
    .client_request_timeout(HEAD_PATIENCE)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(DRAIN)
    .disable_signals();
    let server = match socket {
        Bound::Tls(socket, tls) => server.listen_rustls_0_23(socket, *tls)?,
        Bound::Plain(socket) => server.listen(socket)?,
    };
    Ok(server.run())
}

/// What handlers and the envelope are given, service by service.
#[derive(Clone)]
struct Wiring {
    gate: Data<Gate>,
    keys: Data<Keys>,
    clock: Data<dyn Clock>,
    metrics: Data<Metrics>,
    root: Option<Data<Root>>,
    public: Data<Surroundings>,
    ops: Data<Surroundings>,
    pages: Arc<[Page]>,
}

impl Wiring {
    fn new(
        config: &Config,
        deps: Deps,
        origins: Origins,
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let lookups = deps.gate.entitlement_lookups();
        let metrics = Arc::new(Metrics::with_lookups(lookups));
        let around = |listener, origins| {
            Data::new(Surroundings {
                listener,
                origins,
                metrics: metrics.clone(),
                entropy: deps.entropy.clone(),
                stopping: stopping.clone(),
            })
        };
        Self {
            public: around(Listener::Public, origins),
            ops: around(Listener::Ops, Origins::none()),
            gate: deps.gate.into(),
            keys: deps.keys.into(),
            clock: deps.clock.into(),
            metrics: metrics.into(),
            root: config.origin.clone().map(|path| Data::new(Root::new(path))),
            pages: deps.pages.into(),
        }
    }

    fn connect(self, listener: Listener, app: &mut ServiceConfig) {
        let around = match listener {
            Listener::Public => self.public,
            Listener::Ops => self.ops,
        };
        app.app_data(around)
            .app_data(self.gate)
            .app_data(self.keys)
            .app_data(self.clock)
            .app_data(self.metrics.clone());
        if let Some(root) = self.root {
            app.app_data(root);
        }
        routes::configure(listener, &self.metrics, app);
        if listener == Listener::Public {
            pages::configure(&self.pages, &self.metrics, app);
        }
    }
}
