//! A MAC key: 32 bytes that sign our own short texts.
//!
//! Must not know: what is signed.

use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq as _;

use super::private_file::{PrivateFileError, read_hex_key};

/// A key for HMAC-SHA256 (RFC 2104), with a tag that names it without giving it away.
pub struct MacKey {
    tag: [u8; 4],
    key: hmac::Key,
}

impl MacKey {
    /// From 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
        let [a, b, c, d, ..] = sign(&key, &[b"hlskey mac key tag"]);
        Self {
            tag: [a, b, c, d],
            key,
        }
    }

    /// Loads the 64 hex digits of `path`, which only its owner may read. The text of
    /// [`super::MasterKey::generate`] is one.
    pub fn load(path: &Path) -> Result<Self, PrivateFileError> {
        read_hex_key(path).map(|bytes| Self::new(&bytes))
    }

    /// Names the key among a few.
    pub fn tag(&self) -> [u8; 4] {
        self.tag
    }

    /// The MAC over the concatenation of `parts`.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        sign(&self.key, parts)
    }

    /// Whether `mac` is the MAC of `parts`, or its first bytes, at least 16. Takes constant time.
    pub fn verify(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        (16..=32).contains(&mac.len()) && self.sign(parts)[..mac.len()].ct_eq(mac).into()
    }
}

fn sign(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    super::digest::fixed(context.sign().as_ref())
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_may_be_cut_to_sixteen_bytes_and_no_further() {
        let key = MacKey::new(&[1; 32]);
        let mac = key.sign(&[b"a", b"b"]);
        assert_eq!(mac, super::super::hmac_sha256(&[1; 32], &[b"ab"]));
        assert!(key.verify(&[b"ab"], &mac));
        assert!(key.verify(&[b"ab"], &mac[..16]));
        assert!(!key.verify(&[b"ab"], &mac[..15]));
        assert!(!key.verify(&[b"ac"], &mac));
        assert!(!MacKey::new(&[2; 32]).verify(&[b"ab"], &mac));
    }
}
