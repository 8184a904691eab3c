//! The keys that the configuration has, each tied to its algorithms before any token is seen.
//!
//! Must not know: claims.

use std::path::Path;
use std::str::FromStr as _;

use jsonwebtoken::DecodingKey;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::config::{JwtConfig, JwtFault, KeyConfig};
use super::header::MAX_KID;
use super::key_set::VerifyingKey;
use super::public_key::{from_pem, is_for};
use crate::crypto::{SecretText, read_private};

/// The shortest shared secret, in bytes (RFC 7518 §3.2 for HS256).
const MIN_SECRET: usize = 32;
/// The most keys of one instance.
const MOST_KEYS: usize = 100;

/// A key that verifies, and its secret where that is what it is.
pub(super) struct ConfiguredKey {
    pub(super) key: VerifyingKey,
    pub(super) secret: Option<Zeroizing<Vec<u8>>>,
}

/// Where a key stands in the configuration, at most one of the four.
struct Place<'a> {
    /// The setting before the four names.
    prefix: String,
    secret: Option<&'a SecretText>,
    secret_file: Option<&'a Path>,
    public_key_pem: Option<&'a str>,
    public_key_file: Option<&'a Path>,
}

/// A key as found, and the setting that named it.
struct Found {
    setting: String,
    key: DecodingKey,
    usual: Algorithm,
    secret: Option<Zeroizing<Vec<u8>>>,
}

/// Every key: the one of the instance's own settings, those of `keys`, the alternate.
pub(super) fn load(config: &JwtConfig) -> Result<Vec<ConfiguredKey>, JwtFault> {
    let loose = [primary(config).load()?, alternate(config).load()?];
    if loose[0].is_none() && config.keys.is_empty() && !config.has_issuer_keys() {
        return Err(JwtFault::NoKey);
    }
    if config.keys.len() > MOST_KEYS {
        return Err(JwtFault::TooMany);
    }
    let listed = config.keys.iter().enumerate();
    let listed: Vec<_> = listed
        .map(|(n, key)| one(n, key))
        .collect::<Result<_, _>>()?;
    check_algorithms(config, &loose, &listed)?;
    let accepted = config.algorithms.as_slice();
    let [primary, alternate] = loose.map(|it| it.map(|it| it.with_algorithms(accepted)));
    let (primary, alternate) = (primary.transpose()?, alternate.transpose()?);
    Ok(primary.into_iter().chain(listed).chain(alternate).collect())
}

fn primary(config: &JwtConfig) -> Place<'_> {
    Place {
        prefix: String::new(),
        secret: config.secret.as_ref(),
        secret_file: config.secret_file.as_deref(),
        public_key_pem: None,
        public_key_file: config.public_key_file.as_deref(),
    }
}

fn alternate(config: &JwtConfig) -> Place<'_> {
    Place {
        prefix: "alternate_".to_owned(),
        secret: config.alternate_secret.as_ref(),
        secret_file: config.alternate_secret_file.as_deref(),
        public_key_pem: None,
        public_key_file: config.alternate_public_key_file.as_deref(),
    }
}

/// The key number `n` of `keys`.
fn one(n: usize, config: &KeyConfig) -> Result<ConfiguredKey, JwtFault> {
    let algorithm = algorithm(n, &config.alg)?;
    let place = Place {
        prefix: format!("keys[{n}]."),
        secret: config.secret.as_ref(),
        secret_file: config.secret_file.as_deref(),
        public_key_pem: config.public_key_pem.as_deref(),
        public_key_file: config.public_key_file.as_deref(),
    };
    let found = place.load()?.ok_or(JwtFault::NoListedKey(n))?;
    if !is_for(&found.key, found.usual, algorithm) {
        return Err(JwtFault::ForeignAlgorithm(n, algorithm));
    }
    if config.kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID) {
        return Err(JwtFault::Kid(n));
    }
    let mut key = found.with_algorithms(&[algorithm])?;
    key.key.kid.clone_from(&config.kid);
    Ok(key)
}

fn algorithm(n: usize, name: &str) -> Result<Algorithm, JwtFault> {
    Algorithm::from_str(name).map_err(|_| JwtFault::UnknownAlgorithm(n))
}

