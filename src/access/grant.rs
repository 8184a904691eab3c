//! Grants: what we write into URLs in place of a viewer's own token.
//!
//! A grant is base64url without padding of
//! `version key-tag kind expires [kid] subject session stream mac`: compact, stateless, and the
//! same text for the same facts, so that caches keyed by URL hold. It opens one stream's
//! playlists or one key, and is never exchangeable for anything wider.
//!
//! Must not know: HTTP, or how the caller was verified.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::config::AccessConfigError;
use super::permit::{Lease, Permit, Play};
use crate::crypto::{MacKey, SecretText};
use crate::domain::{Kid, StreamId, Timestamp};

/// First byte of every grant.
const VERSION: u8 = 1;
const TAG_LEN: usize = 4;
const MAC_LEN: usize = 16;
/// Longer texts are no grants: a stream has up to 519 bytes, and that leaves room for two names of
/// 255. What is signed for longer names does not open again.
const MAX_TEXT: usize = 1_500;
/// Keeps a grant's MAC from meaning anything elsewhere.
const PURPOSE: &[u8] = b"hlskey grant 1\0";
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
    pub(super) subject: String,
    pub(super) session: String,
    pub(super) stream: StreamId,
}

/// Why a text is not a grant of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrantFault {
    /// It does not look like one.
    Form,
    /// No key of the ring made it.
    Mac,
}

/// The ring of grant keys: the first signs, any verifies. Never empty.
#[derive(Debug)]
pub struct Grants(Vec<MacKey>);

impl Grants {
    pub(super) fn load(paths: &[PathBuf]) -> Result<Self, AccessConfigError> {
        let keys: Result<Vec<_>, _> = paths.iter().map(|path| MacKey::load(path)).collect();
        Self::new(keys?)
    }

    pub(super) fn new(keys: Vec<MacKey>) -> Result<Self, AccessConfigError> {
        if keys.is_empty() {
            return Err(AccessConfigError::NoGrantKey);
        }
        Ok(Self(keys))
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
            subject: permit.subject().to_owned(),
            session: String::new(),
            stream: permit.stream().clone(),
        })
    }

    fn for_viewer(&self, permit: &Permit<Play>, kind: GrantKind) -> SecretText {
        self.sign(&Grant {
            kind,
            expires: permit.grants_end(),
            subject: permit.subject().to_owned(),
            session: permit.session().to_owned(),
            stream: permit.stream().clone(),
        })
    }

    pub(super) fn sign(&self, grant: &Grant) -> SecretText {
        let key = &self.0[0];
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&key.tag());
        grant.write(&mut bytes);
        let mac = key.sign(&[PURPOSE, &bytes]);
        bytes.extend_from_slice(&mac[..MAC_LEN]);
        SecretText::new(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What `text` says, if a key of the ring made it. Whether it has ended is the caller's
    /// business.
    pub(super) fn open(&self, text: &str) -> Result<Grant, GrantFault> {
        let bytes = decode(text).ok_or(GrantFault::Form)?;
        let (body, mac) = bytes
            .split_last_chunk::<MAC_LEN>()
            .ok_or(GrantFault::Form)?;
        let (head, fields) = body
            .split_first_chunk::<{ 1 + TAG_LEN }>()
            .ok_or(GrantFault::Form)?;
        let [VERSION, tag @ ..] = head else {
            return Err(GrantFault::Form);
        };
        let made_it = |key: &&MacKey| key.tag() == *tag && key.verify(&[PURPOSE, body], mac);
        self.0.iter().find(made_it).ok_or(GrantFault::Mac)?;
        Grant::read(fields).ok_or(GrantFault::Form)
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

fn decode(text: &str) -> Option<Vec<u8>> {
    let fits = text.len() <= MAX_TEXT;
    URL_SAFE_NO_PAD.decode(text).ok().filter(|_| fits)
}

impl Grant {
    /// Appends every field; `read` is its inverse.
    fn write(&self, out: &mut Vec<u8>) {
        let (code, kid) = match self.kind {
            GrantKind::Play => (1, None),
            GrantKind::Key(kid) => (2, Some(kid)),
            GrantKind::Probe(kid) => (3, Some(kid)),
        };
        out.push(code);
        out.extend_from_slice(&self.expires.millis().to_be_bytes());
        if let Some(kid) = kid {
            out.extend_from_slice(kid.as_bytes());
        }
        for name in [&self.subject, &self.session] {
            let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(self.stream.as_str().as_bytes());
    }

    fn read(mut fields: &[u8]) -> Option<Self> {
        let rest = &mut fields;
        let [code] = *take::<1>(rest)?;
        let expires = Timestamp::from_millis(i64::from_be_bytes(*take(rest)?));
        let mut kid = || take(rest).copied().map(Kid::from_bytes);
        let kind = match code {
            1 => GrantKind::Play,
            2 => GrantKind::Key(kid()?),
            3 => GrantKind::Probe(kid()?),
            _ => return None,
        };
        Some(Self {
            kind,
            expires,
            subject: take_name(rest)?,
            session: take_name(rest)?,
            stream: std::str::from_utf8(rest).ok()?.parse().ok()?,
        })
    }
}

fn take<'a, const N: usize>(from: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(taken)
}

fn take_name(from: &mut &[u8]) -> Option<String> {
    let len = u16::from_be_bytes(*take(from)?);
    let (name, rest) = from.split_at_checked(len.into())?;
    *from = rest;
    String::from_utf8(name.to_vec()).ok()
}

#[cfg(test)]
mod tests;
