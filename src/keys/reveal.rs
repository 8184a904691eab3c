//! The hot path: whose a key is, and the key itself, from memory when it was asked for lately.
//!
//! A key never changes, so it may stay in memory; its state may not stay long, or another
//! server's revocation would not be heard. Must not know: who asks, beyond the permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use crate::access::{Deliver, Operate, Permit};
use crate::crypto::ContentKey;
use crate::domain::{KeyFacts, Kid, Timestamp};

use super::{ATTEMPTS, Keys, KeysError};

/// Keys in memory at most.
const KEYS: u64 = 100_000;
/// How long an unsealed key stays in memory.
const KEY_LIFE: Duration = Duration::from_secs(600);
/// How long a key's state is believed: the longest that another server's revocation takes.
const STATE_LIFE: Duration = Duration::from_secs(5);
/// How long it is believed that there is no such key.
const ABSENCE_LIFE: Duration = Duration::from_secs(1);

/// What is in memory.
pub(super) struct Caches {
    opened: Cache<Kid, ContentKey>,
    sightings: Cache<Kid, Arc<Sighting>>,
    /// Counts the revocations and removals by this process: what was seen before is seen anew.
    generation: AtomicU64,
}

/// What the store said of a kid, and when.
struct Sighting {
    facts: Option<KeyFacts>,
    seen: Timestamp,
    generation: u64,
}

impl Default for Caches {
    fn default() -> Self {
        let builder = Cache::builder().max_capacity(KEYS);
        Self {
            opened: builder.time_to_live(KEY_LIFE).build(),
            sightings: Cache::builder()
                .max_capacity(KEYS)
                .time_to_live(STATE_LIFE)
                .build(),
            generation: AtomicU64::new(0),
        }
    }
}

impl Caches {
    /// Every state is read anew from now on, those being read at this moment included.
    pub(super) fn forget_states(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    async fn sighting(&self, kid: Kid, now: Timestamp) -> Option<Arc<Sighting>> {
        let sighting = self.sightings.get(&kid).await?;
        sighting
            .is_fresh(now, self.generation())
            .then_some(sighting)
    }
}

impl Sighting {
    /// The cache's own life ends it too; that one no test can wind forward.
    fn is_fresh(&self, now: Timestamp, generation: u64) -> bool {
        let life = if self.facts.is_some() {
            STATE_LIFE
        } else {
            ABSENCE_LIFE
        };
        self.generation == generation && now.since(self.seen) < life
    }
}

impl Keys {
    /// Whose the key is and whether it lives; `None` if there is none of that kid. At most five
    /// seconds old, and never older than a revocation by this process.
    pub async fn locate(&self, kid: Kid) -> Result<Option<KeyFacts>, KeysError> {
        let now = self.clock.now();
        for _ in 0..ATTEMPTS {
            if let Some(sighting) = self.caches.sighting(kid, now).await {
                return Ok(sighting.facts.clone());
            }
            let cache = &self.caches.sightings;
            cache.invalidate(&kid).await;
            let seen = cache.try_get_with(kid, self.look(kid)).await;
            let sighting = seen.map_err(Arc::unwrap_or_clone)?;
            if sighting.is_fresh(now, self.caches.generation()) {
                return Ok(sighting.facts.clone());
            }
        }
        Err(KeysError::Busy)
    }

    /// The key that was permitted. No I/O when it is in memory.
    pub async fn reveal(&self, permit: &Permit<Deliver>) -> Result<ContentKey, KeysError> {
        self.content_key(permit.kid()).await
    }

    /// Withdraws a key at once on this server, within five seconds on others; `false` if there is
    /// none of that kid.
    pub async fn revoke(&self, permit: &Permit<Operate>) -> Result<bool, KeysError> {
        let kid = permit.kid();
        let revoked = self.revoke_key(kid).await?;
        tracing::info!(%kid, subject = permit.subject(), revoked, "key revoked");
        Ok(revoked)
    }

    pub(super) async fn content_key(&self, kid: Kid) -> Result<ContentKey, KeysError> {
        let opened = &self.caches.opened;
        match opened.get(&kid).await {
            Some(key) => Ok(key),
            None => opened
                .try_get_with(kid, self.open(kid))
                .await
                .map_err(Arc::unwrap_or_clone),
        }
    }

    pub(super) async fn revoke_key(&self, kid: Kid) -> Result<bool, KeysError> {
        let revoked = self.store.revoke(kid).await?;
        self.caches.forget_states();
        self.caches.opened.invalidate(&kid).await;
        Ok(revoked)
    }

