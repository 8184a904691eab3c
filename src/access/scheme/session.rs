//! The scheme `session`: what a token was exchanged for comes back, in our cookie or as a grant.
//!
//! Must not know: how a session is signed.

use std::sync::Arc;

use super::Fault;
use super::verified::{Standing, Verified};
use crate::access::credential::Presented;
use crate::access::ring::Unsigned;
use crate::access::session::Sessions;

pub(in crate::access) fn verify(
    sessions: &Sessions,
    presented: &Presented<'_>,
) -> Option<Result<Verified, Fault>> {
    match sessions.principal(presented.text.expose()) {
        Ok(principal) => Some(Ok(Verified {
            principal: Arc::new(principal),
            not_before: None,
            standing: Standing::default(),
        })),
        Err(Unsigned::Mac) => Some(Err(Fault::Signature)),
        Err(Unsigned::Form) => None,
    }
}
