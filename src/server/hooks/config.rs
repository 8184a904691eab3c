//! `[server.hooks.NAME]`: the media servers that may ask who publishes and plays.
//!
//! Must not know: what they ask.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use super::told::Told;
use crate::access::Way;
use crate::api::Text;
use crate::crypto::{PrivateFileError, SecretText, read_private};
use crate::domain::{Network, StreamId, StreamPattern};

/// `[server.hooks.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// Which media server asks. No default.
    pub kind: HookKind,
    /// What it shows of itself: a file with one secret of 16 bytes or more, mode 0600. No default.
    pub secret_file: PathBuf,
    /// The streams that it may ask about; others are refused, whatever the credential. No default.
    pub streams: Vec<Text<StreamPattern>>,
    /// The addresses that it asks from. Default: loopback.
    #[serde(default)]
    pub from: Vec<Text<Network>>,
    /// Of SRS: the vhosts whose streams are called `app/stream`, as those of the default one are; of every
    /// other vhost they are `vhost/app/stream`. Default: none.
    #[serde(default)]
    pub vhosts: Vec<String>,
}

/// A media server whose questions are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HookKind {
    /// nginx-rtmp: `on_publish`, `on_play`, `on_done`.
    NginxRtmp,
    /// SRS: `http_hooks`.
    Srs,
    /// MediaMTX: `authMethod: http`.
    Mediamtx,
    /// Nimble Streamer: publish control and playback authorization.
    Nimble,
    /// OvenMediaEngine: `AdmissionWebhooks`; the secret signs what it asks.
    OvenMediaEngine,
}

/// Why a hook is not served.
#[derive(Debug, thiserror::Error)]
pub enum HookFault {
    /// The secret cannot be read.
    #[error("server.hooks.{0}: secret_file: {1}")]
    Secret(String, #[source] PrivateFileError),
    /// It could be guessed.
    #[error("server.hooks.{0}: secret_file: a secret has {LEAST} bytes or more")]
    Short(String),
    /// Only SRS has vhosts.
    #[error("server.hooks.{0}: vhosts is for the kind srs")]
    NoVhosts(String),
    /// Nothing would ever be let through.
    #[error("server.hooks.{0}: streams is empty: name those that the media server may ask about")]
    NoStreams(String),
}

/// The shortest secret, in bytes.
const LEAST: usize = 16;

/// Every hook by its name.
pub(in crate::server) struct Hooks(BTreeMap<String, Hook>);

/// One media server.
pub(super) struct Hook {
    pub(super) name: Arc<str>,
    number: u16,
    pub(super) kind: HookKind,
    pub(super) secret: SecretText,
    streams: Vec<StreamPattern>,
    from: Vec<Network>,
    vhosts: Vec<String>,
}

impl Hooks {
    pub(in crate::server) fn load(
        config: &BTreeMap<String, HookConfig>,
    ) -> Result<Self, HookFault> {
        let hooks = config.iter().zip(0..);
        let hooks =
            hooks.map(|((name, one), number)| Ok((name.clone(), Hook::load(name, number, one)?)));
        hooks.collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn of(&self, name: &str) -> Option<&Hook> {
        self.0.get(name)
    }
}

impl Hook {
    fn load(name: &str, number: u16, config: &HookConfig) -> Result<Self, HookFault> {
        let secret = read_private(&config.secret_file);
        let secret = secret.map_err(|error| HookFault::Secret(name.to_owned(), error))?;
        let secret = SecretText::new(secret.trim().to_owned());
        if secret.expose().len() < LEAST {
            return Err(HookFault::Short(name.to_owned()));
        }
        if config.streams.is_empty() {
            return Err(HookFault::NoStreams(name.to_owned()));
        }
        if config.kind != HookKind::Srs && !config.vhosts.is_empty() {
            return Err(HookFault::NoVhosts(name.to_owned()));
        }
        Ok(Self {
            name: name.into(),
            number,
            kind: config.kind,
            secret,
            streams: config.streams.iter().map(|text| text.0.clone()).collect(),
            from: config.from.iter().map(|text| text.0).collect(),
            vhosts: config.vhosts.clone(),
        })
    }

    /// What the stream is called here. Two vhosts may have a stream of the same name, and each is another's.
    pub(super) fn name_of(&self, told: &Told) -> String {
        match &told.host {
            Some(host) if !self.vhosts.contains(host) => format!("{host}/{}", told.stream),
            _ => told.stream.clone(),
        }
    }

    /// By which way come those for whom it asks.
    pub(super) fn way(&self) -> Way {
        Way::Hook(self.number)
    }

    /// Whether it may ask about that stream.
    pub(super) fn has(&self, stream: &StreamId) -> bool {
        self.streams.iter().any(|pattern| pattern.matches(stream))
    }

    /// Whether it may ask from that address.
    pub(super) fn is_at(&self, address: IpAddr) -> bool {
        match self.from.is_empty() {
            true => address.is_loopback(),
            false => self.from.iter().any(|network| network.contains(address)),
        }
    }
}
