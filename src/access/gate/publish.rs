//! What media servers ask of the gate: whether somebody may send a stream.
//!
//! Must not know: HTTP, or any media server.

use std::sync::Arc;

use super::caller::request;
use super::{Gate, Seal};
use crate::access::credential::Credential;
use crate::access::permit::{Permit, Publish};
use crate::access::scheme::request::{Purpose, Request};
use crate::domain::{Action, Denied, Principal, StreamId};

impl Gate {
    /// Leave to send a stream: by any credential that has the action `publish` and the stream, or by a
    /// word of `publish` in `urlparams`. Every token is tried; a bad one never masks a good one.
    pub async fn publish(
        &self,
        shown: &Credential<'_>,
        stream: &StreamId,
    ) -> Result<Permit<Publish>, Denied> {
        let (rules, now) = (self.rules.get(), self.clock.now());
        let (mut found, mut fault) = rules.schemes.verify_all(shown, now).await;
        let request = Request {
            purpose: Purpose::Publish,
            ..request(shown, Some(stream))
        };
        let (signed, signed_fault) = rules.schemes.verify_request(&request, now);
        found.extend(signed.iter().map(|who| publisher(who)));
        fault = fault.or(signed_fault.map(Denied::from));
        let mut refusal = None;
        for who in found {
            match self.may_send(&who, shown, stream).await {
                Ok(()) => return Ok(Permit::new(Seal(()), who, stream.clone())),
                Err(denied) => refusal = refusal.or(Some(denied)),
            }
        }
        Err(refusal.or(fault).unwrap_or(Denied::NoCredential))
    }

    /// A use of a token that has a few only is taken last.
    async fn may_send(
        &self,
        who: &Principal,
        shown: &Credential<'_>,
        stream: &StreamId,
    ) -> Result<(), Denied> {
        self.able::<Publish>(who)?;
        super::covered(who, stream)?;
        let is_there = who.address.is_none_or(|bound| shown.ip == Some(bound));
        is_there.then_some(()).ok_or(Denied::WrongAddress)?;
        self.uses.spend(who).await
    }
}

/// Whoever was verified for publishing may do that alone, of one scheme that has words for it.
fn publisher(who: &Principal) -> Arc<Principal> {
    Arc::new(Principal {
        actions: vec![Action::Publish],
        ..who.clone()
    })
}
