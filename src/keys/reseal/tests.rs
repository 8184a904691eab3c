//! Rekeying beside servers of every order of the ring, after crashes, and beside damage.
//!
//! Must not know: the command line.

use super::*;
use crate::crypto::{ContentKey, MasterKey};
use crate::domain::SystemEntropy;
use crate::keys::LeaseRequest;
use crate::keys::testing::{Bench, NOON, every};

fn ring(fill: &[u8]) -> KeyRing {
    let keys = fill.iter().map(|byte| MasterKey::new(&[*byte; 32]));
    KeyRing::new(keys.collect()).unwrap()
}

fn tag(fill: u8) -> KeyTag {
    ring(&[fill]).sealing()
}

async fn rekey(bench: &Bench, masters: &[u8]) -> Rekeyed {
    let (store, ring) = (&bench.keys.store, ring(masters));
    reseal(store, &ring, &SystemEntropy, NOON, &mut |_| ())
        .await
        .unwrap()
}

/// The tags under which anything is sealed, with the counts.
async fn under(bench: &Bench) -> Vec<(KeyTag, u64)> {
    let all = bench.keys.store.sealed_under().await.unwrap();
    let mut all: Vec<_> = all.iter().map(|one| (one.tag.unwrap(), one.keys)).collect();
    all.sort_unstable_by_key(|(_, keys)| *keys);
    all
}

/// Keys of a stream, issued by `bench`.
async fn issued(bench: &Bench, stream: &str, count: u32) -> Vec<(Kid, ContentKey)> {
    let stream = bench.register(stream, every(10)).await;
    let lease = bench.lease(&stream, 0, count).await;
    lease
        .periods
        .into_iter()
        .map(|one| (one.period.kid, one.key))
        .collect()
}

/// Every key opens, and is the one that it was.
async fn same(bench: &Bench, keys: &[(Kid, ContentKey)]) {
    for (kid, key) in keys {
        assert_eq!(bench.keys.content_key(*kid).await.unwrap(), *key);
    }
}

#[tokio::test]
async fn every_key_moves_and_stays_what_it_is() {
    let bench = Bench::new().await;
    let keys = issued(&bench, "live/a", 500).await;
    let mut told = Vec::new();
    let mut tell = |progress: Progress| told.push((progress.done, progress.of));
    let (store, both) = (&bench.keys.store, ring(&[8, 7]));
    let done = reseal(store, &both, &SystemEntropy, NOON, &mut tell).await;
    let done = done.unwrap();
    assert_eq!(told, [(0, 500), (200, 500), (400, 500), (500, 500)]);
    assert_eq!((done.sealing, done.done), (tag(8), 500));
    assert_eq!((done.left, done.damaged), (vec![], vec![]));
    assert_eq!(under(&bench).await, [(tag(8), 500)]);
    let moved = bench.with_ring(&[8]).await;
    moved.keys.ready().await.unwrap();
    same(&moved, &keys).await;
    assert_eq!(
        rekey(&bench, &[8, 7]).await.done,
        0,
        "once more does nothing"
    );
}

#[tokio::test]
async fn a_server_with_the_old_order_goes_on_under_the_new_key() {
    let bench = Bench::new().await;
    let keys = issued(&bench, "live/a", 3).await;
    let stale = bench.with_ring(&[7, 8]).await;
    stale.keys.ready().await.unwrap();
    rekey(&bench, &[8, 7]).await;
    let more = issued(&stale, "live/b", 5).await;
    assert_eq!(under(&bench).await, [(tag(8), 8)]);
    let moved = bench.with_ring(&[8]).await;
    same(&moved, &[keys, more].concat()).await;
    // Started anew with the old order, it knows from the start.
    let again = bench.with_ring(&[7, 8]).await;
    again.keys.ready().await.unwrap();
    issued(&again, "live/c", 2).await;
    assert_eq!(under(&bench).await, [(tag(8), 10)]);
}

