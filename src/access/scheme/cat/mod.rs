//! The scheme `cat`: the Common Access Token of CTA-5007-A, a CWT (RFC 8392) under static keys.
//!
//! The token stands in the header or cookie `CTA-Common-Access-Token`, in the parameter `cat`, or
//! where any token may stand. What restricts it and is not enforced here is refused, so that a token
//! never opens more than its issuer meant. Must not know: the other schemes, or the clock; the
//! caller checks the time.

mod cbor;
mod claims;
mod config;
mod cose;
mod explain;
mod key;
mod network;
mod renewal;
mod renewed;
mod rule;
mod sign;
mod uri;
mod watch;

use crate::crypto::hex_of;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Fault;
use super::request::{Request, is_plain_path, pairs};
use super::scope::Scope;
use super::verified::{Remembered, Weighed};
use super::vouched::{Vouched, digest_name};
use crate::access::TOKEN_PARAMETER;
use crate::access::credential::bearer;
use crate::domain::StreamPattern;
use claims::{Claims, Replay};
use cose::Envelope;
use key::Key;
use watch::Watch;

pub use claims::ClaimKey;
pub use config::{CatConfig, CatFault, CatKeyConfig};
pub use cose::CatAlgorithm;
pub(super) use explain::explain;
pub use renewal::RenewedIn;
pub use renewed::Renewed;
pub(in crate::access) use renewed::Terms;
pub(super) use sign::sign;

/// The header, and the cookie.
const HEADER: &str = "cta-common-access-token";
const COOKIE: &str = "CTA-Common-Access-Token";
/// The longest token looked at, in characters.
const LONGEST: usize = 8 * 1024;
/// The most of one request that are tried.
const MOST: usize = 8;

/// One instance.
pub(in crate::access) struct Cat {
    keys: Vec<Key>,
    rules: Rules,
    /// What a token opens that names no URL.
    streams: Vec<StreamPattern>,
    lately: Remembered<Arc<Signed>>,
    /// Whether a token ever asked to be renewed: where none does, none is looked at again.
    renews: AtomicBool,
    watch: Watch,
}

/// What an instance demands of every token.
#[derive(Debug)]
struct Rules {
    issuers: Vec<String>,
    audiences: Vec<String>,
    require_exp: bool,
    harmless: HashSet<ClaimKey>,
}

/// A token whose seal is good, and that is from whom and for whom the instance says.
#[derive(Debug)]
struct Signed {
    claims: Claims,
    /// Its id, else a digest of what is sealed: what is not, anybody can change.
    name: String,
}

impl Weighed for Arc<Signed> {
    fn weight(&self) -> usize {
        size_of::<Signed>() + 1024 + self.claims.weight()
    }
}

/// Whether the request has such a token.
pub(super) fn is_shown(request: &Request<'_>) -> bool {
    presented(request).next().is_some()
}

impl Cat {
    fn new(keys: Vec<Key>, rules: Rules, scope: &Scope) -> Self {
        Self {
            keys,
            rules,
            streams: scope.streams().to_vec(),
            lately: Remembered::new(),
            renews: AtomicBool::new(false),
            watch: Watch::new(),
        }
    }

    /// Gives what is said of every such token in the request.
    pub(super) fn verify_each(
        &self,
        request: &Request<'_>,
        take: &mut dyn FnMut(Result<Vouched, Fault>),
    ) {
        for text in presented(request).take(MOST) {
            take(self.judge(request, text));
        }
    }

    fn judge(&self, request: &Request<'_>, text: &str) -> Result<Vouched, Fault> {
        // A folder's URL ends with a slash, and the root is one.
        let is_plain = |path: &str| {
            let path = path.strip_suffix('/').unwrap_or(path);
            path.is_empty() || is_plain_path(path)
        };
        let path = request.target.path;
        let path = path.strip_prefix('/').unwrap_or(path);
        if !is_plain(request.content) || !is_plain(path) {
            return Err(Fault::Path);
        }
        let signed = self.signed(text)?;
        let claims = &signed.claims;
        claims.check(request)?;
        if claims.replay == Replay::Detected {
            self.watch.look(&signed.name, request.ip);
        }
        let name = signed.name.clone();
        let vouched = match claims.uri {
            Some(_) => Vouched::for_content(request.stream(), name),
            None => Vouched::for_streams(self.streams.clone(), name),
        };
        let once = (claims.replay == Replay::Prohibited).then_some(1);
        Ok(vouched
            .speaking_for(claims.subject.as_deref())
            .spanning(claims.not_before, claims.expires)
            .issued(claims.issued)
            .bound_to(request.ip.filter(|_| claims.names_networks()))
            // Neither a grant nor a session could ask for the headers again.
            .for_keys_alone(claims.names_headers())
            .for_uses(once))
    }

