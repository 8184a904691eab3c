//! How far a stream has come, by the reports of several encryptors.
//!
//! Must not know: keys.

use super::*;
use crate::domain::StreamPolicy;
use crate::store::testing::{Scratch, scratch};

const WINDOW: Duration = Duration::from_secs(3600);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

async fn beat(store: &Store, instance: &str, segment: Option<u64>, now: Timestamp) {
    let stream = "live/a".parse().unwrap();
    let beat = Heartbeat {
        instance,
        acknowledged: 1,
        segment,
        time: segment.map(|_| now),
        is_leaving: false,
    };
    let report = Report {
        beat,
        usages: &[],
        renditions: &[],
        claims: &[],
        taken: &[],
    };
    store.record(&stream, report, now).await.unwrap().unwrap();
}

async fn reach(store: &Store) -> (Option<u64>, Option<Timestamp>, Option<u128>) {
    let reach = store
        .reach(&"live/a".parse().unwrap(), WINDOW)
        .await
        .unwrap();
    (
        reach.segment,
        reach.time,
        reach.pace.map(|pace| pace.as_millis()),
    )
}

async fn with_stream() -> (Scratch, Store) {
    let (dir, store) = scratch().await;
    let (id, policy) = ("live/a".parse().unwrap(), StreamPolicy::default());
    store.add_stream(&id, policy, at(0)).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn the_furthest_of_the_living_counts() {
    let (_dir, store) = with_stream().await;
    assert_eq!(reach(&store).await, (None, None, None));
    beat(&store, "a", Some(10), at(0)).await;
    beat(&store, "b", Some(4), at(60)).await;
    assert_eq!(reach(&store).await, (Some(10), Some(at(60)), None));
    beat(&store, "b", Some(14), at(100)).await;
    assert_eq!(reach(&store).await, (Some(14), Some(at(100)), Some(4000)));
    beat(&store, "b", Some(15), at(108)).await;
    assert_eq!(reach(&store).await, (Some(15), Some(at(108)), Some(5000)));
    beat(&store, "b", None, at(110)).await;
    assert_eq!(reach(&store).await, (Some(15), Some(at(108)), Some(5000)));
    beat(&store, "a", Some(3), at(7000)).await;
    assert_eq!(reach(&store).await, (Some(3), Some(at(7000)), None));
}

#[tokio::test]
async fn only_so_many_encryptors_are_remembered() {
    let (_dir, store) = with_stream().await;
    beat(&store, "first", Some(1000), at(0)).await;
    for number in 1..=64 {
        beat(&store, &format!("e{number}"), Some(1), at(number)).await;
    }
    assert_eq!(reach(&store).await.0, Some(1));
}
