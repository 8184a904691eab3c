//! Signing a token with an instance's own key.
//!
//! Must not know: whether the server will take it; `mint` asks.

use std::path::Path;

use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header, encode};
use serde_json::{Map, Value};

use super::config::{JwtConfig, JwtFault};
use super::key;
use crate::crypto::{SecretText, read_private};
use crate::domain::{StreamPattern, Timestamp};

/// What a token shall say.
#[derive(Debug, Clone, Copy)]
pub(in crate::access) struct Order<'a> {
    pub(in crate::access) streams: &'a [StreamPattern],
    pub(in crate::access) subject: &'a str,
    pub(in crate::access) issued: Timestamp,
    pub(in crate::access) expires: Timestamp,
}

/// A viewer's token of the instance; `None` if it has no key that signs.
pub(in crate::access) fn sign(
    config: &JwtConfig,
    order: Order<'_>,
) -> Result<Option<SecretText>, JwtFault> {
    let keys = key::load(config)?;
    let algorithm = keys[0].algorithms[0];
    let key = match (key::shared_secret(config)?, &config.signing_key_file) {
        (Some(secret), _) => EncodingKey::from_secret(&secret),
        (None, Some(path)) => private_key(path, algorithm)?,
        (None, None) => return Ok(None),
    };
    let token = encode(&Header::new(algorithm), &claims(config, order), &key);
    let token = token.map_err(|_| JwtFault::SigningKey)?;
    Ok(Some(SecretText::new(token)))
}

fn private_key(path: &Path, algorithm: Algorithm) -> Result<EncodingKey, JwtFault> {
    let pem = read_private(path).map_err(|error| JwtFault::File("signing_key_file", error))?;
    let key = match algorithm.family() {
        AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem.as_bytes()),
        AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem.as_bytes()),
        AlgorithmFamily::Ed => EncodingKey::from_ed_pem(pem.as_bytes()),
        AlgorithmFamily::Hmac => return Err(JwtFault::SigningKey),
    };
    key.map_err(|_| JwtFault::SigningKey)
}

fn claims(config: &JwtConfig, order: Order<'_>) -> Map<String, Value> {
    let streams: Vec<_> = order.streams.iter().map(StreamPattern::as_str).collect();
    let mut claims = Map::new();
    claims.insert(config.stream_claim.clone(), streams.into());
    claims.insert(config.subject_claim.clone(), order.subject.into());
    claims.insert("iat".to_owned(), order.issued.seconds().into());
    claims.insert("exp".to_owned(), order.expires.seconds().into());
    for (name, value) in [("iss", &config.issuer), ("aud", &config.audience)] {
        if let Some(value) = value {
            claims.insert(name.to_owned(), value.as_str().into());
        }
    }
    claims
}
