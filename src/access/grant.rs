//! Grants: what we write into URLs in place of a viewer's own token.
//!
//! A grant's fields are
//! `kind expires issued [kid] scheme subject session token address stream`: compact, stateless, and
//! the same text for the same facts, so that caches keyed by URL hold. It opens one stream's
//! playlists or one key, and is never exchangeable for anything wider.
//!
//! Must not know: HTTP, or how the caller was verified.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::fields::{Reader, Writer};
use super::permit::{Lease, Permit, Play};
use super::ring::{Form, Ring, Unsigned};
use crate::crypto::SecretText;
use crate::domain::{Kid, StreamId, Timestamp};

/// A stream has up to 519 bytes, and the rest leaves room for three names of 255. What is signed
/// for longer names does not open again.
const FORM: Form = Form {
    purpose: b"hlskey grant 2\0",
    version: 2,
    max_text: 1_900,
};
/// A probe's text is the same for so long.
const PROBE_BUCKET: Duration = Duration::from_secs(3600);

/// What a grant opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrantKind {
    /// The stream's playlists.
    Play,
    /// One key, for a viewer.
    Key(Kid),
    /// One key, for the encryptor that checks what it published.
    Probe(Kid),
}

/// What a grant says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) kind: GrantKind,
    pub(super) expires: Timestamp,
    /// When the credential behind it was issued.
    pub(super) issued: Option<Timestamp>,
    /// Who vouched for the viewer.
    pub(super) scheme: String,
    pub(super) subject: String,
    pub(super) session: String,
    /// The name of the token behind it.
    pub(super) token: String,
    /// The only address that it is good for.
    pub(super) address: Option<IpAddr>,
    pub(super) stream: StreamId,
}

/// Writes and reads grants.
#[derive(Debug)]
pub struct Grants(Arc<Ring>);

impl Grants {
    pub(super) fn new(ring: Arc<Ring>) -> Self {
        Self(ring)
    }

    /// Opens the stream's playlists for as long as the permit's credential lasts.
    pub fn for_play(&self, permit: &Permit<Play>) -> SecretText {
        self.for_viewer(permit, GrantKind::Play)
    }

    /// Opens the one key `kid`, if it is the permit's stream's, for as long as its credential
    /// lasts.
    pub fn for_key(&self, permit: &Permit<Play>, kid: Kid) -> SecretText {
        self.for_viewer(permit, GrantKind::Key(kid))
    }

    /// Opens the one key `kid`, if it is the permit's stream's, without a viewer's entitlement,
    /// for one to two hours. The text is the same throughout an hour.
    pub fn probe(&self, permit: &Permit<Lease>, kid: Kid, now: Timestamp) -> SecretText {
        self.sign(&Grant {
            kind: GrantKind::Probe(kid),
            expires: end_of(PROBE_BUCKET, now).plus(PROBE_BUCKET),
            issued: None,
            scheme: permit.principal().scheme.to_string(),
            subject: permit.subject().to_owned(),
            session: String::new(),
            token: String::new(),
            address: None,
            stream: permit.stream().clone(),
        })
    }

    fn for_viewer(&self, permit: &Permit<Play>, kind: GrantKind) -> SecretText {
        let principal = permit.principal();
        self.sign(&Grant {
            kind,
            expires: permit.grants_end(),
            issued: principal.issued,
            scheme: principal.scheme.to_string(),
            subject: principal.subject.clone(),
            session: principal.session.clone(),
            token: principal.token.clone(),
            address: permit.bound_to(),
            stream: permit.stream().clone(),
        })
    }

    pub(super) fn sign(&self, grant: &Grant) -> SecretText {
        self.0.sign(&FORM, &grant.written())
    }

    /// What `text` says, if a key of the ring made it. Whether it has ended is the caller's
    /// business.
    pub(super) fn open(&self, text: &str) -> Result<Grant, Unsigned> {
        let fields = self.0.open(&FORM, text)?;
        Grant::read(&fields).ok_or(Unsigned::Form)
    }
}

/// The end of the stretch of `span` in which `now` lies.
pub(super) fn end_of(span: Duration, now: Timestamp) -> Timestamp {
    let span = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(
        now.millis()
            .div_euclid(span)
            .saturating_add(1)
            .saturating_mul(span),
    )
}

impl Grant {
    /// Every field; `read` is its inverse.
    fn written(&self) -> Vec<u8> {
        let (code, kid) = match self.kind {
            GrantKind::Play => (1, None),
            GrantKind::Key(kid) => (2, Some(kid)),
            GrantKind::Probe(kid) => (3, Some(kid)),
        };
        let mut out = Writer::default();
        out.byte(code);
        out.time(self.expires);
        out.time_if(self.issued);
        if let Some(kid) = kid {
            out.bytes(kid.as_bytes());
        }
        for name in [&self.scheme, &self.subject, &self.session, &self.token] {
            out.text(name);
        }
        out.address(self.address);
        out.bytes(self.stream.as_str().as_bytes());
        out.0
    }

    fn read(fields: &[u8]) -> Option<Self> {
        let mut fields = Reader(fields);
        let code = fields.byte()?;
        let (expires, issued) = (fields.time()?, fields.time_if()?);
        let mut kid = || fields.take().copied().map(Kid::from_bytes);
        let kind = match code {
            1 => GrantKind::Play,
            2 => GrantKind::Key(kid()?),
            3 => GrantKind::Probe(kid()?),
            _ => return None,
        };
        let mut name = || fields.text().map(str::to_owned);
        Some(Self {
            kind,
            expires,
            issued,
            scheme: name()?,
            subject: name()?,
            session: name()?,
            token: name()?,
            address: fields.address()?,
            stream: fields.rest()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests;
