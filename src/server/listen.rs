//! The listeners, HTTPS for everyone, HTTPS for packagers alone, and plain HTTP on loopback for the
//! operator, from bind to a drained stop.
//!
//! Must not know: what is asked on them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server as Running, ServerHandle};
use actix_web::web::{Data, ServiceConfig};
use futures_util::future::{join_all, try_join_all};
use socket2::{Domain, Socket, Type};
use tokio::signal::unix::Signal;
use tokio::sync::watch;

use super::config::{Config, ServerConfigError};
use super::connect::{Addresses, Bounds, Door, Hearing, Told, raise_open_files};
use super::cors::{OriginError, Origins};
use super::envelope::Surroundings;
use super::files::{Lists, Root};
use super::hooks::{HookFault, Hooks};
use super::key_files::KeyFolders;
use super::pages::{self, Page};
use super::proxy::TrustedProxies;
use super::restraint::Restraint;
use super::routes::{self, Listener};
use super::serve::{Hall, Workers, serve_plain, serve_tls};
use super::tls::{Certificates, Files, TlsError, hangups, renew};
use super::watch::Watch;
use crate::access::Gate;
use crate::access::audit::Trail;
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
    /// Is told what is decided.
    pub trail: Arc<Trail>,
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
    /// Settings do not go together.
    #[error(transparent)]
    Config(#[from] ServerConfigError),
    /// A media server is told wrongly.
    #[error(transparent)]
    Hook(#[from] HookFault),
    /// An allowed origin is none.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A listener ended by itself.
    #[error("the server ended: {0}")]
    Ended(#[from] io::Error),
}

/// A bound server that does not answer yet.
pub struct Server {
    players: Entrance,
    packagers: Option<Entrance>,
    ops: TcpListener,
    ops_address: SocketAddr,
    bounds: Bounds,
    hangups: Signal,
    drain: Duration,
    wiring: Wiring,
    stopping: watch::Sender<bool>,
}

/// A bound TLS listener.
struct Entrance {
    socket: TcpListener,
    address: SocketAddr,
    door: Door,
    hall: Hall,
}

/// Connections that wait to be accepted, when a rotation brings everyone at once.
const BACKLOG: i32 = 4096;

impl Server {
    /// Loads the certificates and binds all listeners; connections wait until [`Self::run`].
    pub fn bind(config: &Config, deps: Deps) -> Result<Self, ServerError> {
        config.check()?;
        let origins = Origins::new(&config.allowed_origins)?;
        let hooks = Hooks::load(&config.hooks)?;
        let workers = config.workers.map_or_else(cores, NonZeroUsize::get);
        let open_files = raise_open_files();
        let bounds = Bounds::within(open_files, workers, config.origin.is_some());
        let metrics = Metrics::with(deps.gate.entitlement_measures());
        let metrics = metrics.with_audit(&deps.trail.measures());
        let metrics = metrics.with_live(&deps.gate.live().measures());
        let metrics = Arc::new(metrics.with_store(deps.keys.store_measures()));
        let build = Build {
            config,
            clock: &deps.clock,
            metrics: &metrics,
        };
        let players = build.players(workers, bounds)?;
        let packagers = build.packagers(bounds)?;
        let (ops, ops_address) = bind(config.ops.listen)?;
        let (stopping, watched) = watch::channel(false);
        let clients = packagers.as_ref().map(|it| it.door.certificates.clone());
        tracing::info!(
            open_files,
            connections = bounds.players * workers,
            of_one_address = config.connections_per_address,
            "bounds"
        );
        Ok(Self {
            players,
            packagers,
            ops,
            ops_address,
            bounds,
            hangups: hangups()?,
            drain: config.drain.0.into(),
            wiring: Wiring::new(config, deps, metrics, clients, (origins, hooks), &watched),
            stopping,
        })
    }

    /// Where players and packagers connect.
    pub fn address(&self) -> SocketAddr {
        self.players.address
    }

    /// Where packagers with a certificate connect, if there is such a listener.
    pub fn packagers_address(&self) -> Option<SocketAddr> {
        self.packagers.as_ref().map(|entrance| entrance.address)
    }

    /// Where the operator connects.
    pub fn ops_address(&self) -> SocketAddr {
        self.ops_address
    }

    /// Serves until `shutdown` and through the drain after it, then lets open requests end, five
    /// seconds at most.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let entrances = [Some(self.players), self.packagers].into_iter().flatten();
        let entrances: Vec<_> = entrances.collect();
        let certificates = entrances.iter().map(|it| it.door.certificates.clone());
        let certificates = certificates.collect();
        let hangups = self.hangups;
        let mut servers = vec![serve_plain(self.ops, self.bounds.ops, self.wiring.clone())?];
        for Entrance {
            socket, door, hall, ..
        } in entrances
        {
            servers.push(serve_tls(socket, door, hall, self.wiring.clone())?);
        }
        let handles: Vec<_> = servers.iter().map(Running::handle).collect();
        let mut serving = pin!(async {
            tokio::select! {
                ended = try_join_all(servers) => ended.map(drop),
                () = renew(certificates, hangups) => Ok(()),
            }
        });
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
        let (ended, ()) = tokio::join!(serving, stop(&handles));
        Ok(ended?)
    }
}

async fn stop(handles: &[ServerHandle]) {
    join_all(handles.iter().map(|handle| handle.stop(true))).await;
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// What entrances are made of.
struct Build<'a> {
    config: &'a Config,
    clock: &'a Arc<dyn Clock>,
    metrics: &'a Metrics,
}

impl Build<'_> {
    fn players(&self, workers: usize, bounds: Bounds) -> Result<Entrance, ServerError> {
        let only = self.config.packagers.as_ref().is_some_and(|it| it.only);
        let hall = Hall {
            listener: if only {
                Listener::Players
            } else {
                Listener::Public
            },
            workers: Workers {
                count: workers,
                most: bounds.players,
            },
        };
        let files = self.config.tls.files();
        self.entrance("players", self.config.listen, files, hall)
    }

    /// A server of its own, so that no crowd of players keeps packagers out.
    fn packagers(&self, bounds: Bounds) -> Result<Option<Entrance>, ServerError> {
        let Some(packagers) = &self.config.packagers else {
            return Ok(None);
        };
        let hall = Hall {
            listener: Listener::Packagers,
            workers: Workers {
                count: 1,
                most: bounds.packagers,
            },
        };
        let files = packagers.files(&self.config.tls);
        let entrance = self.entrance("packagers", packagers.listen, files, hall);
        entrance.map(Some)
    }

    fn entrance(
        &self,
        name: &'static str,
        listen: SocketAddr,
        files: Files,
        hall: Hall,
    ) -> Result<Entrance, ServerError> {
        let measures = self.metrics.of_listener(name);
        let most = i64::try_from(hall.workers.most * hall.workers.count).unwrap_or(i64::MAX);
        measures.most.set(most);
        let certificates = Certificates::load(files, Arc::clone(self.clock), measures.clone())?;
        let (socket, address) = bind(listen)?;
        let door = Door {
            certificates: Arc::new(certificates),
            trusted: trusted(self.config),
            proxy_protocol: self.config.proxy_protocol,
            addresses: Addresses::new(NonZeroUsize::new(self.config.connections_per_address)),
            measures,
            told: Told::default(),
            hearing: Hearing::WhileItListens,
        };
        Ok(Entrance {
            socket,
            address,
            door,
            hall,
        })
    }
}

