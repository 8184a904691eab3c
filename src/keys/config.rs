//! The section `[keys]`.
//!
//! Must not know: where the configuration was read from.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::api::{IvSpec, KeyScopeSpec, RegistrationError, RotationSpec, StreamRegistration, Text};
use crate::domain::{StreamPattern, StreamPolicy};

/// The section `[keys]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What every key URI begins with, as players reach the server: `https://keys.example.net`.
    /// A key's URI is `{public_url}/v1/keys/{kid}` and never changes, so neither should this.
    #[serde(deserialize_with = "public_url")]
    pub public_url: String,
    /// The master keys' files, the sealing one first; any of them opens. Mode 0600, 64 hex
    /// digits each. Default `["keystore/master.key"]`.
    #[serde(default = "default_master_keys")]
    pub master_keys: Vec<PathBuf>,
    /// How far ahead an encryptor gets its keys, and so how long it can go on without the
    /// server. Default `1h`.
    #[serde(default = "default_lease")]
    pub lease: Text<humantime::Duration>,
    /// Keys that one credential may have issued in an hour besides those that streams rotating by
    /// the clock need now; a new stream counts as 25. Each is a row that stays. Default 250000.
    #[serde(default = "default_issued_per_hour")]
    pub issued_per_hour: u32,
    /// `[keys.retention]`: how long keys are served and kept.
    #[serde(default)]
    pub retention: Retention,
    /// Policies for streams that register themselves by asking for a lease: the first whose
    /// `streams` matches. Default none: such streams are refused.
    #[serde(default)]
    pub templates: Vec<Template>,
}

impl Config {
    /// The paths, to be made absolute.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        self.master_keys.iter_mut().collect()
    }
}

/// How long keys are served and kept: `[keys.retention]`.
///
/// A key is served until no playlist that lists it can be in use, which is the length of the longest
/// one after it listed the key last, and for `grace` more; a key that a VOD or EVENT playlist lists,
/// or one that has ended, until its stream is removed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// How much longer than playlists need it a key is served. Default `1h`.
    pub grace: Text<humantime::Duration>,
    /// How long playlists are taken to list a key, after its period, when nobody reports what they
    /// list. Default `24h`.
    pub window: Text<humantime::Duration>,
    /// How long a key that is no longer served stays sealed in the store, and after that how long
    /// its URI is still answered with 410 and not 404. Default `30days`: as long as it may take to
    /// notice that the other settings were too short.
    pub destroy_after: Text<humantime::Duration>,
    /// How often keys are looked at, at least `1s`. Default `1m`.
    pub sweep: Text<humantime::Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let seconds = |count| Text(Duration::from_secs(count).into());
        Self {
            grace: seconds(3600),
            window: seconds(24 * 3600),
            destroy_after: seconds(30 * 24 * 3600),
            sweep: seconds(60),
        }
    }
}

/// A policy for streams that register on first sight: `[[keys.templates]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "TemplateSpec")]
pub struct Template {
    /// Which streams.
    pub streams: StreamPattern,
    /// How they are registered.
    pub policy: StreamPolicy,
}

/// As written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateSpec {
    streams: String,
    #[serde(default)]
    rotation: RotationSpec,
    #[serde(default)]
    key_scope: KeyScopeSpec,
    #[serde(default)]
    iv: IvSpec,
}

/// A template that cannot be used. The message may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The pattern is none.
    #[error("streams: {0}")]
    Pattern(String),
    /// The policy contradicts itself or is out of bounds.
    #[error(transparent)]
    Policy(#[from] RegistrationError),
}

impl TryFrom<TemplateSpec> for Template {
    type Error = TemplateError;

    fn try_from(spec: TemplateSpec) -> Result<Self, TemplateError> {
        let streams = StreamPattern::try_from(spec.streams);
        let registration = StreamRegistration {
            rotation: Some(spec.rotation),
            key_scope: spec.key_scope,
            iv: spec.iv,
            ..StreamRegistration::default()
        };
        Ok(Self {
            streams: streams.map_err(|error| TemplateError::Pattern(error.to_string()))?,
            policy: (&registration).try_into()?,
        })
    }
}

fn default_master_keys() -> Vec<PathBuf> {
    vec![PathBuf::from("keystore/master.key")]
}

fn default_lease() -> Text<humantime::Duration> {
    Text(Duration::from_secs(3600).into())
}

fn default_issued_per_hour() -> u32 {
    250_000
}

/// The URL stands in playlists as it is, so nothing in it may need quoting there.
fn public_url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let url = String::deserialize(from)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]@%".contains(&b);
    let host = url.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.starts_with('/') || url.len() > 1024 || !url.bytes().all(is_plain) {
        return Err(de::Error::custom(
            "public_url is https://HOST[:PORT][/PATH] without a query",
        ));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Rotation;

    #[test]
    fn a_section_is_read_with_its_defaults() {
        let mut config: Config = toml::from_str(
            "public_url = 'https://keys.example.net/'
             [[templates]]
             streams = 'demo/**'
             rotation = { every = '20s' }
             [[templates]]
             streams = 'vod/*'",
        )
        .unwrap();
        assert_eq!(config.public_url, "https://keys.example.net");
        assert_eq!(Duration::from(config.lease.0), Duration::from_secs(3600));
        assert_eq!(
            Duration::from(config.retention.grace.0),
            Duration::from_secs(3600)
        );
        assert_eq!(config.paths_mut().len(), 1);
        let rules: Vec<Rotation> = config.templates.iter().map(|t| t.policy.rotation).collect();
        let every = Rotation::every(Duration::from_secs(20)).unwrap();
        assert_eq!(rules, [every, Rotation::Never]);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for bad in [
            "",
            "public_url = 'http://keys.example.net'",
            "public_url = 'https://'",
            "public_url = 'https:///path'",
            "public_url = 'https://keys.example.net/?a=b'",
            "public_url = 'https://keys.example.net/\"'",
            "public_url = 'https://a'\nlease = 'soon'",
            "public_url = 'https://a'\nleases = '1h'",
            "public_url = 'https://a'\nretention = { graze = '1h' }",
            "public_url = 'https://a'\n[[templates]]\nstreams = 'live*'",
            "public_url = 'https://a'\n[[templates]]\nstreams = 'a'\niv = 'sequence'",
            "public_url = 'https://a'\n[[templates]]\nstreams = 'a'\nrotation = { every = '0s' }",
        ] {
            assert!(toml::from_str::<Config>(bad).is_err(), "{bad}");
        }
    }
}
