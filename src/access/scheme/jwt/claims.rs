//! From signed claims to a principal.
//!
//! Whatever narrows a token (`exp`, `aud`, `kid`…) refuses it when malformed; whatever widens it
//! (streams, actions) opens nothing when missing or malformed.
//!
//! Must not know: signatures, or the present time.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::config::{ClaimValue, JwtConfig, JwtFault, RequiredClaim};
use crate::access::scheme::Fault;
use crate::access::scheme::verified::{Standing, Verified};
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
const RESERVED: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "actions", USES];
/// The claim that says how often a token may open something.
const USES: &str = "maxuses";

/// What an instance demands of claims.
pub(super) struct ClaimRules {
    scheme: Arc<str>,
    within: Vec<StreamPattern>,
    actions: Vec<Action>,
    issuers: Vec<String>,
    audiences: Vec<String>,
    leeway: Duration,
    stream_claim: String,
    subject_claim: String,
    session_claim: Option<String>,
    kid_claim: String,
    required: Vec<RequiredClaim>,
    max_uses: Option<NonZeroU32>,
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
            issuers: config.all_issuers().cloned().collect(),
            audiences: config.all_audiences().cloned().collect(),
            leeway: *config.leeway.0,
            stream_claim: config.stream_claim.clone(),
            subject_claim: config.subject_claim.clone(),
            session_claim: config.session_claim.clone(),
            kid_claim: config.kid_claim.clone(),
            required: config.required_claims.clone(),
            max_uses: config.max_uses,
            max_life: config.max_life.as_ref().map(|life| *life.0),
        })
    }

    /// What the claims of `token` mean, whatever the time is.
    pub(super) fn read(&self, token: &str, claims: &Claims) -> Result<Verified, Fault> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        let subject = self.subject(token, claims)?;
        let expires = self.expiry(claims)?;
        let not_before = self.not_before(claims)?;
        let kid = self.kid(claims)?;
        let uses = self.uses(claims)?;
        self.check_required(claims)?;
        let actions = self.actions(claims, kid);
        let principal = Principal {
            kind: kind(&actions),
            scheme: Arc::clone(&self.scheme),
            also: Vec::new(),
            subject,
            session: self.session(token, claims),
            token: token_name(token, claims),
            streams: streams(claims.get(&self.stream_claim)),
            within: self.within.clone(),
            actions,
            kid,
            issued: claims.get("iat").and_then(numeric_date),
            address: None,
            uses,
            expires: Some(expires.plus(self.leeway)),
        };
        Ok(Verified {
            principal: Arc::new(principal),
            not_before: not_before.map(|from| from.minus(self.leeway)),
            standing: Standing::default(),
        })
    }

    /// The viewer. A token that names none is a viewer of its own; one that names none that can be
    /// told is refused.
    fn subject(&self, token: &str, claims: &Claims) -> Result<String, Fault> {
        match claims.get(&self.subject_claim) {
            None | Some(Value::Null) => Ok(token_name(token, claims)),
            Some(value) => name(value).ok_or(Fault::Subject),
        }
    }

    /// Whether claims that nobody has verified yet may be an accepted issuer's.
    pub(super) fn check_issuer(&self, claims: &Claims) -> Result<(), Fault> {
        let found = claims.get("iss").and_then(Value::as_str);
        let is_one = found.is_some_and(|found| self.issuers.iter().any(|issuer| issuer == found));
        (is_one || self.issuers.is_empty())
            .then_some(())
            .ok_or(Fault::Issuer)
    }

    /// A token for somebody in particular is refused by everybody else, also by a scheme that has
    /// no name for itself (RFC 7519 §4.1.3).
    fn check_audience(&self, claims: &Claims) -> Result<(), Fault> {
        let is_ours = |name: &Value| {
            self.audiences
                .iter()
                .any(|ours| name.as_str() == Some(ours))
        };
        let is_it = match claims.get("aud") {
            None => self.audiences.is_empty(),
            Some(Value::Array(some)) => some.iter().any(is_ours),
            Some(one) => is_ours(one),
        };
        is_it.then_some(()).ok_or(Fault::Audience)
    }

    fn check_required(&self, claims: &Claims) -> Result<(), Fault> {
        let said = |name: &String| claims.get(name).filter(|value| !value.is_null());
        let holds = |required: &RequiredClaim| match required {
            RequiredClaim::Name(name) => said(name).is_some(),
            RequiredClaim::Values(values) => values
                .iter()
                .all(|(name, wanted)| said(name).is_some_and(|found| is_or_has(found, wanted))),
        };
        let all = self.required.iter().all(holds);
        all.then_some(()).ok_or(Fault::RequiredClaim)
    }

    fn expiry(&self, claims: &Claims) -> Result<Timestamp, Fault> {
        let expires = date(claims, "exp", Fault::Expiry)?.ok_or(Fault::Expiry)?;
        let Some(max_life) = self.max_life else {
            return Ok(expires);
        };
        let issued = claims.get("iat").and_then(numeric_date);
        let life = expires.since(issued.ok_or(Fault::Times)?);
        (life <= max_life).then_some(expires).ok_or(Fault::Life)
    }

    /// `nbf`; under a longest life also `iat`, or a life could be stretched by an issue to come.
    fn not_before(&self, claims: &Claims) -> Result<Option<Timestamp>, Fault> {
        let named = |name| date(claims, name, Fault::Times);
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

    /// The session that the token names, else one of the token's own.
    fn session(&self, token: &str, claims: &Claims) -> String {
        let claim = self.session_claim.as_deref().unwrap_or("sid");
        let named = claims.get(claim).and_then(name);
        named.unwrap_or_else(|| token_name(token, claims))
    }

    fn kid(&self, claims: &Claims) -> Result<Option<Kid>, Fault> {
        let Some(value) = claims.get(&self.kid_claim) else {
            return Ok(None);
        };
        let kid = value.as_str().and_then(|text| text.parse().ok());
        kid.map(Some).ok_or(Fault::Kid)
    }

    /// The fewer of what the token and the instance say.
    fn uses(&self, claims: &Claims) -> Result<Option<u32>, Fault> {
        let most = self.max_uses.map(NonZeroU32::get);
        let Some(value) = claims.get(USES) else {
            return Ok(most);
        };
        let uses = value.as_u64().filter(|uses| *uses > 0);
        let uses = u32::try_from(uses.ok_or(Fault::Uses)?).unwrap_or(u32::MAX);
        Ok(Some(most.map_or(uses, |most| most.min(uses))))
    }
}

