//! `[server]`: where the server listens, its certificate, and who may ask across origins.
//!
//! Must not know: keys, credentials, or how sections are put together.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::api::Text;

/// `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where players and packagers connect, HTTPS only. Default `0.0.0.0:8443`; port 0 takes a
    /// free one. `keys.public_url` must lead here.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// `[server.tls]`, always needed: keys never travel in the clear.
    pub tls: Tls,
    /// The web origins whose pages may ask, such as `https://player.example.org`, compared
    /// exactly; these may send cookies. `"*"` lets any page ask without cookies. Default: none.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The folder behind `/hls/{stream}/{file}`: the encryptor's sink is `{origin}/{stream}`.
    /// Needed for `/v1/play/` too. Default: neither is served.
    #[serde(default)]
    pub origin: Option<PathBuf>,
    /// `[server.ops]`.
    #[serde(default)]
    pub ops: Ops,
    /// Worker threads. Default: one for each core.
    #[serde(default)]
    pub workers: Option<NonZeroUsize>,
    /// How long the server goes on after SIGTERM, while `/readyz` already answers 503, so that a
    /// balancer sends its clients elsewhere before the port closes. Default `0s`.
    #[serde(default = "no_drain")]
    pub drain: Text<humantime::Duration>,
}

/// `[server.tls]`: PEM files, read at start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// The certificate's private key: PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
}

/// `[server.ops]`: health, metrics and the operator's routes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ops {
    /// Plain HTTP, so a loopback address only. Default `127.0.0.1:9443`.
    #[serde(default = "default_ops_listen")]
    pub listen: SocketAddr,
}

impl Config {
    /// The paths in this section, for `config` to resolve against the file's folder.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let tls = [&mut self.tls.certificate, &mut self.tls.private_key];
        tls.into_iter().chain(self.origin.as_mut()).collect()
    }
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            listen: default_ops_listen(),
        }
    }
}

fn no_drain() -> Text<humantime::Duration> {
    Text(Duration::ZERO.into())
}

fn default_listen() -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, 8443).into()
}

fn default_ops_listen() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9443).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "tls = { certificate = 'c.pem', private_key = 'k.pem' }";

    #[test]
    fn the_certificate_is_all_that_must_be_said() {
        let mut config: Config = toml::from_str(LEAST).unwrap();
        assert_eq!(config.listen.port(), 8443);
        assert!(config.ops.listen.ip().is_loopback() && config.origin.is_none());
        assert_eq!(config.paths_mut().len(), 2);
        assert!(toml::from_str::<Config>("listen = '127.0.0.1:0'").is_err());
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = format!("{LEAST}\nport = 1");
        let error = toml::from_str::<Config>(&text).unwrap_err();
        assert!(error.message().contains("port"), "{error}");
    }
}
