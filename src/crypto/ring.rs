//! Sealing keys at rest: AES-256-GCM under a ring of key-encryption keys.
//!
//! The first key of the ring seals, any of them opens, so a ring is rotated by putting a new key
//! in front. A sealed value is bound to its place (table, row, column): moved elsewhere in a
//! stolen or tampered database, it does not open.
//!
//! Must not know: SQL.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::private_file::{PrivateFileError, read_hex_key};
use super::{MacKey, hmac_sha256, sha256};
use crate::domain::Entropy;

/// Where a sealed value lies. It is authenticated, not stored.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The table.
    pub table: &'a str,
    /// The row's key, as bytes.
    pub row: &'a [u8],
    /// The column.
    pub column: &'a str,
}

/// Why the ring could not be loaded, or a value not opened. No variant holds key bytes.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The file cannot be read, is open to others, or does not hold a key.
    #[error("the master key: {source}{}", hint(source))]
    File {
        /// What is wrong with it.
        #[from]
        source: PrivateFileError,
    },
    /// No master key at all.
    #[error("no master key is configured: name its file in keys.master_keys")]
    Empty,
    /// One key stands there twice.
    #[error("master key {0} is configured twice: name each key once")]
    Twice(KeyTag),
    /// The value was sealed under a key that is not in the ring.
    #[error(
        "sealed under master key {0}, which is not in the ring: put the master key with that tag \
         back into keys.master_keys"
    )]
    UnknownKey(KeyTag),
    /// Every key of the ring was retired by a rekey elsewhere, so none may seal.
    #[error(
        "every master key of the ring is retired: add the key that `hlskey keystore rekey` moved \
         to, or bring one of these into use again with `hlskey keystore rekey`"
    )]
    AllRetired,
    /// The value is damaged or lies elsewhere than it was sealed for.
    #[error("a sealed value does not open: damaged, or moved from its place")]
    Damaged,
}

fn hint(error: &PrivateFileError) -> &'static str {
    match error {
        PrivateFileError::Missing(_) => {
            ": put it back from where you keep it; for a new store `hlskey keystore init` makes one"
        }
        PrivateFileError::Empty(_) | PrivateFileError::Malformed(_) => {
            ": put the key back from where you keep it; what was sealed under it opens with no other"
        }
        _ => "",
    }
}

/// Names a master key without giving it away: the first 4 bytes of its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyTag([u8; 4]);

impl KeyTag {
    /// What every value begins with that is sealed under this key.
    pub fn header(&self) -> [u8; SEALED_HEADER] {
        let [a, b, c, d] = self.0;
        [VERSION, a, b, c, d]
    }

    /// The key under which `sealed` is sealed; `None` if it is no sealed value.
    pub fn of(sealed: &[u8]) -> Option<Self> {
        match sealed {
            [VERSION, a, b, c, d, ..] => Some(Self([*a, *b, *c, *d])),
            _ => None,
        }
    }
}

impl std::str::FromStr for KeyTag {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let tag = u32::from_str_radix(text, 16).map_err(drop)?;
        digits.then_some(Self(tag.to_be_bytes())).ok_or(())
    }
}

impl fmt::Display for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One key-encryption key.
pub struct MasterKey {
    tag: KeyTag,
    cipher: LessSafeKey,
    signer: MacKey,
}

/// The key-encryption keys: the first seals, any opens. Never empty.
#[derive(Debug)]
pub struct KeyRing(Vec<MasterKey>);

/// The sealed form's version, first byte of every sealed value.
const VERSION: u8 = 1;
/// The bytes that tell the form and the key of a sealed value.
pub const SEALED_HEADER: usize = 1 + 4;
const HEADER: usize = SEALED_HEADER + NONCE_LEN;

