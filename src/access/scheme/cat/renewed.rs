//! The token that follows one of the request's, where its claim `catr` asks for that.
//!
//! It says the same to the byte, but for its end: so it is called by the same id, falls with the same
//! revocation, and is for no more. Must not know: how it is sent.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::claims::Replay;
use super::cose::Envelope;
use super::renewal::{RenewedIn, extended};
use super::sign::sealed;
use super::{Cat, CatAlgorithm, HEADER, bearer, bytes, presented};
use crate::access::scheme::request::Request;
use crate::crypto::SecretText;
use crate::domain::Timestamp;

/// Now, and how long a policy lets a token live: it is looked up for a token that is due alone.
pub(in crate::access) type Terms<'a> = (Timestamp, &'a dyn Fn() -> Option<Duration>);

/// A token that was renewed.
#[derive(Debug)]
pub struct Renewed {
    /// Where it is put.
    pub place: RenewedIn,
    /// Its text.
    pub text: SecretText,
    /// When it is over.
    pub expires: Timestamp,
}

impl Cat {
    /// What follows the request's token of that name at `now`, if it is due. It lasts no longer than
    /// `most` from its issue; a token that may be used once has no successor, and neither has one
    /// whose seal is its issuer's alone.
    pub(in crate::access::scheme) fn renew(
        &self,
        request: &Request<'_>,
        of: &str,
        (now, most): Terms<'_>,
    ) -> Option<Renewed> {
        if !self.renews.load(Ordering::Relaxed) {
            return None;
        }
        let mut shown = presented(request).take(super::MOST);
        shown.find_map(|text| self.renew_one(request, (text, of), (now, most)))
    }

    fn renew_one(
        &self,
        request: &Request<'_>,
        (text, of): (&str, &str),
        (now, most): Terms<'_>,
    ) -> Option<Renewed> {
        let signed = self.signed(text).ok().filter(|it| it.name == of)?;
        let claims = &signed.claims;
        let (renewal, end) = claims.renewal.as_ref().zip(claims.expires)?;
        if claims.replay == Replay::Prohibited || claims.check(request).is_err() {
            return None;
        }
        let wanted = renewal.new_end(end, now)?;
        let bound = most().map(|most| claims.issued.unwrap_or(now).plus(most));
        let new_end = bound.map_or(wanted, |bound| bound.min(wanted));
        if new_end <= end {
            return None;
        }
        Some(Renewed {
            place: renewal.place(is_in_header(request, text))?,
            text: self.sealed_anew(text, new_end)?,
            expires: new_end,
        })
    }

    /// Under the shared secret that sealed it: another signature would be a file to be read.
    fn sealed_anew(&self, text: &str, end: Timestamp) -> Option<SecretText> {
        let token = bytes(text)?;
        let envelope = Envelope::read(&token).ok()?;
        let before = envelope.sealed()?;
        let mut shared = self.keys.iter().filter(|key| {
            let is_named = envelope.kid.is_none_or(|kid| kid == key.kid.as_bytes());
            key.algorithm == CatAlgorithm::Hs256 && key.algorithm == envelope.algorithm && is_named
        });
        let key = shared.find(|key| key.verify(&before, envelope.seal))?;
        let token = sealed(key, &extended(envelope.payload, end)?)?;
        Some(SecretText::new(URL_SAFE_NO_PAD.encode(token)))
    }
}

fn is_in_header(request: &Request<'_>, text: &str) -> bool {
    let headers = request.headers;
    let bearers = headers.values("authorization").filter_map(bearer);
    headers.values(HEADER).chain(bearers).any(|it| it == text)
}
