//! The keys of a JWT instance, each tied to its algorithms before any token is seen.
//!
//! An HMAC algorithm is never tried with a public key, nor the other way round: a token's header
//! picks among the algorithms configured, and the algorithm alone picks the key.
//!
//! Must not know: claims.

use std::path::Path;

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use zeroize::Zeroizing;

use super::config::{JwtConfig, JwtFault};
use crate::crypto::{SecretText, read_private};

/// The shortest shared secret, in bytes (RFC 7518 §3.2 for HS256).
const MIN_SECRET: usize = 32;

/// The shortest RSA modulus, in bytes (RFC 7518 §3.3); parsing alone lets shorter ones pass.
const MIN_MODULUS: usize = 256;

/// A key that verifies, and the algorithms that it is for; never none.
pub(super) struct VerifyingKey {
    pub(super) key: DecodingKey,
    pub(super) algorithms: Vec<Algorithm>,
}

/// A key as configured, and the option that named it.
struct Named {
    option: &'static str,
    key: DecodingKey,
    usual: Algorithm,
}

/// The instance's key, and the alternate if there is one.
pub(super) fn load(config: &JwtConfig) -> Result<Vec<VerifyingKey>, JwtFault> {
    let named = [primary(config)?, alternate(config)?];
    if named[0].is_none() {
        return Err(JwtFault::NoKey);
    }
    let idle = config.algorithms.iter().find(|algorithm| {
        let mut keys = named.iter().flatten();
        !keys.any(|named| named.is_for(**algorithm))
    });
    if let Some(idle) = idle {
        return Err(JwtFault::IdleAlgorithm(*idle));
    }
    let keys = named.into_iter().flatten();
    keys.map(|named| named.with_algorithms(&config.algorithms))
        .collect()
}

/// The instance's shared secret, if it has one.
pub(super) fn shared_secret(config: &JwtConfig) -> Result<Option<Zeroizing<Vec<u8>>>, JwtFault> {
    match (&config.secret, &config.secret_file) {
        (Some(_), Some(_)) => Err(JwtFault::TwoKeys("secret", "secret_file")),
        (Some(text), None) => secret("secret", text.expose()).map(Some),
        (None, Some(path)) => secret_from("secret_file", path).map(Some),
        (None, None) => Ok(None),
    }
}

fn primary(config: &JwtConfig) -> Result<Option<Named>, JwtFault> {
    one_of(
        ("secret", &config.secret),
        ("secret_file", config.secret_file.as_deref()),
        ("public_key_file", config.public_key_file.as_deref()),
    )
}

fn alternate(config: &JwtConfig) -> Result<Option<Named>, JwtFault> {
    one_of(
        ("alternate_secret", &config.alternate_secret),
        (
            "alternate_secret_file",
            config.alternate_secret_file.as_deref(),
        ),
        (
            "alternate_public_key_file",
            config.alternate_public_key_file.as_deref(),
        ),
    )
}

fn one_of(
    (text_option, text): (&'static str, &Option<SecretText>),
    (file_option, file): (&'static str, Option<&Path>),
    (public_option, public): (&'static str, Option<&Path>),
) -> Result<Option<Named>, JwtFault> {
    match (text, file, public) {
        (None, None, None) => Ok(None),
        (Some(text), None, None) => hmac(text_option, &secret(text_option, text.expose())?),
        (None, Some(path), None) => hmac(file_option, &secret_from(file_option, path)?),
        (None, None, Some(path)) => public_key(public_option, path).map(Some),
        (Some(_), Some(_), _) => Err(JwtFault::TwoKeys(text_option, file_option)),
        (Some(_), _, Some(_)) => Err(JwtFault::TwoKeys(text_option, public_option)),
        (_, Some(_), Some(_)) => Err(JwtFault::TwoKeys(file_option, public_option)),
    }
}

fn hmac(option: &'static str, secret: &[u8]) -> Result<Option<Named>, JwtFault> {
    Ok(Some(Named {
        option,
        key: DecodingKey::from_secret(secret),
        usual: Algorithm::HS256,
    }))
}

fn secret_from(option: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, JwtFault> {
    let text = read_private(path).map_err(|error| JwtFault::File(option, error))?;
    secret(option, text.trim())
}

fn secret(option: &'static str, text: &str) -> Result<Zeroizing<Vec<u8>>, JwtFault> {
    if text.contains("-----BEGIN") {
        return Err(JwtFault::PemSecret(option));
    }
    if text.len() < MIN_SECRET {
        return Err(JwtFault::ShortSecret(option, text.len()));
    }
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

fn public_key(option: &'static str, path: &Path) -> Result<Named, JwtFault> {
    let pem = std::fs::read(path)
        .map_err(|error| JwtFault::Unreadable(option, path.to_owned(), error))?;
    let found =
        parse_public(&pem).and_then(|(key, usual)| is_usable(&key, usual).then_some((key, usual)));
    let (key, usual) = found.ok_or_else(|| JwtFault::PublicKey(option, path.to_owned()))?;
    Ok(Named { option, key, usual })
}

/// Private keys and certificates are no public keys, although the parser would take some.
fn parse_public(pem: &[u8]) -> Option<(DecodingKey, Algorithm)> {
    let is_public = pem.windows(11).any(|part| part == b"PUBLIC KEY-");
    if !is_public {
        return None;
    }
    let rsa = DecodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256));
    let ec = || DecodingKey::from_ec_pem(pem).map(|key| (ec_algorithm(&key), key));
    let ed = || DecodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA));
    rsa.or_else(|_| ec().map(|(algorithm, key)| (key, algorithm)))
        .or_else(|_| ed())
        .ok()
}

/// By the length of the point: 97 bytes are P-384's.
fn ec_algorithm(key: &DecodingKey) -> Algorithm {
    match key.try_get_as_bytes().map(<[u8]>::len) {
        Ok(97) => Algorithm::ES384,
        _ => Algorithm::ES256,
    }
}

/// Whether the key is sound and large enough: better said at the start than at each token.
fn is_usable(key: &DecodingKey, usual: Algorithm) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match usual {
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    };
    let Ok(bytes) = key.try_get_as_bytes() else {
        return false;
    };
    let is_large = key.family() != AlgorithmFamily::Rsa || bytes.len() > MIN_MODULUS;
    is_large && ParsedPublicKey::new(algorithm, bytes).is_ok()
}

impl Named {
    /// A key of a curve is for that curve's algorithm alone.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        match self.key.family() {
            AlgorithmFamily::Ec => algorithm == self.usual,
            family => algorithm.family() == family,
        }
    }

    fn with_algorithms(self, configured: &[Algorithm]) -> Result<VerifyingKey, JwtFault> {
        let algorithms: Vec<_> = match configured {
            [] => vec![self.usual],
            some => some.iter().copied().filter(|a| self.is_for(*a)).collect(),
        };
        if algorithms.is_empty() {
            return Err(JwtFault::NoAlgorithm(self.option));
        }
        Ok(VerifyingKey {
            key: self.key,
            algorithms,
        })
    }
}
