//! The lease: the periods that an encryptor may need, each with its key, issued on the way.
//!
//! Must not know: who encrypts, or with which IV.

use std::collections::HashMap;

use crate::access::{self, Permit, Publish};
use crate::crypto::ContentKey;
use crate::domain::{
    Boundary, KeyScope, Kid, Period, Rendition, Scope, Slot, Stream, StreamId, Timestamp,
};
use crate::store::{Held, Hold, NewPeriod, PeriodRow, StoreError, StreamRow};

use super::span::{MAX_PERIODS, Span};
use super::{ATTEMPTS, Keys, KeysError, check_name};

/// Which periods are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseRequest {
    /// The first one's index, also a past or a negative one. Default: one before the period of
    /// now, by the clock or by the furthest segment reported or claimed.
    pub from: Option<i64>,
    /// How many, 1 to 1000. Default: as many as begin within the lease, and at least two.
    pub count: Option<u32>,
    /// Whose keys, if each rendition has its own; ignored otherwise.
    pub rendition: Option<Rendition>,
    /// The version that the asker follows. Whoever knows one registers nothing: a stream that was
    /// removed meanwhile stays removed.
    pub known: Option<u64>,
    /// The encryptor that asks, if one does: it holds a lease from now on, and by `known` it
    /// acknowledges that version.
    pub instance: Option<String>,
}

/// That an encryptor holds a lease, or that none was named. Only [`Keys::hold`] makes one, so a
/// lease is durable before its keys are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    ends: Option<Timestamp>,
}

/// A stream and some of its periods, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The stream.
    pub stream: Stream,
    /// The periods; fewer than asked for where the schedule has no more.
    pub periods: Vec<LeasedPeriod>,
    /// When the lease of the encryptor that asked ends.
    pub ends: Option<Timestamp>,
}

/// A period with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedPeriod {
    /// The period.
    pub period: Period,
    /// Where the next one begins, if that is in sight.
    pub end: Option<Boundary>,
    /// Its key.
    pub key: ContentKey,
    /// What `EXT-X-KEY` says: absolute, the same for ever.
    pub uri: String,
}

impl Holding {
    /// No encryptor's: whoever asks holds nothing.
    pub(super) fn nobodys() -> Self {
        Self { ends: None }
    }
}

impl Keys {
    /// Notes the lease of the encryptor that asks, if one is named: every change from now on waits
    /// for it, and the periods are to be read after this. A stream that is not registered is
    /// registered by the first template that matches, unless the asker knew it before.
    pub async fn hold(
        &self,
        permit: &Permit<access::Lease>,
        ask: &LeaseRequest,
    ) -> Result<Holding, KeysError> {
        self.hold_lease(permit.subject(), permit.stream(), ask)
            .await
    }

    /// The asked periods with their keys. What is not issued yet is issued, and durable before
    /// the answer; two that ask for one period get one key.
    pub async fn lease(
        &self,
        permit: &Permit<access::Lease>,
        ask: &LeaseRequest,
        holding: Holding,
    ) -> Result<Lease, KeysError> {
        self.lease_periods(permit.subject(), permit.stream(), ask, holding)
            .await
    }

    /// The period of one of the stream's keys, however long ago it was, with its key: for whoever
    /// opens a recording. None where the kid is unknown or another stream's, or its key destroyed.
    /// Nothing is issued and no lease is held.
    pub async fn lease_of(
        &self,
        permit: &Permit<access::Lease>,
        kid: Kid,
    ) -> Result<Lease, KeysError> {
        let row = self.registered(permit.stream()).await?;
        let found = self.store.period(&row, kid).await?;
        let period = found.map(|found| {
            let slot = Slot {
                index: found.period.index,
                boundary: found.period.boundary,
            };
            self.opened(&row.stream, slot, found)
        });
        Ok(Lease {
            periods: period.transpose()?.flatten().into_iter().collect(),
            stream: row.stream,
            ends: None,
        })
    }

    /// What `EXT-X-KEY` says for a key.
    pub fn uri(&self, kid: Kid) -> String {
        format!("{}/v1/keys/{kid}", self.public_url)
    }

    pub(super) async fn hold_lease(
        &self,
        subject: &str,
        id: &StreamId,
        ask: &LeaseRequest,
    ) -> Result<Holding, KeysError> {
        let Some(instance) = ask.instance.as_deref() else {
            return Ok(Holding::nobodys());
        };
        check_name(instance)?;
        if ask.known.is_none() {
            self.known_or_templated(subject, id).await?;
        }
        let now = self.clock.now();
        let ends = now.plus(self.lease);
        let hold = Hold {
            instance,
            follows: ask.known,
            ends,
        };
        match self.store.hold(id, hold, now).await? {
            Held::Yes(settled) => self.heard(id, settled.as_ref()),
            Held::Unregistered => return Err(KeysError::UnknownStream),
            Held::Full => return Err(KeysError::Conflict("64 encryptors hold leases already")),
        }
        Ok(Holding { ends: Some(ends) })
    }

