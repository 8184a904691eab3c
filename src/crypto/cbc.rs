//! AES-128-CBC with PKCS#7 padding over whole segments (RFC 8216 §4.3.2.4), a batch at a time.
//!
//! CBC is serial within a segment and parallel across segments: a batch goes through SIMD lanes side by side, and
//! one after the other where a CPU has none.
//!
//! Must not know: files, playlists, where keys come from.

use aes::Aes128;
use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

#[cfg(target_arch = "x86_64")]
use super::lanes::{
    Instructions,
    batch::{Batch, is_right},
};
use super::{ContentKey, Iv};

const BLOCK: usize = 16;

/// How long the ciphertext of `len` bytes is: PKCS#7 always adds 1 to 16 (RFC 8216 §5.2).
pub const fn padded(len: u64) -> u64 {
    len - len % BLOCK as u64 + BLOCK as u64
}

/// One segment of a batch. `data` holds the plaintext before, the ciphertext after.
#[derive(Debug)]
pub struct Job<'a> {
    /// The key of the segment's period.
    pub key: &'a ContentKey,
    /// The segment's own IV.
    pub iv: Iv,
    /// Grows by 1 to 16 bytes: padding is always added.
    pub data: &'a mut Vec<u8>,
}

/// Encrypts each job's data in place.
pub fn encrypt_batch(jobs: &mut [Job<'_>]) {
    for job in jobs.iter_mut() {
        pad(job.data);
    }
    if !in_lanes(jobs) {
        jobs.iter_mut().for_each(one_by_one);
    }
}

/// PKCS#7 (RFC 5652 §6.3): as many bytes as are missing to a whole block, each of them that number.
fn pad(data: &mut Vec<u8>) {
    let missing = BLOCK - data.len() % BLOCK;
    data.resize(data.len() + missing, u8::try_from(missing).unwrap_or(0));
}

/// What any CPU can: data that is padded.
#[expect(clippy::expect_used, reason = "the padding is in it")]
pub(super) fn one_by_one(job: &mut Job<'_>) {
    let cipher = cbc::Encryptor::<Aes128>::new(job.key.expose().into(), job.iv.as_bytes().into());
    let len = job.data.len();
    cipher
        .encrypt_padded::<NoPadding>(job.data, len)
        .expect("whole blocks");
}

/// `false`, and nothing is done, where there are no lanes.
#[cfg(target_arch = "x86_64")]
fn in_lanes(jobs: &mut [Job<'_>]) -> bool {
    let path = Instructions::best(is_right);
    path.is_some_and(|path| path.encrypt(&mut Batch::of(jobs)).is_some())
}

/// `false`, and nothing is done, where there are no lanes.
#[cfg(not(target_arch = "x86_64"))]
fn in_lanes(_: &mut [Job<'_>]) -> bool {
    false
}

/// The plaintext of a whole segment; `None` if it does not open: no whole blocks, or a padding that
/// is none.
pub fn decrypt(key: &ContentKey, iv: Iv, mut data: Vec<u8>) -> Option<Vec<u8>> {
    let cipher = cbc::Decryptor::<Aes128>::new(key.expose().into(), iv.as_bytes().into());
    let len = cipher.decrypt_padded::<Pkcs7>(&mut data).ok()?.len();
    data.truncate(len);
    Some(data)
}

/// The same with its padding left on, whatever it is; `None` if there are no whole blocks. For who
/// finds out why a segment does not open.
pub fn decrypt_raw(key: &ContentKey, iv: Iv, data: &[u8]) -> Option<Vec<u8>> {
    let cipher = cbc::Decryptor::<Aes128>::new(key.expose().into(), iv.as_bytes().into());
    cipher.decrypt_padded_vec::<NoPadding>(data).ok()
}

/// Both ends of a plaintext, kept while its buffer is encrypted in place, to check afterwards
/// that a player would get it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edges {
    len: usize,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Edges {
    /// The ends of `plaintext`.
    pub fn of(plaintext: &[u8]) -> Self {
        let tail_at = plaintext.len() - plaintext.len() % BLOCK;
        Self {
            len: plaintext.len(),
            head: plaintext[..plaintext.len().min(BLOCK)].to_vec(),
            tail: plaintext[tail_at..].to_vec(),
        }
    }

    /// Whether `ciphertext` decrypts to this plaintext, by its length and its first and last
    /// block, padding included.
    pub fn open_from(&self, key: &ContentKey, iv: Iv, ciphertext: &[u8]) -> bool {
        let padded = self.len - self.len % BLOCK + BLOCK;
        if ciphertext.len() != padded {
            return false;
        }
        let chained = |at: usize| match at.checked_sub(BLOCK) {
            Some(before) => ciphertext[before..at].to_vec(),
            None => iv.as_bytes().to_vec(),
        };
        let last_at = padded - BLOCK;
        let pad = BLOCK - self.tail.len();
        let mut last = self.tail.clone();
        last.resize(BLOCK, u8::try_from(pad).unwrap_or(0));
        let first = decrypt_block(key, iv.as_bytes(), &ciphertext[..BLOCK]);
        let end = decrypt_block(key, &chained(last_at), &ciphertext[last_at..]);
        end == last && (self.len < BLOCK || first == self.head)
    }
}

#[expect(clippy::expect_used, reason = "one whole block, no padding to fail on")]
fn decrypt_block(key: &ContentKey, iv: &[u8], block: &[u8]) -> Vec<u8> {
    let iv: &[u8; BLOCK] = iv.try_into().expect("one block");
    let cipher = cbc::Decryptor::<Aes128>::new(key.expose().into(), iv.into());
    cipher
        .decrypt_padded_vec::<NoPadding>(block)
        .expect("one block")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        let pairs = digits.as_bytes().chunks(2);
        pairs
            .map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap())
            .collect()
    }

    /// NIST SP 800-38A F.2.1, CBC-AES128.Encrypt, with the key the standard prints.
    #[test]
    fn blocks_match_nist_sp_800_38a() {
        let key = ContentKey::from_slice(&unhex("2b7e151628aed2a6abf7158809cf4f3c")).unwrap();
        let mut data = unhex(
            "6bc1bee22e409f96e93d7e117393172a ae2d8a571e03ac9c9eb76fac45af8e51
             30c81c46a35ce411e5fbc1191a0a52ef f69f2445df4f9b17ad2b417be66c3710",
        );
        let iv = Iv::from_test_bytes(
            unhex("000102030405060708090a0b0c0d0e0f")
                .try_into()
                .unwrap(),
        );
        encrypt_batch(&mut [Job {
            key: &key,
            iv,
            data: &mut data,
        }]);
        let expected = unhex(
            "7649abac8119b246cee98e9b12e9197d 5086cb9b507219ee95db113a917678b2
             73bed6b8e3c1743b7116e69e22229516 3ff1caa1681fac09120eca307586e1a7",
        );
        assert_eq!(data[..64], expected);
        assert_eq!(data.len(), 80, "a whole block of padding");
    }

    #[test]
    fn edges_hold_for_every_length_and_notice_every_change() {
        let key = ContentKey::from_slice(b"obviously-a-fake").unwrap();
        let other = ContentKey::from_slice(b"another-fake-key").unwrap();
        let (iv, wrong_iv) = (Iv::of_sequence(1), Iv::of_sequence(2));
        for len in 0..70 {
            let plain: Vec<u8> = (0..len).collect();
            let edges = Edges::of(&plain);
            let mut data = plain.clone();
            encrypt_batch(&mut [Job {
                key: &key,
                iv,
                data: &mut data,
            }]);
            assert_eq!(data.len(), 16 * (usize::from(len) / 16 + 1));
            assert!(edges.open_from(&key, iv, &data), "{len}");
            assert!(!edges.open_from(&other, iv, &data), "{len}");
            assert!(!edges.open_from(&key, wrong_iv, &data), "{len}");
            assert!(
                !edges.open_from(&key, iv, &data[..data.len() - 16]),
                "{len}"
            );
            let last = data.len() - 1;
            data[last] ^= 1;
            assert!(!edges.open_from(&key, iv, &data), "{len}");
        }
    }
}
