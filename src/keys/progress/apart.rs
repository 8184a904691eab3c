//! Claims of renditions whose numbers go at speeds of their own.
//!
//! Must not know: HTTP, or SQL.

use super::*;
use crate::api::UndatedSegments;
use crate::keys::testing::{Bench, after_noon, empty_report, every};

/// The times of these segments of a rendition, in seconds after noon.
async fn times(
    bench: &Bench,
    stream: &StreamId,
    rendition: &str,
    segments: &[u64],
) -> Vec<Timestamp> {
    let report = ProgressReport {
        undated: vec![UndatedSegments {
            rendition: Text(rendition.parse().unwrap()),
            segments: segments.to_vec(),
        }],
        ..empty_report()
    };
    let reply = bench.keys.note(stream, &report).await.unwrap();
    let told = reply.claims.iter();
    assert!(told.clone().all(|claim| claim.rendition.is_some()));
    let numbers: Vec<u64> = told.clone().map(|claim| claim.segment).collect();
    assert_eq!(numbers, segments);
    told.map(|claim| claim.time.0).collect()
}

#[tokio::test]
async fn renditions_that_share_numbers_share_times_and_a_slow_one_gets_its_own() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    let (mut sound, mut pictures) = (0, 0);
    // Sound each two seconds, two pictures each ten: one by the same numbers, one by others.
    for second in 0..300 {
        bench.clock.advance_secs(1);
        let now = after_noon(second + 1);
        if second % 2 == 0 {
            assert_eq!(times(&bench, &stream, "sound.m3u8", &[sound]).await, [now]);
            let same = times(&bench, &stream, "other.m3u8", &[sound]).await;
            assert_eq!(same, [now], "the same number at the same time");
            sound += 1;
        }
        if second % 10 == 0 {
            let told = times(&bench, &stream, "pictures.m3u8", &[pictures]).await[0];
            assert!(
                now.since(told) <= Duration::from_secs(60),
                "{pictures}: {told}"
            );
            let again = times(&bench, &stream, "pictures.m3u8", &[pictures]).await[0];
            assert_eq!(again, told, "first writer wins");
            pictures += 1;
        }
    }
    let last = times(&bench, &stream, "pictures.m3u8", &[pictures - 1]).await;
    assert_eq!(last, [after_noon(291)], "its own time");
    let shared = times(&bench, &stream, "sound.m3u8", &[pictures - 1]).await;
    assert_eq!(
        shared,
        [after_noon(i64::try_from(2 * (pictures - 1)).unwrap() + 1)]
    );
    // Another encryptor that comes late is told the same.
    let all: Vec<u64> = (0..pictures).collect();
    let told = times(&bench, &stream, "pictures.m3u8", &all).await;
    assert!(told.is_sorted());
    let sound = times(&bench, &stream, "other.m3u8", &[3, 140]).await;
    assert_eq!(sound, [after_noon(7), after_noon(281)]);
}

#[tokio::test]
async fn one_that_was_away_and_catches_up_shares_their_times() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", every(60)).await;
    times(&bench, &stream, "b.m3u8", &[0]).await;
    for number in 0..200 {
        bench.clock.advance_secs(1);
        times(&bench, &stream, "a.m3u8", &[number]).await;
    }
    let missed: Vec<u64> = (1..200).collect();
    let told = times(&bench, &stream, "b.m3u8", &missed).await;
    assert_eq!(told[8], after_noon(10), "not the time of now");
    assert_eq!(told, times(&bench, &stream, "a.m3u8", &missed).await);
}
