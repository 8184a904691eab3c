//! The HTTPS server: routes, guards, the error table, TLS.
//!
//! Must not know: the store, or how a key is sealed; everything comes through `access` and `keys`.

mod config;
mod cors;
mod credential;
mod error;
mod files;
mod tls;
mod viewer;

pub use config::{Config, Ops, Tls};
pub use cors::OriginError;
pub use tls::TlsError;