    /// The claims of a token that was lately looked at, or those that a key of ours has sealed.
    fn signed(&self, text: &str) -> Result<Arc<Signed>, Fault> {
        if let Some(signed) = self.lately.find(text) {
            return Ok(signed);
        }
        let signed = Arc::new(self.read(text)?);
        self.lately.keep_long(text, &signed);
        Ok(signed)
    }

    fn read(&self, text: &str) -> Result<Signed, Fault> {
        if text.len() > LONGEST {
            return Err(Fault::TooLong);
        }
        let token = bytes(text).ok_or(Fault::Malformed)?;
        let envelope = Envelope::read(&token)?;
        let sealed = envelope.sealed().ok_or(Fault::Malformed)?;
        self.check_seal(&envelope, &sealed)?;
        let claims = Claims::read(envelope.payload, &self.rules.harmless)?;
        self.rules.check(&claims)?;
        if claims.renewal.is_some() {
            self.renews.store(true, Ordering::Relaxed);
        }
        let name = claims.id.as_deref().map(hex_of);
        let name = name.unwrap_or_else(|| digest_name(&sealed));
        Ok(Signed { claims, name })
    }

    /// A key is tried for its own algorithm alone, and only if the token does not name another.
    fn check_seal(&self, envelope: &Envelope<'_>, sealed: &[u8]) -> Result<(), Fault> {
        let mut deepest = Fault::UnknownKey;
        for key in &self.keys {
            if envelope.kid.is_some_and(|kid| kid != key.kid.as_bytes()) {
                continue;
            }
            if key.algorithm != envelope.algorithm {
                deepest = deepest.max(Fault::Algorithm);
            } else if key.verify(sealed, envelope.seal) {
                return Ok(());
            } else {
                deepest = Fault::Signature;
            }
        }
        Err(deepest)
    }
}

impl Rules {
    fn check(&self, claims: &Claims) -> Result<(), Fault> {
        if !self.takes_issuer(claims) {
            return Err(Fault::Issuer);
        }
        if !self.takes_audience(claims) {
            return Err(Fault::Audience);
        }
        let ends = claims.expires.is_some() || !self.require_exp;
        ends.then_some(()).ok_or(Fault::Expiry)
    }

    fn takes_issuer(&self, claims: &Claims) -> bool {
        let is_issuer = |issuer: &String| self.issuers.contains(issuer);
        self.issuers.is_empty() || claims.issuer.as_ref().is_some_and(is_issuer)
    }

    fn takes_audience(&self, claims: &Claims) -> bool {
        match &claims.audience {
            None => self.audiences.is_empty(),
            Some(some) => some.iter().any(|one| self.audiences.contains(one)),
        }
    }
}

/// Every token of the request: those in the places of this scheme, and those in the places of any
/// that have its form.
fn presented<'a>(request: &Request<'a>) -> impl Iterator<Item = &'a str> {
    let headers = request.headers;
    let cookies = crate::access::credential::cookies(headers, COOKIE);
    let named = |wanted| pairs(request.query).filter(move |(name, _)| *name == wanted);
    let own = named(uri::PARAMETER).map(|(_, value)| value);
    let own = headers.values(HEADER).chain(cookies).chain(own);
    let bearers = headers.values("authorization").filter_map(bearer);
    let any = bearers.chain(named(TOKEN_PARAMETER).map(|(_, value)| value));
    own.chain(any.filter(|text| has_form(text)))
}

/// Base64 for URLs (RFC 4648 §5); padding may stand there, percent-encoded too.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches("%3D").trim_end_matches("%3d");
    URL_SAFE_NO_PAD.decode(digits.trim_end_matches('=')).ok()
}

/// Whether the first bytes are a CWT's, or a COSE message's that is one of ours.
fn has_form(text: &str) -> bool {
    let first = text.get(..4).and_then(bytes);
    matches!(
        first.as_deref(),
        Some([0xd8, 0x3d, _] | [0xd1 | 0xd2, 0x84, _] | [0x84, ..])
    )
}

#[cfg(test)]
mod tests;