    pub(super) async fn lease_periods(
        &self,
        subject: &str,
        id: &StreamId,
        ask: &LeaseRequest,
        holding: Holding,
    ) -> Result<Lease, KeysError> {
        if ask
            .count
            .is_some_and(|count| !(1..=MAX_PERIODS).contains(&count))
        {
            return Err(KeysError::Invalid("count is 1 to 1000"));
        }
        for _ in 0..ATTEMPTS {
            let row = match ask.known {
                Some(_) => self.registered(id).await?,
                None => self.known_or_templated(subject, id).await?,
            };
            let scope = scope(row.stream.policy.key_scope, ask.rendition.as_ref())?;
            let span = self.span_of(id, &scope).await?;
            let slots = span.slots(&row.stream.schedule, ask);
            let found = self.store.periods(&row, &scope, &slots).await?;
            let missing = self.drafts(&slots, &found);
            if missing.is_empty() {
                return self.leased(row.stream, &slots, found, holding);
            }
            let now = self.clock.now();
            let free = |new: &&NewPeriod| scope == Scope::Stream && span.is_due(new.slot.boundary);
            let charged = missing.len() - missing.iter().filter(free).count();
            self.allowance.take(subject, charged, now)?;
            match self.store.issue(&row, &scope, &missing, now).await {
                Err(StoreError::RetiredMaster(_)) => self.masters.follow(&self.store).await?,
                issued => drop(issued?),
            }
        }
        Err(KeysError::Busy)
    }

    /// A stream is about to be published: one that nobody registered is, if a template is for it.
    pub async fn expect(&self, permit: &Permit<Publish>) -> Result<(), KeysError> {
        let known = self.known_or_templated(permit.subject(), permit.stream());
        match known.await {
            Ok(_) | Err(KeysError::UnknownStream) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn known_or_templated(
        &self,
        subject: &str,
        id: &StreamId,
    ) -> Result<StreamRow, KeysError> {
        if let Some(row) = self.store.stream(id).await? {
            return Ok(row);
        }
        let template = self.templates.iter().find(|one| one.streams.matches(id));
        let policy = template.ok_or(KeysError::UnknownStream)?.policy;
        if self.add(subject, id, policy).await? {
            tracing::info!(stream = %id, "stream registered on first sight");
        }
        self.registered(id).await
    }

    pub(super) async fn span(&self, id: &StreamId) -> Result<Span, KeysError> {
        let reach = self.store.reach(id, self.lease).await?;
        Ok(Span::new(reach, self.clock.now(), self.lease))
    }

    /// The same for keys of one rendition, whose numbers may go at a speed of their own.
    async fn span_of(&self, id: &StreamId, scope: &Scope) -> Result<Span, KeysError> {
        let mut reach = self.store.reach(id, self.lease).await?;
        if let Scope::Rendition(rendition) = scope {
            let all = self.store.reaches(id).await?;
            let own = all.iter().find(|one| one.rendition == *rendition);
            reach.segment = own.map(|own| own.segment).or(reach.segment);
        }
        Ok(Span::new(reach, self.clock.now(), self.lease))
    }

    /// New kids and keys for the slots that have none.
    fn drafts(&self, slots: &[Slot], found: &HashMap<Boundary, PeriodRow>) -> Vec<NewPeriod> {
        let missing = slots
            .iter()
            .filter(|slot| !found.contains_key(&slot.boundary));
        missing
            .map(|slot| {
                let kid = Kid::random(self.entropy.as_ref());
                let key = ContentKey::random(self.entropy.as_ref());
                NewPeriod {
                    slot: *slot,
                    kid,
                    sealed_key: self.seal(kid, &key),
                }
            })
            .collect()
    }

    fn leased(
        &self,
        stream: Stream,
        slots: &[Slot],
        mut found: HashMap<Boundary, PeriodRow>,
        holding: Holding,
    ) -> Result<Lease, KeysError> {
        let mut periods = Vec::with_capacity(slots.len());
        for slot in slots {
            if let Some(row) = found.remove(&slot.boundary) {
                periods.extend(self.opened(&stream, *slot, row)?);
            }
        }
        Ok(Lease {
            stream,
            periods,
            ends: holding.ends,
        })
    }

    /// A destroyed key leaves its period out: nothing can be encrypted under it.
    fn opened(
        &self,
        stream: &Stream,
        slot: Slot,
        PeriodRow { period, sealed_key }: PeriodRow,
    ) -> Result<Option<LeasedPeriod>, KeysError> {
        let Some(sealed) = sealed_key else {
            return Ok(None);
        };
        Ok(Some(LeasedPeriod {
            end: stream.schedule.end_of(slot),
            key: self.unseal(period.kid, Some(&sealed))?,
            uri: self.uri(period.kid),
            period: Period {
                index: slot.index,
                ..period
            },
        }))
    }
}

fn scope(key_scope: KeyScope, rendition: Option<&Rendition>) -> Result<Scope, KeysError> {
    match (key_scope, rendition) {
        (KeyScope::Stream, _) => Ok(Scope::Stream),
        (KeyScope::Rendition, Some(rendition)) => Ok(Scope::Rendition(rendition.clone())),
        (KeyScope::Rendition, None) => Err(KeysError::Invalid(
            "each rendition of this stream has its own keys: say which rendition",
        )),
    }
}

#[cfg(test)]
mod named;
#[cfg(test)]
mod tests;
