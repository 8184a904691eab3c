//! `[server]`: where the server listens, its certificates, and whom it believes and lets in.
//!
//! Must not know: keys, credentials, or how sections are put together.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::hooks::HookConfig;
use super::key_files::KeyFolderConfig;
use super::tls::{self, ClientFiles, Files, TlsError};
use super::watch::WatchConfig;
use crate::api::Text;
use crate::domain::{Network, Timestamp};

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
    /// `[server.packagers]`: a listener of their own, with client certificates. Default: none.
    #[serde(default)]
    pub packagers: Option<Packagers>,
    /// Addresses and networks of proxies, such as `["10.0.0.0/8", "::1"]`: a client that comes
    /// through them has the address that they say. Default: none is believed.
    #[serde(default)]
    pub trusted_proxies: Vec<Text<Network>>,
    /// Whether connections of trusted proxies begin with a PROXY v2 header; one without is
    /// dropped. Others connect as ever. Default `false`.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// The most connections of one client address (IPv6: of one /64); 0 for any number. Not
    /// counted where a trusted proxy does not say whose connection it is. Default 1000.
    #[serde(default = "default_connections_per_address")]
    pub connections_per_address: usize,
    /// How many refusals (401, 403, 404) viewers of one client address (IPv6: of one /64) get in a minute,
    /// those of two minutes at once, before further ones are 429; what is allowed is never held up. 0 for any
    /// number. Default 60.
    #[serde(default = "default_refusals_per_minute")]
    pub refusals_per_minute: u32,
    /// The web origins whose pages may ask, such as `https://player.example.org`, compared
    /// exactly; these may send cookies. `"*"` lets any page ask without cookies. Default: none.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The folder behind `/hls/{stream}/{file}`: the encryptor's sink is `{origin}/{stream}`.
    /// Needed for `/v1/play/` too. Default: neither is served.
    #[serde(default)]
    pub origin: Option<PathBuf>,
    /// `[server.watch]`: a player page at `/watch/{stream}`. Default: none.
    #[serde(default)]
    pub watch: Option<WatchConfig>,
    /// `[server.ops]`.
    #[serde(default)]
    pub ops: Ops,
    /// `[server.hooks.NAME]`: media servers that may ask who publishes and plays, at
    /// `/v1/hooks/NAME`. Default: none.
    #[serde(default)]
    pub hooks: BTreeMap<String, HookConfig>,
    /// `[[server.key_folders]]`: folders of keys that SRS or nginx-rtmp make by themselves, at
    /// `/v1/key-files/{app}/{stream}-{number}.key`. Default: none.
    #[serde(default)]
    pub key_folders: Vec<KeyFolderConfig>,
    /// Worker threads. Default: one for each core.
    #[serde(default)]
    pub workers: Option<NonZeroUsize>,
    /// How long the server goes on after SIGTERM, while `/readyz` already answers 503, so that a
    /// balancer sends its clients elsewhere before the port closes. Default `0s`.
    #[serde(default = "no_drain")]
    pub drain: Text<humantime::Duration>,
}

/// `[server.tls]`: PEM files, read at start and whenever they change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// The certificate's private key: PKCS#8, PKCS#1 or SEC1.
    pub private_key: PathBuf,
}

/// `[server.packagers]`: HTTPS for packagers whose certificate a CA of ours signed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packagers {
    /// Where they connect. No default.
    pub listen: SocketAddr,
    /// The certificate shown to them. Default, with the key: that of `[server.tls]`.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its private key.
    #[serde(default)]
    pub private_key: Option<PathBuf>,
    /// The authorities (PEM) of which a client must show a certificate.
    pub client_ca: PathBuf,
    /// What the authorities revoked (PEM); each of them needs a list then. Default: nothing.
    #[serde(default)]
    pub crl: Option<PathBuf>,
    /// Whether the packagers' routes are gone (404) from `server.listen`. Default `false`.
    #[serde(default)]
    pub only: bool,
}

/// Settings that do not go together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerConfigError {
    /// One half of a pair.
    #[error("server.packagers: certificate and private_key go together")]
    HalfPair,
    /// PROXY headers that nobody may send.
    #[error(
        "server.proxy_protocol needs server.trusted_proxies: from others no header is believed"
    )]
    NoProxies,
    /// The ops listener speaks plain HTTP and would be reachable from elsewhere.
    #[error("server.ops.listen: {0} is not a loopback address, and this listener has no TLS")]
    OpsNotLoopback(SocketAddr),
    /// More threads than any machine has cores.
    #[error("server.workers: at most {MOST_WORKERS}")]
    TooManyWorkers,
    /// The page would have nothing to play with.
    #[error("server.watch: built without the page's player: run `make build`")]
    NoPlayer,
    /// Who may embed the page is no origin.
    #[error("server.watch.embed: '{0}' is no origin such as https://www.example.org")]
    Embedder(String),
    /// What playlists may be called names none.
    #[error("server.watch.files: '{0}' is no relative path of a playlist such as master.m3u8")]
    PlaylistName(String),
}

/// The most that actix starts.
const MOST_WORKERS: usize = 512;

