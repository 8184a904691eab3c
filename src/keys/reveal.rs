//! The hot path: whose a key is, and the key itself, from memory when it was asked for lately.
//!
//! A key never changes, so it may stay in memory; its state stays until the news tell of a change,
//! and counts only while the news are fresh. Must not know: who asks, beyond the permit.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::access::{Deliver, Operate, Permit};
use crate::crypto::ContentKey;
use crate::domain::{Epochs, KeyFacts, Kid, StreamId};
use crate::store::StoreError;

use super::{ATTEMPTS, Keys, KeysError};

/// Keys in memory at most.
const KEYS: u64 = 100_000;
/// How long what nobody asks for stays in memory.
const IDLE: Duration = Duration::from_secs(600);
/// How long a key's state is believed before the store is asked again, if it answers. News tell of
/// changes at once; this finds what nobody told, such as a row changed by hand.
const STATE_LIFE: Duration = Duration::from_secs(60);

/// What is in memory.
pub(super) struct Caches {
    opened: Cache<Kid, ContentKey>,
    sightings: Cache<Kid, Arc<Sighting>>,
    epochs: Epochs,
}

/// What the store said of a kid, and when it was asked.
struct Sighting {
    said: Said,
    asked: Duration,
    epoch: u64,
}

enum Said {
    Known(KeyFacts),
    Unknown,
    Nothing(KeysError),
}

impl Default for Caches {
    fn default() -> Self {
        let keys = Cache::builder().max_capacity(KEYS).time_to_idle(IDLE);
        let sightings = Cache::builder().max_capacity(KEYS).time_to_idle(IDLE);
        Self {
            opened: keys.build(),
            sightings: sightings.build(),
            epochs: Epochs::default(),
        }
    }
}

impl Caches {
    /// Every state is read anew from now on, those being read at this moment included.
    pub(super) fn forget_states(&self) {
        self.epochs.forget_all();
    }

    /// The same for a stream's keys.
    pub(super) fn forget_states_of(&self, stream: &StreamId) {
        self.epochs.forget(stream);
    }

    /// Forgets a key and its state.
    pub(super) async fn forget_key(&self, kid: Kid) {
        self.epochs.forget(&kid);
        self.opened.invalidate(&kid).await;
    }

    /// Takes all keys out of memory.
    pub(super) fn forget_keys(&self) {
        self.opened.invalidate_all();
    }

    /// What the store said of a key that it knows, unless that is forgotten.
    fn known<'s>(&self, sighting: &'s Sighting) -> Option<&'s KeyFacts> {
        let Said::Known(facts) = &sighting.said else {
            return None;
        };
        let (since, epochs) = (sighting.epoch, &self.epochs);
        let stands = epochs.stands(since, &facts.kid) && epochs.stands(since, &facts.stream);
        stands.then_some(facts)
    }
}

impl Keys {
    /// Whose the key is and whether it lives; `None` if there is none of that kid, which is never
    /// said from memory. As old as the news at most: where these are stale, nothing is said at all.
    pub async fn locate(&self, kid: Kid) -> Result<Option<KeyFacts>, KeysError> {
        let now = self.clock.steady();
        self.check_fresh()?;
        if let Some(sighting) = self.caches.sightings.get(&kid).await
            && self.stands(&sighting, now)
            && let Some(facts) = self.caches.known(&sighting)
        {
            return Ok(Some(facts.clone()));
        }
        // Boxed, as below: what is in memory must not carry the store's future about.
        Box::pin(self.locate_anew(kid, now)).await
    }

    /// The key that was permitted. No I/O when it is in memory.
    pub async fn reveal(&self, permit: &Permit<Deliver>) -> Result<ContentKey, KeysError> {
        self.content_key(permit.kid()).await
    }

    /// Withdraws a key, at once on this server, on others as soon as they hear of it; `false` if
    /// there is none of that kid.
    pub async fn revoke(&self, permit: &Permit<Operate>) -> Result<bool, KeysError> {
        let kid = permit.kid();
        let revoked = self.revoke_key(kid).await?;
        tracing::info!(%kid, subject = permit.subject(), revoked, "key revoked");
        Ok(revoked)
    }

    pub(super) async fn content_key(&self, kid: Kid) -> Result<ContentKey, KeysError> {
        match self.caches.opened.get(&kid).await {
            Some(key) => Ok(key),
            None => Box::pin(self.open_once(kid)).await,
        }
    }

    pub(super) async fn revoke_key(&self, kid: Kid) -> Result<bool, KeysError> {
        let revoked = self.store.revoke(kid).await?;
        self.caches.forget_key(kid).await;
        Ok(revoked)
    }

    /// Whether a sighting needs no other look at the store: that was lately, or it does not answer.
    fn stands(&self, sighting: &Sighting, now: Duration) -> bool {
        let is_young = now.saturating_sub(sighting.asked) < STATE_LIFE;
        self.caches.known(sighting).is_some()
            && (is_young || !self.store.freshness().is_recent(now))
    }

    /// Asks the store; those that ask for one kid at once ask once. An answer that was on its way
    /// before `now` may not say that there is no such key: it could have been issued since.
    async fn locate_anew(&self, kid: Kid, now: Duration) -> Result<Option<KeyFacts>, KeysError> {
        let sightings = &self.caches.sightings;
        for _ in 0..ATTEMPTS {
            let old = sightings.get(&kid).await;
            let old = old.filter(|sighting| self.caches.known(sighting).is_some());
            let again = |sighting: &Arc<Sighting>| !self.stands(sighting, now);
            let entry = sightings.entry(kid);
            let seen = entry.or_insert_with_if(self.look(kid, old), again).await;
            let sighting = seen.into_value();
            if let Some(facts) = self.caches.known(&sighting) {
                self.check_fresh()?;
                return Ok(Some(facts.clone()));
            }
            sightings.invalidate(&kid).await;
            match &sighting.said {
                Said::Unknown if sighting.asked >= now => return Ok(None),
                Said::Nothing(error) => return Err(error.clone()),
                _ => {}
            }
        }
        Err(KeysError::Busy)
    }

    /// What the store says now. While it is away, what it said before holds.
    async fn look(&self, kid: Kid, old: Option<Arc<Sighting>>) -> Arc<Sighting> {
        let (asked, epoch) = (self.clock.steady(), self.caches.epochs.now());
        let said = match (self.store.key(kid).await, old) {
            (Ok(Some(row)), _) => Said::Known(row.facts),
            (Ok(None), _) => Said::Unknown,
            (Err(StoreError::Unavailable(_)), Some(old)) => return old,
            (Err(error), _) => Said::Nothing(error.into()),
        };
        Arc::new(Sighting { said, asked, epoch })
    }

    /// Those that ask for one kid at once ask the store once.
    async fn open_once(&self, kid: Kid) -> Result<ContentKey, KeysError> {
        let opened = self.caches.opened.try_get_with(kid, self.open(kid));
        opened.await.map_err(Arc::unwrap_or_clone)
    }

    async fn open(&self, kid: Kid) -> Result<ContentKey, KeysError> {
        let row = self.store.key(kid).await?.ok_or(KeysError::Gone)?;
        if !row.facts.state.is_delivered() {
            return Err(KeysError::Gone);
        }
        self.unseal(kid, row.sealed_key.as_deref())
    }
}

#[cfg(test)]
mod tests;
