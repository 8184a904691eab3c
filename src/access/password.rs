//! Passwords of packagers: Argon2id verifiers (RFC 9106) in PHC's string form.
//!
//! Must not know: whose they are, or where they are kept.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::crypto::SecretText;
use crate::domain::Entropy;

/// Bytes of a verifier's salt (RFC 9106 §3.1 recommends 16).
const SALT_LEN: usize = 16;
/// The shortest and the longest password, in bytes. What is longer is not worth a hash.
const SHORTEST: usize = 12;
const LONGEST: usize = 512;
/// The longest user, in bytes.
const LONGEST_USER: usize = 64;
/// What a verifier may cost at most: memory in KiB, and passes. A foreign one that costs more would let
/// whoever wrote it stop the server.
const MOST_MEMORY: u32 = 64 * 1024;
const MOST_PASSES: u32 = 8;
/// Nobody's verifier, of what [`hash`] makes it cost: who does not exist is refused as late as who errs.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS1uYQ\
                       $bm9ib2R5IG5vYm9keSBub2JvZHkgbm9ib2R5IG5vYm8";

/// What is kept of a password.
#[derive(Clone)]
pub(super) enum Proof {
    /// A verifier.
    Verifier(Arc<str>),
    /// The password itself, in somebody else's database that is so old.
    Clear(SecretText),
}

impl Proof {
    /// What it is remembered by.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Verifier(text) => text,
            Self::Clear(text) => text.expose(),
        }
    }

    /// Whether `password` is the one. Takes as long whatever is kept, and if nothing is.
    pub(super) fn is_of(proof: Option<&Self>, password: &str) -> bool {
        match proof {
            None => verify(password, None),
            Some(Self::Verifier(text)) => verify(password, Some(text)),
            Some(Self::Clear(text)) => {
                verify(password, None);
                !text.expose().is_empty() && text.is(password)
            }
        }
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// Too short or too long.
    #[error("a password has {SHORTEST} to {LONGEST} bytes")]
    Length,
    /// Argon2 refuses.
    #[error("the password cannot be hashed")]
    Hash,
}

/// Whether a packager may call itself so. A colon ends the user where basic has one (RFC 7617 §2).
pub fn is_user(text: &str) -> bool {
    let is_bad = |c: char| c == ':' || c.is_control();
    (1..=LONGEST_USER).contains(&text.len()) && !text.contains(is_bad)
}

/// A new verifier for `password`.
pub fn hash(password: &SecretText, entropy: &dyn Entropy) -> Result<String, PasswordFault> {
    match is_short(password) {
        true => Err(PasswordFault::Length),
        false => hash_existing(password, entropy),
    }
}

/// Whether nobody would be given it as a new one.
pub fn is_short(password: &SecretText) -> bool {
    password.expose().len() < SHORTEST
}

/// As [`hash`], of a password that another program has taken already, however short.
pub fn hash_existing(
    password: &SecretText,
    entropy: &dyn Entropy,
) -> Result<String, PasswordFault> {
    let bytes = password.expose().as_bytes();
    if !(1..=LONGEST).contains(&bytes.len()) {
        return Err(PasswordFault::Length);
    }
    let mut salt = [0; SALT_LEN];
    entropy.fill(&mut salt);
    let verifier = hasher().hash_password_with_salt(bytes, &salt);
    verifier
        .map(|verifier| verifier.to_string())
        .map_err(|_| PasswordFault::Hash)
}

/// Whether `password` is the one that `verifier` was made of; `None` is nobody's verifier. Takes some
/// ten milliseconds either way, compared in constant time.
pub(super) fn verify(password: &str, verifier: Option<&str>) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    let usable = verifier.filter(|text| is_bounded(text));
    let text = usable.unwrap_or(NOBODYS);
    let is_it = PasswordHash::new(text).is_ok_and(|parsed| {
        hasher()
            .verify_password(password.as_bytes(), &parsed)
            .is_ok()
    });
    is_it && usable.is_some()
}

/// Whether `text` is a verifier that would be looked at.
pub(super) fn is_verifier(text: &str) -> bool {
    is_bounded(text)
}

/// Argon2id with 19 MiB and two passes.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn is_bounded(verifier: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(verifier) else {
        return false;
    };
    let is_ours = parsed.algorithm.as_str() == "argon2id";
    is_ours
        && Params::try_from(&parsed)
            .is_ok_and(|cost| cost.m_cost() <= MOST_MEMORY && cost.t_cost() <= MOST_PASSES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemEntropy;

    #[test]
    fn a_password_opens_its_own_verifier_alone() {
        let password = SecretText::new("obviously-a-fake-password".to_owned());
        let verifier = hash(&password, &SystemEntropy).unwrap();
        assert!(verifier.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(verifier, hash(&password, &SystemEntropy).unwrap());
        assert!(verify(password.expose(), Some(&verifier)));
        assert!(!verify("obviously-another-password", Some(&verifier)));
        assert!(!verify(password.expose(), None));
    }

    #[test]
    fn nobodys_verifier_costs_what_others_do() {
        let parsed = PasswordHash::new(NOBODYS).unwrap();
        let cost = Params::try_from(&parsed).unwrap();
        let ours = Params::DEFAULT;
        assert_eq!(
            (cost.m_cost(), cost.t_cost(), cost.p_cost()),
            (ours.m_cost(), ours.t_cost(), ours.p_cost())
        );
    }

    #[test]
    fn what_is_short_or_would_cost_too_much_is_not_taken() {
        let short = SecretText::new("short".to_owned());
        assert_eq!(hash(&short, &SystemEntropy), Err(PasswordFault::Length));
        assert!(is_bounded(NOBODYS));
        for bad in [
            NOBODYS.replace("m=19456", "m=4000000"),
            NOBODYS.replace("t=2", "t=9"),
            NOBODYS.replace("argon2id", "argon2d"),
            "obviously-a-fake-password".to_owned(),
        ] {
            assert!(!is_bounded(&bad), "{bad}");
        }
    }
}
