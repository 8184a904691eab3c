//! The HTTPS server: routes, guards, the error table, TLS.
//!
//! Must not know: the store, or how a key is sealed; everything comes through `access` and `keys`.

mod audit;
mod body;
mod config;
mod connect;
mod cors;
mod credential;
mod credentials;
mod deliver;
mod dialects;
mod entitlements;
mod envelope;
mod error;
mod exposed;
mod files;
mod guard;
mod hooks;
mod ingest;
mod key_files;
mod listen;
mod live;
mod openapi;
mod ops;
mod origin;
mod pages;
mod play;
mod progress;
mod proxy;
mod query;
mod renewed;
mod restraint;
mod revocations;
mod revoke;
mod rotate;
mod routes;
mod schedule;
mod serve;
mod sessions;
mod streams;
mod tls;
mod trail;
mod viewer;
mod watch;

pub use config::{Config, Ops, Packagers, ServerConfigError, Tls};
pub use cors::OriginError;
pub use exposed::{Measured, expose};
pub use hooks::{HookConfig, HookFault, HookKind};
pub use ingest::{Channel, Incoming, Ingest, IngestConfig, Placed, Shelf, ShelfError};
pub use key_files::KeyFolderConfig;
pub use listen::{Deps, Server, ServerError};
pub use pages::Page;
pub use routes::{Listener, ROUTES, Route};
pub use tls::{PemFault, TlsError};
pub use watch::{WatchConfig, player_files};