fn trusted(config: &Config) -> TrustedProxies {
    TrustedProxies::new(config.trusted_proxies.iter().map(|network| network.0))
}

/// Listens with our own backlog, and on an address that a stopped server has just left.
pub(super) fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
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

/// What handlers and the envelope are given, service by service.
#[derive(Clone)]
pub(super) struct Wiring {
    gate: Data<Gate>,
    keys: Data<Keys>,
    clock: Data<dyn Clock>,
    metrics: Data<Metrics>,
    root: Option<Data<Root>>,
    lists: Option<Data<Lists>>,
    trusted: Data<TrustedProxies>,
    hooks: Data<Hooks>,
    folders: Data<KeyFolders>,
    watch: Option<Data<Watch>>,
    public: Data<Surroundings>,
    packagers: Data<Surroundings>,
    ops: Data<Surroundings>,
    pages: Arc<[Page]>,
}

impl Wiring {
    fn new(
        config: &Config,
        deps: Deps,
        metrics: Arc<Metrics>,
        clients: Option<Arc<Certificates>>,
        (origins, hooks): (Origins, Hooks),
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let restraint = Restraint::new(config.refusals_per_minute, deps.clock.clone());
        let restraint = Arc::new(restraint);
        let around = |listener, origins, clients| {
            Data::new(Surroundings {
                listener,
                origins,
                clients,
                metrics: metrics.clone(),
                entropy: deps.entropy.clone(),
                trail: deps.trail.clone(),
                restraint: restraint.clone(),
                stopping: stopping.clone(),
            })
        };
        let root = config.origin.clone().map(Root::new);
        Self {
            trusted: Data::new(trusted(config)),
            hooks: Data::new(hooks),
            folders: Data::new(KeyFolders::new(&config.key_folders)),
            watch: config.watch.as_ref().map(|it| Data::new(Watch::new(it))),
            public: around(Listener::Public, origins, None),
            packagers: around(Listener::Packagers, Origins::none(), clients),
            ops: around(Listener::Ops, Origins::none(), None),
            gate: deps.gate.into(),
            keys: deps.keys.into(),
            clock: deps.clock.into(),
            metrics: metrics.into(),
            lists: root.clone().map(|root| Data::new(Lists::new(root))),
            root: root.map(Data::new),
            pages: deps.pages.into(),
        }
    }

    /// Wires the routes of `listener` and what they work with.
    pub(super) fn connect(self, listener: Listener, app: &mut ServiceConfig) {
        let around = match listener {
            Listener::Public | Listener::Players => self.public,
            Listener::Packagers => self.packagers,
            Listener::Ops => self.ops,
        };
        app.app_data(around)
            .app_data(self.trusted)
            .app_data(self.hooks)
            .app_data(self.folders)
            .app_data(self.gate)
            .app_data(self.keys)
            .app_data(self.clock)
            .app_data(self.metrics.clone());
        if let Some(watch) = self.watch {
            app.app_data(watch);
        }
        if let Some(root) = self.root {
            app.app_data(root);
        }
        if let Some(lists) = self.lists {
            app.app_data(lists);
        }
        routes::configure(listener, &self.metrics, app);
        if matches!(listener, Listener::Public | Listener::Players) {
            pages::configure(&self.pages, &self.metrics, app);
        }
    }
}