/// Whether each algorithm has a key, and each key of `keys` one that is accepted.
fn check_algorithms(
    config: &JwtConfig,
    loose: &[Option<Found>],
    listed: &[ConfiguredKey],
) -> Result<(), JwtFault> {
    let accepted = &config.algorithms;
    let is_used = |algorithm: &Algorithm| {
        let mut listed = listed.iter().flat_map(|key| &key.key.algorithms);
        let mut loose = loose.iter().flatten();
        listed.any(|found| found == algorithm)
            || loose.any(|found| is_for(&found.key, found.usual, *algorithm))
            || config.has_issuer_keys() && !is_hmac(*algorithm)
    };
    if let Some(idle) = accepted.iter().find(|algorithm| !is_used(algorithm)) {
        return Err(JwtFault::IdleAlgorithm(*idle));
    }
    let is_refused = |key: &ConfiguredKey| !accepted.contains(&key.key.algorithms[0]);
    match listed.iter().position(is_refused) {
        Some(n) if !accepted.is_empty() => Err(JwtFault::NoAlgorithm(format!("keys[{n}]"))),
        _ => Ok(()),
    }
}

fn is_hmac(algorithm: Algorithm) -> bool {
    algorithm.family() == jsonwebtoken::AlgorithmFamily::Hmac
}

impl Place<'_> {
    fn load(&self) -> Result<Option<Found>, JwtFault> {
        let names = ["secret", "secret_file", "public_key_pem", "public_key_file"];
        let there = [
            self.secret.is_some(),
            self.secret_file.is_some(),
            self.public_key_pem.is_some(),
            self.public_key_file.is_some(),
        ];
        let mut said = names.iter().zip(there).filter(|(_, is_there)| *is_there);
        let setting = |name: &str| format!("{}{name}", self.prefix);
        let Some((name, _)) = said.next() else {
            return Ok(None);
        };
        if let Some((second, _)) = said.next() {
            return Err(JwtFault::TwoKeys(setting(name), setting(second)));
        }
        self.only(setting(name)).map(Some)
    }

    /// The one that is there, which `setting` names.
    fn only(&self, setting: String) -> Result<Found, JwtFault> {
        if let Some(text) = self.secret {
            return hmac(setting, text.expose());
        }
        if let Some(path) = self.secret_file {
            let text =
                read_private(path).map_err(|error| JwtFault::File(setting.clone(), error))?;
            return hmac(setting, text.trim());
        }
        if let Some(pem) = self.public_key_pem {
            return public(setting, pem.as_bytes(), None);
        }
        let path = self.public_key_file.unwrap_or(Path::new(""));
        match std::fs::read(path) {
            Ok(pem) => public(setting, &pem, Some(path)),
            Err(error) => Err(JwtFault::Unreadable(setting, path.to_owned(), error)),
        }
    }
}

fn hmac(setting: String, text: &str) -> Result<Found, JwtFault> {
    if text.contains("-----BEGIN") {
        return Err(JwtFault::PemSecret(setting));
    }
    if text.len() < MIN_SECRET {
        return Err(JwtFault::ShortSecret(setting, text.len()));
    }
    let secret = Zeroizing::new(text.as_bytes().to_vec());
    Ok(Found {
        setting,
        key: DecodingKey::from_secret(&secret),
        usual: Algorithm::HS256,
        secret: Some(secret),
    })
}

fn public(setting: String, pem: &[u8], path: Option<&Path>) -> Result<Found, JwtFault> {
    let Some((key, usual)) = from_pem(pem) else {
        let place = path.map_or(setting.clone(), |path| {
            format!("{setting}: {}", path.display())
        });
        return Err(JwtFault::PublicKey(place));
    };
    Ok(Found {
        setting,
        key,
        usual,
        secret: None,
    })
}

impl Found {
    /// With those of `accepted` that it is for; with its usual one if none is listed.
    fn with_algorithms(self, accepted: &[Algorithm]) -> Result<ConfiguredKey, JwtFault> {
        let is_ours = |algorithm: &Algorithm| is_for(&self.key, self.usual, *algorithm);
        let algorithms: Vec<_> = match accepted {
            [] => vec![self.usual],
            some => some.iter().copied().filter(is_ours).collect(),
        };
        if algorithms.is_empty() {
            return Err(JwtFault::NoAlgorithm(self.setting));
        }
        let key = VerifyingKey {
            kid: None,
            issuer: None,
            key: self.key,
            algorithms,
        };
        Ok(ConfiguredKey {
            key,
            secret: self.secret,
        })
    }
}
