//! The scheme `jwt`: JSON Web Tokens (RFC 7519) under static keys.
//!
//! Headers that bring or point to a key (`jwk`, `jku`, `x5u`, `x5c`) are not looked at: only the
//! configured keys verify. What a header demands to be understood (`crit`) is refused.
//!
//! Must not know: the other schemes, or the clock; the caller checks the time.

mod claims;
mod config;
mod key;
mod sign;

use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::Fault;
use super::config::{SchemeConfig, SchemesConfig};
use super::verified::Verified;
use crate::access::config::AccessConfigError;
use claims::ClaimRules;
use key::VerifyingKey;

pub use config::{JwtConfig, JwtFault};
pub(in crate::access) use sign::{Order, sign};

/// The longest token looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// One instance: its keys, and what it makes of claims.
pub(in crate::access) struct Jwt {
    keys: Vec<VerifyingKey>,
    rules: ClaimRules,
}

/// Every JWT instance, in the order of their names.
pub(in crate::access) fn load(config: &SchemesConfig) -> Result<Vec<Jwt>, AccessConfigError> {
    let jwts = config.0.iter().filter_map(|(name, config)| match config {
        SchemeConfig::Jwt(config) => Some((name, config)),
        _ => None,
    });
    jwts.map(|(name, config)| {
        Jwt::new(name, config).map_err(|fault| AccessConfigError::Scheme {
            name: name.clone(),
            fault: fault.into(),
        })
    })
    .collect()
}

impl Jwt {
    pub(in crate::access) fn new(name: &str, config: &JwtConfig) -> Result<Self, JwtFault> {
        Ok(Self {
            keys: key::load(config)?,
            rules: ClaimRules::new(name, config)?,
        })
    }

    /// `None` if the text is not of three parts. The time is the caller's to check.
    pub(in crate::access) fn verify(&self, text: &str) -> Option<Result<Verified, Fault>> {
        let has_form = text.bytes().filter(|byte| *byte == b'.').count() == 2;
        has_form.then(|| self.verify_text(text))
    }

    fn verify_text(&self, text: &str) -> Result<Verified, Fault> {
        if text.len() > MAX_TOKEN {
            return Err(Fault::TooLong);
        }
        let header = decode_header(text).map_err(|_| Fault::Header)?;
        if demands_extension(&header) {
            return Err(Fault::Extension);
        }
        self.rules.read(text, &self.signed_claims(text, &header)?)
    }

    /// The claims, if a key that is for the header's algorithm signed them.
    fn signed_claims(&self, text: &str, header: &Header) -> Result<Map<String, Value>, Fault> {
        let mut deepest = Fault::Algorithm;
        for key in &self.keys {
            if !key.algorithms.contains(&header.alg) {
                continue;
            }
            match decode(text, &key.key, &signature_only(key)) {
                Ok(token) => return Ok(token.claims),
                Err(error) => deepest = deepest.max(fault_of(&error)),
            }
        }
        Err(deepest)
    }
}

fn demands_extension(header: &Header) -> bool {
    header.crit.is_some() || header.enc.is_some() || header.zip.is_some()
}

/// The library checks the signature; claims and times are [`ClaimRules`]' and the caller's, who
/// has the clock.
fn signature_only(key: &VerifyingKey) -> Validation {
    let mut validation = Validation::default();
    validation.algorithms.clone_from(&key.algorithms);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn fault_of(error: &jsonwebtoken::errors::Error) -> Fault {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => Fault::Payload,
        _ => Fault::Signature,
    }
}

#[cfg(test)]
mod tests;
