//! The gate: the one place where permits are made.
//!
//! Must not know: HTTP, or a content key.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use super::config::{AccessConfigError, Config};
use super::credential::Credential;
use super::entitlement::Entitlement;
use super::grant::{Grants, end_of};
use super::permit::{Act, Admitted, Deliver, Operate, Permit, Play, StreamAction, Viewing};
use super::scheme::request::{Purpose, Request};
use super::scheme::{self, Fault, Schemes, certificate};
use crate::crypto::SecretText;
use crate::domain::{Clock, Denied, KeyFacts, Principal, PrincipalKind, StreamId, Timestamp};
use crate::store::Store;

/// Shows that a permit comes from here: nobody else can make one.
pub(super) struct Seal(());

/// No stream's path; nothing signs it.
const NO_CONTENT: &str = "-/-";

/// How long the grants of a credential without an end last at least. Their text changes as often.
const ENDLESS_GRANT: Duration = Duration::from_secs(24 * 3600);

/// Turns credentials into permits.
pub struct Gate {
    schemes: Schemes,
    entitlement: Entitlement,
    grants: Arc<Grants>,
    clock: Arc<dyn Clock>,
}

impl Gate {
    /// Reads the secret files that `config` names.
    pub fn new(
        config: &Config,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AccessConfigError> {
        let grants = Arc::new(Grants::load(&config.grants.key_files)?);
        Ok(Self {
            schemes: Schemes::new(
                &config.schemes,
                &config.client_certificates,
                Arc::clone(&grants),
                store,
            )?,
            entitlement: Entitlement::new(&config.entitlement)?,
            grants,
            clock,
        })
    }

    /// Whether a gate could be made of `config`: reads the secret files and forgets them.
    pub fn check(config: &Config) -> Result<(), AccessConfigError> {
        Grants::load(&config.grants.key_files)?;
        scheme::check(&config.schemes)?;
        certificate::check(&config.client_certificates)?;
        Entitlement::new(&config.entitlement).map(drop)
    }

    /// Verifies what was presented. Every token is tried; the first that verifies decides, and a
    /// bad one never masks a good one.
    ///
    /// Refuses with [`Denied::NoCredential`], [`Denied::BadCredential`] naming the last check
    /// that one of them came to, or [`Denied::Undecided`] if a source was away.
    pub async fn admit(&self, credential: &Credential<'_>) -> Result<Admitted, Denied> {
        let principal = self.schemes.verify(credential, self.clock.now()).await?;
        Ok(Admitted::new(Seal(()), principal))
    }

    /// As [`Self::admit`], of one token alone.
    pub async fn admit_bearer(&self, token: &SecretText) -> Result<Admitted, Denied> {
        let principal = self.schemes.verify_bearer(token, self.clock.now()).await?;
        Ok(Admitted::new(Seal(()), principal))
    }

    /// Whether something was presented that a scheme reads which verifies a request for one content
    /// alone. For others nobody need look up what is asked for.
    pub fn may_sign(&self, credential: &Credential<'_>) -> bool {
        !matches!(self.admit_to(credential, None), Err(Denied::NoCredential))
    }

    /// Verifies a request for the content of one stream; `None` where there is none, which is
    /// judged like one that the token is not for.
    ///
    /// Refuses with [`Denied::NoCredential`] or [`Denied::BadCredential`].
    pub fn admit_to(
        &self,
        credential: &Credential<'_>,
        stream: Option<&StreamId>,
    ) -> Result<Admitted, Denied> {
        let request = Request {
            content: stream.map_or(NO_CONTENT, StreamId::as_str),
            query: credential.query,
            headers: credential.headers,
            method: credential.method,
            target: credential.target,
            alpn: credential.alpn,
            ip: credential.ip,
            purpose: Purpose::Play,
        };
        match self.schemes.verify_request(&request, self.clock.now()) {
            Some(Ok(principal)) => Ok(Admitted::new(Seal(()), principal)),
            Some(Err(fault)) => Err(fault.into()),
            None => Err(Denied::NoCredential),
        }
    }

    /// Leave to hand out a key; `key` is `None` if no key has the kid asked for.
    ///
    /// The action is decided first, whether or not the kid exists; an unknown and a foreign kid
    /// get the same [`Denied::UnknownKey`]; [`Denied::KeyGone`] comes last.
    pub async fn deliver(
        &self,
        who: &Admitted,
        key: Option<&KeyFacts>,
    ) -> Result<Permit<Deliver>, Denied> {
        let principal = self.capable::<Deliver>(who)?;
        let key = key
            .filter(|key| opens(principal, key))
            .ok_or(Denied::UnknownKey)?;
        self.entitled(principal, &key.stream).await?;
        if !key.state.is_delivered() {
            return Err(Denied::KeyGone);
        }
        Ok(Permit::new(Seal(()), who.share(), key.clone()))
    }

    /// Leave to hand out a stream's playlists, with grants in them.
    pub async fn play(&self, who: &Admitted, stream: &StreamId) -> Result<Permit<Play>, Denied> {
        let principal = self.capable::<Play>(who)?;
        covered(principal, stream)?;
        self.entitled(principal, stream).await?;
        let viewing = Viewing {
            stream: stream.clone(),
            grants_end: grants_end(principal, self.clock.now()),
        };
        Ok(Permit::new(Seal(()), who.share(), viewing))
    }

    /// Leave to do a packager's work on a stream.
    pub fn manage<A: StreamAction>(
        &self,
        who: &Admitted,
        stream: &StreamId,
    ) -> Result<Permit<A>, Denied> {
        covered(self.capable::<A>(who)?, stream)?;
        Ok(Permit::new(Seal(()), who.share(), stream.clone()))
    }

    /// Leave to withdraw a key, whatever its state; `key` is `None` if no key has the kid asked
    /// for. An operator too has streams of its own: a foreign key is [`Denied::UnknownKey`].
    pub fn operate(
        &self,
        who: &Admitted,
        key: Option<&KeyFacts>,
    ) -> Result<Permit<Operate>, Denied> {
        let principal = self.capable::<Operate>(who)?;
        let key = key.filter(|key| opens(principal, key));
        let key = key.ok_or(Denied::UnknownKey)?.clone();
        Ok(Permit::new(Seal(()), who.share(), key))
    }

    /// Whether the credential behind a permit is still in time, for a request that has waited
    /// since.
    pub fn recheck<A: Act>(&self, permit: &Permit<A>) -> Result<(), Denied> {
        let is_live = permit.principal().is_live(self.clock.now());
        is_live.then_some(()).ok_or(Fault::Expired.into())
    }

    /// Counts the questions put to the entitlement source.
    pub fn entitlement_lookups(&self) -> Counter {
        self.entitlement.lookups()
    }

    /// Writes grants.
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// The principal, if its time is not over (a request may have waited) and it may do `A`.
    fn capable<'a, A: Act>(&self, who: &'a Admitted) -> Result<&'a Principal, Denied> {
        let principal = who.principal();
        if !principal.is_live(self.clock.now()) {
            return Err(Fault::Expired.into());
        }
        let allowed = principal.may(A::ACTION);
        allowed
            .then_some(principal)
            .ok_or(Denied::WrongAction(A::ACTION))
    }

    /// A probe speaks for no viewer; everybody else needs the right to watch.
    async fn entitled(&self, principal: &Principal, stream: &StreamId) -> Result<(), Denied> {
        if principal.kind == PrincipalKind::Probe {
            return Ok(());
        }
        self.entitlement.check(&principal.subject, stream).await
    }
}

fn opens(principal: &Principal, key: &KeyFacts) -> bool {
    principal.covers(&key.stream) && principal.kid.is_none_or(|kid| kid == key.kid)
}

fn covered(principal: &Principal, stream: &StreamId) -> Result<(), Denied> {
    let covers = principal.covers(stream);
    covers.then_some(()).ok_or(Denied::WrongStream)
}

/// A grant ends with the credential behind it.
fn grants_end(principal: &Principal, now: Timestamp) -> Timestamp {
    let endless = || end_of(ENDLESS_GRANT, now).plus(ENDLESS_GRANT);
    principal.expires.unwrap_or_else(endless)
}

#[cfg(test)]
impl Gate {
    /// Takes a principal for verified.
    pub(crate) fn assume(principal: Principal) -> Admitted {
        Admitted::new(Seal(()), Arc::new(principal))
    }
}

#[cfg(test)]
mod tests;
