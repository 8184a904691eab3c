//! From signed claims to a principal.
//!
//! Whatever narrows a token (`exp`, `aud`, `kid`…) refuses it when malformed; whatever widens it
//! (streams, actions) opens nothing when missing or malformed.
//!
//! Must not know: signatures, or the present time.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::config::{JwtConfig, JwtFault};
use crate::access::scheme::Fault;
use crate::access::scheme::verified::Verified;
use crate::crypto::sha256;
use crate::domain::{Action, Kid, Principal, PrincipalKind, StreamPattern, Timestamp};

type Claims = Map<String, Value>;

/// The longest subject or session name, in bytes.
const MAX_NAME: usize = 255;
/// The most stream patterns in one token.
const MAX_PATTERNS: usize = 256;
/// Times past this many seconds (the year 5138) are milliseconds in disguise.
const MAX_SECONDS: f64 = 1e11;
/// The most that clocks may differ.
const MAX_LEEWAY: Duration = Duration::from_secs(300);
/// Claims with a meaning of their own.
const RESERVED: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "actions", "kid"];

/// What an instance demands of claims.
pub(super) struct ClaimRules {
    scheme: Arc<str>,
    within: Vec<StreamPattern>,
    actions: Vec<Action>,
    issuer: Option<String>,
    audience: Option<String>,
    leeway: Duration,
    stream_claim: String,
    subject_claim: String,
    max_life: Option<Duration>,
}

impl ClaimRules {
    pub(super) fn new(scheme: &str, config: &JwtConfig) -> Result<Self, JwtFault> {
        check_names(config)?;
        if config.actions.iter().any(|a| a.0 == Action::Operate) {
            return Err(JwtFault::Operate);
        }
        if *config.leeway.0 > MAX_LEEWAY {
            return Err(JwtFault::Leeway);
        }
        Ok(Self {
            scheme: scheme.into(),
            within: config.streams.iter().map(|text| text.0.clone()).collect(),
            actions: config.actions.iter().map(|text| text.0).collect(),
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            leeway: *config.leeway.0,
            stream_claim: config.stream_claim.clone(),
            subject_claim: config.subject_claim.clone(),
            max_life: config.max_life.as_ref().map(|life| *life.0),
        })
    }

    /// What the claims of `token` mean, whatever the time is.
    pub(super) fn read(&self, token: &str, claims: &Claims) -> Result<Verified, Fault> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let subject = claims.get(&self.subject_claim).and_then(name);
        let expires = self.expiry(claims)?;
        let not_before = self.not_before(claims)?;
        let kid = kid(claims)?;
        let actions = self.actions(claims, kid);
        let principal = Principal {
            kind: kind(&actions),
            scheme: Arc::clone(&self.scheme),
            also: Vec::new(),
            subject: subject.ok_or(Fault::Subject)?,
            session: session(token, claims),
            token: token_name(token, claims),
            streams: streams(claims.get(&self.stream_claim)),
            within: self.within.clone(),
            actions,
            kid,
            issued: claims.get("iat").and_then(numeric_date),
            address: None,
            uses: None,
            expires: Some(expires.plus(self.leeway)),
        };
        Ok(Verified {
            principal: Arc::new(principal),
            not_before: not_before.map(|from| from.minus(self.leeway)),
        })
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), Fault> {
        let Some(expected) = &self.issuer else {
            return Ok(());
        };
        let is_it = claims.get("iss").and_then(Value::as_str) == Some(expected);
        is_it.then_some(()).ok_or(Fault::Issuer)
    }

    /// A token for somebody in particular is refused by everybody else, also by a scheme that has
    /// no name for itself (RFC 7519 §4.1.3).
    fn check_audience(&self, claims: &Claims) -> Result<(), Fault> {
        let is_it = match (&self.audience, claims.get("aud")) {
            (None, found) => found.is_none(),
            (Some(expected), Some(Value::String(one))) => one == expected,
            (Some(expected), Some(Value::Array(some))) => {
                some.iter().any(|one| one.as_str() == Some(expected))
            }
            (Some(_), _) => false,
        };
        is_it.then_some(()).ok_or(Fault::Audience)
    }

    fn expiry(&self, claims: &Claims) -> Result<Timestamp, Fault> {
        let expires = claims.get("exp").and_then(numeric_date);
        let expires = expires.ok_or(Fault::Expiry)?;
        let Some(max_life) = self.max_life else {
            return Ok(expires);
        };
        let issued = claims.get("iat").and_then(numeric_date);
        let life = expires.since(issued.ok_or(Fault::Times)?);
        (life <= max_life).then_some(expires).ok_or(Fault::Life)
    }

    /// `nbf`; under a longest life also `iat`, or a life could be stretched by an issue to come.
    fn not_before(&self, claims: &Claims) -> Result<Option<Timestamp>, Fault> {
        let named = |name| match claims.get(name) {
            None => Ok(None),
            Some(value) => numeric_date(value).map(Some).ok_or(Fault::Times),
        };
        let (not_before, issued) = (named("nbf")?, named("iat")?);
        let issued = issued.filter(|_| self.max_life.is_some());
        Ok(not_before.max(issued))
    }

    /// What the claim `actions` lists and the instance allows; without the claim, a viewer's.
    /// A token for one key is good for that key alone, not for playlists that name others.
    fn actions(&self, claims: &Claims, kid: Option<Kid>) -> Vec<Action> {
        let wanted = match claims.get("actions") {
            None => Some(Action::VIEWER.to_vec()),
            Some(value) => texts(value).and_then(parsed),
        };
        let mut actions = wanted.unwrap_or_default();
        actions.retain(|action| self.actions.contains(action));
        actions.retain(|action| kid.is_none() || *action == Action::Deliver);
        actions
    }
}

