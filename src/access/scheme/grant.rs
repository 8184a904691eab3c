//! The scheme `grant`: what we wrote into a URL comes back.
//!
//! Must not know: how a grant is signed.

use std::sync::Arc;

use super::verified::Verified;
use super::{Fault, GRANT};
use crate::access::credential::Presented;
use crate::access::grant::{Grant, GrantFault, GrantKind, Grants};
use crate::domain::{Action, Principal, PrincipalKind, StreamPattern};

pub(super) fn verify(
    grants: &Grants,
    presented: &Presented<'_>,
) -> Option<Result<Verified, Fault>> {
    match grants.open(presented.text.expose()) {
        Ok(grant) => Some(Ok(verified(grant))),
        Err(GrantFault::Mac) => Some(Err(Fault::Signature)),
        Err(GrantFault::Form) => None,
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
        scheme: GRANT.into(),
        subject: grant.subject,
        token: grant.session.clone(),
        session: grant.session,
        streams: vec![stream.clone()],
        within: vec![stream],
        actions: vec![action],
        kid,
        issued: None,
        uses: None,
        expires: Some(grant.expires),
    };
    Verified {
        principal: Arc::new(principal),
        not_before: None,
    }
}
