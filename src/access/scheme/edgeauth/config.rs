//! The section `[schemes.NAME]` of an EdgeAuth instance.
//!
//! Must not know: the other instances.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::EdgeAuth;
use crate::access::scheme::scope::Scope;
use crate::access::scheme::tilde::hex;
use crate::api::Text;
use crate::crypto::{LegacyHash, LegacyMac, SecretText};
use crate::domain::StreamPattern;

/// One instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeAuthConfig {
    /// `"edgeauth"`; not needed where the instance has that name.
    pub kind: Option<IgnoredAny>,
    /// The streams it may speak for, whatever its tokens name. Default `["**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// The keys, in hexadecimal digits; any of them verifies, the first signs.
    pub secrets_hex: Vec<SecretText>,
    /// `"sha256"` (default), and for old signers `"sha1"` and `"md5"`.
    pub hash: MacAlgorithm,
    /// Text that is hashed with each token. Default: none.
    pub salt: Option<SecretText>,
    /// Whether `token mint` escapes values before it signs. What comes is verified as received.
    pub escape_early: bool,
    /// The parameter and the cookie that hold the token. Default: `hdnts`, `hdnea` and `__token__`
    /// are all looked at.
    pub name: Option<String>,
    /// How long the `hdntl` token lasts that a short one is exchanged for when a viewer's playlist is
    /// fetched or a session is begun; `"0s"`: none is made. Default `"12h"`.
    pub long_life: Text<humantime::Duration>,
}

/// Which HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MacAlgorithm {
    /// HMAC-SHA256.
    #[default]
    Sha256,
    /// HMAC-SHA1; legacy.
    Sha1,
    /// HMAC-MD5; legacy.
    Md5,
}

/// What is wrong with an instance. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum EdgeAuthFault {
    /// None is configured.
    #[error("secrets_hex is empty: one key is needed")]
    None,
    /// Not hexadecimal digits.
    #[error("secrets_hex: a key is an even number of hexadecimal digits")]
    Hex,
}

impl Default for EdgeAuthConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            secrets_hex: Vec::new(),
            hash: MacAlgorithm::default(),
            salt: None,
            escape_early: false,
            name: None,
            long_life: Text(Duration::from_secs(12 * 3600).into()),
        }
    }
}

impl EdgeAuthConfig {
    pub(in crate::access) fn load(&self, name: &str) -> Result<(EdgeAuth, Scope), EdgeAuthFault> {
        let hash = match self.hash {
            MacAlgorithm::Sha256 => LegacyHash::Sha256,
            MacAlgorithm::Sha1 => LegacyHash::Sha1,
            MacAlgorithm::Md5 => LegacyHash::Md5,
        };
        let key = |text: &SecretText| hex(text.expose()).map(|key| LegacyMac::new(hash, &key));
        let keys: Option<Vec<_>> = self.secrets_hex.iter().map(key).collect();
        let keys = keys.ok_or(EdgeAuthFault::Hex)?;
        if keys.is_empty() {
            return Err(EdgeAuthFault::None);
        }
        let usual = || ["hdnts", "hdnea", "__token__"].map(str::to_owned).to_vec();
        let scheme = EdgeAuth {
            keys,
            secrets: self.secrets_hex.clone(),
            hash,
            salt: self.salt.clone(),
            escape_early: self.escape_early,
            long_life: *self.long_life.0,
            names: self.name.clone().map_or_else(usual, |name| vec![name]),
        };
        Ok((scheme, Scope::viewers(name, &self.streams)))
    }
}
