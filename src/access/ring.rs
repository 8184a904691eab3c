//! What we sign ourselves: texts of base64url without padding of `version key-tag fields mac`.
//!
//! Must not know: what the fields say.

use std::collections::HashSet;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::config::AccessConfigError;
use crate::crypto::{KeyRing, MacKey, MasterKey, Place, SecretText};
use crate::domain::Entropy;

const TAG_LEN: usize = 4;
const MAC_LEN: usize = 16;
/// The longest sealed text.
const MOST_SEALED: usize = 2048;

/// A sort of text, which never is read as another.
pub(super) struct Form {
    /// Keeps the MAC from meaning anything elsewhere.
    pub(super) purpose: &'static [u8],
    /// The first byte.
    pub(super) version: u8,
    /// Longer texts are none.
    pub(super) max_text: usize,
}

/// Why a text is none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsigned {
    /// It does not look like one.
    Form,
    /// No key of the ring made it.
    Mac,
}

/// The keys of `[grants]`: the first signs, any verifies. Never empty.
#[derive(Debug)]
pub(super) struct Ring {
    keys: Vec<MacKey>,
    /// Derived from them, in their order.
    sealing: KeyRing,
}

impl Ring {
    pub(super) fn load(paths: &[PathBuf]) -> Result<Self, AccessConfigError> {
        let keys: Result<Vec<_>, _> = paths.iter().map(|path| MacKey::load(path)).collect();
        Self::new(keys?)
    }

    pub(super) fn new(keys: Vec<MacKey>) -> Result<Self, AccessConfigError> {
        if keys.is_empty() {
            return Err(AccessConfigError::NoGrantKey);
        }
        let mut known = HashSet::new();
        let derived = keys.iter().map(sealing);
        let derived = derived.filter(|key| known.insert(key.tag())).collect();
        let sealing = KeyRing::new(derived).map_err(|_| AccessConfigError::NoGrantKey)?;
        Ok(Self { keys, sealing })
    }

    pub(super) fn sign(&self, form: &Form, fields: &[u8]) -> SecretText {
        let key = &self.keys[0];
        let mut bytes = vec![form.version];
        bytes.extend_from_slice(&key.tag());
        bytes.extend_from_slice(fields);
        let mac = key.sign(&[form.purpose, &bytes]);
        bytes.extend_from_slice(&mac[..MAC_LEN]);
        SecretText::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A text that says `plain` to who has the ring, and nothing to others.
    pub(super) fn seal(&self, purpose: &str, plain: &str, entropy: &dyn Entropy) -> String {
        let place = sealed_for(purpose);
        URL_SAFE_NO_PAD.encode(self.sealing.seal(place, plain.as_bytes(), entropy))
    }

    /// What a text of [`Self::seal`] says, if a key of the ring sealed it.
    pub(super) fn unseal(&self, purpose: &str, text: &str) -> Option<String> {
        let fits = text.len() <= MOST_SEALED;
        let sealed = fits.then(|| URL_SAFE_NO_PAD.decode(text).ok())??;
        let plain = self.sealing.open(sealed_for(purpose), &sealed).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }

    /// The fields in `text`, if a key of the ring signed them.
    pub(super) fn open(&self, form: &Form, text: &str) -> Result<Vec<u8>, Unsigned> {
        let mut bytes = decode(form, text).ok_or(Unsigned::Form)?;
        let (body, mac) = bytes.split_last_chunk::<MAC_LEN>().ok_or(Unsigned::Form)?;
        let (head, _) = body
            .split_first_chunk::<{ 1 + TAG_LEN }>()
            .ok_or(Unsigned::Form)?;
        let [version, tag @ ..] = head;
        if *version != form.version {
            return Err(Unsigned::Form);
        }
        let made_it = |key: &&MacKey| key.tag() == *tag && key.verify(&[form.purpose, body], mac);
        self.keys.iter().find(made_it).ok_or(Unsigned::Mac)?;
        let end = body.len();
        bytes.truncate(end);
        bytes.drain(..=TAG_LEN);
        Ok(bytes)
    }
}

/// A key that is derived from one that signs.
fn sealing(key: &MacKey) -> MasterKey {
    let derived = Zeroizing::new(key.sign(&[b"hlskey sealed text 1\0"]));
    MasterKey::new(&derived)
}

fn sealed_for(purpose: &str) -> Place<'_> {
    Place {
        table: purpose,
        row: &[],
        column: "",
    }
}

fn decode(form: &Form, text: &str) -> Option<Vec<u8>> {
    let fits = text.len() <= form.max_text;
    fits.then(|| URL_SAFE_NO_PAD.decode(text).ok())?
}
