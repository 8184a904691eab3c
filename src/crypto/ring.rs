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
    #[error("no master key is configured")]
    Empty,
    /// One key stands there twice.
    #[error("master key {0} is configured twice: name each key once")]
    Twice(KeyTag),
    /// The value was sealed under a key that is not in the ring.
    #[error("sealed under master key {0}, which is not in the ring")]
    UnknownKey(KeyTag),
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

    /// Seals `plain` for `place`: version, key tag, nonce, ciphertext and GCM tag.
    #[expect(clippy::expect_used, reason = "GCM seals any value of a column's size")]
    pub fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut body = plain.to_vec();
        let key = &self.0[0];
        key.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place.aad(), &mut body)
            .expect("sealing");
        let mut sealed = Vec::with_capacity(HEADER + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.tag.0);
        sealed.extend_from_slice(&nonce);
        sealed.append(&mut body);
        sealed
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
mod tests {
    use super::*;
    use crate::domain::SystemEntropy;

    const HERE: Place<'_> = Place {
        table: "periods",
        row: b"1",
        column: "sealed_key",
    };

    fn ring(fill: &[u8]) -> KeyRing {
        KeyRing::new(
            fill.iter()
                .map(|byte| MasterKey::new(&[*byte; 32]))
                .collect(),
        )
        .unwrap()
    }

    #[test]
    fn the_first_seals_and_any_opens() {
        let sealed = ring(&[1]).seal(HERE, b"value", &SystemEntropy);
        assert_eq!(&**ring(&[2, 1]).open(HERE, &sealed).unwrap(), b"value");
        assert!(matches!(
            ring(&[2]).open(HERE, &sealed),
            Err(RingError::UnknownKey(_))
        ));
        assert!(matches!(KeyRing::new(Vec::new()), Err(RingError::Empty)));
        let twice = [1, 2, 1].map(|byte| MasterKey::new(&[byte; 32]));
        let twice = KeyRing::new(twice.into()).unwrap_err();
        assert!(matches!(twice, RingError::Twice(_)), "{twice}");
    }

    #[test]
    fn a_tag_is_read_from_a_sealed_value_and_from_text() {
        let ring = ring(&[1]);
        let sealed = ring.seal(HERE, b"value", &SystemEntropy);
        let tag = KeyTag::of(&sealed).unwrap();
        assert_eq!(tag, ring.sealing());
        assert_eq!(tag.header(), sealed[..SEALED_HEADER]);
        assert_eq!(tag.to_string().parse(), Ok(tag));
        for bad in ["", "+1234567", "0123456", "012345678", "0123456g"] {
            assert_eq!(bad.parse::<KeyTag>(), Err(()), "{bad}");
        }
        assert_eq!(KeyTag::of(&[2, 0, 0, 0, 0]), None);
        assert_eq!(KeyTag::of(&[1, 0, 0, 0]), None);
    }

    #[test]
    fn the_sealing_key_signs_and_any_ring_with_it_verifies() {
        let mac = ring(&[1, 2]).sign(&[b"text"]);
        let (tag, later) = (ring(&[1]).sealing(), ring(&[3, 1]));
        assert!(later.verify(tag, &[b"text"], &mac).unwrap());
        assert!(!later.verify(tag, &[b"Text"], &mac).unwrap());
        assert!(!later.verify(later.sealing(), &[b"text"], &mac).unwrap());
        assert!(ring(&[2]).verify(tag, &[b"text"], &mac).is_err());
    }

    #[test]
    fn a_moved_or_damaged_value_does_not_open() {
        let ring = ring(&[1]);
        let sealed = ring.seal(HERE, b"value", &SystemEntropy);
        for elsewhere in [
            Place {
                table: "other",
                ..HERE
            },
            Place { row: b"2", ..HERE },
            Place {
                column: "other",
                ..HERE
            },
            Place {
                table: "period",
                row: b"s1",
                ..HERE
            },
        ] {
            assert!(matches!(
                ring.open(elsewhere, &sealed),
                Err(RingError::Damaged)
            ));
        }
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(ring.open(HERE, &damaged).is_err(), "byte {at}");
        }
        assert!(ring.open(HERE, &sealed[..10]).is_err());
    }

    #[test]
    fn a_master_key_file_is_private_and_well_formed() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        assert!(matches!(
            MasterKey::load(&path),
            Err(RingError::File {
                source: PrivateFileError::Missing(_)
            })
        ));
        std::fs::write(&path, MasterKey::generate(&SystemEntropy).as_bytes()).unwrap();
        let mode = |bits| std::fs::set_permissions(&path, PermissionsExt::from_mode(bits)).unwrap();
        mode(0o644);
        assert!(matches!(
            MasterKey::load(&path),
            Err(RingError::File {
                source: PrivateFileError::Exposed(_)
            })
        ));
        mode(0o600);
        assert!(MasterKey::load(&path).is_ok());
        std::fs::write(&path, "too short").unwrap();
        assert!(matches!(
            MasterKey::load(&path),
            Err(RingError::File {
                source: PrivateFileError::Malformed(_)
            })
        ));
    }
}
