//! Hashes that only old token schemes still use, kept apart from those that protect anything of ours.
//!
//! Must not know: the schemes.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use hmac_of::{Hmac, KeyInit as _, Mac as _};
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// MD5 (RFC 1321) of the concatenation of `parts`.
pub fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut context = Md5::new();
    for part in parts {
        context.update(part);
    }
    context.finalize().into()
}

/// SHA-384 of `bytes`.
pub fn sha384(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA384, bytes).as_ref().to_vec()
}

/// SHA-512 of `bytes`.
pub fn sha512(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA512, bytes).as_ref().to_vec()
}

/// The hash of a [`LegacyMac`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyHash {
    /// SHA-256, which is not legacy.
    Sha256,
    /// SHA-1.
    Sha1,
    /// MD5.
    Md5,
}

/// A key of any length for HMAC (RFC 2104) over a hash of the partner's choice.
pub struct LegacyMac(Key);

enum Key {
    Sha(Box<hmac::Key>),
    Md5(Hmac<Md5>),
}

impl Key {
    fn sha(hash: hmac::Algorithm, key: &[u8]) -> Self {
        Self::Sha(Box::new(hmac::Key::new(hash, key)))
    }
}

impl LegacyMac {
    /// From the key's bytes.
    pub fn new(hash: LegacyHash, key: &[u8]) -> Self {
        Self(match hash {
            LegacyHash::Sha256 => Key::sha(hmac::HMAC_SHA256, key),
            LegacyHash::Sha1 => Key::sha(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key),
            LegacyHash::Md5 => Key::Md5(hmac_md5(key)),
        })
    }

    /// The MAC of `text`.
    pub fn sign(&self, text: &[u8]) -> Vec<u8> {
        match &self.0 {
            Key::Sha(key) => hmac::sign(key, text).as_ref().to_vec(),
            Key::Md5(key) => key
                .clone()
                .chain_update(text)
                .finalize()
                .into_bytes()
                .to_vec(),
        }
    }

    /// Whether `mac` is the whole MAC of `text`. Takes constant time.
    pub fn verify(&self, text: &[u8], mac: &[u8]) -> bool {
        self.sign(text).ct_eq(mac).into()
    }
}

/// A long key is hashed first, a short one filled with zeros (RFC 2104 §2).
fn hmac_md5(key: &[u8]) -> Hmac<Md5> {
    let mut block = Zeroizing::new([0; 64]);
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..16].copy_from_slice(&md5(&[key])),
    }
    Hmac::new(&(*block).into())
}

impl fmt::Debug for LegacyMac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LegacyMac")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hex_of as hex;

    #[test]
    fn published_digests() {
        // RFC 1321 §A.5.
        assert_eq!(
            hex(&md5(&[b"a", b"bc"])),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        // RFC 2202 §2 and §3, test cases 1, 2 and 6.
        let jefe = |hash| hex(&LegacyMac::new(hash, b"Jefe").sign(b"what do ya want for nothing?"));
        assert_eq!(jefe(LegacyHash::Md5), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(
            jefe(LegacyHash::Sha1),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
        );
        let long = LegacyMac::new(LegacyHash::Md5, &[0xaa; 80]);
        let text = b"Test Using Larger Than Block-Size Key - Hash Key First";
        assert_eq!(hex(&long.sign(text)), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
        assert!(long.verify(text, &long.sign(text)));
        assert!(!long.verify(text, &long.sign(b"other")));
        assert!(!long.verify(text, &long.sign(text)[..8]));
    }
}
