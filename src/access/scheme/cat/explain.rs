//! What a Common Access Token says of itself, and which claim or which part of one is not met, for
//! whoever asks why it does not open what is asked.
//!
//! The seal is not told, nor is what a header or the query must be. Must not know: whether the token
//! verifies.

use super::claims::{Claims, label};
use super::cose::Envelope;
use super::{Cat, bytes, presented};
use crate::access::scheme::cat::cbor::{Item, read};
use crate::access::scheme::explain::{Finding, Hint};
use crate::access::scheme::request::Request;

/// The longest text that is told, in characters.
const MOST: usize = 80;
/// The claims by number and name (RFC 8392 §3.1, CTA-5007).
const NAMES: [(i64, &str); 24] = [
    (label::ISS, "iss"),
    (label::SUB, "sub"),
    (label::AUD, "aud"),
    (label::EXP, "exp"),
    (label::NBF, "nbf"),
    (label::IAT, "iat"),
    (label::CTI, "cti"),
    (label::CATREPLAY, "catreplay"),
    (309, "catpor"),
    (label::CATV, "catv"),
    (label::CATNIP, "catnip"),
    (label::CATU, "catu"),
    (label::CATM, "catm"),
    (label::CATALPN, "catalpn"),
    (label::CATH, "cath"),
    (316, "catgeoiso3166"),
    (317, "catgeocoord"),
    (318, "catgeoalt"),
    (319, "cattpk"),
    (label::CATIFDATA, "catifdata"),
    (321, "catdpop"),
    (label::CATIF, "catif"),
    (label::CATR, "catr"),
    (324, "cattprint"),
];

/// What is found out about the request's first token.
pub(in crate::access::scheme) fn explain(scheme: &Cat, request: &Request<'_>) -> Finding {
    let hints = match presented(request).next() {
        Some(text) => hints(scheme, request, text),
        None => Vec::new(),
    };
    Finding {
        hints,
        ..Finding::default()
    }
}

fn hints(scheme: &Cat, request: &Request<'_>, text: &str) -> Vec<Hint> {
    let Some(token) = bytes(text) else {
        let why = "the token is no base64url: write - for + and _ for /";
        return vec![Hint::new("alphabet", why)];
    };
    let envelope = match Envelope::read(&token) {
        Ok(envelope) => envelope,
        Err(fault) => return vec![Hint::new("cose", fault.reason())],
    };
    let mut hints = vec![header(&envelope)];
    hints.extend(seal(scheme, &envelope));
    match read(envelope.payload) {
        Ok(Item::Map(entries)) => {
            hints.push(list(&entries));
            hints.extend(unread(scheme, &entries));
        }
        _ => hints.push(Hint::new(
            "claims",
            "the payload is no map of claims in CBOR",
        )),
    }
    if let Ok(claims) = Claims::read(envelope.payload, &scheme.rules.harmless) {
        hints.extend(parties(scheme, &claims));
        hints.extend(claims.unmet(request));
    }
    hints
}

fn header(envelope: &Envelope<'_>) -> Hint {
    let algorithm = envelope.algorithm;
    let kid = envelope.kid.map(kid_text);
    let kid = kid.map_or_else(|| "no kid".to_owned(), |kid| format!("kid {kid}"));
    let why = format!("it says alg {algorithm:?} ({}), {kid}", algorithm.number());
    Hint::new("header", why)
}

fn kid_text(kid: &[u8]) -> String {
    shown(&String::from_utf8_lossy(kid))
}

/// Whether another key of the instance made the seal than the one that is named, or none.
fn seal(scheme: &Cat, envelope: &Envelope<'_>) -> Option<Hint> {
    let sealed = envelope.sealed()?;
    if scheme.check_seal(envelope, &sealed).is_ok() {
        return None;
    }
    let made_it = |key: &&super::Key| {
        key.algorithm == envelope.algorithm && key.verify(&sealed, envelope.seal)
    };
    match scheme.keys.iter().find(made_it) {
        Some(key) => {
            let why = format!(
                "the key {} made the seal, and the token names another",
                key.kid
            );
            Some(Hint::new("kid", why))
        }
        None => {
            let kids: Vec<_> = scheme.keys.iter().map(|key| key.kid.as_str()).collect();
            let kids = kids.join(", ");
            let why = format!("no key of the instance made the seal; it has {kids}");
            Some(Hint::new("seal", why))
        }
    }
}

fn list(entries: &[(Item<'_>, Item<'_>)]) -> Hint {
    let names: Vec<_> = entries.iter().map(|(key, _)| named(key)).collect();
    Hint::new("claims", format!("it has {}", names.join(", ")))
}

/// The number and name of a claim, as far as it has them.
fn named(key: &Item<'_>) -> String {
    let name = |number| NAMES.iter().find(|(known, _)| *known == number);
    match (key.int(), key.text()) {
        (Some(number), _) => match name(number) {
            Some((_, name)) => format!("{number} ({name})"),
            None => number.to_string(),
        },
        (None, Some(text)) => shown(text),
        (None, None) => "a claim without number or name".to_owned(),
    }
}

/// The claims that are malformed, or not known.
fn unread(scheme: &Cat, entries: &[(Item<'_>, Item<'_>)]) -> Vec<Hint> {
    let fault = |(key, value): &(Item<'_>, Item<'_>)| {
        let fault = Claims::read_one(key, value, &scheme.rules.harmless).err()?;
        let why = format!("claim {}: {}", named(key), fault.reason());
        Some(Hint::new(fault.code(), why))
    };
    entries.iter().filter_map(fault).collect()
}

/// Who it is from and for, where the instance says something else.
fn parties(scheme: &Cat, claims: &Claims) -> Vec<Hint> {
    let rules = &scheme.rules;
    let audience = claims.audience.as_ref().map(|some| some.join(", "));
    let of = |code, number, found: Option<&str>, wanted: &[String]| {
        let found = found.map_or_else(|| "missing".to_owned(), shown);
        let wanted = match wanted {
            [] => "names none".to_owned(),
            some => format!("has {}", some.join(", ")),
        };
        let what = named(&Item::Int(number));
        Hint::new(
            code,
            format!("claim {what} is {found}; the instance {wanted}"),
        )
    };
    let iss = || {
        of(
            "issuer",
            label::ISS.into(),
            claims.issuer.as_deref(),
            &rules.issuers,
        )
    };
    let aud = || {
        of(
            "audience",
            label::AUD.into(),
            audience.as_deref(),
            &rules.audiences,
        )
    };
    let hints = [
        (!rules.takes_issuer(claims)).then(iss),
        (!rules.takes_audience(claims)).then(aud),
    ];
    hints.into_iter().flatten().collect()
}

/// At most so long, and one line.
pub(super) fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(MOST).collect()
}
