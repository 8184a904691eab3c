//! `GET`/`HEAD /v1/keys/{kid}`: the sixteen bytes.
//!
//! 200 here means exactly 16 bytes (RFC 8216 §5.1). `Range` is ignored, since ffmpeg sends one with
//! every key request, and so is every query parameter that is no credential. Must not know: how
//! the gate decides, or where keys are kept.

use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::audit;
use super::error::Failure;
use super::guard::Viewing;
use super::renewed;
use crate::access::Gate;
use crate::domain::{Clock, KeyFacts, Kid, Timestamp};
use crate::keys::Keys;
use crate::telemetry::Metrics;

pub(super) async fn deliver(
    request: HttpRequest,
    who: Viewing,
    (gate, keys): (Data<Gate>, Data<Keys>),
    (clock, metrics): (Data<dyn Clock>, Data<Metrics>),
) -> Result<HttpResponse, Failure> {
    // A kid that is none is judged like one that is unknown: by the gate, after the credential.
    let facts = match kid_in(&request) {
        Some(kid) => keys.locate(kid).await?,
        None => None,
    };
    hand_out(&request, &who, facts, (&gate, &keys), (&**clock, &metrics)).await
}

/// A key to whoever may have it, whichever way it was named.
pub(super) async fn hand_out(
    request: &HttpRequest,
    who: &Viewing,
    facts: Option<KeyFacts>,
    (gate, keys): (&Gate, &Keys),
    (clock, metrics): (&dyn Clock, &Metrics),
) -> Result<HttpResponse, Failure> {
    let permit = gate
        .deliver(who.caller(), &who.shown(), facts.as_ref())
        .await
        .map_err(|denied| who.refused(denied, facts.as_ref().map(|facts| &facts.stream)))?;
    let key = keys.reveal(&permit).await?;
    if request.method() == Method::GET {
        audit::delivered(request, &permit, who)?;
        metrics.deliveries.inc();
    }
    let age = max_age(permit.expires(), clock.now());
    let mut answer = HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, OCTETS))
        .insert_header((header::CACHE_CONTROL, format!("private, max-age={age}")))
        .insert_header((header::ACCEPT_RANGES, NO_RANGES))
        .body(key.expose().to_vec());
    let stream = facts.as_ref().map(|facts| &facts.stream);
    let renewed = stream.and_then(|it| gate.renewed(who.caller(), &permit, (&who.shown(), it)));
    if let Some(token) = renewed {
        renewed::put(&mut answer, gate, &token, clock.now());
    }
    Ok(answer)
}

// Made once: each would be an allocation for every request.
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
const NO_RANGES: HeaderValue = HeaderValue::from_static("none");

/// The `{kid}` of the path.
pub(super) fn kid_in(request: &HttpRequest) -> Option<Kid> {
    request.match_info().get("kid")?.parse().ok()
}

/// The longest that a player's cache may keep a key. Players without a key cache of their own ask
/// for each segment, and this spares them; a revocation reaches the others within it.
const LONGEST: Duration = Duration::from_secs(300);

/// Seconds: never longer than the permit lasts.
fn max_age(expires: Option<Timestamp>, now: Timestamp) -> u32 {
    let left = expires.map_or(LONGEST, |expires| expires.since(now).min(LONGEST));
    u32::try_from(left.as_secs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_cached_no_longer_than_its_permit_lasts() {
        let now = Timestamp::from_millis(1_000_000);
        let after = |millis: i64| Some(Timestamp::from_millis(1_000_000 + millis));
        let cases = [
            (None, 300),
            (after(3_600_000), 300),
            (after(299_999), 299),
            (after(999), 0),
            (after(-5_000), 0),
        ];
        for (expires, age) in cases {
            assert_eq!(max_age(expires, now), age, "{expires:?}");
        }
    }
}
