//! The section `[schemes.NAME]` of an EdgeAuth instance.
//!
//! Must not know: the other instances.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::EdgeAuth;
use crate::access::scheme::scope::Scope;
use crate::access::scheme::secrets::with_lines;
use crate::access::scheme::tilde::hex;
use crate::api::Text;
use crate::crypto::{LegacyHash, LegacyMac, PrivateFileError, SecretText, read_private};
use crate::domain::StreamPattern;

/// The most keys of an instance.
const MOST_KEYS: usize = 8;
/// The longest key, in bytes: HMAC hashes longer ones, so that none is stronger.
const LONGEST_KEY: usize = 128;

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
    /// A file with more of them, one a line, mode 0600.
    pub secrets_hex_file: Option<PathBuf>,
    /// `"sha256"` (default), and for old signers `"sha1"` and `"md5"`.
    pub hash: MacAlgorithm,
    /// Text that is hashed with each token. Default: none.
    pub salt: Option<SecretText>,
    /// A file with it, mode 0600.
    pub salt_file: Option<PathBuf>,
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
    #[error("secrets_hex is empty: one key is needed, there or in secrets_hex_file")]
    None,
    /// More than are tried.
    #[error("secrets_hex has more than {MOST_KEYS} keys")]
    TooMany,
    /// Not hexadecimal digits, none, or too many.
    #[error(
        "secrets_hex: a key is an even number of hexadecimal digits, of 1 to {LONGEST_KEY} bytes"
    )]
    Hex,
    /// It is not clear which one is meant.
    #[error("one of salt and salt_file is enough")]
    Salts,
    /// A file cannot be read.
    #[error("{0}: {1}")]
    File(&'static str, #[source] PrivateFileError),
}

impl Default for EdgeAuthConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            secrets_hex: Vec::new(),
            secrets_hex_file: None,
            hash: MacAlgorithm::default(),
            salt: None,
            salt_file: None,
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
        let secrets = self.secrets()?;
        let key = |text: &SecretText| {
            let key = hex(text.expose())?;
            (1..=LONGEST_KEY)
                .contains(&key.len())
                .then(|| LegacyMac::new(hash, &key))
        };
        let keys: Option<Vec<_>> = secrets.iter().map(key).collect();
        let keys = keys.ok_or(EdgeAuthFault::Hex)?;
        let usual = || ["hdnts", "hdnea", "__token__"].map(str::to_owned).to_vec();
        let scheme = EdgeAuth {
            keys,
            secrets,
            hash,
            salt: self.salt()?,
            escape_early: self.escape_early,
            long_life: *self.long_life.0,
            names: self.name.clone().map_or_else(usual, |name| vec![name]),
        };
        Ok((scheme, Scope::viewers(name, &self.streams)))
    }

    /// Every path of the section, for resolving relative ones.
    pub(in crate::access) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let files = [&mut self.secrets_hex_file, &mut self.salt_file];
        files.into_iter().flatten().collect()
    }

    fn secrets(&self) -> Result<Vec<SecretText>, EdgeAuthFault> {
        let file = |error| EdgeAuthFault::File("secrets_hex_file", error);
        let secrets = with_lines(&self.secrets_hex, self.secrets_hex_file.as_deref());
        let secrets = secrets.map_err(file)?;
        match secrets.len() {
            0 => Err(EdgeAuthFault::None),
            1..=MOST_KEYS => Ok(secrets),
            _ => Err(EdgeAuthFault::TooMany),
        }
    }

    fn salt(&self) -> Result<Option<SecretText>, EdgeAuthFault> {
        match (&self.salt, &self.salt_file) {
            (Some(_), Some(_)) => Err(EdgeAuthFault::Salts),
            (salt, None) => Ok(salt.clone()),
            (None, Some(path)) => {
                let text = read_private(path);
                let text = text.map_err(|error| EdgeAuthFault::File("salt_file", error))?;
                // An editor's last line feed is no part of it.
                let salt = text.strip_suffix('\n').unwrap_or(&text);
                Ok(Some(SecretText::new(salt.to_owned())))
            }
        }
    }
}
