//! Renditions that number their segments at speeds of their own: no key goes before the slowest.
//!
//! Must not know: HTTP, or SQL.

use std::time::Duration;

use super::*;
use crate::api::{PeriodUse, ProgressReport, RenditionProgress, Text};
use crate::domain::{KeyScope, Kid, Rotation, StreamPolicy};
use crate::keys::LeaseRequest;
use crate::keys::testing::{Bench, empty_report, every, id, policy, segments};

const HOUR: u64 = 3600;

async fn skip(bench: &Bench, seconds: u64) {
    bench.clock.advance_secs(seconds);
    let now = bench.keys.clock.now();
    let reckoned = bench.keys.store.reckon(now, Duration::MAX / 8);
    reckoned.await.unwrap();
    bench.keys.sweep().await.unwrap();
}

async fn is_served(bench: &Bench, kid: Kid) -> bool {
    let row = bench.keys.store.key(kid).await.unwrap();
    row.is_some_and(|row| row.facts.state.is_delivered())
}

async fn kids(bench: &Bench, stream: &StreamId, of: Option<&str>, count: u32) -> Vec<Kid> {
    let ask = LeaseRequest {
        from: Some(0),
        count: Some(count),
        rendition: of.map(|of| of.parse().unwrap()),
        ..LeaseRequest::default()
    };
    let lease = bench.keys.lease_stream("packager", stream, &ask).await;
    let lease = lease.unwrap();
    lease.periods.iter().map(|one| one.period.kid).collect()
}

fn listing(rendition: &str, kid: Kid, last: u64) -> RenditionProgress {
    RenditionProgress {
        rendition: Text(rendition.parse().unwrap()),
        last_time: None,
        duration_ms: 30_000,
        kept: false,
        iframes: false,
        periods: vec![PeriodUse {
            kid: Text(kid),
            first: last,
            last,
        }],
    }
}

async fn report(bench: &Bench, stream: &StreamId, renditions: Vec<RenditionProgress>) {
    let report = ProgressReport {
        renditions,
        ..empty_report()
    };
    bench.keys.note(stream, &report).await.unwrap();
}

#[tokio::test]
async fn a_key_waits_for_the_slowest_rendition_that_moves() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(10)).await;
    let keys = kids(&bench, &stream, None, 9).await;
    let both = |audio: u64, video: u64| {
        let of = |last: u64| keys[usize::try_from(last / 10).unwrap()];
        vec![
            listing("audio.m3u8", of(audio), audio),
            listing("video.m3u8", of(video), video),
        ]
    };
    report(&bench, &stream, both(25, 5)).await;
    skip(&bench, 3 * HOUR).await;
    report(&bench, &stream, both(35, 7)).await;
    skip(&bench, 3 * HOUR).await;
    for kid in &keys[..3] {
        assert!(is_served(&bench, *kid).await, "video is yet to come there");
    }
    report(&bench, &stream, both(55, 11)).await;
    skip(&bench, HOUR).await;
    skip(&bench, 2 * HOUR).await;
    assert!(!is_served(&bench, keys[0]).await, "all are past it");
    assert!(is_served(&bench, keys[1]).await);
    // Video ends without a word; audio goes on.
    report(&bench, &stream, both(65, 12)).await;
    for step in 0..5 {
        skip(&bench, 6 * HOUR).await;
        let audio = both(66 + step, 0).remove(0);
        report(&bench, &stream, vec![audio]).await;
    }
    skip(&bench, 1).await;
    skip(&bench, 2 * HOUR).await;
    assert!(
        !is_served(&bench, keys[1]).await,
        "nobody is awaited for ever"
    );
}

