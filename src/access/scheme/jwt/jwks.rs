//! Key sets as issuers serve them (RFC 7517): those keys that may verify tokens.
//!
//! Must not know: where a set comes from.

use std::str::FromStr as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::Algorithm;
use super::header::MAX_KID;
use super::key_set::VerifyingKey;
use super::p521;
use super::public_key::{Sorted, is_for, is_usable};

/// The most keys in one set.
const MOST_KEYS: usize = 100;
/// RSA's moduli, in bits (RFC 7518 §3.3), and the longest exponent, in bytes.
const MODULUS: std::ops::RangeInclusive<usize> = 2048..=8192;
const LONGEST_EXPONENT: usize = 4;

/// Why a text is no key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SetFault {
    /// Not `{"keys": […]}`.
    #[error("not a JSON object with a list of keys")]
    Form,
    /// More than are looked at.
    #[error("more than {MOST_KEYS} keys")]
    TooMany,
    /// None that verifies: an issuer that withdraws a key serves another.
    #[error("none of its keys verifies tokens by an accepted algorithm")]
    Unusable,
}

/// Whose keys they are, and what they may be used for.
#[derive(Clone, Copy)]
pub(super) struct Use<'a> {
    /// Algorithms; none for every one that a public key has.
    pub(super) accepted: &'a [Algorithm],
    /// The issuer, where the set is known to be its own.
    pub(super) issuer: Option<&'a Arc<str>>,
}

/// The keys of a set that may verify tokens; others are left out, as they may be for others.
pub(super) fn read(text: &[u8], usage: Use<'_>) -> Result<Vec<Arc<VerifyingKey>>, SetFault> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(text).map_err(|_| SetFault::Form)?;
    if set.keys.len() > MOST_KEYS {
        return Err(SetFault::TooMany);
    }
    let jwks = set.keys.into_iter().map(serde_json::from_value::<Jwk>);
    let keys: Vec<_> = jwks
        .filter_map(|jwk| verifying(&jwk.ok()?, usage).map(Arc::new))
        .collect();
    (!keys.is_empty()).then_some(keys).ok_or(SetFault::Unusable)
}

/// A key of a set (RFC 7517 §4), as far as it is public.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A shared secret that a URL served would be everybody's: `oct` is never a key.
fn verifying(jwk: &Jwk, usage: Use<'_>) -> Option<VerifyingKey> {
    let is_for_signatures = jwk.usage.as_ref().is_none_or(|usage| usage == "sig");
    let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
    let is_named = jwk.kid.as_ref().is_none_or(|kid| kid.len() <= MAX_KID);
    if !is_for_signatures || !jwk.key_ops.as_ref().is_none_or(verifies) || !is_named {
        return None;
    }
    let (key, usual) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => rsa(jwk),
        ("EC", Some("P-256")) => elliptic(jwk, Algorithm::ES256, 32),
        ("EC", Some("P-384")) => elliptic(jwk, Algorithm::ES384, 48),
        ("EC", Some("P-521")) => elliptic(jwk, Algorithm::ES512, p521::COORDINATE),
        ("OKP", Some("Ed25519")) => edwards(jwk),
        _ => None,
    }?;
    let mut algorithms = match &jwk.alg {
        Some(name) => vec![Algorithm::from_str(name).ok()?],
        None => Algorithm::of_family(key.family()),
    };
    algorithms.retain(|algorithm| is_for(&key, usual, *algorithm));
    algorithms.retain(|it| usage.accepted.is_empty() || usage.accepted.contains(it));
    (!algorithms.is_empty()).then(|| VerifyingKey {
        kid: jwk.kid.clone(),
        issuer: usage.issuer.cloned(),
        key,
        algorithms,
    })
}

fn bytes(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

/// With an exponent of 1 every message is its own signature.
fn rsa(jwk: &Jwk) -> Option<Sorted> {
    let (modulus, exponent) = (bytes(jwk.n.as_ref())?, bytes(jwk.e.as_ref())?);
    let (modulus, exponent) = (significant(&modulus), significant(&exponent));
    let first = modulus.first()?;
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let is_short = exponent.len() <= LONGEST_EXPONENT && exponent != [1];
    let is_sound = is_odd(modulus) && is_odd(exponent) && is_short && MODULUS.contains(&bits);
    is_sound.then(|| {
        let key = DecodingKey::from_rsa_raw_components(modulus, exponent);
        (key, Algorithm::RS256)
    })
}

/// A number's bytes without zeros before them.
fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// A point of the curve whose coordinates have `length` bytes.
fn elliptic(jwk: &Jwk, usual: Algorithm, length: usize) -> Option<Sorted> {
    let (x, y) = (jwk.x.as_ref()?, jwk.y.as_ref()?);
    let is_whole = |text| bytes(Some(text)).is_some_and(|bytes| bytes.len() == length);
    let key = DecodingKey::from_ec_components(x, y).ok()?;
    (is_whole(x) && is_whole(y) && is_usable(&key, usual)).then_some((key, usual))
}

fn edwards(jwk: &Jwk) -> Option<Sorted> {
    let key = DecodingKey::from_ed_components(jwk.x.as_ref()?).ok()?;
    is_usable(&key, Algorithm::EdDSA).then_some((key, Algorithm::EdDSA))
}

#[cfg(test)]
mod tests;
