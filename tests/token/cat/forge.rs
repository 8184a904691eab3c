//! Common Access Tokens of any content, good and bad, written without the product's code.
//!
//! Must not know: how the server reads them.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The shared secret of the vectors, which stands in a public repository's tests.
pub(in crate::token) const SECRET: &str =
    "403697de87af64611c1d32a05dab0fe1fcb715a86ab435f1ec99192d79569388";
/// 2100-01-01.
pub(in crate::token) const END: i64 = 4_102_444_800;

/// The head of an item: its major type and its number, as short as it can be (RFC 8949 §3).
fn head(major: u8, number: u64) -> Vec<u8> {
    let major = major << 5;
    let wide = number.to_be_bytes();
    match number {
        0..=23 => vec![major | wide[7]],
        24..=0xff => vec![major | 24, wide[7]],
        0x100..=0xffff => [&[major | 25], &wide[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[major | 26], &wide[4..]].concat(),
        _ => [&[major | 27], &wide[..]].concat(),
    }
}

fn length(of: usize) -> u64 {
    u64::try_from(of).unwrap()
}

pub(in crate::token) fn int(number: i64) -> Vec<u8> {
    match u64::try_from(number) {
        Ok(number) => head(0, number),
        Err(_) => head(1, (-1 - number).unsigned_abs()),
    }
}

pub(in crate::token) fn bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, length(bytes.len())), bytes.to_vec()].concat()
}

pub(in crate::token) fn text(text: &str) -> Vec<u8> {
    [head(3, length(text.len())), text.as_bytes().to_vec()].concat()
}

pub(in crate::token) fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, length(items.len())), items.concat()].concat()
}

pub(in crate::token) fn map(entries: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(key, value)| [int(*key), value.clone()].concat())
        .collect();
    [head(5, length(entries.len())), entries.concat()].concat()
}

/// A map with one text for a key.
pub(in crate::token) fn named(name: &str, value: &[u8]) -> Vec<u8> {
    [head(5, 1), text(name), value.to_vec()].concat()
}

pub(in crate::token) fn tag(number: u64, item: &[u8]) -> Vec<u8> {
    [head(6, number), item.to_vec()].concat()
}

pub(in crate::token) fn float(number: f64) -> Vec<u8> {
    [&[0xfb], &number.to_be_bytes()[..]].concat()
}

pub(in crate::token) const NULL: [u8; 1] = [0xf6];

/// What seals a token.
pub(in crate::token) enum Seal<'a> {
    Hs256,
    Es256(&'a EcdsaKeyPair),
    Ps256(&'a RsaKeyPair),
}

impl Seal<'_> {
    fn number(&self) -> i64 {
        match self {
            Self::Hs256 => 5,
            Self::Es256(_) => -7,
            Self::Ps256(_) => -37,
        }
    }

    fn over(&self, protected: &[u8], payload: &[u8]) -> Vec<u8> {
        let context = match self {
            Self::Hs256 => "MAC0",
            _ => "Signature1",
        };
        let sealed = array(&[text(context), bytes(protected), bytes(&[]), bytes(payload)]);
        match self {
            Self::Hs256 => mac(&sealed),
            Self::Es256(pair) => pair
                .sign(&SystemRandom::new(), &sealed)
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Ps256(pair) => {
                let mut seal = vec![0; pair.public_modulus_len()];
                let scheme: &dyn RsaEncoding = &RSA_PSS_SHA256;
                pair.sign(scheme, &SystemRandom::new(), &sealed, &mut seal)
                    .unwrap();
                seal
            }
        }
    }
}

fn mac(text: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key());
    hmac::sign(&key, text).as_ref().to_vec()
}

/// The bytes of [`SECRET`].
pub(in crate::token) fn key() -> Vec<u8> {
    let pairs = SECRET.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// A token taken apart, so that each part can be another.
pub(in crate::token) struct Parts {
    pub(in crate::token) tags: Vec<u64>,
    pub(in crate::token) protected: Vec<u8>,
    pub(in crate::token) loose: Vec<u8>,
    pub(in crate::token) payload: Vec<u8>,
    pub(in crate::token) seal: Vec<u8>,
}

impl Parts {
    /// Sealed with the algorithm that the header says, in the tags of that.
    pub(in crate::token) fn new(seal: &Seal<'_>, kid: &str, payload: &[u8]) -> Self {
        Self::under(
            map(&[(1, int(seal.number()))]),
            map(&[(4, bytes(kid.as_bytes()))]),
            seal,
            payload,
        )
    }

    /// Sealed under these headers.
    pub(in crate::token) fn under(
        protected: Vec<u8>,
        loose: Vec<u8>,
        seal: &Seal<'_>,
        payload: &[u8],
    ) -> Self {
        let number = if matches!(seal, Seal::Hs256) { 17 } else { 18 };
        Self {
            tags: vec![61, number],
            seal: seal.over(&protected, payload),
            protected,
            loose,
            payload: payload.to_vec(),
        }
    }

    pub(in crate::token) fn raw(&self) -> Vec<u8> {
        let parts = [
            bytes(&self.protected),
            self.loose.clone(),
            bytes(&self.payload),
            bytes(&self.seal),
        ];
        let message = array(&parts);
        self.tags
            .iter()
            .rev()
            .fold(message, |item, number| tag(*number, &item))
    }

    pub(in crate::token) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.raw())
    }
}

/// A token that is good but for what `claims` say.
pub(in crate::token) fn token(claims: &[(i64, Vec<u8>)]) -> String {
    Parts::new(&Seal::Hs256, "k1", &map(claims)).text()
}

/// The same with an end.
pub(in crate::token) fn lasting(claims: &[(i64, Vec<u8>)]) -> String {
    token(&[&[(4, int(END))], claims].concat())
}
