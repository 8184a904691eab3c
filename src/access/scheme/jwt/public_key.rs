//! Public keys out of PEM, sound and large enough.
//!
//! Must not know: where the text comes from.

use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use jsonwebtoken::{AlgorithmFamily, DecodingKey};

use super::algorithm::Algorithm;
use super::p521;

/// The shortest RSA modulus, in bytes (RFC 7518 §3.3); parsing alone lets shorter ones pass.
pub(super) const MIN_MODULUS: usize = 256;

/// A key, and the first of the algorithms of its sort.
pub(super) type Sorted = (DecodingKey, Algorithm);

/// From `BEGIN PUBLIC KEY`. Private keys and certificates are no public keys, although the parser
/// would take some.
pub(super) fn from_pem(pem: &[u8]) -> Option<Sorted> {
    let has = |part: &[u8]| pem.windows(part.len()).any(|found| found == part);
    if !has(b"PUBLIC KEY-") || has(b"PRIVATE KEY-") {
        return None;
    }
    let rsa = DecodingKey::from_rsa_pem(pem).map(|key| (key, Algorithm::RS256));
    let ec = || DecodingKey::from_ec_pem(pem).map(|key| (ec_algorithm(&key), key));
    let ed = || DecodingKey::from_ed_pem(pem).map(|key| (key, Algorithm::EdDSA));
    let sorted = rsa
        .or_else(|_| ec().map(|(algorithm, key)| (key, algorithm)))
        .or_else(|_| ed())
        .ok();
    sorted.filter(|(key, usual)| is_usable(key, *usual))
}

/// Whether a key of the sort of `usual` may be used with `algorithm`. A key of a curve is for that
/// curve's algorithm alone.
pub(super) fn is_for(key: &DecodingKey, usual: Algorithm, algorithm: Algorithm) -> bool {
    match key.family() {
        AlgorithmFamily::Ec => algorithm == usual,
        family => algorithm.family() == family,
    }
}

/// By the length of the point: 97 bytes are P-384's.
fn ec_algorithm(key: &DecodingKey) -> Algorithm {
    match key.try_get_as_bytes().map(<[u8]>::len) {
        Ok(97) => Algorithm::ES384,
        Ok(p521::POINT) => Algorithm::ES512,
        _ => Algorithm::ES256,
    }
}

/// Whether the key is sound and large enough: better said at the start than at each token.
pub(super) fn is_usable(key: &DecodingKey, usual: Algorithm) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match usual {
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::ES512 => &signature::ECDSA_P521_SHA512_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    };
    let Ok(bytes) = key.try_get_as_bytes() else {
        return false;
    };
    let is_large = key.family() != AlgorithmFamily::Rsa || bytes.len() > MIN_MODULUS;
    is_large && ParsedPublicKey::new(algorithm, bytes).is_ok()
}
