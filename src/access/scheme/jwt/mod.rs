//! The scheme `jwt`: JSON Web Tokens (RFC 7519), by the best practices of RFC 8725.
//!
//! Only configured keys verify: headers that bring or point to a key (`jwk`, `jku`, `x5u`, `x5c`) are
//! refused, and so is what a header demands to be understood (`crit`).
//!
//! Must not know: the other schemes, or the clock; the caller checks the time.

mod claims;
mod config;
mod configured;
mod header;
mod json;
mod key_set;
mod public_key;
mod sign;

use std::sync::Arc;

use super::Fault;
use super::config::{SchemeConfig, SchemesConfig};
use super::verified::Verified;
use crate::access::config::AccessConfigError;
use claims::ClaimRules;
use header::Header;
use key_set::{Signed, VerifyingKey, signer};

pub use config::{ClaimValue, JwtConfig, JwtFault, KeyConfig, RequiredClaim};
pub(in crate::access) use sign::{Order, sign};

/// The longest token looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// One instance: its keys, and what it makes of claims.
pub(in crate::access) struct Jwt {
    keys: Vec<Arc<VerifyingKey>>,
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
        let keys = configured::load(config)?.into_iter();
        Ok(Self {
            keys: keys.map(|configured| Arc::new(configured.key)).collect(),
            rules: ClaimRules::new(name, config)?,
        })
    }

    /// `None` if the text is not of a token's form. The time is the caller's to check.
    pub(in crate::access) fn verify(&self, text: &str) -> Option<Result<Verified, Fault>> {
        match text.bytes().filter(|byte| *byte == b'.').count() {
            2 => Some(self.verify_text(text)),
            // RFC 7516 §7.1.
            4 if text.starts_with("eyJ") => Some(Err(Fault::Encrypted)),
            _ => None,
        }
    }

    fn verify_text(&self, text: &str) -> Result<Verified, Fault> {
        if text.len() > MAX_TOKEN {
            return Err(Fault::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(Fault::Header)?;
        let (header, payload) = message.split_once('.').ok_or(Fault::Header)?;
        let header = Header::read(header)?;
        let signed = Signed { message, signature };
        signer(self.keys.iter(), &header, signed)?;
        let claims = header::part(payload, Fault::Payload)?;
        self.rules.read(text, &claims)
    }
}

#[cfg(test)]
mod tests;