    async fn look(&self, kid: Kid) -> Result<Arc<Sighting>, KeysError> {
        let generation = self.caches.generation();
        let seen = self.clock.now();
        let row = self.store.key(kid).await?;
        Ok(Arc::new(Sighting {
            facts: row.map(|row| row.facts),
            seen,
            generation,
        }))
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
mod tests {
    use super::*;
    use crate::domain::PeriodState;
    use crate::keys::testing::{Bench, every, id};

    async fn issued(bench: &Bench) -> (Kid, ContentKey) {
        let stream = bench.register("live/a", every(10)).await;
        let mut lease = bench.lease(&stream, 0, 1).await;
        let one = lease.periods.remove(0);
        (one.period.kid, one.key)
    }

    #[tokio::test]
    async fn the_leased_key_is_what_a_viewer_gets() {
        let bench = Bench::new().await;
        let (kid, key) = issued(&bench).await;
        assert_eq!(
            bench.keys.locate(kid).await.unwrap(),
            Some(KeyFacts {
                kid,
                stream: id("live/a"),
                state: PeriodState::Pending
            })
        );
        assert_eq!(bench.keys.content_key(kid).await.unwrap(), key);
        assert_eq!(
            bench.another().await.keys.content_key(kid).await.unwrap(),
            key
        );
        let unknown = Kid::from_bytes([9; 16]);
        assert_eq!(bench.keys.locate(unknown).await.unwrap(), None);
        assert!(matches!(
            bench.keys.content_key(unknown).await,
            Err(KeysError::Gone)
        ));
    }

    #[tokio::test]
    async fn what_is_in_memory_needs_no_store() {
        let bench = Bench::new().await;
        let (kid, key) = issued(&bench).await;
        bench.keys.locate(kid).await.unwrap();
        bench.keys.content_key(kid).await.unwrap();
        bench.keys.store.close().await;
        assert!(bench.keys.locate(kid).await.unwrap().is_some());
        assert_eq!(bench.keys.content_key(kid).await.unwrap(), key);
        let other = bench.keys.content_key(Kid::from_bytes([9; 16])).await;
        assert!(matches!(other, Err(KeysError::Unavailable(_))));
        bench.clock.advance(STATE_LIFE);
        assert!(matches!(
            bench.keys.locate(kid).await,
            Err(KeysError::Unavailable(_))
        ));
    }

    #[tokio::test]
    async fn a_revocation_shows_here_at_once_and_elsewhere_in_time() {
        let (bench, state) = (Bench::new().await, |facts: Option<KeyFacts>| {
            facts.unwrap().state
        });
        let other = bench.another().await;
        let (kid, _) = issued(&bench).await;
        for server in [&bench, &other] {
            server.keys.locate(kid).await.unwrap();
            server.keys.content_key(kid).await.unwrap();
        }
        assert!(bench.keys.revoke_key(kid).await.unwrap());
        assert!(bench.keys.revoke_key(kid).await.unwrap());
        assert!(
            !bench
                .keys
                .revoke_key(Kid::from_bytes([9; 16]))
                .await
                .unwrap()
        );
        let here = bench.keys.locate(kid).await.unwrap();
        assert_eq!(state(here), PeriodState::Revoked);
        assert!(matches!(
            bench.keys.content_key(kid).await,
            Err(KeysError::Gone)
        ));
        bench.clock.advance(STATE_LIFE - Duration::from_millis(1));
        let stale = other.keys.locate(kid).await.unwrap();
        assert_eq!(state(stale), PeriodState::Pending);
        bench.clock.advance(Duration::from_millis(1));
        let fresh = other.keys.locate(kid).await.unwrap();
        assert_eq!(state(fresh), PeriodState::Revoked);
    }

    #[tokio::test]
    async fn a_state_that_was_being_read_during_a_revocation_is_not_believed() {
        let bench = Bench::new().await;
        let (kid, _) = issued(&bench).await;
        let read_before = bench.keys.look(kid).await.unwrap();
        bench.keys.revoke_key(kid).await.unwrap();
        bench.keys.caches.sightings.insert(kid, read_before).await;
        let facts = bench.keys.locate(kid).await.unwrap().unwrap();
        assert_eq!(facts.state, PeriodState::Revoked);
    }

    #[tokio::test]
    async fn a_wrong_ring_is_seen_at_the_start() {
        let bench = Bench::new().await;
        bench.keys.ready().await.unwrap();
        let (kid, key) = issued(&bench).await;
        bench.keys.ready().await.unwrap();
        let wrong = bench.with_ring(&[8]).await;
        let error = wrong.keys.ready().await.unwrap_err();
        assert!(matches!(error, KeysError::Ring(_)));
        let says = error.to_string();
        assert!(says.contains("put the master key"), "{says}");
        let moved_on = bench.with_ring(&[8, 7]).await;
        moved_on.keys.ready().await.unwrap();
        assert_eq!(moved_on.keys.content_key(kid).await.unwrap(), key);
    }

    #[tokio::test]
    async fn a_damaged_key_is_named_and_not_served() {
        let bench = Bench::new().await;
        let (kid, _) = issued(&bench).await;
        bench.keys.store.spoil_key(kid).await;
        let error = bench.keys.content_key(kid).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("inconsistent store: table periods, row {kid}, column sealed_key")
        );
    }
}
