//! The hash of SecureToken as it stands in a URL.
//!
//! Must not know: what is hashed.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::access::scheme::request::decoded;
use crate::crypto::{sha256, sha384, sha512};

/// Which SHA-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashAlgorithm {
    /// SHA-256, Wowza's default.
    #[default]
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Why a text is no such hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HashFault {
    /// Hexadecimal digits where base64 is wanted.
    Hex,
    /// The base64 of hexadecimal digits: the signer forgot to ask for the raw digest.
    HexInside,
    /// `+` or `/`, the standard alphabet; a `+` in a URL is read as a space by many.
    Alphabet,
    /// Another number of bytes.
    Length,
}

/// With or without `=`: RTMP players lose it on the way.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A hash as it stands in a URL: never wrapped, the `=` kept.
pub(super) fn written(hash: &[u8]) -> String {
    BASE64.encode(hash)
}

impl HashAlgorithm {
    pub(super) fn digest(self, text: &str) -> Vec<u8> {
        let bytes = text.as_bytes();
        match self {
            Self::Sha256 => sha256(bytes).to_vec(),
            Self::Sha384 => sha384(bytes).to_vec(),
            Self::Sha512 => sha512(bytes).to_vec(),
        }
    }

    const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The bytes of a hash as received: padding kept, stripped or percent-encoded.
    pub(super) fn read(self, received: &str) -> Result<Vec<u8>, HashFault> {
        let text = decoded(received).ok_or(HashFault::Length)?;
        let is_hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
        if text.len() == self.length() * 2 && is_hex(text.as_bytes()) {
            return Err(HashFault::Hex);
        }
        if text.contains(['+', '/']) {
            return Err(HashFault::Alphabet);
        }
        let bytes = BASE64.decode(&*text).map_err(|_| HashFault::Length)?;
        match bytes.len() {
            length if length == self.length() => Ok(bytes),
            length if length == self.length() * 2 && is_hex(&bytes) => Err(HashFault::HexInside),
            _ => Err(HashFault::Length),
        }
    }

    /// Takes constant time in the content.
    pub(super) fn is_of(self, text: &str, hash: &[u8]) -> bool {
        self.digest(text).ct_eq(hash).into()
    }

    /// As it stands in a URL.
    pub(super) fn write(self, text: &str) -> String {
        written(&self.digest(text))
    }
}
