//! AES-128-CBC by another implementation than the product's, and the IV derivation written out.
//!
//! Must not know: playlists.

use aws_lc_rs::cipher::{
    AES_128, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{digest, hmac};

/// Sixteen bytes of a key or an IV.
pub(crate) type Block = [u8; 16];

/// The plaintext, with its PKCS#7 padding checked byte by byte and taken off.
pub(crate) fn decrypt(key: &Block, iv: &Block, data: &[u8]) -> Result<Vec<u8>, String> {
    if data.is_empty() || !data.len().is_multiple_of(16) {
        return Err(format!("{} bytes are no whole blocks", data.len()));
    }
    let cipher = DecryptingKey::cbc(UnboundCipherKey::new(&AES_128, key).unwrap()).unwrap();
    let mut plain = data.to_vec();
    let context = DecryptionContext::Iv128(FixedLength::from(*iv));
    cipher.decrypt(&mut plain, context).unwrap();
    let padding = usize::from(*plain.last().unwrap());
    if !(1..=16).contains(&padding) {
        return Err(format!("padding of {padding}"));
    }
    let kept = plain.len() - padding;
    match plain[kept..].iter().all(|b| usize::from(*b) == padding) {
        true => {
            plain.truncate(kept);
            Ok(plain)
        }
        false => Err("uneven padding".to_owned()),
    }
}

/// For made-up published files.
pub(crate) fn encrypt(key: &Block, iv: &Block, plain: &[u8]) -> Vec<u8> {
    let cipher = EncryptingKey::cbc(UnboundCipherKey::new(&AES_128, key).unwrap()).unwrap();
    let padding = 16 - plain.len() % 16;
    let mut data = plain.to_vec();
    data.resize(plain.len() + padding, padding as u8);
    let context = EncryptionContext::Iv128(FixedLength::from(*iv));
    cipher.less_safe_encrypt(&mut data, context).unwrap();
    data
}

/// HKDF-SHA256 with an empty salt and "hlskey iv", then HMAC-SHA256 over
/// rendition ‖ 00 ‖ the number as 8 bytes, its first half.
pub(crate) fn expected_iv(key: &Block, rendition: &str, msn: u64) -> Block {
    let pseudorandom = mac(&[0; 32], &[key]);
    let iv_key = mac(&pseudorandom, &[b"hlskey iv", &[1]]);
    let whole = mac(&iv_key, &[rendition.as_bytes(), &[0], &msn.to_be_bytes()]);
    whole[..16].try_into().unwrap()
}

/// The same for an initialisation section: over rendition ‖ 01 ‖ SHA-256 of its clear bytes.
pub(crate) fn expected_map_iv(key: &Block, rendition: &str, plain: &[u8]) -> Block {
    let pseudorandom = mac(&[0; 32], &[key]);
    let iv_key = mac(&pseudorandom, &[b"hlskey iv", &[1]]);
    let digest = digest::digest(&digest::SHA256, plain);
    let whole = mac(&iv_key, &[rendition.as_bytes(), &[1], digest.as_ref()]);
    whole[..16].try_into().unwrap()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::sign(&key, &parts.concat()).as_ref().to_vec()
}

/// `0x` and 32 lower-case hex digits, nothing else.
pub(crate) fn iv_of_text(text: &str) -> Result<Block, String> {
    let digits = text.strip_prefix("0x").ok_or("an IV without 0x")?;
    let is_lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if digits.len() != 32 || !digits.bytes().all(is_lower_hex) {
        return Err(format!("not 32 lower-case digits: {text}"));
    }
    let number = u128::from_str_radix(digits, 16).map_err(|e| e.to_string())?;
    Ok(number.to_be_bytes())
}

/// As it stands on a tag.
pub(crate) fn iv_text(iv: &Block) -> String {
    format!("0x{:032x}", u128::from_be_bytes(*iv))
}

#[test]
fn the_cipher_and_the_derivation_are_right() {
    let key = b"obviously-a-fake";
    // Computed with Python's hmac and hashlib.
    let iv = expected_iv(key, "v0/index.m3u8", 7);
    assert_eq!(iv_text(&iv), "0xae0b070ca1fbd362f65eda8cf9725d1b");
    assert_eq!(iv_of_text(&iv_text(&iv)), Ok(iv));
    let iv_of_map = expected_map_iv(key, "v0/index.m3u8", b"moov");
    assert_eq!(iv_text(&iv_of_map), "0xebc1f1b4609e11d8e129cc6c7eb58dbc");
    for len in [0, 1, 15, 16, 17, 188] {
        let plain = vec![0x47; len];
        let data = encrypt(key, &iv, &plain);
        assert_eq!(data.len(), 16 * (len / 16 + 1));
        assert_eq!(decrypt(key, &iv, &data), Ok(plain));
        assert!(decrypt(key, &iv, &data[1..]).is_err());
        assert!(decrypt(b"another-fake-key", &iv, &data).is_err(), "{len}");
    }
    for bad in ["ae", "0x12", "0xAE0B070CA1FBD362F65EDA8CF9725D1B", "0X00"] {
        assert!(iv_of_text(bad).is_err(), "{bad}");
    }
}