#[tokio::test]
async fn a_renditions_own_key_waits_for_no_other() {
    let bench = Bench::new().await;
    let stream = id("live/own");
    let own = StreamPolicy {
        key_scope: KeyScope::Rendition,
        ..policy(segments(10))
    };
    let registered = bench.keys.register_stream("packager", &stream, own);
    registered.await.unwrap();
    let [audio, video] =
        ["audio.m3u8", "video.m3u8"].map(|of| (of, kids(&bench, &stream, Some(of), 4)));
    let (audio, video) = ((audio.0, audio.1.await), (video.0, video.1.await));
    let first = vec![
        listing(audio.0, audio.1[0], 5),
        listing(video.0, video.1[0], 5),
    ];
    report(&bench, &stream, first).await;
    let then = vec![
        listing(audio.0, audio.1[3], 35),
        listing(video.0, video.1[0], 7),
    ];
    report(&bench, &stream, then).await;
    skip(&bench, 1).await;
    skip(&bench, 2 * HOUR).await;
    assert!(!is_served(&bench, audio.1[0]).await);
    assert!(is_served(&bench, video.1[0]).await && is_served(&bench, video.1[1]).await);
    // A lease goes by the rendition's own numbers.
    let from = async |of: &str| {
        let ask = LeaseRequest {
            rendition: Some(of.parse().unwrap()),
            ..LeaseRequest::default()
        };
        let lease = bench.keys.lease_stream("packager", &stream, &ask).await;
        lease.unwrap().periods[0].period.index
    };
    assert_eq!((from(audio.0).await, from(video.0).await), (2, 0));
}

#[tokio::test]
async fn i_frames_take_a_stream_no_further() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(10)).await;
    let keys = kids(&bench, &stream, None, 2).await;
    let frames = RenditionProgress {
        iframes: true,
        ..listing("iframes.m3u8", keys[0], 5000)
    };
    report(
        &bench,
        &stream,
        vec![listing("v0.m3u8", keys[0], 5), frames],
    )
    .await;
    let reach = bench
        .keys
        .store
        .reach(&stream, Duration::from_secs(60))
        .await;
    assert_eq!(reach.unwrap().segment, Some(5));
    let cut = bench.keys.rotate_stream(&stream, true).await.unwrap();
    assert_eq!(cut.slot.boundary, Boundary::Segment(6));
    assert_eq!(
        bench.keys.store.usages(keys[0]).await.len(),
        2,
        "both use it"
    );
}

#[tokio::test]
async fn a_cut_by_number_is_for_renditions_that_share_their_numbers() {
    let conflict = |cut: &Result<_, KeysError>| matches!(cut, Err(KeysError::Conflict(_)));
    let bench = Bench::new().await;
    for (name, rule, video, is_refused) in [
        ("live/near", segments(1000), 498, false),
        ("live/apart", segments(1000), 100, true),
        ("live/never", Rotation::Never, 100, false),
    ] {
        let stream = bench.register(name, rule).await;
        let key = kids(&bench, &stream, None, 1).await[0];
        let both = vec![
            listing("audio.m3u8", key, 500),
            listing("video.m3u8", key, video),
        ];
        report(&bench, &stream, both).await;
        for now in [true, false] {
            let cut = bench.keys.rotate_stream(&stream, now).await;
            assert_eq!(conflict(&cut), is_refused, "{name}: {cut:?}");
            let is_by_time = cut.is_ok_and(|cut| matches!(cut.slot.boundary, Boundary::Time(_)));
            assert_eq!(is_by_time, name == "live/never", "{name}");
        }
        // A rule by time reaches all at once.
        let timed = bench
            .keys
            .register_stream("packager", &stream, policy(every(60)));
        assert!(timed.await.is_ok() || !is_refused, "{name}");
    }
}

#[tokio::test]
async fn a_rendition_that_stands_still_keeps_no_cut_away() {
    let bench = Bench::new().await;
    let stream = bench.register("live/a", segments(1000)).await;
    let key = kids(&bench, &stream, None, 1).await[0];
    report(&bench, &stream, vec![listing("video.m3u8", key, 100)]).await;
    bench.clock.advance_secs(90);
    report(&bench, &stream, vec![listing("audio.m3u8", key, 500)]).await;
    let cut = bench.keys.rotate_stream(&stream, true).await.unwrap();
    assert_eq!(cut.slot.boundary, Boundary::Segment(501));
}
