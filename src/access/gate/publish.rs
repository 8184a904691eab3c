//! What media servers ask of the gate: whether somebody may send a stream.
//!
//! Must not know: HTTP, or any media server.

use std::net::IpAddr;
use std::sync::Arc;

use super::caller::request;
use super::{Gate, Seal};
use crate::access::credential::{Asker, Credential, Way};
use crate::access::permit::{Permit, Publish};
use crate::access::scheme::request::{Purpose, Request};
use crate::domain::{Action, Denied, Principal, StreamId};

impl Gate {
    /// Leave to send a stream: by any credential that has the action `publish` and the stream, or by a
    /// word of `publish` in `urlparams`. Every token is tried; a bad one never masks a good one, and none
    /// that is refused hides that another could not be looked at.
    pub async fn publish(
        &self,
        shown: &Credential<'_>,
        stream: &StreamId,
        sending: Sending,
    ) -> Result<Permit<Publish>, Denied> {
        let (rules, now) = (self.rules.get(), self.clock.now());
        let (mut found, fault) = rules.schemes.verify_all(shown, now).await;
        let request = Request {
            purpose: Purpose::Publish,
            ..request(shown, Some(stream))
        };
        let (signed, signed_fault) = rules.schemes.verify_request(&request, now);
        found.extend(signed.iter().map(|who| publisher(who)));
        let mut refusals = Vec::new();
        for who in found {
            match self.may_send(&who, shown, (stream, sending)).await {
                Ok(()) => return Ok(Permit::new(Seal(()), who, stream.clone())),
                Err(denied) => refusals.push(denied),
            }
        }
        refusals.extend(fault);
        refusals.extend(signed_fault.map(Denied::from));
        Err(gravest(refusals))
    }

    /// Leave to send a stream, for a user of whom somebody else vouches that it is one: a media server that
    /// has verified a signature, and shown that it is itself.
    pub async fn publish_as(
        &self,
        user: &str,
        (way, ip): (Way, Option<IpAddr>),
        stream: &StreamId,
    ) -> Result<Permit<Publish>, Denied> {
        let rules = self.rules.get();
        let named = rules
            .schemes
            .user(user, Asker { way, ip }, self.clock.now());
        let who = named.await?;
        self.able::<Publish>(&who)?;
        super::covered(&who, stream)?;
        Ok(Permit::new(Seal(()), who, stream.clone()))
    }

    /// Leave to connect, before it is said what for: to whoever shows nothing, and to whoever shows something
    /// good for anything. Refuses with [`Denied::BadCredential`] or [`Denied::Undecided`].
    pub async fn connect(&self, shown: &Credential<'_>) -> Result<(), Denied> {
        match self.hear(shown).await {
            Ok(_) | Err(Denied::NoCredential) => Ok(()),
            Err(denied) => Err(denied),
        }
    }

    /// A use of a token that has a few only is taken last, once for as long as somebody sends.
    async fn may_send(
        &self,
        who: &Principal,
        shown: &Credential<'_>,
        (stream, sending): (&StreamId, Sending),
    ) -> Result<(), Denied> {
        self.able::<Publish>(who)?;
        super::covered(who, stream)?;
        let is_there = who.address.is_none_or(|bound| shown.ip == Some(bound));
        is_there.then_some(()).ok_or(Denied::WrongAddress)?;
        match sending {
            Sending::Begins => self.uses.spend(who).await,
            Sending::GoesOn => Ok(()),
        }
    }
}

/// Whether somebody begins to send, or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// A first question.
    Begins,
    /// The same again, while it sends.
    GoesOn,
}

/// What could not be decided may have been good; else the first has it.
fn gravest(refusals: Vec<Denied>) -> Denied {
    let undecided = |denied: &Denied| matches!(denied, Denied::Undecided(_));
    let at = refusals.iter().position(undecided).unwrap_or_default();
    let refusal = refusals.into_iter().nth(at);
    refusal.unwrap_or(Denied::NoCredential)
}

/// Whoever was verified for publishing may do that alone, of one scheme that has words for it.
fn publisher(who: &Principal) -> Arc<Principal> {
    Arc::new(Principal {
        actions: vec![Action::Publish],
        ..who.clone()
    })
}
