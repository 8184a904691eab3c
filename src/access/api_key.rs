//! API keys: `hlskey_<id>_<secret>`, the credentials of packagers and operators.
//!
//! Must not know: what a key may do; that stands in the store, found by its id.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::crypto::{SecretText, TokenDigest};
use crate::domain::Entropy;

/// How every API key begins, so that a leaked one is recognised.
const PREFIX: &str = "hlskey_";
/// Bytes of the public id, and of the secret; hex in the text.
const ID_LEN: usize = 8;
const SECRET_LEN: usize = 32;

/// An API key's form.
#[derive(Debug, Clone, Copy)]
pub struct ApiKey;

impl ApiKey {
    /// Draws a new key: its text, to be shown once; its id; and the digest of the whole text,
    /// which is all that the store keeps of it.
    pub fn generate(entropy: &dyn Entropy) -> (SecretText, String, TokenDigest) {
        let id = random_hex::<ID_LEN>(entropy).to_string();
        let secret = random_hex::<SECRET_LEN>(entropy);
        let text = SecretText::new(format!("{PREFIX}{id}_{}", &*secret));
        let digest = TokenDigest::of(text.expose());
        (text, id, digest)
    }

    /// Whether `text` claims to be an API key.
    pub(super) fn is_meant(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// The id in an API key of exactly the right form.
    pub(super) fn id_of(text: &str) -> Option<&str> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        (is_hex::<ID_LEN>(id) && is_hex::<SECRET_LEN>(secret)).then_some(id)
    }
}

fn random_hex<const N: usize>(entropy: &dyn Entropy) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy.fill(&mut *bytes);
    let mut text = Zeroizing::new(String::with_capacity(2 * N));
    for byte in *bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn is_hex<const N: usize>(text: &str) -> bool {
    text.len() == 2 * N && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemEntropy;

    #[test]
    fn a_generated_key_has_its_id_in_it() {
        let (text, id, digest) = ApiKey::generate(&SystemEntropy);
        assert_eq!(ApiKey::id_of(text.expose()), Some(id.as_str()));
        assert_eq!(digest, TokenDigest::of(text.expose()));
        let (other, ..) = ApiKey::generate(&SystemEntropy);
        assert_ne!(text, other);
    }

    #[test]
    fn only_the_exact_form_is_looked_up() {
        let (id, secret) = ("0123456789abcdef", "f".repeat(64));
        assert_eq!(ApiKey::id_of(&format!("hlskey_{id}_{secret}")), Some(id));
        for bad in [
            format!("hlskey_{id}{secret}"),
            format!("hlskey_{id}_{secret}0"),
            format!("hlskey_{id}_{}", "F".repeat(64)),
            format!("hlskey_{}_{secret}", "' OR 1=1 --12345"),
            format!("HLSKEY_{id}_{secret}"),
            String::new(),
        ] {
            assert_eq!(ApiKey::id_of(&bad), None, "{bad}");
        }
    }
}
