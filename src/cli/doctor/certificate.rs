//! What Apple's transport security asks of a chain: trust, names, dates, keys, signatures.
//!
//! Must not know: how it was got.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, Error};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::code;
use super::fault::{Faults, Place};
use crate::domain::{Clock as _, SystemClock, Timestamp};

/// Certificates that end sooner are told of.
const SOON: Duration = Duration::from_secs(14 * 86400);
const LEAST_RSA: usize = 2048;
const LEAST_CURVE: usize = 256;
/// MD5 and SHA-1 with RSA, SHA-1 with ECDSA and DSA (RFC 3279 §2.2).
const WEAK: [&str; 4] = [
    "1.2.840.113549.1.1.4",
    "1.2.840.113549.1.1.5",
    "1.2.840.10045.4.1",
    "1.2.840.10040.4.3",
];

/// Judges a chain, and the system's verdict if it refused it.
pub(super) fn judge(
    chain: &[CertificateDer<'_>],
    verdict: Option<&Error>,
    place: Place<'_>,
    faults: &mut Faults,
) {
    let parsed = chain.iter().map(|der| X509Certificate::from_der(der));
    let parsed: Vec<_> = parsed.filter_map(|it| Some(it.ok()?.1)).collect();
    if let Some(leaf) = parsed.first() {
        dates(leaf, place, faults);
    }
    for certificate in &parsed {
        strength(certificate, place, faults);
    }
    refusal(verdict, parsed.len(), place, faults);
}

fn dates(leaf: &X509Certificate<'_>, place: Place<'_>, faults: &mut Faults) {
    let now = SystemClock.now();
    let end = leaf.validity().not_after.timestamp().saturating_mul(1000);
    let end = Timestamp::from_millis(end);
    if end < now {
        faults.add(&code::CERT_EXPIRED, place, format!("since {end}"));
    } else if end < now.plus(SOON) {
        faults.add(&code::CERT_SOON, place, format!("on {end}"));
    }
}

/// A root vouches for itself: its own signature says nothing.
fn strength(certificate: &X509Certificate<'_>, place: Place<'_>, faults: &mut Faults) {
    let bits = match certificate.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => Some(("RSA", key.key_size(), LEAST_RSA)),
        Ok(PublicKey::EC(key)) => Some(("EC", key.key_size(), LEAST_CURVE)),
        _ => None,
    };
    if let Some((kind, bits, _)) = bits.filter(|(_, bits, least)| bits < least) {
        faults.add(
            &code::CERT_KEY_WEAK,
            place,
            format!("{kind} of {bits} bits"),
        );
    }
    let signature = certificate.signature_algorithm.algorithm.to_id_string();
    let is_root = certificate.is_ca() && certificate.subject() == certificate.issuer();
    if WEAK.contains(&signature.as_str()) && !is_root {
        faults.add(
            &code::CERT_SIGNATURE_WEAK,
            place,
            format!("algorithm {signature}"),
        );
    }
}

fn refusal(verdict: Option<&Error>, length: usize, place: Place<'_>, faults: &mut Faults) {
    use CertificateError::{Expired, ExpiredContext, NotValidForName, NotValidForNameContext};
    match verdict {
        None => {}
        Some(Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })) => {
            faults.add(&code::CERT_NAME, place, "it is for other names");
        }
        // Told by its dates.
        Some(Error::InvalidCertificate(Expired | ExpiredContext { .. }))
            if faults.has(&code::CERT_EXPIRED) => {}
        Some(error) => {
            let text = format!("{error}; {length} certificates were shown");
            faults.add(&code::CERT_UNTRUSTED, place, text);
        }
    }
}