impl MasterKey {
    /// From 32 random bytes.
    #[expect(clippy::expect_used, reason = "AES-256 takes every 32 bytes")]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = sha256(bytes);
        let key = UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes");
        Self {
            tag: KeyTag([a, b, c, d]),
            cipher: LessSafeKey::new(key),
            signer: MacKey::new(&hmac_sha256(bytes, &[b"hlskey backup"])),
        }
    }

    /// Loads the 64 hex digits of `path`, which only its owner may read.
    pub fn load(path: &Path) -> Result<Self, RingError> {
        Ok(Self::new(&*read_hex_key(path)?))
    }

    /// Its name.
    pub fn tag(&self) -> KeyTag {
        self.tag
    }

    /// The text of a new master key's file.
    pub fn generate(entropy: &dyn Entropy) -> Zeroizing<String> {
        use fmt::Write as _;
        let mut bytes = Zeroizing::new([0; 32]);
        entropy.fill(&mut *bytes);
        let mut text = Zeroizing::new(String::with_capacity(65));
        for byte in *bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text.push('\n');
        text
    }
}

impl MasterKey {
    /// As [`KeyRing::seal`], under this key.
    #[expect(clippy::expect_used, reason = "GCM seals any value of a column's size")]
    pub fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut body = plain.to_vec();
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place.aad(), &mut body)
            .expect("sealing");
        let mut sealed = Vec::with_capacity(HEADER + body.len());
        sealed.extend_from_slice(&self.tag.header());
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        sealed
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.tag)
    }
}

impl KeyRing {
    /// A ring of these keys; the first seals.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, RingError> {
        if keys.is_empty() {
            return Err(RingError::Empty);
        }
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].iter().any(|before| before.tag == key.tag) {
                return Err(RingError::Twice(key.tag));
            }
        }
        Ok(Self(keys))
    }

    /// The keys' tags, the sealing one first.
    pub fn tags(&self) -> impl Iterator<Item = KeyTag> {
        self.0.iter().map(|key| key.tag)
    }

    /// The tag of the key that seals.
    pub fn sealing(&self) -> KeyTag {
        self.0[0].tag
    }

    /// Signs a text about the store with a key derived from the sealing one.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.0[0].signer.sign(parts)
    }

    /// Whether [`Self::sign`] made `mac` for `parts` when `tag` sealed.
    pub fn verify(&self, tag: KeyTag, parts: &[&[u8]], mac: &[u8]) -> Result<bool, RingError> {
        Ok(self.key(tag)?.signer.verify(parts, mac))
    }

    fn key(&self, tag: KeyTag) -> Result<&MasterKey, RingError> {
        let found = self.0.iter().find(|key| key.tag == tag);
        found.ok_or(RingError::UnknownKey(tag))
    }

    /// Loads the ring from files, the sealing key first.
    pub fn load(paths: &[PathBuf]) -> Result<Self, RingError> {
        Self::new(
            paths
                .iter()
                .map(|path| MasterKey::load(path))
                .collect::<Result<_, _>>()?,
        )
    }

    /// Seals `plain` for `place` under the first key: version, key tag, nonce, ciphertext and GCM
    /// tag.
    pub fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.0[0].seal(place, plain, entropy)
    }

    /// As [`Self::seal`], under the ring's key `tag`.
    pub fn seal_under(
        &self,
        tag: KeyTag,
        place: Place<'_>,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, RingError> {
        Ok(self.key(tag)?.seal(place, plain, entropy))
    }

    /// Opens what [`Self::seal`] made for the same place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, RingError> {
        let (header, body) = sealed.split_at_checked(HEADER).ok_or(RingError::Damaged)?;
        let [VERSION, a, b, c, d, nonce @ ..] = header else {
            return Err(RingError::Damaged);
        };
        let key = self.key(KeyTag([*a, *b, *c, *d]))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| RingError::Damaged)?;
        let mut body = Zeroizing::new(body.to_vec());
        let opened = key.cipher.open_in_place(nonce, place.aad(), &mut body);
        let len = opened.map_err(|_| RingError::Damaged)?.len();
        body.truncate(len);
        Ok(body)
    }
}

impl Place<'_> {
    /// Each part with its length in front, so that no two places share an encoding.
    fn aad(&self) -> Aad<Vec<u8>> {
        let mut out = Vec::new();
        for part in [self.table.as_bytes(), self.row, self.column.as_bytes()] {
            out.extend_from_slice(&(part.len() as u64).to_be_bytes());
            out.extend_from_slice(part);
        }
        Aad::from(out)
    }
}

#[cfg(test)]
mod tests;
