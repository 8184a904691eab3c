//! The scheme `jwt`: JSON Web Tokens (RFC 7519), by the best practices of RFC 8725.
//!
//! Only configured keys and those of configured issuers verify: headers that bring or point to a key (`jwk`, `jku`, `x5u`, `x5c`) are
//! refused, and so is what a header demands to be understood (`crit`).
//!
//! Must not know: the other schemes, or the clock; the caller checks the time.

mod algorithm;
mod claims;
mod config;
mod configured;
mod explain;
mod header;
mod issuer_keys;
mod issuers;
mod json;
mod jwks;
mod key_set;
mod p521;
mod public_key;
mod sign;
mod source;

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Fault;
use super::config::{SchemeConfig, SchemesConfig};
use super::verified::{Standing, Verified};
use crate::access::config::AccessConfigError;
use crate::domain::{Clock, Timestamp};
use crate::outbound;
use claims::ClaimRules;
use header::Header;
use issuer_keys::IssuerKeys;
use key_set::{Signed, VerifyingKey, signer};

pub use config::{ClaimValue, JwtConfig, JwtFault, KeyConfig, RequiredClaim};
pub(in crate::access) use explain::explain;
pub(in crate::access) use sign::{Order, sign};

/// The longest token looked at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// One instance: its keys, and what it makes of claims.
pub(in crate::access) struct Jwt {
    keys: Vec<Arc<VerifyingKey>>,
    issuers: Vec<Arc<IssuerKeys>>,
    rules: ClaimRules,
}

/// Why a token is not taken.
struct Refusal {
    fault: Fault,
    /// Whether a key that an issuer has made since might verify it.
    is_open: bool,
}

/// Every JWT instance, in the order of their names.
pub(in crate::access) fn load(
    config: &SchemesConfig,
    outbound: &outbound::Config,
) -> Result<Vec<Jwt>, AccessConfigError> {
    let jwts = config.0.iter().filter_map(|(name, config)| match config {
        SchemeConfig::Jwt(config) => Some((name, config)),
        _ => None,
    });
    jwts.map(|(name, config)| {
        Jwt::new(name, config, outbound).map_err(|fault| AccessConfigError::Scheme {
            name: name.clone(),
            fault: fault.into(),
        })
    })
    .collect()
}

impl Jwt {
    /// Asks nobody for keys yet.
    pub(in crate::access) fn new(
        name: &str,
        config: &JwtConfig,
        outbound: &outbound::Config,
    ) -> Result<Self, JwtFault> {
        let keys = configured::load(config)?.into_iter();
        Ok(Self {
            keys: keys.map(|configured| Arc::new(configured.key)).collect(),
            issuers: issuers::load(name, config, outbound)?,
            rules: ClaimRules::new(name, config)?,
        })
    }

    /// Goes on with the keys that an instance of before had from the issuers of this one.
    pub(in crate::access) fn inherit(&self, old: &Self) {
        for issuer in &self.issuers {
            old.issuers.iter().for_each(|old| issuer.inherit(old));
        }
    }

