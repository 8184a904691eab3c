//! Leases of named encryptors: durable, bounded, and no longer than they were given for.
//!
//! Must not know: HTTP, or an encryptor.

use std::time::Duration;

use super::*;
use crate::keys::testing::{Bench, after_noon, every, id, named};

const HOUR: u64 = 3600;

#[tokio::test]
async fn a_lease_is_no_longer_after_the_clock_went_back() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    bench.hold(&stream, "a", None).await;
    bench.clock.turn_back(Duration::from_secs(5 * HOUR));
    let now = || bench.keys.clock.now();
    let holders = async || bench.keys.store.holders(&stream, now()).await.unwrap();
    let left = holders().await[0].lease_end.since(now());
    assert_eq!(
        left,
        Duration::from_secs(HOUR),
        "as long as when it was heard of"
    );
    bench.clock.advance_secs(10);
    let refused = bench.keys.rotate_stream(&stream, false).await;
    assert!(
        matches!(refused, Err(KeysError::Unreachable(_))),
        "it is silent"
    );
    bench.clock.advance_secs(HOUR - 10);
    assert_eq!(holders().await, []);
    bench.keys.rotate_stream(&stream, false).await.unwrap();
}

#[tokio::test]
async fn nobody_acknowledges_what_is_still_to_come() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    for instance in ["a", "b"] {
        bench.hold(&stream, instance, None).await;
        bench.hold(&stream, instance, Some(1)).await;
    }
    bench.acknowledge(&stream, "a", 9, false).await;
    bench.hold(&stream, "b", Some(9)).await;
    let holders = bench
        .keys
        .store
        .holders(&stream, after_noon(0))
        .await
        .unwrap();
    let known: Vec<u64> = holders.iter().map(|holder| holder.acknowledged).collect();
    assert_eq!(known, [1, 1]);
}

#[tokio::test]
async fn so_many_hold_leases_and_the_silent_make_room() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    for at in 0..64 {
        bench.hold(&stream, &format!("e{at}"), None).await;
    }
    let newcomer = named("new", None);
    let refused = bench
        .keys
        .lease_stream("packager", &stream, &newcomer)
        .await;
    assert!(
        matches!(refused, Err(KeysError::Conflict(_))),
        "{refused:?}"
    );
    bench.hold(&stream, "e5", None).await;
    bench.acknowledge(&stream, "reports-only", 1, false).await;
    bench.clock.advance_secs(10);
    for at in 1..64 {
        bench.hold(&stream, &format!("e{at}"), None).await;
    }
    bench.hold(&stream, "new", None).await;
    let holders = bench
        .keys
        .store
        .holders(&stream, after_noon(10))
        .await
        .unwrap();
    assert_eq!(holders.len(), 64);
    assert!(holders.iter().all(|holder| holder.instance != "e0"));
    for bad in ["", "a b", &"a".repeat(65)] {
        let refused = bench
            .keys
            .lease_stream("packager", &stream, &named(bad, None))
            .await;
        assert!(matches!(refused, Err(KeysError::Invalid(_))), "{bad}");
    }
}

#[tokio::test]
async fn a_lease_is_durable_before_its_keys_are_answered() {
    let bench = Bench::new().await;
    let stream = id("demo/a");
    let lease = bench
        .keys
        .lease_stream("packager", &stream, &named("a", None))
        .await
        .unwrap();
    let crashed = bench.after_crash().await;
    let holders = crashed
        .keys
        .store
        .holders(&stream, after_noon(0))
        .await
        .unwrap();
    let ends: Vec<_> = holders
        .iter()
        .map(|holder| Some(holder.lease_end))
        .collect();
    assert_eq!(ends, [lease.ends]);
}
