//! Faults of every kind are found and named; a sound store has none.
//!
//! Must not know: how they are shown.

use super::*;
use crate::crypto::MasterKey;
use crate::keys::testing::{Bench, every};

fn ring(fill: &[u8]) -> KeyRing {
    let keys = fill.iter().map(|byte| MasterKey::new(&[*byte; 32]));
    KeyRing::new(keys.collect()).unwrap()
}

async fn with_keys() -> (Bench, Vec<Kid>) {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(10)).await;
    let lease = bench.lease(&stream, 0, 5).await;
    let kids = lease.periods.iter().map(|one| one.period.kid).collect();
    (bench, kids)
}

async fn faults(bench: &Bench) -> Vec<Flaw> {
    let health = verify(&bench.keys.store, &ring(&[7])).await.unwrap();
    health.faults
}

#[tokio::test]
async fn a_sound_store_is_counted_and_has_no_fault() {
    let (bench, kids) = with_keys().await;
    bench.keys.revoke_key(kids[0]).await.unwrap();
    bench.keys.store.destroy_key(kids[1]).await;
    let health = verify(&bench.keys.store, &ring(&[7])).await.unwrap();
    assert_eq!(health.faults, []);
    assert_eq!(health.streams, 1);
    let counted = [("destroyed", 1), ("pending", 3), ("revoked", 1)];
    assert_eq!(health.keys, BTreeMap::from(counted));
    assert_eq!(health.sealed_under.len(), 1);
    assert_eq!(health.sealed_under[0].keys, 4);
}

#[tokio::test]
async fn a_key_that_does_not_open_is_named_with_its_stream() {
    let (bench, kids) = with_keys().await;
    bench.keys.store.spoil_key(kids[2]).await;
    bench.keys.store.move_key(kids[0], kids[1]).await;
    let mut found = faults(&bench).await;
    found.sort_by_key(|flaw| flaw.kid != Some(kids[1]));
    assert_eq!(found.len(), 2);
    for (flaw, kid) in found.iter().zip([kids[1], kids[2]]) {
        assert_eq!(flaw.kid, Some(kid));
        assert_eq!(flaw.stream.as_deref(), Some("live/a"));
        assert!(flaw.what.contains("does not open"), "{}", flaw.what);
    }
}

#[tokio::test]
async fn keys_of_a_master_key_that_is_away_are_named_each() {
    let (bench, kids) = with_keys().await;
    let health = verify(&bench.keys.store, &ring(&[8])).await.unwrap();
    assert_eq!(health.faults.len(), kids.len());
    let tag = ring(&[7]).sealing().to_string();
    assert!(health.faults.iter().all(|flaw| flaw.what.contains(&tag)));
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_named_and_the_rest_is_read() {
    let (bench, kids) = with_keys().await;
    let store = &bench.keys.store;
    store.forget_checks().await;
    store
        .put("UPDATE periods SET state = 'undead' WHERE slot = 0")
        .await;
    store.put("UPDATE eras SET rule = 'sometimes'").await;
    let found = faults(&bench).await;
    let of = |flaw: &&Flaw| flaw.kid.is_some();
    let undead = found.iter().find(of).unwrap();
    assert_eq!(undead.kid, Some(kids[0]));
    assert!(undead.what.ends_with("column state"), "{}", undead.what);
    let of = |flaw: &&Flaw| flaw.stream.is_some() && flaw.kid.is_none();
    let era = found.iter().find(of).unwrap();
    assert_eq!(era.stream.as_deref(), Some("live/a"));
    assert!(era.what.ends_with("column rule"), "{}", era.what);
    // SQLite itself sees broken checks as well, and names the table.
    let named = found.iter().filter(|flaw| flaw.stream.is_some());
    assert_eq!(named.count(), 2, "{found:?}");
}

#[tokio::test]
async fn a_stream_without_a_schedule_is_named() {
    let (bench, _) = with_keys().await;
    bench.keys.store.put("DELETE FROM eras").await;
    let found = faults(&bench).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].what.contains("live/a"), "{}", found[0].what);
}

#[tokio::test]
async fn a_ring_that_may_not_seal_is_a_fault() {
    let (bench, _) = with_keys().await;
    let (new, old) = (ring(&[8]).sealing(), ring(&[7]).sealing());
    let store = &bench.keys.store;
    store
        .retire_masters(new, &[old], crate::keys::testing::NOON)
        .await
        .unwrap();
    let found = faults(&bench).await;
    assert!(found[0].what.contains("retired"), "{found:?}");
}
