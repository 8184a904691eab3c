//! What the server knows of a key without asking the store, and for how long.
//!
//! Must not know: HTTP, or SQL.

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
