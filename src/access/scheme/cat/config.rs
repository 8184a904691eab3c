//! The section `[schemes.NAME]` of a CAT instance.
//!
//! Must not know: the other instances.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::claims::ClaimKey;
use super::cose::CatAlgorithm;
use super::key::Key;
use super::{Cat, Rules};
use crate::access::scheme::scope::Scope;
use crate::api::Text;
use crate::crypto::{PrivateFileError, SecretText};
use crate::domain::StreamPattern;

/// The most keys of an instance.
const MOST_KEYS: usize = 16;

/// One instance.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatConfig {
    /// `"cat"`; not needed where the instance has that name.
    pub kind: Option<IgnoredAny>,
    /// The streams it may speak for, and those of a token that names no URL. Default `["**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// The keys; the first that can signs. No default.
    pub keys: Vec<CatKeyConfig>,
    /// `iss` must be one of these. Default: not looked at.
    pub issuers: Vec<String>,
    /// `aud` must be, or have, one of these. Default: tokens with an `aud` are refused (RFC 8392
    /// §3.1.3).
    pub audiences: Vec<String>,
    /// Whether a token must end. Default `true`.
    pub require_exp: bool,
    /// Claims, by their number or name, that this server does not know and that restrict nothing.
    /// Default: none, and a token with a claim that is not known is refused.
    pub harmless_claims: Vec<ClaimKey>,
}

/// One key.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CatKeyConfig {
    /// Its name in tokens.
    pub kid: String,
    /// `"HS256"`, `"ES256"` or `"PS256"`.
    pub alg: Option<CatAlgorithm>,
    /// The shared secret of HS256, at least 64 hexadecimal digits.
    pub secret_hex: Option<SecretText>,
    /// A file with it, mode 0600.
    pub secret_hex_file: Option<PathBuf>,
    /// The public key of ES256 (P-256) and PS256 (RSA, 2048 bits or more), `BEGIN PUBLIC KEY`.
    pub public_key_pem: Option<String>,
    /// The private key of `public_key_pem`, PEM (PKCS#8), mode 0600. Only `token mint` reads it.
    pub signing_key_file: Option<PathBuf>,
}

impl Default for CatConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            keys: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            require_exp: true,
            harmless_claims: Vec::new(),
        }
    }
}

/// What is wrong with an instance. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum CatFault {
    /// Nothing to verify with.
    #[error("keys is empty: one is needed, with kid, alg and secret_hex or public_key_pem")]
    NoKeys,
    /// More than are tried.
    #[error("keys has more than {MOST_KEYS}")]
    TooManyKeys,
    /// A key without an algorithm.
    #[error("keys: each needs alg = \"HS256\", \"ES256\" or \"PS256\"")]
    NoAlgorithm,
    /// A key without a name.
    #[error("keys: each needs a kid")]
    NoKid,
    /// What the algorithm needs is missing, or there is more than that.
    #[error("keys: the algorithm needs {0}, and nothing else")]
    Material(&'static str),
    /// Not hexadecimal digits.
    #[error("keys: secret_hex is an even number of hexadecimal digits")]
    Hex,
    /// A secret that can be guessed.
    #[error("keys: secret_hex has {0} bytes, at least 32 are needed")]
    ShortSecret(usize),
    /// Not a key of the algorithm's sort, or too weak.
    #[error(
        "keys: public_key_pem is no BEGIN PUBLIC KEY of the algorithm's sort: P-256 for ES256, \
         RSA of 2048 bits or more for PS256"
    )]
    PublicKey,
    /// The file of a secret cannot be read.
    #[error("keys: {0}")]
    File(#[from] PrivateFileError),
}

impl CatConfig {
    pub(in crate::access) fn load(&self, name: &str) -> Result<(Cat, Scope), CatFault> {
        match self.keys.len() {
            0 => return Err(CatFault::NoKeys),
            1..=MOST_KEYS => {}
            _ => return Err(CatFault::TooManyKeys),
        }
        let keys: Result<Vec<_>, _> = self.keys.iter().map(Key::load).collect();
        let rules = Rules {
            issuers: self.issuers.clone(),
            audiences: self.audiences.clone(),
            require_exp: self.require_exp,
            harmless: self.harmless_claims.iter().cloned().collect(),
        };
        let scope = Scope::viewers(name, &self.streams);
        Ok((Cat::new(keys?, rules, &scope), scope))
    }

    /// Every path of the section, for resolving relative ones.
    pub(in crate::access) fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let files = self.keys.iter_mut();
        let files = files.flat_map(|key| [&mut key.secret_hex_file, &mut key.signing_key_file]);
        files.flatten().collect()
    }
}