impl ServerConfigError {
    /// The setting that is wrong, as the file spells it.
    pub fn setting(&self) -> &'static str {
        match self {
            Self::HalfPair => "server.packagers",
            Self::NoProxies => "proxy_protocol",
            Self::OpsNotLoopback(_) => "server.ops",
            Self::TooManyWorkers => "workers",
            Self::NoPlayer => "server.watch",
            Self::Embedder(_) => "embed",
            Self::PlaylistName(_) => "files",
        }
    }
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
        let packagers = self.packagers.iter_mut().flat_map(Packagers::paths_mut);
        let paths = tls.into_iter().chain(self.origin.as_mut());
        let hooks = self.hooks.values_mut();
        let secrets = hooks.map(|hook| &mut hook.secret_file);
        let folders = self.key_folders.iter_mut().map(|one| &mut one.path);
        paths
            .chain(packagers)
            .chain(secrets)
            .chain(folders)
            .collect()
    }

    /// Whether the settings go together.
    pub fn check(&self) -> Result<(), ServerConfigError> {
        let halves = self.packagers.as_ref();
        let halves = halves.map(|p| (p.certificate.is_some(), p.private_key.is_some()));
        if halves.is_some_and(|(certificate, key)| certificate != key) {
            return Err(ServerConfigError::HalfPair);
        }
        if self.proxy_protocol && self.trusted_proxies.is_empty() {
            return Err(ServerConfigError::NoProxies);
        }
        if !self.ops.listen.ip().is_loopback() {
            return Err(ServerConfigError::OpsNotLoopback(self.ops.listen));
        }
        if self
            .workers
            .is_some_and(|workers| workers.get() > MOST_WORKERS)
        {
            return Err(ServerConfigError::TooManyWorkers);
        }
        self.watch.as_ref().map_or(Ok(()), WatchConfig::check)
    }

    /// Whether each listener's certificate, key, authorities and lists are good at `now`.
    pub fn check_certificates(&self, now: Timestamp) -> Result<(), TlsError> {
        let packagers = self.packagers.as_ref();
        let packagers = packagers.map(|packagers| packagers.files(&self.tls));
        let mut listeners = [Some(self.tls.files()), packagers].into_iter().flatten();
        listeners.try_for_each(|files| tls::check(&files, now))
    }
}

impl Tls {
    /// The files of the players' listener.
    pub(super) fn files(&self) -> Files {
        Files {
            certificate: self.certificate.clone(),
            private_key: self.private_key.clone(),
            clients: None,
        }
    }
}

impl Packagers {
    fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let optional = [&mut self.certificate, &mut self.private_key, &mut self.crl];
        let optional = optional.into_iter().filter_map(Option::as_mut);
        optional.chain([&mut self.client_ca])
    }

    /// The files of this listener; `tls` has what it does not name itself.
    pub(super) fn files(&self, tls: &Tls) -> Files {
        let own = self.certificate.clone().zip(self.private_key.clone());
        let (certificate, private_key) =
            own.unwrap_or_else(|| (tls.certificate.clone(), tls.private_key.clone()));
        Files {
            certificate,
            private_key,
            clients: Some(ClientFiles {
                ca: self.client_ca.clone(),
                crl: self.crl.clone(),
            }),
        }
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

fn default_connections_per_address() -> usize {
    1000
}

fn default_refusals_per_minute() -> u32 {
    60
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
    fn packagers_have_the_servers_certificate_or_a_whole_one_of_their_own() {
        let with = |more: &str| {
            let text = format!(
                "{LEAST}\n[packagers]\nlisten = '127.0.0.1:1'\nclient_ca = 'ca.pem'\n{more}"
            );
            toml::from_str::<Config>(&text).unwrap()
        };
        let mut config = with("");
        assert_eq!(config.check(), Ok(()));
        assert_eq!(config.paths_mut().len(), 3);
        let files = config.packagers.unwrap().files(&config.tls);
        assert_eq!(files.certificate, PathBuf::from("c.pem"));
        let mut config = with("certificate = 'd.pem'\nprivate_key = 'l.pem'\ncrl = 'r.pem'");
        assert_eq!((config.check(), config.paths_mut().len()), (Ok(()), 6));
        let files = config.packagers.unwrap().files(&config.tls);
        assert_eq!(files.private_key, PathBuf::from("l.pem"));
        let half = with("certificate = 'd.pem'").check();
        assert_eq!(half, Err(ServerConfigError::HalfPair));
    }

    #[test]
    fn proxy_headers_need_somebody_who_may_send_them() {
        let text = format!("{LEAST}\nproxy_protocol = true\n");
        let config: Config = toml::from_str(&text).unwrap();
        assert_eq!(config.check(), Err(ServerConfigError::NoProxies));
        let config = toml::from_str::<Config>(&format!("{text}trusted_proxies = ['::1']"));
        assert_eq!(config.unwrap().check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        let with = |more: &str| toml::from_str::<Config>(&format!("{more}\n{LEAST}")).unwrap();
        assert_eq!(with("workers = 512").check(), Ok(()));
        let refused = with("workers = 513").check();
        assert_eq!(refused, Err(ServerConfigError::TooManyWorkers));
        assert_eq!(with("ops = { listen = '[::1]:1' }").check(), Ok(()));
        let refused = with("ops = { listen = '0.0.0.0:1' }").check();
        assert!(matches!(refused, Err(ServerConfigError::OpsNotLoopback(_))));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = format!("{LEAST}\nport = 1");
        let error = toml::from_str::<Config>(&text).unwrap_err();
        assert!(error.message().contains("port"), "{error}");
    }
}