#[tokio::test]
async fn a_server_without_the_new_key_seals_nothing_and_is_not_ready() {
    let bench = Bench::new().await;
    rekey(&bench, &[8, 7]).await;
    let error = bench.keys.ready().await.unwrap_err();
    assert!(error.to_string().contains("retired"), "{error}");
    let stream = bench.register("live/a", every(10)).await;
    let ask = LeaseRequest::default();
    let refused = bench.keys.lease_stream("packager", &stream, &ask).await;
    assert!(matches!(refused, Err(KeysError::Ring(_))), "{refused:?}");
    assert_eq!(under(&bench).await, []);
    // The way back is a rekey in the other order.
    rekey(&bench, &[7, 8]).await;
    bench.keys.ready().await.unwrap();
    issued(&bench, "live/b", 1).await;
    assert_eq!(under(&bench).await, [(tag(7), 1)]);
}

#[tokio::test]
async fn what_a_killed_run_left_the_next_one_moves() {
    let bench = Bench::new().await;
    let keys = issued(&bench, "live/a", 450).await;
    let (store, both) = (&bench.keys.store, ring(&[8, 7]));
    for batches in [1, 0, 1] {
        let (heard, stop) = tokio::sync::oneshot::channel();
        let (mut heard, mut seen) = (Some(heard), 0);
        let mut tell = |_| {
            if seen == batches {
                heard.take().map(|heard| heard.send(()));
            }
            seen += 1;
        };
        tokio::select! {
            biased;
            _ = stop => {}
            _ = reseal(store, &both, &SystemEntropy, NOON, &mut tell) => panic!("it ended"),
        }
    }
    assert_eq!(under(&bench).await, [(tag(7), 50), (tag(8), 400)]);
    same(&bench.with_ring(&[7, 8]).await, &keys).await;
    assert_eq!(rekey(&bench, &[8, 7]).await.done, 50);
    same(&bench.with_ring(&[8]).await, &keys).await;
}

#[tokio::test]
async fn two_runs_at_once_move_each_key_once() {
    let bench = Bench::new().await;
    let keys = issued(&bench, "live/a", 300).await;
    let other = bench.another().await;
    let (a, b) = tokio::join!(rekey(&bench, &[8, 7]), rekey(&other, &[8, 7]));
    assert_eq!(a.done + b.done, 300);
    same(&bench.with_ring(&[8]).await, &keys).await;
}

#[tokio::test]
async fn what_does_not_open_is_named_and_left() {
    let bench = Bench::new().await;
    let keys = issued(&bench, "live/a", 3).await;
    issued(&bench.with_ring(&[9]).await, "live/b", 2).await;
    bench.keys.store.move_key(keys[0].0, keys[1].0).await;
    let done = rekey(&bench, &[8, 7]).await;
    assert_eq!((done.done, done.damaged), (2, vec![keys[1].0]));
    let left: Vec<_> = done.left.iter().map(|one| (one.tag, one.keys)).collect();
    assert!(left.contains(&(Some(tag(7)), 1)), "{left:?}");
    assert!(left.contains(&(Some(tag(9)), 2)), "{left:?}");
    let rest = bench.with_ring(&[8, 7, 9]).await;
    same(&rest, &[keys[0].clone(), keys[2].clone()]).await;
    assert_eq!(rekey(&bench, &[8, 7, 9]).await.done, 2);
}

#[tokio::test]
async fn one_key_under_a_master_key_that_is_away_is_seen_at_the_start() {
    let bench = Bench::new().await;
    issued(&bench, "live/a", 2).await;
    issued(&bench.with_ring(&[9]).await, "live/b", 1).await;
    issued(&bench, "live/c", 2).await;
    let error = bench.keys.ready().await.unwrap_err().to_string();
    assert!(error.contains(&tag(9).to_string()), "{error}");
    bench.with_ring(&[7, 9]).await.keys.ready().await.unwrap();
}
