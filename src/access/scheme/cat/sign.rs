//! Signing a token with an instance's first key that can.
//!
//! Must not know: whether the server will take it.

use std::convert::Infallible;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::encode::Error;

use super::Cat;
use super::claims::label;
use super::cose::{ALG, CWT, CatAlgorithm, KID, Out, to_be_sealed, written};
use super::key::Key;
use super::network::{IPV4, IPV6};
use super::uri::PARAMETER;
use crate::access::scheme::order::Order;

type Written = Result<(), Error<Infallible>>;

/// The query to put behind the URL, without `?`: everything below the content's path is opened.
pub(in crate::access::scheme) fn sign(scheme: &Cat, order: Order<'_>) -> Option<String> {
    let payload = written(|to| claims(to, scheme, order))?;
    let mut keys = scheme.keys.iter();
    let token = keys.find_map(|key| sealed(key, &payload))?;
    Some(format!("{PARAMETER}={}", URL_SAFE_NO_PAD.encode(token)))
}

/// The payload under that key, if it is one that seals.
pub(super) fn sealed(key: &Key, payload: &[u8]) -> Option<Vec<u8>> {
    let protected = written(|to| headers(to, key.algorithm, &key.kid))?;
    let seal = key.seal(&to_be_sealed(key.algorithm, &protected, payload)?)?;
    written(|to| {
        let to = to.tag(tag(CWT))?.tag(tag(key.algorithm.tag()))?;
        let to = to.array(4)?.bytes(&protected)?.map(0)?;
        to.bytes(payload)?.bytes(&seal)?.ok()
    })
}

fn tag(number: u64) -> minicbor::data::Tag {
    minicbor::data::Tag::new(number)
}

fn headers(to: &mut Out, algorithm: CatAlgorithm, kid: &str) -> Written {
    to.map(2)?.i64(ALG)?.i64(algorithm.number())?;
    to.i64(KID)?.bytes(kid.as_bytes())?.ok()
}

/// In the order of their keys (RFC 8949 §4.2.1).
fn claims(to: &mut Out, scheme: &Cat, order: Order<'_>) -> Written {
    let first = |list: &[String]| list.first().cloned();
    let issuer = first(&scheme.rules.issuers);
    let audience = first(&scheme.rules.audiences);
    let subject = Some(order.subject).filter(|subject| !subject.is_empty());
    let optional = [
        issuer.is_some(),
        audience.is_some(),
        order.ip.is_some(),
        subject.is_some(),
    ];
    let count = 6 + optional.iter().filter(|is_there| **is_there).count();
    to.map(u64::try_from(count).unwrap_or_default())?;
    if let Some(issuer) = issuer {
        to.i64(label::ISS)?.str(&issuer)?;
    }
    if let Some(subject) = subject {
        to.i64(label::SUB)?.str(subject)?;
    }
    if let Some(audience) = audience {
        to.i64(label::AUD)?.str(&audience)?;
    }
    to.i64(label::EXP)?.i64(order.end.seconds())?;
    to.i64(label::NBF)?.i64(order.start.seconds())?;
    to.i64(label::IAT)?.i64(order.start.seconds())?;
    to.i64(label::CTI)?.bytes(&order.id)?;
    to.i64(label::CATV)?.u8(1)?;
    if let Some(ip) = order.ip {
        address(to.i64(label::CATNIP)?.array(1)?, ip)?;
    }
    // The URL's path (3) begins (1) with the content's.
    let uri = to.i64(label::CATU)?.map(1)?.u8(3)?.map(1)?.u8(1)?;
    uri.str(&format!("/{}/", order.stream))?.ok()
}

fn address(to: &mut Out, ip: IpAddr) -> Written {
    match ip.to_canonical() {
        IpAddr::V4(ip) => to.tag(tag(IPV4))?.bytes(&ip.octets())?.ok(),
        IpAddr::V6(ip) => to.tag(tag(IPV6))?.bytes(&ip.octets())?.ok(),
    }
}
