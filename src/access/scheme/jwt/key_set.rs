//! Keys that verify, each with its algorithms and perhaps a name and an issuer, and the choice
//! among them for one token.
//!
//! An algorithm picks the key and never the other way round: an HMAC algorithm is never tried with
//! a public key. Must not know: where keys come from, or claims.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, DecodingKeyKind, crypto};
use subtle::ConstantTimeEq as _;

use super::algorithm::Algorithm;
use super::header::Header;
use super::p521;
use crate::access::scheme::Fault;

/// The most keys that are tried for one token: each is work that a stranger can ask for.
const MOST_TRIED: usize = 16;

/// A key that verifies, and the algorithms that it is for; never none.
#[derive(Clone)]
pub(super) struct VerifyingKey {
    /// Its name; a token that names another key is not tried with it.
    pub(super) kid: Option<String>,
    /// Whose it is, where that is known: it signs nobody else's tokens.
    pub(super) issuer: Option<Arc<str>>,
    pub(super) key: DecodingKey,
    pub(super) algorithms: Vec<Algorithm>,
}

/// The parts that a signature is over, and the signature, as they stand in a token.
#[derive(Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
}

/// The key among `keys` that made the signature. A key with the token's `kid` is tried first, then
/// those without a name; a token without `kid` is tried with all.
pub(super) fn signer<'a>(
    keys: impl Iterator<Item = &'a Arc<VerifyingKey>> + Clone,
    header: &Header,
    signed: Signed<'_>,
) -> Result<&'a Arc<VerifyingKey>, Fault> {
    let is_named = |key: &&Arc<VerifyingKey>| key.kid.is_some() && key.kid == header.kid;
    let is_open = |key: &&Arc<VerifyingKey>| key.kid.is_none() || header.kid.is_none();
    let named = keys.clone().filter(is_named);
    let mut deepest = Fault::UnknownKey;
    let mut tried = 0;
    for key in named.chain(keys.filter(is_open)) {
        if !key.algorithms.contains(&header.algorithm) {
            deepest = deepest.max(Fault::Algorithm);
            continue;
        }
        if key.verifies(header.algorithm, signed) {
            return Ok(key);
        }
        deepest = deepest.max(Fault::Signature);
        tried += 1;
        if tried == MOST_TRIED {
            break;
        }
    }
    Err(deepest)
}

impl VerifyingKey {
    /// Whether this key made the signature by `algorithm`, which is one of its own.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: Signed<'_>) -> bool {
        let message = signed.message.as_bytes();
        match algorithm.of_library() {
            Some(algorithm) => {
                crypto::verify(signed.signature, message, &self.key, algorithm).unwrap_or(false)
            }
            None => self.verifies_by_p521(message, signed.signature),
        }
    }

    fn verifies_by_p521(&self, message: &[u8], signature: &str) -> bool {
        let signature = URL_SAFE_NO_PAD.decode(signature);
        let point = self.key.try_get_as_bytes();
        match (point, signature) {
            (Ok(point), Ok(signature)) => p521::verifies(point, message, &signature),
            _ => false,
        }
    }

    /// Whether it is the same key for the same use.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let is_use = self.kid == other.kid
            && self.issuer == other.issuer
            && self.algorithms == other.algorithms;
        is_use
            && match (self.key.kind(), other.key.kind()) {
                (DecodingKeyKind::SecretOrDer(one), DecodingKeyKind::SecretOrDer(two)) => {
                    one.ct_eq(two).into()
                }
                (
                    DecodingKeyKind::RsaModulusExponent { n, e },
                    DecodingKeyKind::RsaModulusExponent { n: m, e: f },
                ) => n == m && e == f,
                _ => false,
            }
    }
}
