//! ES512: ECDSA on P-521 with SHA-512 (RFC 7518 §3.4), which `jsonwebtoken` lacks.
//!
//! Must not know: tokens; a message is bytes.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;

/// A coordinate, in bytes.
pub(super) const COORDINATE: usize = 66;
/// A point without compression.
pub(super) const POINT: usize = 1 + 2 * COORDINATE;

/// Whether the key with this `point` made the signature, which is R and S side by side.
pub(super) fn verifies(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = UnparsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, point);
    key.verify(message, signature).is_ok()
}

/// The signature by the private key in `pem` (PKCS#8); `None` if there is none of the curve.
pub(super) fn sign(pem: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
    let algorithm = &ECDSA_P521_SHA512_FIXED_SIGNING;
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, der.secret_pkcs8_der()).ok()?;
    let signature = pair.sign(&SystemRandom::new(), message).ok()?;
    Some(signature.as_ref().to_vec())
}
