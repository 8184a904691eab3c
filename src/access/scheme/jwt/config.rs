//! The section `[schemes.NAME]` of a JWT instance.
//!
//! Must not know: the other instances.

use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::api::Text;
use crate::crypto::{PrivateFileError, SecretText};
use crate::domain::{Action, StreamPattern};

/// One instance of a scheme.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JwtConfig {
    /// `"jwt"`; not needed where the instance has that name.
    pub kind: Option<IgnoredAny>,
    /// The streams it may speak for, whatever its tokens name. Default `["**"]`.
    pub streams: Vec<Text<StreamPattern>>,
    /// The most that a token may do; a token without the claim `actions` may do what viewers do.
    /// Default `["deliver", "play"]`; `operate` is refused.
    pub actions: Vec<Text<Action>>,
    /// Algorithms accepted. Default: the first one of the key's sort, `HS256`, `RS256`, `ES256`
    /// (`ES384` for a P-384 key) or `EdDSA`.
    pub algorithms: Vec<Algorithm>,
    /// The shared secret, at least 32 bytes. Exactly one of this, `secret_file` and
    /// `public_key_file` must be there.
    pub secret: Option<SecretText>,
    /// A file with the shared secret, mode 0600; white space around it is not part of it.
    pub secret_file: Option<PathBuf>,
    /// A PEM file, `BEGIN PUBLIC KEY`.
    pub public_key_file: Option<PathBuf>,
    /// A second shared secret that verifies, for a change of secrets. At most one of this and the
    /// next two.
    pub alternate_secret: Option<SecretText>,
    /// A file with the second shared secret.
    pub alternate_secret_file: Option<PathBuf>,
    /// A second public key that verifies.
    pub alternate_public_key_file: Option<PathBuf>,
    /// The private key of `public_key_file`, PEM (PKCS#8), mode 0600. Only `token mint` reads it.
    pub signing_key_file: Option<PathBuf>,
    /// `iss` must be this. Default: not looked at.
    pub issuer: Option<String>,
    /// `aud` must be or contain this. Default: tokens with an `aud` are refused (RFC 7519
    /// §4.1.3).
    pub audience: Option<String>,
    /// How far the issuer's clock may be off, at most 5 minutes. Default `"0s"`.
    pub leeway: Text<humantime::Duration>,
    /// The claim that names streams: an array of patterns, or one. Default `"streams"`.
    pub stream_claim: String,
    /// The claim that names the viewer. Default `"sub"`.
    pub subject_claim: String,
    /// The longest time from `iat` to `exp`; makes `iat` required. Default: no limit.
    pub max_life: Option<Text<humantime::Duration>>,
}

impl Default for JwtConfig {
    fn default() -> Self {
        Self {
            kind: None,
            streams: vec![Text(StreamPattern::any())],
            actions: Action::VIEWER.map(Text).to_vec(),
            algorithms: Vec::new(),
            secret: None,
            secret_file: None,
            public_key_file: None,
            alternate_secret: None,
            alternate_secret_file: None,
            alternate_public_key_file: None,
            signing_key_file: None,
            issuer: None,
            audience: None,
            leeway: Text(Duration::ZERO.into()),
            stream_claim: "streams".to_owned(),
            subject_claim: "sub".to_owned(),
            max_life: None,
        }
    }
}

impl JwtConfig {
    /// Every path of the section, for resolving relative ones.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        [
            &mut self.secret_file,
            &mut self.public_key_file,
            &mut self.alternate_secret_file,
            &mut self.alternate_public_key_file,
            &mut self.signing_key_file,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What is wrong with an instance. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum JwtFault {
    /// Nothing to verify with.
    #[error("one of secret, secret_file and public_key_file is needed")]
    NoKey,
    /// More than one key where one is meant.
    #[error("{0} and {1} exclude each other")]
    TwoKeys(&'static str, &'static str),
    /// A private file cannot be read.
    #[error("{0}: {1}")]
    File(&'static str, #[source] PrivateFileError),
    /// The public key file cannot be read.
    #[error("{0}: cannot read {1}: {2}")]
    Unreadable(&'static str, PathBuf, #[source] std::io::Error),
    /// The secret could be guessed.
    #[error("{0} has {1} bytes: at least 32 are needed")]
    ShortSecret(&'static str, usize),
    /// A PEM key as a shared secret would let everybody sign who has the public key.
    #[error("{0} is a PEM key, not a shared secret: use public_key_file")]
    PemSecret(&'static str),
    /// Not the PEM of a public key that can be used.
    #[error(
        "{0}: {1} is not the PEM of a public key (RSA of 2048 bits or more, P-256, P-384, Ed25519)"
    )]
    PublicKey(&'static str, PathBuf),
    /// Not the PEM of a private key that fits.
    #[error("signing_key_file: not the PEM (PKCS#8) of the private key of public_key_file")]
    SigningKey,
    /// A key that no algorithm uses.
    #[error("algorithms has none for {0}")]
    NoAlgorithm(&'static str),
    /// An algorithm that no key is for.
    #[error("algorithms has {0:?}, which no configured key is for")]
    IdleAlgorithm(Algorithm),
    /// Tokens may never operate.
    #[error("actions must not have operate: operators use API keys")]
    Operate,
    /// Too generous a clock.
    #[error("leeway is at most 5m")]
    Leeway,
    /// One claim cannot mean two things.
    #[error("{0} must not be '{1}', which has a meaning of its own")]
    Claim(&'static str, String),
}
