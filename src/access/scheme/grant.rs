//! The scheme `grant`: what we wrote into a URL comes back.
//!
//! Must not know: how a grant is signed.

use std::sync::Arc;

use super::Fault;
use super::verified::{Standing, Verified};
use crate::access::credential::Presented;
use crate::access::grant::{Grant, GrantKind, Grants};
use crate::access::ring::Unsigned;
use crate::domain::{Action, Principal, PrincipalKind, StreamPattern};

pub(in crate::access) fn verify(
    grants: &Grants,
    presented: &Presented<'_>,
) -> Option<Result<Verified, Fault>> {
    match grants.open(presented.text.expose()) {
        Ok(grant) => Some(Ok(verified(grant))),
        Err(Unsigned::Mac) => Some(Err(Fault::Signature)),
        Err(Unsigned::Form) => None,
    }
}

/// One stream, one action, and for a key grant one key.
fn verified(grant: Grant) -> Verified {
    let (kind, action, kid) = match grant.kind {
        GrantKind::Play => (PrincipalKind::Grant, Action::Play, None),
        GrantKind::Key(kid) => (PrincipalKind::Grant, Action::Deliver, Some(kid)),
        GrantKind::Probe(kid) => (PrincipalKind::Probe, Action::Deliver, Some(kid)),
    };
    let stream = StreamPattern::from(&grant.stream);
    let principal = Principal {
        kind,
        scheme: grant.scheme.into(),
        also: Vec::new(),
        subject: grant.subject,
        token: grant.token,
        session: grant.session,
        streams: vec![stream.clone()],
        within: vec![stream],
        actions: vec![action],
        kid,
        issued: grant.issued,
        address: grant.address,
        uses: None,
        expires: Some(grant.expires),
    };
    Verified {
        principal: Arc::new(principal),
        not_before: None,
        standing: Standing::default(),
    }
}
