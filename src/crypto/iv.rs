//! Initialisation vectors, derived so that every encryptor writes the same one.
//!
//! `iv_key = HKDF-SHA256(ikm = content key, salt empty, info "hlskey iv", 32 bytes)`;
//! `IV = HMAC-SHA256(iv_key, rendition ‖ 00 ‖ u64be(msn))[..16]`. An IV is public; the derivation
//! keeps it unpredictable without the key and unique for (key, rendition, msn).

use std::fmt;

use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::{ContentKey, hmac_sha256, sha256};
use crate::domain::Rendition;

/// 16 bytes; prints as an `EXT-X-KEY` IV attribute: `0x` and 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Iv([u8; 16]);

impl Iv {
    /// A media segment's IV.
    pub fn for_segment(key: &ContentKey, rendition: &Rendition, msn: u64) -> Self {
        Self::derive(key, rendition, 0, &msn.to_be_bytes())
    }

    /// An encrypted `EXT-X-MAP`'s IV, from its plaintext: it has no sequence number.
    pub fn for_map(key: &ContentKey, rendition: &Rendition, plaintext: &[u8]) -> Self {
        Self::derive(key, rendition, 1, &sha256(plaintext))
    }

    /// The IV that a tag without one means: the sequence number, big-endian (RFC 8216 §5.2).
    pub fn of_sequence(msn: u64) -> Self {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&msn.to_be_bytes());
        Self(bytes)
    }

    /// What an `EXT-X-KEY` says: `0x` or `0X` and 1 to 32 hex digits, a number.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("0x").or(text.strip_prefix("0X"))?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u128::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        Some(Self(number.to_be_bytes()))
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Any bytes, for published test vectors.
    #[cfg(test)]
    pub(crate) fn from_test_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    fn derive(key: &ContentKey, rendition: &Rendition, kind: u8, what: &[u8]) -> Self {
        let parts = [rendition.as_str().as_bytes(), &[kind], what];
        let mac = hmac_sha256(&*iv_key(key), &parts);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&mac[..16]);
        Self(bytes)
    }
}

/// RFC 5869 with an empty salt.
#[expect(
    clippy::expect_used,
    reason = "32 bytes is within HKDF-SHA256's bound, always"
)]
fn iv_key(key: &ContentKey) -> Zeroizing<[u8; 32]> {
    let mut out = Zeroizing::new([0; 32]);
    let pseudorandom = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key.expose());
    pseudorandom
        .expand(&[b"hlskey iv"], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut *out))
        .expect("one hash length");
    out
}

impl fmt::Display for Iv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hmac` and `hashlib`, not with this code.
    #[test]
    fn derivation_matches_an_independent_computation() {
        let key = ContentKey::from_slice(b"obviously-a-fake").unwrap();
        let rendition = "v0/index.m3u8".parse().unwrap();
        assert_eq!(
            Iv::for_segment(&key, &rendition, 7).to_string(),
            "0xae0b070ca1fbd362f65eda8cf9725d1b"
        );
        assert_eq!(
            Iv::for_map(&key, &rendition, b"moov").to_string(),
            "0xebc1f1b4609e11d8e129cc6c7eb58dbc"
        );
    }

    #[test]
    fn the_sequence_iv_is_the_number() {
        assert_eq!(Iv::of_sequence(258).to_string(), format!("0x{:032x}", 258));
    }
}