    /// `None` if the text is not of a token's form. The token's time is the caller's to check.
    /// Waits only for a token that an issuer's new key might verify, and that seldom.
    pub(in crate::access) async fn verify(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Option<Result<Verified, Fault>> {
        match self.judge(text, now)? {
            // Boxed: hardly any request has to carry this future about.
            Err(refusal) if refusal.is_open => Some(Box::pin(self.ask(text, now)).await),
            judged => Some(judged.map_err(|refusal| refusal.fault)),
        }
    }

    /// The same with the keys at hand.
    pub(in crate::access) fn verify_at_hand(
        &self,
        text: &str,
        now: Timestamp,
    ) -> Option<Result<Verified, Fault>> {
        let judged = self.judge(text, now)?;
        Some(judged.map_err(|refusal| self.settled(&refusal, text, now)))
    }

    /// Asks the issuers for their keys.
    pub(in crate::access) async fn fetch_keys(&self, now: Timestamp) {
        for issuer in &self.issuers {
            issuer.renew(now).await;
        }
    }

    /// Keeps the issuers' keys fresh, for ever.
    pub(in crate::access) async fn keep_keys(&self, clock: &dyn Clock) {
        let keeping = self.issuers.iter().map(|issuer| issuer.keep(clock));
        futures_util::future::join_all(keeping).await;
    }

    fn judge(&self, text: &str, now: Timestamp) -> Option<Result<Verified, Refusal>> {
        match text.bytes().filter(|byte| *byte == b'.').count() {
            2 => Some(self.judge_text(text, now)),
            // RFC 7516 §7.1.
            4 if text.starts_with("eyJ") => Some(Err(Fault::Encrypted.into())),
            _ => None,
        }
    }

    fn judge_text(&self, text: &str, now: Timestamp) -> Result<Verified, Refusal> {
        let (header, payload, signed) = parts(text)?;
        let header = Header::read(header)?;
        let mut refusal = match signer(self.keys.iter(), &header, signed) {
            Ok(_) => return Ok(self.rules.read(text, &claims_in(payload)?)?),
            Err(fault) => Refusal::from(fault),
        };
        for issuer in &self.issuers {
            match issuer.signer(&header, signed, now) {
                Ok(key) => return Ok(self.read(text, payload, &key)?),
                Err(other) => refusal = refusal.and(&other),
            }
        }
        if refusal.is_open {
            // Not worth a question if it is by somebody else anyway.
            self.rules.check_issuer(&claims_in(payload)?)?;
        }
        Err(refusal)
    }

    /// The claims by an issuer's key, which is good for as long as the issuer serves it.
    fn read(&self, text: &str, payload: &str, key: &Arc<VerifyingKey>) -> Result<Verified, Fault> {
        let claims = claims_in(payload)?;
        let found = claims.get("iss").and_then(Value::as_str);
        if key.issuer.is_some() && key.issuer.as_deref() != found {
            return Err(Fault::Issuer);
        }
        let mut verified = self.rules.read(text, &claims)?;
        verified.standing = Standing::of(key);
        Ok(verified)
    }

    /// Judges after the issuers that it may concern were asked for their keys.
    async fn ask(&self, text: &str, now: Timestamp) -> Result<Verified, Fault> {
        for issuer in self.concerned(text)? {
            issuer.renew(now).await;
        }
        let judged = self.judge_text(text, now);
        judged.map_err(|refusal| self.settled(&refusal, text, now))
    }

    /// What is said of a refused token: nothing is decided while an issuer's keys are not known.
    fn settled(&self, refusal: &Refusal, text: &str, now: Timestamp) -> Fault {
        let is_current =
            |issuers: Vec<&Arc<IssuerKeys>>| issuers.iter().all(|it| it.is_current(now));
        match refusal.is_open && !self.concerned(text).is_ok_and(is_current) {
            true => Fault::KeysAway,
            false => refusal.fault,
        }
    }

    /// The issuers whose keys may sign for the one that the token names.
    fn concerned(&self, text: &str) -> Result<Vec<&Arc<IssuerKeys>>, Fault> {
        let (_, payload, _) = parts(text)?;
        let claims = claims_in(payload)?;
        let named = claims.get("iss").and_then(Value::as_str);
        let issuers = self.issuers.iter();
        Ok(issuers.filter(|issuer| issuer.may_be_of(named)).collect())
    }
}

/// Header, payload, and what is signed.
fn parts(text: &str) -> Result<(&str, &str, Signed<'_>), Fault> {
    if text.len() > MAX_TOKEN {
        return Err(Fault::TooLong);
    }
    let (message, signature) = text.rsplit_once('.').ok_or(Fault::Header)?;
    let (header, payload) = message.split_once('.').ok_or(Fault::Header)?;
    Ok((header, payload, Signed { message, signature }))
}

fn claims_in(payload: &str) -> Result<Map<String, Value>, Fault> {
    header::part(payload, Fault::Payload)
}

impl Refusal {
    fn open(fault: Fault) -> Self {
        let is_open = true;
        Self { fault, is_open }
    }

    /// The deeper fault of both; open if one of them is.
    fn and(self, other: &Self) -> Self {
        Self {
            fault: self.fault.max(other.fault),
            is_open: self.is_open || other.is_open,
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let is_open = false;
        Self { fault, is_open }
    }
}

#[cfg(test)]
mod tests;