fn check_names(config: &JwtConfig) -> Result<(), JwtFault> {
    let names = [
        ("stream_claim", &config.stream_claim),
        ("subject_claim", &config.subject_claim),
    ];
    for (option, name) in names {
        if RESERVED.contains(&name.as_str()) {
            return Err(JwtFault::Claim(option, name.clone()));
        }
    }
    if config.stream_claim == config.subject_claim {
        let name = config.stream_claim.clone();
        return Err(JwtFault::Claim("stream_claim", name));
    }
    Ok(())
}

fn kind(actions: &[Action]) -> PrincipalKind {
    let watches = actions.iter().any(|action| Action::VIEWER.contains(action));
    if watches || actions.is_empty() {
        PrincipalKind::Viewer
    } else {
        PrincipalKind::Machine
    }
}

/// The session that the token names, else one of the token's own.
fn session(token: &str, claims: &Claims) -> String {
    let named = claims.get("sid").and_then(name);
    named.unwrap_or_else(|| token_name(token, claims))
}

/// The token's own id, else a digest of it.
fn token_name(token: &str, claims: &Claims) -> String {
    let named = claims.get("jti").and_then(name);
    named.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(&sha256(token.as_bytes())[..12]))
}

/// A printable name of some length; a number counts as its digits, as some issuers write ids.
fn name(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if !number.is_f64() => number.to_string(),
        _ => return None,
    };
    let is_fit = (1..=MAX_NAME).contains(&text.len()) && !text.chars().any(char::is_control);
    is_fit.then_some(text)
}

/// Every pattern, or none at all if one of them is malformed.
fn streams(claim: Option<&Value>) -> Vec<StreamPattern> {
    let named = claim.and_then(texts);
    let bounded = named.filter(|texts| texts.len() <= MAX_PATTERNS);
    bounded.and_then(parsed).unwrap_or_default()
}

/// An array of strings, or one string.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(one) => Some(vec![one]),
        Value::Array(some) => some.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn parsed<T: std::str::FromStr>(texts: Vec<&str>) -> Option<Vec<T>> {
    texts.into_iter().map(|text| text.parse().ok()).collect()
}

/// A NumericDate: seconds since the epoch, whole or not (RFC 7519 §2).
fn numeric_date(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64()?;
    let is_seconds = seconds.abs() <= MAX_SECONDS;
    is_seconds.then(|| Timestamp::from_millis((seconds * 1000.0).floor() as i64))
}

fn kid(claims: &Claims) -> Result<Option<Kid>, Fault> {
    let Some(value) = claims.get("kid") else {
        return Ok(None);
    };
    let kid = value.as_str().and_then(|text| text.parse().ok());
    kid.map(Some).ok_or(Fault::Kid)
}

#[cfg(test)]
mod tests;
