//! The section `[schemes.NAME]` of a JWT instance.
//!
//! Must not know: the other instances.

mod fault;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::algorithm::Algorithm;
use crate::api::Text;
use crate::crypto::SecretText;
use crate::domain::{Action, StreamPattern};
use crate::outbound::Address;

pub use fault::JwtFault;

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
    /// Algorithms accepted. Default: those of `keys`, those that an issuer's key set has, and for
    /// the keys of the settings below the first one of the key's sort, `HS256`, `RS256`, `ES256`
    /// (`ES384` for a P-384 key, `ES512` for a P-521 key) or `EdDSA`.
    pub algorithms: Vec<Algorithm>,
    /// Keys by name. A token that names one (`kid`) is tried with it, and with those that have no
    /// name; a token that names none, with all.
    pub keys: Vec<KeyConfig>,
    /// The shared secret, at least 32 bytes: a key without a name. At most one of this,
    /// `secret_file` and `public_key_file`.
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
    /// One more of `issuers`.
    pub issuer: Option<String>,
    /// `iss` must be one of these. Default: not looked at.
    pub issuers: Vec<String>,
    /// Where an issuer serves its keys (RFC 7517), https, or http on this machine. At most one of
    /// this, `discovery_url` and `discovery`.
    pub jwks_url: Option<Text<Address>>,
    /// An OpenID configuration, which says where the keys are; its `issuer` must be one of ours.
    pub discovery_url: Option<Text<Address>>,
    /// Whether each of the issuers has one at `/.well-known/openid-configuration`.
    pub discovery: bool,
    /// How long keys that were fetched are good while their server is away, 1 minute to 7 days.
    /// Default `"24h"`.
    pub jwks_stale: Text<humantime::Duration>,
    /// One more of `audiences`.
    pub audience: Option<String>,
    /// `aud` must be or contain one of these. Default: tokens with an `aud` are refused (RFC 7519
    /// §4.1.3).
    pub audiences: Vec<String>,
    /// How far the issuer's clock may be off, at most 5 minutes. Default `"0s"`.
    pub leeway: Text<humantime::Duration>,
    /// The claim that names streams: an array of patterns, or one. Default `"streams"`.
    pub stream_claim: String,
    /// The claim that names the viewer. Default `"sub"`.
    pub subject_claim: String,
    /// The claim that names the viewing session. Default: `sid`, else the token's own id, `jti`.
    pub session_claim: Option<String>,
    /// The claim that binds a token to one key. Default `"kid"`.
    pub kid_claim: String,
    /// What claims must be there besides: names, and tables of names with the value that each must
    /// be or, where it is a list, contain. Default: none.
    pub required_claims: Vec<RequiredClaim>,
    /// How often a token may open something at most; the claim `maxuses` may say fewer. Default: any
    /// number.
    pub max_uses: Option<NonZeroU32>,
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
            keys: Vec::new(),
            secret: None,
            secret_file: None,
            public_key_file: None,
            alternate_secret: None,
            alternate_secret_file: None,
            alternate_public_key_file: None,
            signing_key_file: None,
            issuer: None,
            issuers: Vec::new(),
            jwks_url: None,
            discovery_url: None,
            discovery: false,
            jwks_stale: Text(Duration::from_secs(24 * 3600).into()),
            audience: None,
            audiences: Vec::new(),
            leeway: Text(Duration::ZERO.into()),
            stream_claim: "streams".to_owned(),
            subject_claim: "sub".to_owned(),
            session_claim: None,
            kid_claim: "kid".to_owned(),
            required_claims: Vec::new(),
            max_uses: None,
            max_life: None,
        }
    }
}

/// One entry of `keys`. Exactly one of the last four must be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// What tokens call it. Default: nothing; it is then tried with every token.
    #[serde(default)]
    pub kid: Option<String>,
    /// Its algorithm, such as `"HS256"`: it verifies nothing by another.
    pub alg: String,
    /// The shared secret, at least 32 bytes.
    #[serde(default)]
    pub secret: Option<SecretText>,
    /// A file with the shared secret, mode 0600; white space around it is not part of it.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// The public key, `BEGIN PUBLIC KEY`.
    #[serde(default)]
    pub public_key_pem: Option<String>,
    /// A file with the public key.
    #[serde(default)]
    pub public_key_file: Option<PathBuf>,
}

/// What a token must say besides.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum RequiredClaim {
    /// That it says something under this name.
    Name(String),
    /// What it says, by name: a text, a whole number or a boolean.
    Values(BTreeMap<String, ClaimValue>),
}

/// The value of a required claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ClaimValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// Text, to the letter.
    Text(String),
}

impl JwtConfig {
    /// Whether keys come from an issuer's own server.
    pub(super) fn has_issuer_keys(&self) -> bool {
        self.discovery || self.discovery_url.is_some() || self.jwks_url.is_some()
    }

    /// Who may issue tokens; empty for anybody.
    pub(super) fn all_issuers(&self) -> impl Iterator<Item = &String> {
        self.issuer.iter().chain(&self.issuers)
    }

    /// Who tokens may be for; empty for nobody in particular.
    pub(super) fn all_audiences(&self) -> impl Iterator<Item = &String> {
        self.audience.iter().chain(&self.audiences)
    }

    /// Every path of the section, for resolving relative ones.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let listed = self.keys.iter_mut();
        let listed = listed.flat_map(|key| [&mut key.secret_file, &mut key.public_key_file]);
        [
            &mut self.secret_file,
            &mut self.public_key_file,
            &mut self.alternate_secret_file,
            &mut self.alternate_public_key_file,
            &mut self.signing_key_file,
        ]
        .into_iter()
        .chain(listed)
        .flatten()
        .collect()
    }
}
