//! The hot path: whose a key is, and the key itself, from memory when it was asked for lately.
//!
//! A key never changes, so it may stay in memory; its state stays until the news tell of a change,
//! and counts only while the news are fresh. Must not know: who asks, beyond the permit.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::access::{Deliver, Operate, Permit};
use crate::crypto::ContentKey;
use crate::domain::{KeyFacts, Kid, StreamId};
use crate::store::StoreError;

use super::epochs::Epochs;
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
        self.freshness.check(now)?;
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
        self.caches.known(sighting).is_some() && (is_young || !self.freshness.is_recent(now))
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
                self.freshness.check(self.clock.steady())?;
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
mod tests {
    use super::*;
    use crate::domain::{Clock as _, PeriodState};
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

    /// actix moves a request's whole future into a box: what it might do counts as what it does.
    #[tokio::test]
    async fn a_look_into_memory_is_small() {
        let bench = Bench::new().await;
        let (kid, _) = issued(&bench).await;
        let look = std::mem::size_of_val(&bench.keys.locate(kid));
        let take = std::mem::size_of_val(&bench.keys.content_key(kid));
        assert!(look < 1024 && take < 1024, "{look} {take}");
    }

    #[tokio::test]
    async fn what_is_in_memory_needs_no_store_while_the_news_are_fresh() {
        let bench = Bench::new().await;
        let (kid, key) = issued(&bench).await;
        bench.keys.locate(kid).await.unwrap();
        bench.keys.content_key(kid).await.unwrap();
        bench.keys.store.close().await;
        for seconds in [0, 2, 28] {
            bench.clock.let_pass(Duration::from_secs(seconds));
            assert!(bench.keys.locate(kid).await.unwrap().is_some());
            assert_eq!(bench.keys.content_key(kid).await.unwrap(), key);
            let other = bench.keys.locate(Kid::from_bytes([9; 16])).await;
            assert!(matches!(other, Err(KeysError::Unavailable(_))));
        }
        bench.clock.turn_back(Duration::from_secs(3600));
        bench.clock.let_pass(Duration::from_millis(1));
        let stale = bench.keys.locate(kid).await;
        assert!(matches!(stale, Err(KeysError::Stale)));
        assert!(bench.keys.ready().await.is_err());
    }

    #[tokio::test]
    async fn an_old_state_holds_while_the_store_is_away_and_no_longer() {
        let bench = Bench::new().await;
        let (kid, _) = issued(&bench).await;
        let state = async || {
            bench
                .keys
                .locate(kid)
                .await
                .map(|facts| facts.unwrap().state)
        };
        assert_eq!(state().await.unwrap(), PeriodState::Pending);
        // By hand: nobody tells.
        bench.keys.store.set_state(kid, PeriodState::Retired).await;
        for _ in 0..59 {
            bench.clock.let_pass(Duration::from_secs(1));
            bench.hear().await.unwrap();
        }
        assert_eq!(state().await.unwrap(), PeriodState::Pending);
        let other = bench.another().await;
        other.keys.locate(kid).await.unwrap();
        bench.clock.let_pass(Duration::from_secs(1));
        assert_eq!(state().await.unwrap(), PeriodState::Retired);
        for _ in 0..60 {
            bench.clock.let_pass(Duration::from_secs(1));
            other.hear().await.unwrap();
        }
        bench.keys.store.set_state(kid, PeriodState::Active).await;
        other.keys.store.close().await;
        let held = other.keys.locate(kid).await.unwrap().unwrap();
        assert_eq!(held.state, PeriodState::Retired);
        bench.clock.let_pass(Duration::from_secs(30));
        assert!(other.keys.locate(kid).await.is_ok());
        bench.clock.let_pass(Duration::from_secs(1));
        assert!(matches!(
            other.keys.locate(kid).await,
            Err(KeysError::Stale)
        ));
    }

    #[tokio::test]
    async fn a_revocation_shows_here_at_once_and_elsewhere_with_the_news() {
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
        let unheard = other.keys.locate(kid).await.unwrap();
        assert_eq!(state(unheard), PeriodState::Pending);
        other.hear().await.unwrap();
        let heard = other.keys.locate(kid).await.unwrap();
        assert_eq!(state(heard), PeriodState::Revoked);
        assert!(matches!(
            other.keys.content_key(kid).await,
            Err(KeysError::Gone)
        ));
    }

    #[tokio::test]
    async fn that_there_is_no_such_key_is_never_said_from_memory() {
        let (bench, kid) = (Bench::new().await, Kid::from_bytes([9; 16]));
        let stream = bench.register("live/a", every(10)).await;
        assert_eq!(bench.keys.locate(kid).await.unwrap(), None);
        // Nor by an answer that was on its way before it was asked for.
        let later = bench.clock.steady() + Duration::from_millis(1);
        let early = bench.keys.locate_anew(kid, later).await;
        assert!(matches!(early, Err(KeysError::Busy)));
        bench.issue(&stream, kid).await;
        assert!(bench.keys.locate(kid).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_removal_elsewhere_takes_its_own_keys_alone() {
        let (bench, kid) = (Bench::new().await, Kid::from_bytes([9; 16]));
        let other = bench.another().await;
        let removed = bench.register("live/b", every(10)).await;
        bench.issue(&removed, kid).await;
        let (kept, _) = issued(&bench).await;
        for kid in [kid, kept] {
            assert!(other.keys.locate(kid).await.unwrap().is_some());
        }
        bench.keys.remove_stream(&removed).await.unwrap();
        other.hear().await.unwrap();
        other.keys.store.close().await;
        assert!(other.keys.locate(kept).await.unwrap().is_some());
        let gone = other.keys.locate(kid).await;
        assert!(matches!(gone, Err(KeysError::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_state_that_was_being_read_during_a_revocation_is_not_believed() {
        let bench = Bench::new().await;
        let (kid, _) = issued(&bench).await;
        let read_before = bench.keys.look(kid, None).await;
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
