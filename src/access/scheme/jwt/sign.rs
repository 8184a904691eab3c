//! Signing a token with an instance's own key.
//!
//! Must not know: whether the server will take it; `mint` asks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{AlgorithmFamily, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};

use super::config::{ClaimValue, JwtConfig, JwtFault, RequiredClaim};
use super::configured::{self, ConfiguredKey};
use super::key_set::Signed;
use super::p521;
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
    let keys = configured::load(config)?;
    if let Some(path) = &config.signing_key_file {
        let pem = read_private(path)
            .map_err(|error| JwtFault::File("signing_key_file".to_owned(), error))?;
        let mut signed = keys
            .iter()
            .filter_map(|key| by_pair(config, order, key, &pem));
        return signed.next().ok_or(JwtFault::SigningKey).map(Some);
    }
    let secret = |key: &ConfiguredKey| {
        let secret = key.secret.as_ref()?;
        encoded(config, order, key, &EncodingKey::from_secret(secret))
    };
    Ok(keys.iter().find_map(secret))
}

/// Signed with the private key in `pem`, if it is that of the public key `key`.
fn by_pair(
    config: &JwtConfig,
    order: Order<'_>,
    key: &ConfiguredKey,
    pem: &str,
) -> Option<SecretText> {
    let algorithm = key.key.algorithms[0];
    let token = match algorithm.of_library() {
        Some(_) => {
            let private = private_key(pem.as_bytes(), algorithm.family())?;
            encoded(config, order, key, &private)?
        }
        None => by_p521(config, order, key, pem.as_bytes())?,
    };
    let (message, signature) = token.expose().rsplit_once('.')?;
    let is_pair = key.key.verifies(algorithm, Signed { message, signature });
    is_pair.then_some(token)
}

fn encoded(
    config: &JwtConfig,
    order: Order<'_>,
    key: &ConfiguredKey,
    with: &EncodingKey,
) -> Option<SecretText> {
    let mut header = Header::new(key.key.algorithms[0].of_library()?);
    header.kid.clone_from(&key.key.kid);
    let token = encode(&header, &claims(config, order), with).ok()?;
    Some(SecretText::new(token))
}

/// The same by ES512.
fn by_p521(
    config: &JwtConfig,
    order: Order<'_>,
    key: &ConfiguredKey,
    pem: &[u8],
) -> Option<SecretText> {
    let mut header = json!({"typ": "JWT", "alg": "ES512"});
    if let Some(kid) = &key.key.kid {
        header["kid"] = kid.as_str().into();
    }
    let payload = Value::from(claims(config, order));
    let parts = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = parts.join(".");
    let signature = URL_SAFE_NO_PAD.encode(p521::sign(pem, message.as_bytes())?);
    Some(SecretText::new(format!("{message}.{signature}")))
}

fn private_key(pem: &[u8], family: AlgorithmFamily) -> Option<EncodingKey> {
    match family {
        AlgorithmFamily::Rsa => EncodingKey::from_rsa_pem(pem).ok(),
        AlgorithmFamily::Ec => EncodingKey::from_ec_pem(pem).ok(),
        AlgorithmFamily::Ed => EncodingKey::from_ed_pem(pem).ok(),
        AlgorithmFamily::Hmac => None,
    }
}

fn claims(config: &JwtConfig, order: Order<'_>) -> Map<String, Value> {
    let streams: Vec<_> = order.streams.iter().map(StreamPattern::as_str).collect();
    let mut claims = required(config);
    claims.insert(config.stream_claim.clone(), streams.into());
    claims.insert(config.subject_claim.clone(), order.subject.into());
    claims.insert("iat".to_owned(), order.issued.seconds().into());
    claims.insert("exp".to_owned(), order.expires.seconds().into());
    let named = [
        ("iss", config.all_issuers().next()),
        ("aud", config.all_audiences().next()),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            claims.insert(name.to_owned(), value.as_str().into());
        }
    }
    claims
}

/// Required claims whose value is known.
fn required(config: &JwtConfig) -> Map<String, Value> {
    let known = config
        .required_claims
        .iter()
        .filter_map(|claim| match claim {
            RequiredClaim::Values(values) => Some(values),
            RequiredClaim::Name(_) => None,
        });
    let json = |value: &ClaimValue| match value {
        ClaimValue::Bool(value) => Value::from(*value),
        ClaimValue::Number(value) => Value::from(*value),
        ClaimValue::Text(value) => Value::from(value.as_str()),
    };
    let pairs = known.flatten();
    pairs
        .map(|(name, value)| (name.clone(), json(value)))
        .collect()
}
