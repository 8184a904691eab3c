//! Brought kids: one key each, whoever asks, and how long it is served.
//!
//! Must not know: HTTP, or SQL.

use futures_util::future::join_all;

use super::*;
use crate::domain::{PeriodState, Rotation};
use crate::keys::testing::{Bench, after_noon, id};

const HOUR: u64 = 3600;
const ONE: &str = "6c5f5206-7d98-4808-84d8-94f132c1e9fe";

fn ask(number: u8, ordinal: Option<i64>, ends: Option<Timestamp>) -> BroughtAsk {
    let kid = format!("00000000-0000-4000-8000-0000000000{number:02x}");
    BroughtAsk {
        kid: kid.parse().unwrap(),
        ordinal,
        ends,
    }
}

async fn key(bench: &Bench, stream: &StreamId, ask: BroughtAsk) -> BroughtKey {
    let keys = bench.keys.brought_keys("packager", stream, &[ask]).await;
    keys.unwrap().remove(0)
}

async fn state(bench: &Bench, kid: Kid) -> PeriodState {
    bench
        .keys
        .store
        .key(kid)
        .await
        .unwrap()
        .unwrap()
        .facts
        .state
}

/// In steps that a sweep's own time keeps up with.
async fn pass(bench: &Bench, hours: u64) {
    for _ in 0..hours * 30 {
        bench.clock.advance_secs(HOUR / 30);
        bench.keys.sweep().await.unwrap();
    }
}

#[tokio::test]
async fn one_kid_of_one_stream_is_one_key() {
    let bench = Bench::new().await;
    let (a, b) = (
        bench.register("live/a", Rotation::Never).await,
        bench.register("live/b", Rotation::Never).await,
    );
    let first = key(&bench, &a, ask(1, None, None)).await;
    let again = key(&bench, &a, ask(1, Some(4), None)).await;
    assert_eq!((first.kid, &first.key), (again.kid, &again.key));
    assert!(first.uri.ends_with(&format!("/v1/keys/{}", first.kid)));
    for (stream, other) in [(&a, 2), (&b, 1)] {
        let other = key(&bench, stream, ask(other, None, None)).await;
        assert!(other.kid != first.kid && other.key != first.key);
    }
    let upper: BroughtKid = ONE.to_ascii_uppercase().parse().unwrap();
    assert_eq!(upper, ONE.parse().unwrap());
    assert!(ONE.replace('-', "").parse::<BroughtKid>().is_err());
}

#[tokio::test]
async fn who_asks_at_once_gets_one_key() {
    let one = Bench::new().await;
    let other = one.another().await;
    let stream = one.register("live/a", Rotation::Never).await;
    let asks = (0..16).map(|at| {
        let bench = if at % 2 == 0 { &one } else { &other };
        key(bench, &stream, ask(1, Some(1), None))
    });
    let keys = join_all(asks).await;
    assert!(
        keys.iter()
            .all(|key| (key.kid, &key.key) == (keys[0].kid, &keys[0].key))
    );
}

#[tokio::test]
async fn a_stream_comes_by_its_template_or_not_at_all() {
    let bench = Bench::new().await;
    key(&bench, &id("demo/a"), ask(1, None, None)).await;
    let (stream, asked) = (id("live/x"), [ask(1, None, None)]);
    let unknown = bench.keys.brought_keys("packager", &stream, &asked).await;
    assert!(matches!(unknown, Err(KeysError::UnknownStream)));
}

#[tokio::test]
async fn a_key_without_an_end_lives_as_long_as_its_stream() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", Rotation::Never).await;
    let kid = key(&bench, &stream, ask(1, None, None)).await.kid;
    pass(&bench, 80).await;
    assert_eq!(state(&bench, kid).await, PeriodState::Pending);
    bench.keys.remove_stream(&stream).await.unwrap();
    assert_eq!(state(&bench, kid).await, PeriodState::Retired);
}

#[tokio::test]
async fn an_end_and_a_period_two_later_retire_a_key() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", Rotation::Never).await;
    let ended = key(&bench, &stream, ask(1, None, Some(after_noon(60))))
        .await
        .kid;
    let first = key(&bench, &stream, ask(2, Some(1), None)).await.kid;
    let second = key(&bench, &stream, ask(3, Some(2), None)).await.kid;
    pass(&bench, 20).await;
    let third = key(&bench, &stream, ask(4, Some(3), None)).await.kid;
    pass(&bench, 4).await;
    assert_eq!(state(&bench, ended).await, PeriodState::Pending);
    pass(&bench, 2).await;
    assert_eq!(state(&bench, ended).await, PeriodState::Retired);
    assert_eq!(state(&bench, first).await, PeriodState::Pending);
    pass(&bench, 21).await;
    assert_eq!(state(&bench, first).await, PeriodState::Retired);
    for kid in [second, third] {
        assert_eq!(state(&bench, kid).await, PeriodState::Pending);
    }
}

#[tokio::test]
async fn what_is_no_longer_delivered_is_not_handed_out_nor_made_anew() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", Rotation::Never).await;
    let kid = key(&bench, &stream, ask(1, Some(1), None)).await.kid;
    assert!(bench.keys.revoke_key(kid).await.unwrap());
    pass(&bench, 30).await;
    let asked = [ask(1, Some(1), None)];
    let answered = bench.keys.brought_keys("packager", &stream, &asked).await;
    assert!(matches!(answered, Err(KeysError::Gone)));
}
