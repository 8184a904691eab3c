//! What the ledger says, as bytes: the lease, its time, and the times of undated segments.
//!
//! Must not know: how the bytes are sealed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::api::{Claim, Text};
use crate::domain::Timestamp;
use crate::encryptor::lease::{Lease, NotedLease};
use crate::encryptor::term::Noted;
use crate::encryptor::undated::{Claims, assigned, claim};

/// What a later run goes on from.
pub(in crate::encryptor) struct Notes {
    pub(in crate::encryptor) lease: Lease,
    /// The lease's time; `None` where the server said no end.
    pub(in crate::encryptor) term: Option<Noted>,
    /// Times of undated segments.
    pub(in crate::encryptor) claims: Claims,
    /// Those of them that the server does not know yet.
    pub(in crate::encryptor) taken: Claims,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    lease: NotedLease,
    term: Option<NotedTerm>,
    claims: Vec<Claim>,
    taken: Vec<Claim>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NotedTerm {
    server: Text<Timestamp>,
    local: Text<Timestamp>,
    left_ms: u64,
    span_ms: u64,
}

/// The most times that are noted, the last ones.
const MAX_CLAIMS: usize = 2000;

/// The document's length, the document, and the keys.
pub(super) fn encode(
    (lease, from): (&Lease, Option<i64>),
    term: Option<Noted>,
    (claims, taken): (&Claims, &Claims),
) -> Zeroizing<Vec<u8>> {
    let (lease, keys) = lease.noted(from);
    let document = Document {
        lease,
        term: term.map(Into::into),
        claims: listed(claims),
        taken: listed(taken),
    };
    let document = serde_json::to_vec(&document).unwrap_or_default();
    let len = u32::try_from(document.len()).unwrap_or(u32::MAX);
    let mut plain = Zeroizing::new(Vec::with_capacity(4 + document.len() + keys.len()));
    plain.extend_from_slice(&len.to_be_bytes());
    plain.extend_from_slice(&document);
    plain.extend_from_slice(&keys);
    plain
}

/// What [`encode`] made; `None` of anything else.
pub(super) fn decode(plain: &[u8]) -> Option<Notes> {
    let (len, rest) = plain.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let (document, keys) = rest.split_at_checked(len)?;
    let document: Document = serde_json::from_slice(document).ok()?;
    Some(Notes {
        lease: Lease::from_noted(document.lease, keys)?,
        term: document.term.map(Into::into),
        claims: times(&document.claims),
        taken: times(&document.taken),
    })
}

fn listed(claims: &Claims) -> Vec<Claim> {
    let mut last = claims.clone();
    last.keep_last(MAX_CLAIMS / claims.renditions().max(1));
    last.iter().map(claim).collect()
}

fn times(listed: &[Claim]) -> Claims {
    listed.iter().filter_map(assigned).collect()
}

impl From<Noted> for NotedTerm {
    fn from(noted: Noted) -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            server: Text(noted.server),
            local: Text(noted.local),
            left_ms: millis(noted.left),
            span_ms: millis(noted.span),
        }
    }
}

impl From<NotedTerm> for Noted {
    fn from(noted: NotedTerm) -> Self {
        let span = Duration::from_millis(noted.span_ms);
        Self {
            server: noted.server.0,
            local: noted.local.0,
            left: Duration::from_millis(noted.left_ms).min(span),
            span,
        }
    }
}