fn is_or_has(found: &Value, wanted: &ClaimValue) -> bool {
    let is_it = |found: &Value| match wanted {
        ClaimValue::Bool(wanted) => found.as_bool() == Some(*wanted),
        ClaimValue::Number(wanted) => found.as_i64() == Some(*wanted),
        ClaimValue::Text(wanted) => found.as_str() == Some(wanted),
    };
    match found {
        Value::Array(some) => some.iter().any(is_it),
        one => is_it(one),
    }
}

fn check_names(config: &JwtConfig) -> Result<(), JwtFault> {
    let session = config.session_claim.as_ref();
    let names = [
        ("subject_claim", Some(&config.subject_claim)),
        ("stream_claim", Some(&config.stream_claim)),
        ("kid_claim", Some(&config.kid_claim)),
        ("session_claim", session),
    ];
    let mut taken: Vec<&str> = RESERVED.to_vec();
    for (option, name) in names {
        let Some(name) = name else { continue };
        // A session may be the token or the viewer: then each has one.
        let may_be = option == "session_claim" && *name == config.subject_claim;
        if taken.contains(&name.as_str()) && !may_be {
            return Err(JwtFault::Claim(option, name.clone()));
        }
        taken.push(name);
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

/// The token's own id, else a digest of what is signed: one text has more than one good signature
/// (of ECDSA, whoever holds one can reckon another), and would be as many tokens.
fn token_name(token: &str, claims: &Claims) -> String {
    let named = claims.get("jti").and_then(name);
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    named.unwrap_or_else(|| URL_SAFE_NO_PAD.encode(&sha256(signed.as_bytes())[..12]))
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

/// The claim `name` where it is there, else why it is no time.
fn date(claims: &Claims, name: &str, fault: Fault) -> Result<Option<Timestamp>, Fault> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let is_late = value.as_f64().is_some_and(|it| it > MAX_SECONDS);
    let fault = if is_late { Fault::Milliseconds } else { fault };
    numeric_date(value).map(Some).ok_or(fault)
}

/// A NumericDate: seconds since the epoch, whole or not (RFC 7519 §2).
fn numeric_date(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64()?;
    let is_seconds = seconds.abs() <= MAX_SECONDS;
    is_seconds.then(|| Timestamp::from_millis((seconds * 1000.0).floor() as i64))
}

#[cfg(test)]
mod tests;
