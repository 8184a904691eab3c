//! The gate: the one place where permits are made.
//!
//! Must not know: HTTP, or a content key.

mod audit;
mod caller;
mod publish;
mod rules;
mod viewers;

pub use caller::Caller;
pub use publish::Sending;

use std::convert::Infallible;
use std::sync::Arc;

use super::config::{AccessConfigError, Config};
use super::credential::Credential;
use super::enrolment::Enrolment;
use super::entitlement::{self, Entitlement, Roster, RosterError};
use super::grant::Grants;
use super::live::{Live, Survey};
use super::permit::{Act, Admitted, Operate, Oversee, Permit, StreamAction};
use super::policy::Policies;
use super::position::Positions;
use super::revocation::Revocations;
use super::revoke::Refusals;
use super::ring::Ring;
use super::scheme::digest::Digests;
use super::scheme::{self, Fault, certificate};
use super::session::Sessions;
use super::users;
use super::uses::Uses;
use crate::api::InvalidationRequest;
use crate::crypto::{KeyRing, SecretText};
use crate::domain::{Clock, Denied, Entropy, KeyFacts, Principal, StreamId, StreamPattern};
use crate::store::Store;
use crate::telemetry::EntitlementMeasures;
use rules::{InForce, Ours, Rules};

/// Shows that a permit comes from here: nobody else can make one.
pub(super) struct Seal(());

