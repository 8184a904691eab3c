//! What is told of a token that does not verify: the text that should have been hashed, and which
//! other text was.
//!
//! A candidate is a text that somebody's signer may have hashed instead, with what is wrong about
//! it; of those that give the token's hash the one with the fewest faults is told. No secret stands
//! in what is told: [`MASK`] does. Must not know: any scheme.

use zeroize::Zeroizing;

use super::tilde::hex;
use crate::crypto::{LegacyHash, LegacyMac, SecretText};

/// Stands for a secret.
pub(super) const MASK: &str = "<secret>";
/// How much of two texts is shown where they part.
const SHOWN: usize = 40;

/// What was found out about one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// The text that is hashed here, secrets masked.
    pub canonical: Option<String>,
    /// The hash that the token has, as received.
    pub received: Option<String>,
    /// What is wrong, as far as it could be found out.
    pub hints: Vec<Hint>,
    /// Whether a text was found that gives the token's hash.
    pub is_reproduced: bool,
    /// Where the text that the signer hashed parts from the right one.
    pub difference: Option<Difference>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// A word for programs.
    pub code: &'static str,
    /// What to do about it.
    pub sentence: String,
}

/// The first place at which two texts part, and what stands there in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Characters before it.
    pub at: usize,
    /// What is right.
    pub right: String,
    /// What the signer hashed.
    pub hashed: String,
}

impl Hint {
    pub(in crate::access) fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        Self { code, sentence }
    }
}

/// A text that may have been hashed.
pub(super) struct Candidate {
    pub(super) hints: Vec<Hint>,
    pub(super) text: SecretText,
    /// The text with its secrets masked.
    pub(super) shown: String,
}

impl Finding {
    /// Of the candidates that fit, the one with the fewest faults says what is wrong. The first
    /// candidate is the right text.
    pub(super) fn of(
        received: Option<String>,
        candidates: impl IntoIterator<Item = Candidate>,
        fits: impl Fn(&str) -> Vec<Vec<Hint>>,
    ) -> Self {
        let mut finding = Self {
            received,
            ..Self::default()
        };
        let mut best: Option<(Vec<Hint>, String)> = None;
        for candidate in candidates {
            finding
                .canonical
                .get_or_insert_with(|| candidate.shown.clone());
            for further in fits(candidate.text.expose()) {
                let hints: Vec<_> = candidate.hints.iter().cloned().chain(further).collect();
                if best
                    .as_ref()
                    .is_none_or(|(least, _)| hints.len() < least.len())
                {
                    best = Some((hints, candidate.shown.clone()));
                }
            }
        }
        if let Some((hints, shown)) = best {
            // Of several right texts the one that was hashed is told.
            if hints.is_empty() {
                finding.canonical = Some(shown.clone());
            }
            finding.difference = finding
                .canonical
                .as_ref()
                .and_then(|right| Difference::between(right, &shown));
            finding.hints = hints;
            finding.is_reproduced = true;
        }
        finding
    }
}

/// The keys that a MAC may have been made with.
pub(super) struct MacKeys(Vec<(Vec<Hint>, LegacyMac)>);

impl MacKeys {
    /// The secrets as they are taken here, text or hexadecimal digits (`is_hex`), and otherwise; each
    /// with every hash.
    pub(super) fn new(secrets: &[SecretText], configured: LegacyHash, is_hex: bool) -> Self {
        let as_text = "the secret is taken as text: decode its hexadecimal digits first";
        let as_hex = "the secret is decoded from hexadecimal digits: take it as text";
        let why = match is_hex {
            true => Hint::new("secret_text", as_text),
            false => Hint::new("secret_hex", as_hex),
        };
        let mut keys = Vec::new();
        for secret in secrets {
            let text = Some(Zeroizing::new(secret.expose().as_bytes().to_vec()));
            let bytes = hex(secret.expose()).map(Zeroizing::new);
            let (usual, other) = match is_hex {
                true => (bytes, text),
                false => (text, bytes),
            };
            for (hint, key) in [(None, usual), (Some(&why), other)] {
                let Some(key) = key else { continue };
                for hash in [LegacyHash::Sha256, LegacyHash::Sha1, LegacyHash::Md5] {
                    let why = format!("the HMAC is over {hash:?}, the instance has {configured:?}");
                    let other = (hash != configured).then(|| Hint::new("algorithm", why));
                    let hints = hint.cloned().into_iter().chain(other).collect();
                    keys.push((hints, LegacyMac::new(hash, &key)));
                }
            }
        }
        Self(keys)
    }

    /// What is wrong with each key that made `mac` for `text`.
    pub(super) fn fits(&self, text: &str, mac: &[u8]) -> Vec<Vec<Hint>> {
        let made_it = self
            .0
            .iter()
            .filter(|(_, key)| key.verify(text.as_bytes(), mac));
        made_it.map(|(hints, _)| hints.clone()).collect()
    }
}

impl Difference {
    /// `None` if the two are one.
    pub(super) fn between(right: &str, hashed: &str) -> Option<Self> {
        let pairs = right.chars().zip(hashed.chars());
        let at = pairs.take_while(|(one, other)| one == other).count();
        let rest = |text: &str| text.chars().skip(at).take(SHOWN).collect::<String>();
        (right != hashed).then(|| Self {
            at,
            right: rest(right),
            hashed: rest(hashed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_part_somewhere() {
        let found = Difference::between("live/é/a?x", "live/é/b?x").unwrap();
        assert_eq!((found.at, &*found.right, &*found.hashed), (7, "a?x", "b?x"));
        assert_eq!(Difference::between("a", "a"), None);
        let longer = Difference::between("live/a", "live/a/playlist.m3u8").unwrap();
        assert_eq!((longer.at, &*longer.right), (6, ""));
    }

    #[test]
    fn the_simplest_mistake_is_told() {
        let candidate = |text: &str, hints: &[&'static str]| Candidate {
            hints: hints.iter().map(|code| Hint::new(code, "")).collect(),
            text: SecretText::new(text.to_owned()),
            shown: text.to_owned(),
        };
        let all = [
            candidate("right", &[]),
            candidate("aa", &["one", "two"]),
            candidate("ab", &["three"]),
        ];
        let found = Finding::of(None, all, |text| match text.starts_with('a') {
            true => vec![Vec::new()],
            false => Vec::new(),
        });
        assert_eq!(found.canonical.unwrap(), "right");
        assert_eq!(found.hints, [Hint::new("three", "")]);
        assert_eq!(found.difference.unwrap().hashed, "ab");
    }
}