/// Turns credentials into permits.
pub struct Gate {
    rules: InForce,
    ours: Ours,
    entitlement: Entitlement,
    live: Arc<Live>,
    revocations: Revocations,
    refusals: Refusals,
    uses: Uses,
    digests: Digests,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Gate {
    /// Reads the secret files that `config` names.
    pub fn new(
        config: &Config,
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, AccessConfigError> {
        let ring = Arc::new(Ring::load(&config.grants.key_files)?);
        let ours = Ours {
            grants: Arc::new(Grants::new(Arc::clone(&ring))),
            sessions: Arc::new(Sessions::new(&config.sessions, Arc::clone(&ring))?),
            ring,
            store: store.clone(),
        };
        Ok(Self {
            live: Live::new(*config.sessions.lease.0, store.clone(), Arc::clone(&clock)),
            rules: InForce::new(Rules::new(config, &ours)?),
            digests: Digests::new(store.clone(), Arc::clone(&ours.ring), None),
            ours,
            entitlement: Entitlement::new(
                &config.entitlement,
                store.clone(),
                Arc::clone(&clock),
                Arc::clone(&entropy),
            )?,
            uses: Uses::new(store.clone()),
            refusals: Refusals::default(),
            revocations: Revocations::new(store, Arc::clone(&clock)),
            clock,
            entropy,
        })
    }

    /// Opens with `masters` what is kept for HTTP's digest, which is not spoken otherwise.
    #[must_use]
    pub fn with_masters(mut self, masters: KeyRing) -> Self {
        let (store, ring) = (self.ours.store.clone(), Arc::clone(&self.ours.ring));
        self.digests = Digests::new(store, ring, Some(masters));
        self
    }

    /// Takes the schemes, client certificates, policies and `[outbound]` of `config` from the next
    /// request on, and nothing else of it; reads the secret files that they name. What is wrong
    /// changes nothing. What was handed out before, as grants and sessions, is good for its time.
    pub fn reload(&self, config: &Config) -> Result<(), AccessConfigError> {
        self.rules.replace(Rules::new(config, &self.ours)?);
        Ok(())
    }

    /// Whether a gate could be made of `config`: reads the secret files and forgets them.
    pub fn check(config: &Config) -> Result<(), AccessConfigError> {
        let ring = Ring::load(&config.grants.key_files)?;
        Sessions::new(&config.sessions, Arc::new(ring))?;
        Policies::new(&config.policies, &config.schemes)?;
        scheme::check(&config.schemes, &config.outbound)?;
        certificate::check(&config.client_certificates)?;
        users::check(&config.users)?;
        Ok(entitlement::check(&config.entitlement)?)
    }

    /// Verifies what was presented, for what packagers and operators do. Every token is tried; the
    /// first that verifies decides, and a bad one never masks a good one.
    ///
    /// Refuses with [`Denied::NoCredential`], [`Denied::BadCredential`] naming the last check
    /// that one of them came to, or [`Denied::Undecided`] if a source was away.
    pub async fn admit(&self, credential: &Credential<'_>) -> Result<Admitted, Denied> {
        let rules = self.rules.get();
        let principal = rules.schemes.verify(credential, self.clock.now()).await?;
        Ok(Admitted::new(Seal(()), principal))
    }

    /// As [`Self::admit`], of HTTP's digest, for the routes that take it; `None` if none is shown.
    pub async fn admit_digest(
        &self,
        credential: &Credential<'_>,
    ) -> Option<Result<Admitted, Denied>> {
        let outcome = self.digests.verify(credential, self.clock.now()).await?;
        let admitted = outcome.map(|principal| Admitted::new(Seal(()), principal));
        Some(admitted.map_err(Denied::from))
    }

    /// What asks for a digest, where some credential is for one (RFC 7616 §3.3).
    pub async fn digest_challenge(&self, denied: &Denied) -> Option<String> {
        let now = self.clock.now();
        self.digests.challenge(denied, now, &*self.entropy).await
    }

    /// As [`Self::admit`], of one token alone.
    pub async fn admit_bearer(&self, token: &SecretText) -> Result<Admitted, Denied> {
        let rules = self.rules.get();
        let principal = rules.schemes.verify_bearer(token, self.clock.now()).await?;
        Ok(Admitted::new(Seal(()), principal))
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
        let key = key.filter(|key| viewers::opens(principal, key));
        let key = key.ok_or(Denied::UnknownKey)?.clone();
        Ok(Permit::new(Seal(()), who.share(), key))
    }

    /// Leave to act upon every viewer, whatever they watch. An operator whose credential is for some
    /// streams alone is [`Denied::WrongStream`].
    pub fn oversee(&self, who: &Admitted) -> Result<Permit<Oversee>, Denied> {
        let principal = self.capable::<Oversee>(who)?;
        let every = StreamPattern::any();
        let covers = |list: &[StreamPattern]| list.iter().any(|one| one.contains(&every));
        match covers(&principal.streams) && covers(&principal.within) {
            true => Ok(Permit::new(Seal(()), who.share(), ())),
            false => Err(Denied::WrongStream),
        }
    }

    /// Leave to look at the viewers of the streams that the operator's credential is for.
    pub fn survey(&self, who: &Admitted) -> Result<Survey<'_>, Denied> {
        self.capable::<Operate>(who)?;
        let positions = self.positions("live sessions");
        Ok(Survey::new(Seal(()), who.share(), positions))
    }

    fn positions(&self, list: &'static str) -> Positions<'_> {
        Positions {
            list,
            ring: &self.ours.ring,
            entropy: &*self.entropy,
        }
    }

    /// The live sessions.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Whether the credential behind a permit is still in time, for a request that has waited
    /// since.
    pub fn recheck<A: Act>(&self, permit: &Permit<A>) -> Result<(), Denied> {
        let is_live = permit.principal().is_live(self.clock.now());
        is_live.then_some(()).ok_or(Fault::Expired.into())
    }

    /// What is counted of the entitlement source.
    pub fn entitlement_measures(&self) -> EntitlementMeasures {
        self.entitlement.measures()
    }

    /// The rows of who may watch, for an operator.
    pub fn roster<'g>(&'g self, who: &'g Admitted) -> Result<Roster<'g>, Denied> {
        Ok(Roster {
            operator: self.capable::<Operate>(who)?,
            store: &self.ours.store,
            positions: self.positions("entitlements"),
            consulted: self.entitlement.consulted().map(|it| &**it),
            now: self.clock.now(),
        })
    }

    /// Packagers' credentials, for an operator.
    pub fn enrolment<'g>(&'g self, who: &'g Admitted) -> Result<Enrolment<'g>, Denied> {
        Ok(Enrolment {
            operator: self.capable::<Operate>(who)?,
            store: &self.ours.store,
            digests: &self.digests,
            entropy: Arc::clone(&self.entropy),
            now: self.clock.now(),
        })
    }

    /// What the entitlement service sends to call answers off: JSON, and the header that signs it.
    /// Gives what was called off.
    pub async fn heed_push(
        &self,
        signature: &str,
        body: &[u8],
    ) -> Result<InvalidationRequest, RosterError> {
        let consulted = self.entitlement.consulted().map(|it| &**it);
        let (secrets, now) = (self.entitlement.secrets(), self.clock.now());
        entitlement::heed_push(
            (&self.ours.store, consulted),
            secrets,
            (signature, body),
            now,
        )
        .await
    }

    /// Asks the entitlement source again, in a task that ends with this gate, before its answers
    /// end.
    pub fn keep_entitled(&self) {
        if let Some(consulted) = self.entitlement.consulted() {
            consulted.keep_fresh();
        }
    }

    /// Keeps the keys of issuers fresh, for ever; without it they are fetched when one is missing.
    pub async fn keep_keys(&self) -> Infallible {
        self.rules.keep_keys(&*self.clock).await
    }

    /// Writes grants.
    pub fn grants(&self) -> &Grants {
        &self.ours.grants
    }

    pub(super) fn entitlement(&self) -> &Entitlement {
        &self.entitlement
    }

    pub(super) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The principal, if its time is not over (a request may have waited) and it may do `A`.
    fn capable<'a, A: Act>(&self, who: &'a Admitted) -> Result<&'a Principal, Denied> {
        let principal = who.principal();
        self.able::<A>(principal).map(|()| principal)
    }

    /// Whether the principal still may do `A`: its time is not over, and it is not revoked.
    fn able<A: Act>(&self, who: &Principal) -> Result<(), Denied> {
        let now = self.clock.now();
        if !who.is_live(now) {
            return Err(Fault::Expired.into());
        }
        self.revocations.check(who, now)?;
        let allowed = who.may(A::ACTION);
        allowed.then_some(()).ok_or(Denied::WrongAction(A::ACTION))
    }
}

fn covered(principal: &Principal, stream: &StreamId) -> Result<(), Denied> {
    let covers = principal.covers(stream);
    covers.then_some(()).ok_or(Denied::WrongStream)
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
